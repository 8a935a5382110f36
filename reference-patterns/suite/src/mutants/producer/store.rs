//! Faults in what the producer does where its store fails.

use super::PATTERN;
use crate::PatternMutant;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        CompareAndSwapRequest, CompareAndSwapResponse, GetRequest, GetResponse, SetWithTtlRequest,
        SetWithTtlResponse, key_value_basic_client::KeyValueBasicClient,
        key_value_cas_client::KeyValueCasClient, key_value_ttl_client::KeyValueTtlClient,
    },
    pattern::producer::v1::{PublishRequest, PublishResponse, producer_client::ProducerClient},
};
use prism_mutants::forward::{self, BasicTwist, CasTwist, ProducerTwist, TtlTwist};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tonic::{Code, Request, Response, Status};

pub(super) fn mutants() -> Vec<PatternMutant> {
    let store = |id, sentence, twist: fn(Endpoint) -> Endpoint| {
        PatternMutant::slot(id, PATTERN, sentence, "store", twist)
    };
    vec![
        store(
            "pattern_producer/publishes_without_its_store",
            "Where the store fails or is silent, a message is published as if it had never been seen",
            |next| forward::basic(forward::cas(next, Unseen), Unseen),
        ),
        PatternMutant::parameters(
            "pattern_producer/waits_long_for_its_store",
            PATTERN,
            "A store that does not answer is waited for until the caller gives up",
            |given: &mut HashMap<String, String>| {
                given.insert("store_timeout".to_owned(), "5m".to_owned());
            },
        ),
        store(
            "pattern_producer/records_once",
            "A record that the store fails to take is not tried again",
            |next| forward::ttl(next, RecordsOnce),
        ),
        fails_with_its_record(),
    ]
}

/// Whatever the store does not answer was never seen.
struct Unseen;

/// Less than the case gives the store.
const SILENT: Duration = Duration::from_millis(150);

#[tonic::async_trait]
impl CasTwist for Unseen {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let mut client = KeyValueCasClient::new(next.clone());
        match tokio::time::timeout(SILENT, client.compare_and_swap(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            _ => Ok(Response::new(CompareAndSwapResponse { swapped: true })),
        }
    }
}

#[tonic::async_trait]
impl BasicTwist for Unseen {
    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        let mut client = KeyValueBasicClient::new(next.clone());
        match tokio::time::timeout(SILENT, client.get(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            _ => Ok(Response::new(GetResponse::default())),
        }
    }
}

struct RecordsOnce;

#[tonic::async_trait]
impl TtlTwist for RecordsOnce {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let answer = KeyValueTtlClient::new(next.clone()).set_with_ttl(request).await;
        // Nothing that passes, for the producer.
        answer.map_err(|status| {
            Status::with_details(Code::Internal, "failed", status.details().to_vec().into())
        })
    }
}

/// The store's failures are counted beneath, and each of them makes an answer of OK a failure.
fn fails_with_its_record() -> PatternMutant {
    let failures = Arc::new(AtomicU64::new(0));
    let (beneath, above) = (failures.clone(), failures);
    let face = PatternMutant::face(
        "pattern_producer/fails_with_its_record",
        PATTERN,
        "A message that was published and could not be recorded is answered as one that has failed",
        move |next| forward::producer(next, Fails(above.clone())),
    );
    let slot = PatternMutant::slot(face.id, PATTERN, face.sentence, "store", move |next| {
        forward::ttl(next, Counts(beneath.clone()))
    });
    PatternMutant { slots: slot.slots, ..face }
}

struct Counts(Arc<AtomicU64>);

#[tonic::async_trait]
impl TtlTwist for Counts {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let answer = KeyValueTtlClient::new(next.clone()).set_with_ttl(request).await;
        if answer.is_err() {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        answer
    }
}

struct Fails(Arc<AtomicU64>);

#[tonic::async_trait]
impl ProducerTwist for Fails {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let answer = ProducerClient::new(next.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
            .publish(request)
            .await?;
        if self.0.swap(0, Ordering::SeqCst) > 0 {
            return Err(Status::unavailable("the message is not recorded"));
        }
        Ok(answer)
    }
}
