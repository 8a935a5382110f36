//! Between the producer and its slot `messages`: sees every attempt, and disturbs those that a case says.

use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{PublishRequest, PublishResponse, pub_sub_basic_client::PubSubBasicClient},
};
use prism_mutants::forward::{self, PubSubTwist};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

/// What becomes of an attempt.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The slot takes it.
    Take,
    /// The slot takes it after this long.
    Late(Duration),
    /// The slot takes it once [`Sink::release`] was called.
    Hold,
    /// It is refused.
    Refuse(Status),
    /// It is never answered, and not taken.
    Stall,
}

/// One attempt to publish.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) at: Instant,
    pub(crate) request: PublishRequest,
    /// When the slot had taken it.
    pub(crate) taken: Option<Instant>,
}

type Plan = dyn Fn(&PublishRequest, usize) -> Answer + Send + Sync;

/// Sees and disturbs; clones share what they see.
#[derive(Clone)]
pub(crate) struct Sink {
    attempts: Arc<Mutex<Vec<Attempt>>>,
    plan: Arc<Plan>,
    released: Arc<watch::Sender<bool>>,
}

impl Sink {
    /// The plan is given the request and how often its payload was tried before.
    pub(crate) fn new(plan: impl Fn(&PublishRequest, usize) -> Answer + Send + Sync + 'static) -> Self {
        let released = Arc::new(watch::Sender::new(false));
        Self { attempts: Arc::default(), plan: Arc::new(plan), released }
    }

    /// Takes everything.
    pub(crate) fn willing() -> Self {
        Self::new(|_, _| Answer::Take)
    }

    /// Refuses the first attempts of each payload so often.
    pub(crate) fn refusing(times: usize, status: Status) -> Self {
        Self::new(move |_, before| if before < times { Answer::Refuse(status.clone()) } else { Answer::Take })
    }

    /// In front of an endpoint.
    pub(crate) fn on(&self, endpoint: Endpoint) -> Endpoint {
        forward::pubsub(endpoint, self.clone())
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets what is held go.
    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }

    /// Every attempt so far.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.seen().clone()
    }

    /// The attempts of one payload.
    pub(crate) fn attempts_of(&self, payload: &str) -> Vec<Attempt> {
        self.attempts().into_iter().filter(|attempt| attempt.request.payload == payload.as_bytes()).collect()
    }

    /// The payloads that the slot has taken, in the order in which it had.
    pub(crate) fn taken(&self) -> Vec<String> {
        let mut taken: Vec<(Instant, Bytes)> = self
            .attempts()
            .into_iter()
            .filter_map(|attempt| Some((attempt.taken?, attempt.request.payload)))
            .collect();
        taken.sort_by_key(|(when, _)| *when);
        taken.into_iter().map(|(_, payload)| String::from_utf8_lossy(&payload).into_owned()).collect()
    }

    /// How often each payload was taken.
    pub(crate) fn times_taken(&self) -> HashMap<String, usize> {
        let mut times = HashMap::new();
        for payload in self.taken() {
            *times.entry(payload).or_default() += 1;
        }
        times
    }
}

#[tonic::async_trait]
impl PubSubTwist for Sink {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let (answer, index) = {
            let mut seen = self.seen();
            let of_it = |attempt: &&Attempt| attempt.request.payload == request.get_ref().payload;
            let before = seen.iter().filter(of_it).count();
            let answer = (self.plan)(request.get_ref(), before);
            let attempt = Attempt { at: Instant::now(), request: request.get_ref().clone(), taken: None };
            seen.push(attempt);
            (answer, seen.len() - 1)
        };
        match answer {
            Answer::Take => {}
            Answer::Late(time) => tokio::time::sleep(time).await,
            Answer::Hold => {
                // The sender lives as long as `self`.
                let _ = self.released.subscribe().wait_for(|released| *released).await;
            }
            Answer::Refuse(status) => return Err(status),
            Answer::Stall => std::future::pending().await,
        }
        let response = PubSubBasicClient::new(next.clone())
            .max_encoding_message_size(usize::MAX)
            .publish(request)
            .await?;
        self.seen()[index].taken = Some(Instant::now());
        Ok(response)
    }
}
