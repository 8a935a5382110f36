//! What tonic and prost generate from the `.proto` files.

/// What holds for every interface.
pub mod contract {
    /// Version 1.
    #[expect(clippy::pedantic, reason = "generated code")]
    pub mod v1 {
        tonic::include_proto!("prism.contract.v1");
    }
}

macro_rules! package {
    ($module:ident, $package:literal, $doc:literal) => {
        #[doc = $doc]
        pub mod $module {
            /// Version 1.
            #[expect(
                clippy::pedantic,
                clippy::allow_attributes,
                clippy::allow_attributes_without_reason,
                reason = "generated code"
            )]
            pub mod v1 {
                tonic::include_proto!($package);
            }
        }
    };
}

package!(keyvalue, "prism.keyvalue.v1", "Key-value interfaces.");
package!(lifecycle, "prism.lifecycle.v1", "The life of a driver.");
package!(pubsub, "prism.pubsub.v1", "Publish-subscribe interfaces.");
package!(testing, "prism.testing.v1", "What drivers serve for tests only.");

/// What patterns are told and serve.
pub mod pattern {
    package!(consumer, "prism.pattern.consumer.v1", "The consumer pattern, and what it hands messages to.");
    package!(multicast_registry, "prism.pattern.multicast_registry.v1", "The multicast registry pattern.");
    package!(producer, "prism.pattern.producer.v1", "The producer.");
    package!(slots, "prism.pattern.slots.v1", "What every pattern serves.");
}
