//! Watches the calls of a case at the seam.

use crate::times::Times;
use prism_interfaces::{Endpoint, EndpointError};
use std::{
    collections::{BTreeMap, VecDeque},
    error::Error,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tonic::{Code, TimeoutExpired, body::Body};
use tower::{Layer, Service};

/// How many of the last calls are kept.
const KEPT: usize = 24;

/// A call as it was seen at the seam.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Such as `KeyValueBasic/Set`.
    pub rpc: String,
    /// When it was made, since the case began.
    pub at: Duration,
    /// How long the head of the answer took.
    pub took: Duration,
    /// The status in the head; OK also stands for a stream whose status is yet to come.
    pub code: Code,
}

/// Counts every call, keeps the last ones, and how long those took that went well.
#[derive(Debug, Clone)]
pub struct Tap {
    calls: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
    last: Arc<Mutex<VecDeque<CallRecord>>>,
    times: Arc<Mutex<BTreeMap<String, Times>>>,
    began: Instant,
}

impl Tap {
    /// A tap that has seen nothing.
    pub fn new() -> Self {
        Self {
            calls: Arc::default(),
            lost: Arc::default(),
            last: Arc::default(),
            times: Arc::default(),
            began: Instant::now(),
        }
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How many calls could not be carried to the driver and back because the connection failed.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The last calls, oldest first.
    pub fn last(&self) -> Vec<CallRecord> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// By rpc, the time within which half of its calls had the head of their answer; only those count whose head does
    /// not say that they failed, because a refusal costs something else.
    pub fn medians(&self) -> BTreeMap<String, Duration> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.iter().map(|(rpc, times)| (rpc.clone(), times.median())).collect()
    }

    fn record(&self, record: CallRecord) {
        if record.code == Code::Ok {
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            times.entry(record.rpc.clone()).or_insert_with(Times::new).record(record.took);
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(record);
    }
}

impl Default for Tap {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer<Endpoint> for Tap {
    type Service = Tapped;

    fn layer(&self, inner: Endpoint) -> Tapped {
        Tapped { inner, tap: self.clone() }
    }
}

/// An endpoint with a tap.
#[derive(Debug, Clone)]
pub struct Tapped {
    inner: Endpoint,
    tap: Tap,
}

impl Service<http::Request<Body>> for Tapped {
    type Response = http::Response<Body>;
    type Error = prism_interfaces::EndpointError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.tap.calls.fetch_add(1, Ordering::Relaxed);
        let tap = self.tap.clone();
        let path = request.uri().path().to_owned();
        // Made now, so that readiness was of the same service.
        let response = self.inner.call(request);
        Box::pin(async move {
            // A driver in this process may never make a caller wait. Without this, a case that loops over its answers
            // would never let go of its thread, and no deadline could end it.
            tokio::task::coop::consume_budget().await;
            let start = Instant::now();
            let response = response.await;
            let code = match &response {
                Err(error) => {
                    if !is_timeout(error) {
                        tap.lost.fetch_add(1, Ordering::Relaxed);
                    }
                    Code::Unavailable
                }
                Ok(response) => response
                    .headers()
                    .get("grpc-status")
                    .map_or(Code::Ok, |value| Code::from_bytes(value.as_bytes())),
            };
            // `/prism.keyvalue.v1.KeyValueBasic/Set` is `KeyValueBasic/Set`; cutting is left to whoever reads it.
            let rpc = path.rsplit_once('.').map_or(path.as_str(), |(_, rpc)| rpc).to_owned();
            let at = start.duration_since(tap.began);
            tap.record(CallRecord { rpc, at, took: start.elapsed(), code });
            response
        })
    }
}

/// Whether the client gave up at the deadline, which says nothing about the connection.
fn is_timeout(error: &EndpointError) -> bool {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<TimeoutExpired>() {
            return true;
        }
        source = error.source();
    }
    false
}
