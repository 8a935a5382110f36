//! Mutants of what holds for every pattern; seeded into the keyvalue pattern.

use crate::{PatternMutant, twist::unlike};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    keyvalue::v1::{
        GetRequest, GetResponse, SetRequest, SetResponse, key_value_basic_client::KeyValueBasicClient,
    },
    lifecycle::v1::{
        Health, HealthCheckRequest, HealthCheckResponse, InitializeRequest, InitializeResponse,
        lifecycle_client::LifecycleClient,
    },
    pattern::slots::v1::{
        CallMetrics, GetMetricsRequest, GetMetricsResponse, pattern_slots_client::PatternSlotsClient,
    },
};
use prism_mutants::forward::{self, BasicTwist, LifecycleTwist, SlotsTwist, like};
use prism_suites::BoundSlots;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tonic::{Code, Request, Response, Status};

const PATTERN: &str = "keyvalue";

pub(super) fn mutants() -> Vec<PatternMutant> {
    let mut mutants = of_slots();
    mutants.extend(of_metrics());
    mutants
}

fn of_metrics() -> Vec<PatternMutant> {
    let told = |id, sentence, change: fn(&mut Vec<CallMetrics>)| {
        PatternMutant::face(id, PATTERN, sentence, move |endpoint| {
            forward::pattern_slots(endpoint, Told(change))
        })
    };
    vec![
        told("pattern_slots/counts_no_slots", "The metrics tell nothing of the slots", |calls| {
            calls.retain(|call| call.slot.is_empty());
        }),
        told("pattern_slots/counts_only_slots", "The metrics tell of the slots alone", |calls| {
            calls.retain(|call| !call.slot.is_empty());
        }),
        told("pattern_slots/counts_what_went_well", "Calls that were refused are not counted", |calls| {
            calls.retain(|call| call.code == 0);
        }),
        told("pattern_slots/forgets_what_was_given_up", "Calls without an answer are not counted", |calls| {
            calls.retain(|call| call.code != i32::from(Code::Cancelled));
        }),
        told("pattern_slots/calls_everything_ok", "Refused calls are counted as answered with OK", |calls| {
            for call in calls.iter_mut() {
                call.code = 0;
            }
        }),
        told("pattern_slots/counts_twice", "Every call is counted twice", |calls| {
            for call in calls.iter_mut() {
                call.calls *= 2;
            }
        }),
        told("pattern_slots/takes_no_time", "The metrics know no times", |calls| {
            for call in calls.iter_mut() {
                call.time = None;
            }
        }),
        told("pattern_slots/tells_one_time", "Instead of their sum the time of one call is told", |calls| {
            for call in calls {
                if let Some(time) = &mut call.time {
                    let one =
                        (time.seconds * 1_000_000_000 + i64::from(time.nanos)) / call.calls.max(1) as i64;
                    (time.seconds, time.nanos) = (one / 1_000_000_000, (one % 1_000_000_000) as i32);
                }
            }
        }),
        told("pattern_slots/in_no_order", "The metrics come in any order", |calls| calls.reverse()),
        PatternMutant::face(
            "pattern_slots/counts_all_namespaces_together",
            PATTERN,
            "The metrics are those of the instance, whatever the namespace",
            |endpoint| forward::pattern_slots(endpoint, OfAll::default()),
        ),
    ]
}

fn of_slots() -> Vec<PatternMutant> {
    let face =
        |id, sentence, twist: fn(Endpoint) -> Endpoint| PatternMutant::face(id, PATTERN, sentence, twist);
    vec![
        face(
            "pattern_slots/takes_any_binding",
            "Initialize accepts whatever is bound, and what is missing shows later",
            |endpoint| forward::lifecycle(endpoint, AcceptsRefused(Code::FailedPrecondition)),
        ),
        face(
            "pattern_slots/names_nothing",
            "The refusal of a binding says neither slot nor interface",
            |endpoint| forward::lifecycle(endpoint, SaysLittle),
        ),
        face(
            "pattern_slots/ignores_bad_parameters",
            "Initialize ignores unknown parameters and values out of their bounds",
            |endpoint| forward::lifecycle(endpoint, AcceptsRefused(Code::InvalidArgument)),
        ),
        face(
            "pattern_slots/always_healthy",
            "The health says nothing about the backends in the slots",
            |endpoint| forward::lifecycle(endpoint, AlwaysHealthy),
        ),
        PatternMutant::slot(
            "pattern_slots/keeps_writes_to_itself",
            PATTERN,
            "What is written stays in the pattern's memory",
            "store",
            |endpoint| forward::basic(endpoint, KeepsWrites::default()),
        ),
        PatternMutant {
            id: "pattern_slots/tries_the_slot_first",
            pattern: PATTERN,
            sentence: "Initialize makes a call to a slot before anything is checked",
            slots: Arc::new(|mut slots: BoundSlots| {
                for slot in slots.values_mut() {
                    *slot = forward::lifecycle(slot.clone(), CallsWhenDescribed);
                }
                slots
            }),
            face: Arc::new(|face| face),
        },
    ]
}

/// Other metrics are told.
struct Told(fn(&mut Vec<CallMetrics>));

#[tonic::async_trait]
impl SlotsTwist for Told {
    async fn get_metrics(
        &self,
        next: &Endpoint,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let mut response = PatternSlotsClient::new(next.clone()).get_metrics(request).await?;
        (self.0)(&mut response.get_mut().calls);
        Ok(response)
    }
}

/// Where a namespace has no calls, those that were told last for another.
#[derive(Default)]
struct OfAll(Mutex<GetMetricsResponse>);

#[tonic::async_trait]
impl SlotsTwist for OfAll {
    async fn get_metrics(
        &self,
        next: &Endpoint,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let response = PatternSlotsClient::new(next.clone()).get_metrics(request).await?.into_inner();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !response.calls.is_empty() {
            *last = response;
        }
        Ok(Response::new(last.clone()))
    }
}

/// What should be refused with this code is answered OK.
struct AcceptsRefused(Code);

#[tonic::async_trait]
impl LifecycleTwist for AcceptsRefused {
    async fn initialize(
        &self,
        next: &Endpoint,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        match LifecycleClient::new(next.clone()).initialize(request).await {
            Err(status) if status.code() == self.0 => Ok(Response::new(InitializeResponse {})),
            other => other,
        }
    }
}

struct SaysLittle;

#[tonic::async_trait]
impl LifecycleTwist for SaysLittle {
    async fn initialize(
        &self,
        next: &Endpoint,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        LifecycleClient::new(next.clone())
            .initialize(request)
            .await
            .map_err(|status| unlike(&status, "the binding is not valid"))
    }
}

struct AlwaysHealthy;

#[tonic::async_trait]
impl LifecycleTwist for AlwaysHealthy {
    async fn health_check(
        &self,
        _: &Endpoint,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { health: Health::Healthy.into(), message: String::new() }))
    }
}

/// A pattern that tries its slots while it asks them what they are.
struct CallsWhenDescribed;

#[tonic::async_trait]
impl LifecycleTwist for CallsWhenDescribed {
    async fn describe(
        &self,
        next: &Endpoint,
        request: Request<prism_interfaces::lifecycle::v1::DescribeRequest>,
    ) -> Result<Response<prism_interfaces::lifecycle::v1::DescribeResponse>, Status> {
        let mut probe = like(&request, GetRequest { key: "is-it-there".to_owned() });
        probe.metadata_mut().insert(NAMESPACE_HEADER, tonic::metadata::MetadataValue::from_static("probe"));
        // Whatever the answer is.
        let _ = KeyValueBasicClient::new(next.clone()).get(probe).await;
        LifecycleClient::new(next.clone()).describe(request).await
    }
}

/// A pattern whose writes never reach the backend; it reads what it has written itself.
#[derive(Default)]
struct KeepsWrites(Mutex<HashMap<(String, String), Bytes>>);

fn place<T>(request: &Request<T>, key: &str) -> (String, String) {
    let namespace = request.metadata().get(NAMESPACE_HEADER).and_then(|value| value.to_str().ok());
    (namespace.unwrap_or_default().to_owned(), key.to_owned())
}

#[tonic::async_trait]
impl BasicTwist for KeepsWrites {
    async fn set(&self, _: &Endpoint, request: Request<SetRequest>) -> Result<Response<SetResponse>, Status> {
        let place = place(&request, &request.get_ref().key);
        let value = request.into_inner().value;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, value);
        Ok(Response::new(SetResponse {}))
    }

    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        let place = place(&request, &request.get_ref().key);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        match kept {
            Some(value) => Ok(Response::new(GetResponse { found: true, value })),
            None => KeyValueBasicClient::new(next.clone()).get(request).await,
        }
    }
}
