//! Drain and Stop that do not end things as they should.

use crate::{
    Mutant,
    aside::Plain,
    events::{Delivers, Ending, ends},
    forward::{LifecycleTwist, lifecycle, pubsub},
    mutant::mutant,
    splice::every_request,
};
use prism_interfaces::{
    Endpoint,
    lifecycle::v1::{
        DrainRequest, DrainResponse, Health, HealthCheckRequest, HealthCheckResponse, StartRequest,
        StartResponse, StopRequest, StopResponse,
    },
    time,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tonic::{Code, Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("lifecycle/drain_does_nothing", "Drain answers, and the driver goes on to serve", |next| {
            lifecycle(next, DrainDoesNothing)
        }),
        mutant(
            "lifecycle/drain_refuses_late",
            "New calls are served until what was in flight has ended",
            |next| lifecycle(next, DrainRefusesLate(AtomicBool::new(false))),
        ),
        mutant("lifecycle/drain_counts_nothing", "Drain always counts zero", |next| {
            lifecycle(next, Counts(|_| DrainResponse::default()))
        }),
        mutant("lifecycle/drain_counts_all_as_drained", "Calls that were cut off count as drained", |next| {
            lifecycle(
                next,
                Counts(|counted| DrainResponse { drained: counted.drained + counted.aborted, aborted: 0 }),
            )
        }),
        mutant(
            "lifecycle/drain_counts_all_as_aborted",
            "Calls that came to their end count as aborted",
            |next| {
                lifecycle(
                    next,
                    Counts(|counted| DrainResponse {
                        drained: 0,
                        aborted: counted.drained + counted.aborted,
                    }),
                )
            },
        ),
        mutant(
            "lifecycle/drain_counts_what_had_ended",
            "Drain counts every call that there ever was",
            |next| {
                let calls = Arc::new(AtomicU64::new(0));
                let counted = Arc::clone(&calls);
                every_request(lifecycle(next, CountsEverything(calls)), move |request| {
                    if !request.uri().path().starts_with("/prism.lifecycle") {
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                })
            },
        ),
        mutant("lifecycle/drain_cuts_at_once", "Drain cuts off what is in flight without waiting", |next| {
            lifecycle(next, DrainsWithin(Duration::ZERO))
        }),
        mutant("lifecycle/drain_takes_its_time", "Drain waits for longer than its timeout", |next| {
            lifecycle(next, DrainsWithin(Duration::from_secs(4)))
        }),
        mutant("lifecycle/drain_ends_streams_with_ok", "Streams that Drain ends end with OK", |next| {
            let end = |status: Option<Status>| match status {
                Some(status) if status.code() == Code::Unavailable => Ending::Ok,
                status => Ending::as_it_was(status),
            };
            pubsub(next, Delivers(move |events| ends(events, end)))
        }),
        mutant("lifecycle/streams_stay_open", "Streams do not end on Drain and Stop", |next| {
            let end = |status: Option<Status>| match status {
                Some(status) if status.code() == Code::Unavailable => Ending::Never,
                status => Ending::as_it_was(status),
            };
            pubsub(next, Delivers(move |events| ends(events, end)))
        }),
    ]
}

struct DrainDoesNothing;

#[tonic::async_trait]
impl LifecycleTwist for DrainDoesNothing {
    async fn drain(&self, _: &Endpoint, _: Request<DrainRequest>) -> Result<Response<DrainResponse>, Status> {
        Ok(Response::new(DrainResponse::default()))
    }
}

/// Whether Drain has been called in this life.
struct DrainRefusesLate(AtomicBool);

#[tonic::async_trait]
impl LifecycleTwist for DrainRefusesLate {
    async fn start(
        &self,
        next: &Endpoint,
        request: Request<StartRequest>,
    ) -> Result<Response<StartResponse>, Status> {
        self.0.store(false, Ordering::SeqCst);
        Plain.start(next, request).await
    }

    async fn drain(
        &self,
        next: &Endpoint,
        request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        self.0.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
        Plain.drain(next, request).await
    }

    async fn stop(
        &self,
        next: &Endpoint,
        request: Request<StopRequest>,
    ) -> Result<Response<StopResponse>, Status> {
        self.0.store(false, Ordering::SeqCst);
        Plain.stop(next, request).await
    }

    async fn health_check(
        &self,
        next: &Endpoint,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if self.0.load(Ordering::SeqCst) {
            let (health, message) = (Health::NotRunning.into(), "draining".to_owned());
            return Ok(Response::new(HealthCheckResponse { health, message }));
        }
        Plain.health_check(next, request).await
    }
}

/// Changes what Drain counts.
struct Counts(fn(DrainResponse) -> DrainResponse);

#[tonic::async_trait]
impl LifecycleTwist for Counts {
    async fn drain(
        &self,
        next: &Endpoint,
        request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        Ok(Plain.drain(next, request).await?.map(self.0))
    }
}

/// How many calls there were.
struct CountsEverything(Arc<AtomicU64>);

#[tonic::async_trait]
impl LifecycleTwist for CountsEverything {
    async fn drain(
        &self,
        next: &Endpoint,
        request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        let mut answer = Plain.drain(next, request).await?;
        answer.get_mut().drained = self.0.load(Ordering::SeqCst);
        Ok(answer)
    }
}

/// Drains with another timeout.
struct DrainsWithin(Duration);

#[tonic::async_trait]
impl LifecycleTwist for DrainsWithin {
    async fn drain(
        &self,
        next: &Endpoint,
        mut request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        request.get_mut().timeout = Some(time::from_std(self.0));
        Plain.drain(next, request).await
    }
}
