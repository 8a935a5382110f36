//! The limits, and what the driver says of itself.

use prism_driver_kit::InterfaceInfo;
use std::time::Duration;

/// The longest key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 4096;
/// The largest value, in bytes.
pub(crate) const MAX_VALUE_BYTES: usize = 4 << 20;
/// The unit that a TTL is rounded up to.
pub(crate) const GRANULARITY: Duration = Duration::from_millis(1);
/// The longest TTL.
pub(crate) const MAX_TTL: Duration = Duration::from_hours(3650 * 24);
/// How long a transaction may be left alone.
pub(crate) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(2);
/// The most entries in a batch.
pub(crate) const MAX_BATCH: usize = 1000;
/// The longest topic or pattern, in bytes.
pub(crate) const MAX_TOPIC_BYTES: usize = 4096;
/// The largest payload of a message, in bytes.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 1 << 20;
/// How many messages are kept for a subscriber that is not reading.
pub(crate) const BUFFER: usize = 1024;

/// Every interface with its traits, as in backend.yaml.
pub(crate) const INTERFACES: &[InterfaceInfo] = &[
    InterfaceInfo { id: "keyvalue_basic", traits: &[("max_key_bytes", "4KiB"), ("max_value_bytes", "4MiB")] },
    InterfaceInfo { id: "keyvalue_scan", traits: &[("ordered", "true")] },
    InterfaceInfo {
        id: "keyvalue_ttl",
        traits: &[("granularity", "1ms"), ("sweep", "0s"), ("max_ttl", "3650d")],
    },
    InterfaceInfo {
        id: "keyvalue_transactional",
        traits: &[("isolation", "serializable"), ("timeout", "2s")],
    },
    InterfaceInfo { id: "keyvalue_batch", traits: &[("max_batch", "1000"), ("atomic", "true")] },
    InterfaceInfo { id: "keyvalue_cas", traits: &[] },
    InterfaceInfo {
        id: "pubsub_basic",
        traits: &[
            ("max_topic_bytes", "4KiB"),
            ("max_payload_bytes", "1MiB"),
            ("buffer", "1024"),
            ("overflow", "disconnect"),
        ],
    },
    InterfaceInfo { id: "pubsub_wildcards", traits: &[] },
];

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::traits::{Traits, specs};

    fn declared(id: &str) -> Traits {
        let interface = INTERFACES.iter().find(|interface| interface.id == id).unwrap();
        Traits::parse(specs(id), interface.traits.iter().copied()).unwrap()
    }

    #[test]
    fn every_trait_is_declared_in_its_canonical_notation() {
        for interface in INTERFACES {
            let mut written: Vec<_> = interface.traits.to_vec();
            written.sort_unstable();
            let canonical = declared(interface.id);
            let canonical: Vec<_> = canonical.iter().collect();
            let written: Vec<_> = written.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            assert_eq!(written, canonical, "{}", interface.id);
        }
    }

    #[test]
    fn backend_yaml_says_the_same() {
        let yaml = include_str!("../backend.yaml");
        for InterfaceInfo { id, traits } in INTERFACES {
            let traits: Vec<_> = traits.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let line = match traits.as_slice() {
                [] => format!("  {id}: {{}}"),
                traits => format!("  {id}: {{ {} }}", traits.join(", ")),
            };
            assert!(yaml.lines().any(|known| known == line), "backend.yaml must have the line\n{line}");
        }
    }

    #[test]
    fn what_is_declared_is_what_is_enforced() {
        let bytes = |id: &str, name: &str| declared(id).bytes(name) as usize;
        assert_eq!(bytes("keyvalue_basic", "max_key_bytes"), MAX_KEY_BYTES);
        assert_eq!(bytes("keyvalue_basic", "max_value_bytes"), MAX_VALUE_BYTES);
        assert_eq!(bytes("pubsub_basic", "max_topic_bytes"), MAX_TOPIC_BYTES);
        assert_eq!(bytes("pubsub_basic", "max_payload_bytes"), MAX_PAYLOAD_BYTES);
        assert_eq!(declared("keyvalue_ttl").duration("granularity"), GRANULARITY);
        assert_eq!(declared("keyvalue_ttl").duration("max_ttl"), MAX_TTL);
        assert_eq!(declared("keyvalue_transactional").duration("timeout"), TRANSACTION_TIMEOUT);
        assert_eq!(declared("keyvalue_batch").count("max_batch") as usize, MAX_BATCH);
        assert_eq!(declared("pubsub_basic").count("buffer") as usize, BUFFER);
    }
}
