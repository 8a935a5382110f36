//! What is seen of it.

use super::PATTERN;
use crate::PatternMutant;
use prism_interfaces::{
    Endpoint,
    lifecycle::v1::{
        DrainRequest, DrainResponse, Health, HealthCheckRequest, HealthCheckResponse, InitializeRequest,
        InitializeResponse, lifecycle_client::LifecycleClient,
    },
    pattern::consumer::v1::{
        GetStatusRequest, GetStatusResponse,
        consumer_client::ConsumerClient,
        consumer_server::{Consumer, ConsumerServer},
    },
};
use prism_mutants::{
    forward::{self, LifecycleTwist, like},
    splice::splice,
};
use tonic::{Code, Request, Response, Status};

pub(super) fn mutants() -> Vec<PatternMutant> {
    let face =
        |id, sentence, twist: fn(Endpoint) -> Endpoint| PatternMutant::face(id, PATTERN, sentence, twist);
    vec![
        face("pattern_consumer/has_nothing_in_hand", "Messages in hand are not counted", |next| {
            tells(next, |status| status.in_hand = 0)
        }),
        face("pattern_consumer/counts_no_retries", "Attempts after the first are not counted", |next| {
            tells(next, |status| {
                if let Some(counts) = &mut status.counts {
                    counts.retried = 0;
                }
            })
        }),
        face("pattern_consumer/loses_silently", "A message that is lost is not named", |next| {
            tells(next, |status| {
                if let Some(counts) = &mut status.counts {
                    counts.last_loss = None;
                }
            })
        }),
        face(
            "pattern_consumer/says_that_it_listens",
            "It says that it has a subscription when it has none",
            |next| tells(next, |status| status.subscribed = true),
        ),
        face("pattern_consumer/answers_everywhere", "GetStatus is answered in every namespace", |next| {
            let service = Telling {
                next: next.clone(),
                change: |answer: Answer| match answer {
                    Err(status) if status.code() == Code::NotFound => {
                        Ok(Response::new(GetStatusResponse::default()))
                    }
                    answer => answer,
                },
            };
            splice(next, ConsumerServer::new(service))
        }),
        face("pattern_consumer/drain_counts_nothing", "Drain says that nothing was in hand", |next| {
            forward::lifecycle(next, DrainCountsNothing)
        }),
        face("pattern_consumer/drain_waits_for_nothing", "Drain cuts off whatever is in hand", |next| {
            forward::lifecycle(next, DrainWaitsForNothing)
        }),
        face("pattern_consumer/always_healthy", "The health says nothing about slots that fail", |next| {
            forward::lifecycle(next, AlwaysHealthy)
        }),
        face(
            "pattern_consumer/duplicates_over_anything",
            "Initialize accepts a dedup_window over a state that cannot keep it",
            |next| forward::lifecycle(next, AcceptsAnyBinding),
        ),
    ]
}

type Answer = Result<Response<GetStatusResponse>, Status>;

struct Telling<F> {
    next: Endpoint,
    change: F,
}

#[tonic::async_trait]
impl<F: Fn(Answer) -> Answer + Send + Sync + 'static> Consumer for Telling<F> {
    async fn get_status(&self, request: Request<GetStatusRequest>) -> Answer {
        (self.change)(ConsumerClient::new(self.next.clone()).get_status(request).await)
    }
}

/// Changes what the status says.
fn tells(next: Endpoint, change: fn(&mut GetStatusResponse)) -> Endpoint {
    let service = Telling {
        next: next.clone(),
        change: move |answer: Answer| {
            answer.map(|mut response| {
                change(response.get_mut());
                response
            })
        },
    };
    splice(next, ConsumerServer::new(service))
}

struct DrainCountsNothing;

#[tonic::async_trait]
impl LifecycleTwist for DrainCountsNothing {
    async fn drain(
        &self,
        next: &Endpoint,
        request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        LifecycleClient::new(next.clone()).drain(request).await?;
        Ok(Response::new(DrainResponse::default()))
    }
}

struct DrainWaitsForNothing;

#[tonic::async_trait]
impl LifecycleTwist for DrainWaitsForNothing {
    async fn drain(
        &self,
        next: &Endpoint,
        request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        let at_once = DrainRequest { timeout: Some(prost_types::Duration::default()) };
        LifecycleClient::new(next.clone()).drain(like(&request, at_once)).await
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

struct AcceptsAnyBinding;

#[tonic::async_trait]
impl LifecycleTwist for AcceptsAnyBinding {
    async fn initialize(
        &self,
        next: &Endpoint,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        match LifecycleClient::new(next.clone()).initialize(request).await {
            Err(status) if status.code() == Code::FailedPrecondition => {
                Ok(Response::new(InitializeResponse {}))
            }
            other => other,
        }
    }
}
