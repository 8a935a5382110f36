//! A handler in the hands of a case: it answers as it is told, and remembers everything that it was handed.

use super::QUIET;
use prism_interfaces::{
    Endpoint, EndpointError, NAMESPACE_HEADER,
    pattern::consumer::v1::{
        HandleRequest, HandleResponse, Handled, Reject, Retry,
        handle_response::Verdict,
        handler_server::{Handler as HandlerService, HandlerServer},
    },
    pubsub::v1::Message,
    time,
};
use prism_suites::Failure;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tonic::{Code, Request, Response, Status, body::Body};
use tower::{ServiceExt, service_fn};

/// What a handler says to an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is handled.
    Handled,
    /// It is handled, once [`Handler::release`] was called.
    Held,
    /// Not now.
    Retry,
    /// Not before this time has passed.
    RetryAfter(Duration),
    /// Never.
    Reject,
    /// An error.
    Fail(Code),
    /// An answer that says nothing.
    NoVerdict,
    /// No answer at all.
    Silence,
}

/// An attempt as the handler saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it was handed.
    pub message: Message,
    /// As it was told.
    pub attempt: u32,
    /// As it was told.
    pub max_attempts: u32,
    /// As it was told.
    pub redelivered: bool,
    /// The namespace of the call.
    pub namespace: Option<String>,
    /// The header with the deadline of the call.
    pub deadline: Option<String>,
    /// When it came.
    pub began: Instant,
    /// When it was answered, or the caller went away.
    pub ended: Option<Instant>,
}

impl Seen {
    /// The payload as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.message.payload).into_owned()
    }
}

/// A handler; cheap to clone.
#[derive(Clone)]
pub struct Handler(Arc<Inner>);

struct Inner {
    script: Box<dyn Fn(&HandleRequest) -> Answer + Send + Sync>,
    seen: watch::Sender<Vec<Seen>>,
    released: watch::Sender<bool>,
    /// How many calls found nobody, while it was away.
    away: watch::Sender<Option<u64>>,
}

impl Handler {
    /// Answers as the script says.
    pub fn new(script: impl Fn(&HandleRequest) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            script: Box::new(script),
            seen: watch::Sender::default(),
            released: watch::Sender::new(false),
            away: watch::Sender::new(None),
        }))
    }

    /// Handles everything.
    pub fn patient() -> Self {
        Self::new(|_| Answer::Handled)
    }

    /// Answers every attempt alike.
    pub fn always(answer: Answer) -> Self {
        Self::new(move |_| answer.clone())
    }

    /// Fails so many attempts of each message whose payload starts with `!`, and handles the rest.
    pub fn failing(attempts: u32) -> Self {
        Self::new(move |request| {
            let payload = request.message.as_ref().map(|message| message.payload.clone()).unwrap_or_default();
            if payload.starts_with(b"!") && request.attempt <= attempts {
                Answer::Retry
            } else {
                Answer::Handled
            }
        })
    }

    /// Where it answers.
    pub fn endpoint(&self) -> Endpoint {
        let (inner, service) = (Arc::clone(&self.0), HandlerServer::new(self.clone()));
        Endpoint::new(service_fn(move |request: http::Request<Body>| {
            let (inner, service) = (Arc::clone(&inner), service.clone());
            async move {
                let away =
                    inner.away.send_if_modified(|away| away.as_mut().map(|calls| *calls += 1).is_some());
                if away {
                    return Err(EndpointError::new("there is nobody"));
                }
                match service.oneshot(request).await {
                    Ok(response) => Ok(response),
                    Err(never) => match never {},
                }
            }
        }))
    }

    /// From now on it cannot be reached.
    pub fn leave(&self) {
        self.0.away.send_replace(Some(0));
    }

    /// Waits until so many calls have found nobody, and comes back.
    pub async fn return_after(&self, calls: u64) -> Result<(), Failure> {
        let mut away = self.0.away.subscribe();
        let enough = away.wait_for(|away| away.is_some_and(|found| found >= calls));
        if tokio::time::timeout(QUIET, enough).await.is_err() {
            return Err(Failure::violation("a handler that cannot be reached is not called again"));
        }
        self.0.away.send_replace(None);
        Ok(())
    }

    /// Answers what is held, and holds nothing more.
    pub fn release(&self) {
        self.0.released.send_replace(true);
    }

    /// Every attempt so far, in the order in which they came.
    pub fn seen(&self) -> Vec<Seen> {
        self.0.seen.borrow().clone()
    }

    /// The attempts of the message with this payload.
    pub fn seen_of(&self, payload: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.message.payload == payload.as_bytes()).collect()
    }

    /// Waits until the attempts so far are like this; `what` completes the sentence "… did not happen".
    pub async fn when(&self, what: &str, holds: impl Fn(&[Seen]) -> bool) -> Result<Vec<Seen>, Failure> {
        let mut seen = self.0.seen.subscribe();
        loop {
            let now = seen.borrow_and_update().clone();
            if holds(&now) {
                return Ok(now);
            }
            // As long as something happens it is only slow.
            if !matches!(tokio::time::timeout(QUIET, seen.changed()).await, Ok(Ok(()))) {
                let message = format!("{what} did not happen, nor anything else for {} s", QUIET.as_secs());
                return Err(Failure::violation(message).got(summary(&now)));
            }
        }
    }

    /// Waits until there were so many attempts.
    pub async fn attempts(&self, count: usize) -> Result<Vec<Seen>, Failure> {
        self.when(&format!("attempt number {count}"), |seen| seen.len() >= count).await
    }
}

/// The attempts in a line.
pub fn summary(seen: &[Seen]) -> String {
    let mut shown: Vec<String> =
        seen.iter().take(20).map(|seen| format!("{}#{}", seen.text(), seen.attempt)).collect();
    if seen.len() > shown.len() {
        shown.push(format!("… ({})", seen.len()));
    }
    format!("attempts: {}", shown.join(" "))
}

/// Says that an attempt has ended, also where its caller went away.
struct Ended<'a>(&'a Inner, usize);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.seen.send_modify(|seen| seen[self.1].ended = Some(Instant::now()));
    }
}

#[tonic::async_trait]
impl HandlerService for Handler {
    async fn handle(&self, request: Request<HandleRequest>) -> Result<Response<HandleResponse>, Status> {
        let header = |name: &str| {
            request.metadata().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let (namespace, deadline) = (header(NAMESPACE_HEADER), header("grpc-timeout"));
        let request = request.into_inner();
        let seen = Seen {
            message: request.message.clone().unwrap_or_default(),
            attempt: request.attempt,
            max_attempts: request.max_attempts,
            redelivered: request.redelivered,
            namespace,
            deadline,
            began: Instant::now(),
            ended: None,
        };
        let mut number = 0;
        self.0.seen.send_modify(|all| {
            number = all.len();
            all.push(seen);
        });
        let _ended = Ended(&self.0, number);
        let reason = "the case wants it so".to_owned();
        let verdict = match (self.0.script)(&request) {
            Answer::Handled => Verdict::Handled(Handled {}),
            Answer::Held => {
                // The sender lives as long as `self`.
                let _ = self.0.released.subscribe().wait_for(|released| *released).await;
                Verdict::Handled(Handled {})
            }
            Answer::Retry => Verdict::Retry(Retry { reason, after: None }),
            Answer::RetryAfter(after) => Verdict::Retry(Retry { reason, after: Some(time::from_std(after)) }),
            Answer::Reject => Verdict::Reject(Reject { reason }),
            Answer::Fail(code) => return Err(Status::new(code, reason)),
            Answer::NoVerdict => return Ok(Response::new(HandleResponse { verdict: None })),
            Answer::Silence => std::future::pending().await,
        };
        Ok(Response::new(HandleResponse { verdict: Some(verdict) }))
    }
}
