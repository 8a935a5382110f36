//! Calls that are accepted where they should not be, and the other way round.

use crate::{
    Mutant,
    aside::Plain,
    events::again,
    forward::{LifecycleTwist, lifecycle, like},
    mutant::mutant,
    splice::every_response,
};
use prism_interfaces::{
    Endpoint,
    lifecycle::v1::{
        DrainRequest, DrainResponse, InitializeRequest, InitializeResponse, StartRequest, StartResponse,
        StopRequest, StopResponse,
    },
};
use std::sync::atomic::{AtomicUsize, Ordering};
use tonic::{Code, Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("lifecycle/initialize_is_always_accepted", "Initialize succeeds in any state", |next| {
            lifecycle(next, Tolerant(Call::Initialize))
        }),
        mutant("lifecycle/start_is_always_accepted", "Start succeeds in any state", |next| {
            lifecycle(next, Tolerant(Call::Start))
        }),
        mutant("lifecycle/drain_is_always_accepted", "Drain succeeds in any state", |next| {
            lifecycle(next, Tolerant(Call::Drain))
        }),
        mutant("lifecycle/stop_is_always_accepted", "Stop succeeds in any state", |next| {
            lifecycle(next, Tolerant(Call::Stop))
        }),
        mutant(
            "lifecycle/a_refused_start_stops",
            "A Start that comes out of order stops the driver",
            |next| lifecycle(next, RefusedStartStops),
        ),
        mutant("lifecycle/initialize_starts", "Initialize starts the driver too", |next| {
            lifecycle(next, InitializeStarts)
        }),
        mutant("lifecycle/stop_does_nothing", "Stop answers, and the driver goes on to serve", |next| {
            lifecycle(next, StopDoesNothing)
        }),
        mutant("lifecycle/one_life_only", "Initialize is refused after Stop", |next| {
            lifecycle(next, OneLifeOnly(AtomicUsize::new(0)))
        }),
        mutant(
            "lifecycle/the_second_start_does_nothing",
            "The second Start answers and starts nothing",
            |next| lifecycle(next, SecondStartDoesNothing(AtomicUsize::new(0))),
        ),
        mutant(
            "lifecycle/unknown_settings_are_ignored",
            "Initialize leaves out settings that it does not know",
            |next| lifecycle(next, UnknownSettings(Unknown::Ignored)),
        ),
        mutant(
            "lifecycle/unknown_settings_are_not_named",
            "The refusal of a setting does not say which",
            |next| lifecycle(next, UnknownSettings(Unknown::NotNamed)),
        ),
        mutant(
            "lifecycle/unknown_settings_are_taken_half",
            "Initialize refuses a setting and takes the others",
            |next| lifecycle(next, UnknownSettings(Unknown::TakenHalf)),
        ),
        mutant("lifecycle/not_running_is_unavailable", "Calls before Start are UNAVAILABLE", |next| {
            every_response(next, |path, response| {
                recode(path, response, Code::FailedPrecondition, Code::Unavailable);
            })
        }),
        mutant(
            "lifecycle/draining_is_failed_precondition",
            "Calls to a drained driver are FAILED_PRECONDITION",
            |next| {
                every_response(next, |path, response| {
                    recode(path, response, Code::Unavailable, Code::FailedPrecondition);
                })
            },
        ),
    ]
}

/// Changes the code of refused calls to interfaces.
fn recode(path: &str, response: &mut http::Response<tonic::body::Body>, from: Code, to: Code) {
    let headers = response.headers_mut();
    let is = headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()));
    if is == Some(from) && !path.starts_with("/prism.lifecycle") {
        headers.insert("grpc-status", (to as i32).into());
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Initialize,
    Start,
    Drain,
    Stop,
}

/// Accepts a call in any state.
struct Tolerant(Call);

impl Tolerant {
    fn accept<T>(
        &self,
        call: Call,
        answer: Result<Response<T>, Status>,
        instead: T,
    ) -> Result<Response<T>, Status> {
        match answer {
            Err(status) if self.0 == call && status.code() == Code::FailedPrecondition => {
                Ok(Response::new(instead))
            }
            answer => answer,
        }
    }
}

#[tonic::async_trait]
impl LifecycleTwist for Tolerant {
    async fn initialize(
        &self,
        next: &Endpoint,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        self.accept(Call::Initialize, Plain.initialize(next, request).await, InitializeResponse {})
    }

    async fn start(
        &self,
        next: &Endpoint,
        request: Request<StartRequest>,
    ) -> Result<Response<StartResponse>, Status> {
        self.accept(Call::Start, Plain.start(next, request).await, StartResponse {})
    }

    async fn drain(
        &self,
        next: &Endpoint,
        request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        self.accept(Call::Drain, Plain.drain(next, request).await, DrainResponse::default())
    }

    async fn stop(
        &self,
        next: &Endpoint,
        request: Request<StopRequest>,
    ) -> Result<Response<StopResponse>, Status> {
        self.accept(Call::Stop, Plain.stop(next, request).await, StopResponse {})
    }
}

struct RefusedStartStops;

#[tonic::async_trait]
impl LifecycleTwist for RefusedStartStops {
    async fn start(
        &self,
        next: &Endpoint,
        request: Request<StartRequest>,
    ) -> Result<Response<StartResponse>, Status> {
        let stop = like(&request, StopRequest {});
        let answer = Plain.start(next, request).await;
        if answer.is_err() {
            let _ = Plain.stop(next, stop).await;
        }
        answer
    }
}

struct InitializeStarts;

#[tonic::async_trait]
impl LifecycleTwist for InitializeStarts {
    async fn initialize(
        &self,
        next: &Endpoint,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        let start = like(&request, StartRequest {});
        let answer = Plain.initialize(next, request).await?;
        Plain.start(next, start).await?;
        Ok(answer)
    }

    async fn start(
        &self,
        next: &Endpoint,
        request: Request<StartRequest>,
    ) -> Result<Response<StartResponse>, Status> {
        Tolerant(Call::Start).start(next, request).await
    }
}

struct StopDoesNothing;

#[tonic::async_trait]
impl LifecycleTwist for StopDoesNothing {
    async fn stop(&self, _: &Endpoint, _: Request<StopRequest>) -> Result<Response<StopResponse>, Status> {
        Ok(Response::new(StopResponse {}))
    }
}

/// How many times the driver was initialized.
struct OneLifeOnly(AtomicUsize);

#[tonic::async_trait]
impl LifecycleTwist for OneLifeOnly {
    async fn initialize(
        &self,
        next: &Endpoint,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        let answer = Plain.initialize(next, request).await?;
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(answer),
            _ => Err(Status::failed_precondition("the driver has been stopped")),
        }
    }
}

/// How many times the driver was started.
struct SecondStartDoesNothing(AtomicUsize);

#[tonic::async_trait]
impl LifecycleTwist for SecondStartDoesNothing {
    async fn start(
        &self,
        next: &Endpoint,
        request: Request<StartRequest>,
    ) -> Result<Response<StartResponse>, Status> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Plain.start(next, request).await,
            _ => Ok(Response::new(StartResponse {})),
        }
    }
}

/// What becomes of settings that the driver does not know.
enum Unknown {
    Ignored,
    NotNamed,
    TakenHalf,
}

struct UnknownSettings(Unknown);

#[tonic::async_trait]
impl LifecycleTwist for UnknownSettings {
    async fn initialize(
        &self,
        next: &Endpoint,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        let refused = match Plain.initialize(next, again(&request)).await {
            Err(status) if status.code() == Code::InvalidArgument => status,
            answer => return answer,
        };
        let mut known = again(&request);
        known.get_mut().settings.retain(|name, _| !refused.message().contains(name.as_str()));
        match self.0 {
            Unknown::Ignored => Plain.initialize(next, known).await,
            Unknown::NotNamed => Err(Status::invalid_argument("a setting is wrong")),
            Unknown::TakenHalf => {
                let _ = Plain.initialize(next, known).await;
                Err(refused)
            }
        }
    }
}
