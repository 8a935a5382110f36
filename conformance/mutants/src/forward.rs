//! The forwarders: for every interface a trait whose methods hand the call on, to be overridden where a mutant twists
//! it, and a function that puts such a twist in front of an endpoint.

#![cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the message types of every interface"))]

use crate::splice::splice;
use futures::stream::BoxStream;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        key_value_basic_client::KeyValueBasicClient,
        key_value_basic_server::{KeyValueBasic, KeyValueBasicServer},
        key_value_batch_client::KeyValueBatchClient,
        key_value_batch_server::{KeyValueBatch, KeyValueBatchServer},
        key_value_cas_client::KeyValueCasClient,
        key_value_cas_server::{KeyValueCas, KeyValueCasServer},
        key_value_scan_client::KeyValueScanClient,
        key_value_scan_server::{KeyValueScan, KeyValueScanServer},
        key_value_transactional_client::KeyValueTransactionalClient,
        key_value_transactional_server::{KeyValueTransactional, KeyValueTransactionalServer},
        key_value_ttl_client::KeyValueTtlClient,
        key_value_ttl_server::{KeyValueTtl, KeyValueTtlServer},
        *,
    },
    lifecycle::v1::{
        lifecycle_client::LifecycleClient,
        lifecycle_server::{Lifecycle, LifecycleServer},
        *,
    },
    pattern::multicast_registry::v1::{
        EnumerateRequest, EnumerateResponse, MulticastRequest, MulticastResponse, RegisterRequest,
        RegisterResponse, UnregisterRequest, UnregisterResponse,
        multicast_registry_client::MulticastRegistryClient,
        multicast_registry_server::{MulticastRegistry, MulticastRegistryServer},
    },
    pattern::producer::v1::{
        FlushRequest, FlushResponse, GetMetricsRequest, GetMetricsResponse, PublishBatchRequest,
        PublishBatchResponse, PublishRequest as OutgoingPublish, PublishResponse as PublishedResponse,
        producer_client::ProducerClient,
        producer_server::{Producer, ProducerServer},
    },
    pattern::slots::v1::{
        GetMetricsRequest as GetCallMetrics, GetMetricsResponse as CallMetricsResponse,
        pattern_slots_client::PatternSlotsClient,
        pattern_slots_server::{PatternSlots, PatternSlotsServer},
    },
    pubsub::v1::{
        pub_sub_basic_client::PubSubBasicClient,
        pub_sub_basic_server::{PubSubBasic, PubSubBasicServer},
        pub_sub_wildcards_client::PubSubWildcardsClient,
        pub_sub_wildcards_server::{PubSubWildcards, PubSubWildcardsServer},
        *,
    },
    testing::v1::{
        clock_client::ClockClient,
        clock_server::{Clock, ClockServer},
        *,
    },
};
use tonic::{Request, Response, Status};

/// What a subscription delivers.
pub type Events = BoxStream<'static, Result<SubscribeEvent, Status>>;

/// A request with another message and the same headers: the same namespace, the same deadline.
pub fn like<T, U>(request: &Request<T>, message: U) -> Request<U> {
    let mut other = Request::new(message);
    *other.metadata_mut() = request.metadata().clone();
    other
}

macro_rules! forwarder {
    (
        $(#[$doc:meta])* $twist:ident, $put:ident, $forwarder:ident, $service:ident, $server:ident, $client:ident,
        unary { $($method:ident($request:ty) -> $response:ty;)* }
        streams { $($stream:ident($stream_request:ty) -> $associated:ident;)* }
    ) => {
        $(#[$doc])*
        #[tonic::async_trait]
        pub trait $twist: Send + Sync + 'static {
            $(
                /// Hands the call on.
                async fn $method(&self, next: &Endpoint, request: Request<$request>) -> Result<Response<$response>, Status> {
                    $client::new(next.clone())
                        .max_decoding_message_size(usize::MAX)
                        .$method(request)
                        .await
                }
            )*
            $(
                /// Hands the call on.
                async fn $stream(&self, next: &Endpoint, request: Request<$stream_request>) -> Result<Response<Events>, Status> {
                    let response = $client::new(next.clone())
                        .max_decoding_message_size(usize::MAX)
                        .$stream(request)
                        .await?;
                    Ok(response.map(|stream| Box::pin(stream) as Events))
                }
            )*
        }

        struct $forwarder<T> {
            next: Endpoint,
            twist: T,
        }

        #[tonic::async_trait]
        impl<T: $twist> $service for $forwarder<T> {
            $(
                async fn $method(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                    self.twist.$method(&self.next, request).await
                }
            )*
            $(
                type $associated = Events;

                async fn $stream(&self, request: Request<$stream_request>) -> Result<Response<Events>, Status> {
                    self.twist.$stream(&self.next, request).await
                }
            )*
        }

        /// Puts the twist in front of an endpoint.
        pub fn $put(next: Endpoint, twist: impl $twist) -> Endpoint {
            let forwarder = $forwarder { next: next.clone(), twist };
            splice(next, $server::new(forwarder).max_decoding_message_size(usize::MAX))
        }
    };
}

forwarder! {
    /// Twists `KeyValueBasic`.
    BasicTwist, basic, BasicForwarder, KeyValueBasic, KeyValueBasicServer, KeyValueBasicClient,
    unary {
        set(SetRequest) -> SetResponse;
        get(GetRequest) -> GetResponse;
        delete(DeleteRequest) -> DeleteResponse;
        exists(ExistsRequest) -> ExistsResponse;
    }
    streams {}
}

forwarder! {
    /// Twists `KeyValueScan`.
    ScanTwist, scan, ScanForwarder, KeyValueScan, KeyValueScanServer, KeyValueScanClient,
    unary {
        scan(ScanRequest) -> ScanResponse;
        scan_keys(ScanKeysRequest) -> ScanKeysResponse;
        count(CountRequest) -> CountResponse;
    }
    streams {}
}

forwarder! {
    /// Twists `KeyValueTtl`.
    TtlTwist, ttl, TtlForwarder, KeyValueTtl, KeyValueTtlServer, KeyValueTtlClient,
    unary {
        set_with_ttl(SetWithTtlRequest) -> SetWithTtlResponse;
        expire(ExpireRequest) -> ExpireResponse;
        get_ttl(GetTtlRequest) -> GetTtlResponse;
        persist(PersistRequest) -> PersistResponse;
    }
    streams {}
}

forwarder! {
    /// Twists `KeyValueTransactional`.
    TransactionalTwist, transactional, TransactionalForwarder, KeyValueTransactional, KeyValueTransactionalServer,
    KeyValueTransactionalClient,
    unary {
        begin(BeginRequest) -> BeginResponse;
        transaction_set(TransactionSetRequest) -> TransactionSetResponse;
        transaction_get(TransactionGetRequest) -> TransactionGetResponse;
        transaction_delete(TransactionDeleteRequest) -> TransactionDeleteResponse;
        commit(CommitRequest) -> CommitResponse;
        rollback(RollbackRequest) -> RollbackResponse;
    }
    streams {}
}

forwarder! {
    /// Twists `KeyValueBatch`.
    BatchTwist, batch, BatchForwarder, KeyValueBatch, KeyValueBatchServer, KeyValueBatchClient,
    unary {
        batch_set(BatchSetRequest) -> BatchSetResponse;
        batch_get(BatchGetRequest) -> BatchGetResponse;
        batch_delete(BatchDeleteRequest) -> BatchDeleteResponse;
    }
    streams {}
}

forwarder! {
    /// Twists `KeyValueCas`.
    CasTwist, cas, CasForwarder, KeyValueCas, KeyValueCasServer, KeyValueCasClient,
    unary {
        compare_and_swap(CompareAndSwapRequest) -> CompareAndSwapResponse;
        compare_and_delete(CompareAndDeleteRequest) -> CompareAndDeleteResponse;
        increment(IncrementRequest) -> IncrementResponse;
    }
    streams {}
}

forwarder! {
    /// Twists `PubSubBasic`.
    PubSubTwist, pubsub, PubSubForwarder, PubSubBasic, PubSubBasicServer, PubSubBasicClient,
    unary {
        publish(PublishRequest) -> PublishResponse;
        unsubscribe(UnsubscribeRequest) -> UnsubscribeResponse;
    }
    streams {
        subscribe(SubscribeRequest) -> SubscribeStream;
    }
}

forwarder! {
    /// Twists `PubSubWildcards`.
    WildcardsTwist, wildcards, WildcardsForwarder, PubSubWildcards, PubSubWildcardsServer, PubSubWildcardsClient,
    unary {}
    streams {
        subscribe_pattern(SubscribePatternRequest) -> SubscribePatternStream;
    }
}

forwarder! {
    /// Twists `MulticastRegistry`.
    RegistryTwist, multicast_registry, RegistryForwarder, MulticastRegistry, MulticastRegistryServer,
    MulticastRegistryClient,
    unary {
        register(RegisterRequest) -> RegisterResponse;
        unregister(UnregisterRequest) -> UnregisterResponse;
        enumerate(EnumerateRequest) -> EnumerateResponse;
        multicast(MulticastRequest) -> MulticastResponse;
    }
    streams {}
}

forwarder! {
    /// Twists `Lifecycle`.
    LifecycleTwist, lifecycle, LifecycleForwarder, Lifecycle, LifecycleServer, LifecycleClient,
    unary {
        describe(DescribeRequest) -> DescribeResponse;
        initialize(InitializeRequest) -> InitializeResponse;
        start(StartRequest) -> StartResponse;
        drain(DrainRequest) -> DrainResponse;
        stop(StopRequest) -> StopResponse;
        health_check(HealthCheckRequest) -> HealthCheckResponse;
        drop_namespace(DropNamespaceRequest) -> DropNamespaceResponse;
    }
    streams {}
}

forwarder! {
    /// Twists `Producer`.
    ProducerTwist, producer, ProducerForwarder, Producer, ProducerServer, ProducerClient,
    unary {
        publish(OutgoingPublish) -> PublishedResponse;
        publish_batch(PublishBatchRequest) -> PublishBatchResponse;
        flush(FlushRequest) -> FlushResponse;
        get_metrics(GetMetricsRequest) -> GetMetricsResponse;
    }
    streams {}
}

forwarder! {
    /// Twists `PatternSlots`.
    SlotsTwist, pattern_slots, SlotsForwarder, PatternSlots, PatternSlotsServer, PatternSlotsClient,
    unary {
        get_metrics(GetCallMetrics) -> CallMetricsResponse;
    }
    streams {}
}

forwarder! {
    /// Twists `Clock`.
    ClockTwist, clock, ClockForwarder, Clock, ClockServer, ClockClient,
    unary {
        now(NowRequest) -> NowResponse;
        advance(AdvanceRequest) -> AdvanceResponse;
    }
    streams {}
}
