//! What is put between a pattern and a slot.

pub mod ending;
pub mod fault;
pub mod tally;

use async_trait::async_trait;
use prism_interfaces::{
    Endpoint, catalogue,
    lifecycle::v1::{DescribeRequest, DescribeResponse, Health, HealthCheckRequest, HealthCheckResponse},
};
use prism_mutants::forward::{self, LifecycleTwist};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::{Barrier, Semaphore};
use tonic::{Request, Response, Status, body::Body};
use tower::{ServiceExt, service_fn};

/// A backend that says it serves none of these interfaces.
pub fn hiding(endpoint: Endpoint, interfaces: &[&str]) -> Endpoint {
    let hidden = interfaces.iter().map(|id| (*id).to_owned()).collect();
    forward::lifecycle(endpoint, Hiding(hidden))
}

struct Hiding(Vec<String>);

#[async_trait]
impl LifecycleTwist for Hiding {
    async fn describe(
        &self,
        next: &Endpoint,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        let mut client =
            prism_interfaces::lifecycle::v1::lifecycle_client::LifecycleClient::new(next.clone());
        let mut response = client.describe(request).await?;
        response.get_mut().interfaces.retain(|interface| !self.0.contains(&interface.id));
        Ok(response)
    }
}

/// A backend that says it is not well.
pub fn unwell(endpoint: Endpoint) -> Endpoint {
    forward::lifecycle(endpoint, Unwell)
}

struct Unwell;

#[async_trait]
impl LifecycleTwist for Unwell {
    async fn health_check(
        &self,
        _: &Endpoint,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let (health, message) = (Health::Unhealthy.into(), "it is a test".to_owned());
        Ok(Response::new(HealthCheckResponse { health, message }))
    }
}

/// Counts the calls of everything but the lifecycle.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// The endpoint with its calls counted.
    pub fn on(&self, endpoint: Endpoint) -> Endpoint {
        let counted = Arc::clone(&self.0);
        looking(endpoint, move |request| {
            let of_lifecycle =
                request.uri().path().starts_with(&format!("/{}/", catalogue::LIFECYCLE.service));
            if !of_lifecycle {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        })
    }
}

/// The endpoint, with a look at every request before it gets there.
pub fn looking(
    endpoint: Endpoint,
    look: impl Fn(&mut http::Request<Body>) + Clone + Send + Sync + 'static,
) -> Endpoint {
    Endpoint::new(service_fn(move |mut request: http::Request<Body>| {
        look(&mut request);
        let endpoint = endpoint.clone();
        async move { endpoint.oneshot(request).await }
    }))
}

/// The same refusal with other words.
pub fn unlike(status: &Status, message: &str) -> Status {
    Status::with_details(status.code(), message, status.details().to_vec().into())
}

/// Whether a request is one of this rpc, whatever its service.
fn is_call(request: &http::Request<Body>, rpc: &str) -> bool {
    request.uri().path().rsplit('/').next() == Some(rpc)
}

/// A backend that answers an rpc with an error.
pub fn failing(endpoint: Endpoint, rpc: &'static str, status: Status) -> Endpoint {
    Endpoint::new(service_fn(move |request: http::Request<Body>| {
        let (endpoint, status) = (endpoint.clone(), status.clone());
        async move {
            if is_call(&request, rpc) { Ok(status.into_http()) } else { endpoint.oneshot(request).await }
        }
    }))
}

/// A backend that never answers an rpc.
pub fn silent(endpoint: Endpoint, rpc: &'static str) -> Endpoint {
    Endpoint::new(service_fn(move |request: http::Request<Body>| {
        let endpoint = endpoint.clone();
        async move {
            if is_call(&request, rpc) {
                std::future::pending::<()>().await;
            }
            endpoint.oneshot(request).await
        }
    }))
}

/// Has the first calls of an rpc wait for each other, so that they race.
#[derive(Debug, Clone)]
pub struct Meeting {
    rpc: &'static str,
    racers: usize,
    arrived: Arc<AtomicU64>,
    barrier: Arc<Barrier>,
}

impl Meeting {
    /// Of so many calls.
    pub fn new(rpc: &'static str, racers: usize) -> Self {
        Self { rpc, racers, arrived: Arc::default(), barrier: Arc::new(Barrier::new(racers)) }
    }

    /// The endpoint on whose calls they meet; several can share a meeting.
    pub fn on(&self, endpoint: Endpoint) -> Endpoint {
        let meeting = self.clone();
        Endpoint::new(service_fn(move |request: http::Request<Body>| {
            let (endpoint, meeting) = (endpoint.clone(), meeting.clone());
            async move {
                if is_call(&request, meeting.rpc)
                    && meeting.arrived.fetch_add(1, Ordering::SeqCst) < meeting.racers as u64
                {
                    // Before the call is made all have come here, and after it all have their answers.
                    meeting.barrier.wait().await;
                    let response = endpoint.oneshot(request).await;
                    meeting.barrier.wait().await;
                    return response;
                }
                endpoint.oneshot(request).await
            }
        }))
    }
}

/// Holds the calls of an rpc until they are let through, and counts them.
#[derive(Debug, Clone)]
pub struct Gate {
    rpc: &'static str,
    held: Arc<AtomicU64>,
    most: Arc<AtomicU64>,
    open: Arc<Semaphore>,
}

impl Gate {
    /// Of this rpc, closed.
    pub fn new(rpc: &'static str) -> Self {
        Self { rpc, held: Arc::default(), most: Arc::default(), open: Arc::new(Semaphore::new(0)) }
    }

    /// How many calls it holds.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::SeqCst)
    }

    /// The most that it has held at once.
    pub fn most(&self) -> u64 {
        self.most.load(Ordering::SeqCst)
    }

    /// Lets so many calls through, those that come later too.
    pub fn let_through(&self, calls: usize) {
        self.open.add_permits(calls);
    }

    /// The endpoint behind the gate.
    pub fn on(&self, endpoint: Endpoint) -> Endpoint {
        let gate = self.clone();
        Endpoint::new(service_fn(move |request: http::Request<Body>| {
            let (endpoint, gate) = (endpoint.clone(), gate.clone());
            async move {
                if is_call(&request, gate.rpc) {
                    let held = gate.held.fetch_add(1, Ordering::SeqCst) + 1;
                    gate.most.fetch_max(held, Ordering::SeqCst);
                    // It is never closed for good.
                    if let Ok(permit) = gate.open.acquire().await {
                        permit.forget();
                    }
                    gate.held.fetch_sub(1, Ordering::SeqCst);
                }
                endpoint.oneshot(request).await
            }
        }))
    }
}
