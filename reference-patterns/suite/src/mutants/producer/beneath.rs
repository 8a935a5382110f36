//! Faults in what the producer does with its slots.

use super::PATTERN;
use crate::{
    PatternMutant,
    twist::{looking, unlike},
};
use bytes::Bytes;
use http::HeaderValue;
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    keyvalue::v1::{
        CompareAndDeleteRequest, CompareAndDeleteResponse, CompareAndSwapRequest, CompareAndSwapResponse,
        GetRequest, GetResponse, SetRequest, SetWithTtlRequest, SetWithTtlResponse,
        compare_and_swap_request::Expected, key_value_basic_client::KeyValueBasicClient,
        key_value_cas_client::KeyValueCasClient, key_value_ttl_client::KeyValueTtlClient,
    },
    pubsub::v1::{PublishRequest, PublishResponse, pub_sub_basic_client::PubSubBasicClient},
};
use prism_mutants::forward::{self, BasicTwist, CasTwist, PubSubTwist, TtlTwist, like};
use std::sync::atomic::{AtomicU64, Ordering};
use tonic::{Code, Request, Response, Status};

pub(super) fn mutants() -> Vec<PatternMutant> {
    let messages = |id, sentence, twist: fn(Endpoint) -> Endpoint| {
        PatternMutant::slot(id, PATTERN, sentence, "messages", twist)
    };
    let store = |id, sentence, twist: fn(Endpoint) -> Endpoint| {
        PatternMutant::slot(id, PATTERN, sentence, "store", twist)
    };
    vec![
        messages("pattern_producer/forgets_the_id_header", "Messages do not carry their id", |next| {
            forward::pubsub(
                next,
                Sent(|request| {
                    request.headers.remove("prism-message-id");
                }),
            )
        }),
        messages(
            "pattern_producer/another_id_for_each_attempt",
            "Every attempt of a message carries an id of its own",
            |next| {
                forward::pubsub(
                    next,
                    Sent(|request| {
                        static NEXT: AtomicU64 = AtomicU64::new(0);
                        let id = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
                        request.headers.insert("prism-message-id".to_owned(), id);
                    }),
                )
            },
        ),
        messages(
            "pattern_producer/answers_before_the_slot",
            "A message is answered before the slot has taken it",
            |next| forward::pubsub(next, AnswersFirst),
        ),
        messages("pattern_producer/exhaustion_is_final", "A slot that is busy is not tried again", |next| {
            forward::pubsub(
                next,
                Refused(|status| match status.code() {
                    Code::ResourceExhausted | Code::Aborted => Status::internal(status.message()),
                    _ => status,
                }),
            )
        }),
        messages("pattern_producer/ignores_retry_info", "The slot's RetryInfo is not looked at", |next| {
            forward::pubsub(next, Refused(|status| Status::new(status.code(), status.message())))
        }),
        messages(
            "pattern_producer/tries_everything_again",
            "What the slot refuses for good is tried again",
            |next| {
                forward::pubsub(
                    next,
                    Refused(|status| match status.code() {
                        Code::PermissionDenied | Code::FailedPrecondition => {
                            Status::unavailable(status.message())
                        }
                        _ => status,
                    }),
                )
            },
        ),
        messages("pattern_producer/hides_the_code", "Whatever the slot refuses is called internal", |next| {
            forward::pubsub(
                next,
                Refused(|status| match status.code() {
                    Code::PermissionDenied | Code::FailedPrecondition | Code::Unimplemented => {
                        Status::internal(unlike(&status, "failed").message())
                    }
                    _ => status,
                }),
            )
        }),
        store(
            "pattern_producer/claims_without_comparing",
            "Of several who come with one id at the same time, each believes to be the only one",
            |next| forward::cas(next, SwapsAnyway),
        ),
        store(
            "pattern_producer/keeps_the_claim",
            "The claim of a message that has failed is not given back",
            |next| forward::cas(next, DeletesNothing),
        ),
        store(
            "pattern_producer/never_takes_over",
            "A claim whose publisher is gone is never taken over",
            |next| forward::cas(next, NeverTakesOver),
        ),
        store(
            "pattern_producer/claims_outlive_their_publisher",
            "A message whose publisher is gone is held up for an hour",
            |next| forward::cas(next, ClaimsAnHour),
        ),
        store(
            "pattern_producer/records_before_it_publishes",
            "A message is recorded as published before it is",
            |next| forward::cas(next, RecordsFirst),
        ),
        store("pattern_producer/never_records", "What is published is not recorded", |next| {
            forward::ttl(next, NeverRecords)
        }),
        store(
            "pattern_producer/remembers_for_itself",
            "An instance knows only what it has published itself",
            |next| {
                static INSTANCES: AtomicU64 = AtomicU64::new(0);
                let own = OwnKeys(format!("{}/", INSTANCES.fetch_add(1, Ordering::Relaxed)));
                forward::basic(forward::ttl(forward::cas(next, own.clone()), own.clone()), own)
            },
        ),
        store(
            "pattern_producer/ids_know_no_namespace",
            "An id that was published in one namespace is a duplicate in all others",
            |next| {
                looking(next, |request| {
                    let one = HeaderValue::from_static("ids-of-all");
                    if request.headers().contains_key(NAMESPACE_HEADER) {
                        request.headers_mut().insert(NAMESPACE_HEADER, one);
                    }
                })
            },
        ),
    ]
}

/// Every message is changed on its way to the slot.
struct Sent(fn(&mut PublishRequest));

#[tonic::async_trait]
impl PubSubTwist for Sent {
    async fn publish(
        &self,
        next: &Endpoint,
        mut request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        (self.0)(request.get_mut());
        PubSubBasicClient::new(next.clone()).publish(request).await
    }
}

/// Every refusal is changed on its way back.
struct Refused(fn(Status) -> Status);

#[tonic::async_trait]
impl PubSubTwist for Refused {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        PubSubBasicClient::new(next.clone()).publish(request).await.map_err(self.0)
    }
}

struct AnswersFirst;

#[tonic::async_trait]
impl PubSubTwist for AnswersFirst {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let mut client = PubSubBasicClient::new(next.clone());
        tokio::spawn(async move { client.publish(request).await });
        Ok(Response::new(PublishResponse { message_id: "1".to_owned() }))
    }
}

fn cas(next: &Endpoint) -> KeyValueCasClient<Endpoint> {
    KeyValueCasClient::new(next.clone())
}

struct SwapsAnyway;

#[tonic::async_trait]
impl CasTwist for SwapsAnyway {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let CompareAndSwapRequest { key, value, .. } = request.get_ref().clone();
        let get = like(&request, GetRequest { key: key.clone() });
        let found = KeyValueBasicClient::new(next.clone()).get(get).await?.into_inner();
        // What it found is compared, and by then it may be something else.
        if found.found && !found.value.starts_with(b"claim ") {
            return Ok(Response::new(CompareAndSwapResponse { swapped: false }));
        }
        let set = like(&request, SetRequest { key, value });
        KeyValueBasicClient::new(next.clone()).set(set).await?;
        Ok(Response::new(CompareAndSwapResponse { swapped: true }))
    }
}

struct DeletesNothing;

#[tonic::async_trait]
impl CasTwist for DeletesNothing {
    async fn compare_and_delete(
        &self,
        _: &Endpoint,
        _: Request<CompareAndDeleteRequest>,
    ) -> Result<Response<CompareAndDeleteResponse>, Status> {
        Ok(Response::new(CompareAndDeleteResponse { deleted: true }))
    }
}

struct NeverTakesOver;

#[tonic::async_trait]
impl CasTwist for NeverTakesOver {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        if let Some(Expected::ExpectedValue(_)) = request.get_ref().expected {
            return Ok(Response::new(CompareAndSwapResponse { swapped: false }));
        }
        cas(next).compare_and_swap(request).await
    }
}

/// Claims are written as if they ended an hour later.
struct ClaimsAnHour;

#[tonic::async_trait]
impl CasTwist for ClaimsAnHour {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        mut request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let longer = |value: &[u8]| {
            let text = std::str::from_utf8(value).ok()?;
            let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            let until: u64 = words.get(1)?.parse().ok()?;
            words[1] = (until + 3_600_000).to_string();
            Some(words.join(" "))
        };
        if let Some(value) = longer(&request.get_ref().value) {
            request.get_mut().value = value.into();
        }
        cas(next).compare_and_swap(request).await
    }
}

struct RecordsFirst;

#[tonic::async_trait]
impl CasTwist for RecordsFirst {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        mut request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        request.get_mut().value = Bytes::from_static(b"published");
        cas(next).compare_and_swap(request).await
    }
}

struct NeverRecords;

#[tonic::async_trait]
impl TtlTwist for NeverRecords {
    async fn set_with_ttl(
        &self,
        _: &Endpoint,
        _: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        Ok(Response::new(SetWithTtlResponse {}))
    }
}

/// Keys that no other instance uses.
#[derive(Clone)]
struct OwnKeys(String);

impl OwnKeys {
    fn own(&self, key: &mut String) {
        key.insert_str(0, &self.0);
    }
}

#[tonic::async_trait]
impl BasicTwist for OwnKeys {
    async fn get(
        &self,
        next: &Endpoint,
        mut request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        self.own(&mut request.get_mut().key);
        KeyValueBasicClient::new(next.clone()).get(request).await
    }
}

#[tonic::async_trait]
impl TtlTwist for OwnKeys {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        mut request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        self.own(&mut request.get_mut().key);
        KeyValueTtlClient::new(next.clone()).set_with_ttl(request).await
    }
}

#[tonic::async_trait]
impl CasTwist for OwnKeys {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        mut request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        self.own(&mut request.get_mut().key);
        cas(next).compare_and_swap(request).await
    }
}
