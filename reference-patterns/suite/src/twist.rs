//! What is put between a pattern and a slot.

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
