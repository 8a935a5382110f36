//! An endpoint that can be pointed elsewhere.

use prism_interfaces::{Endpoint, EndpointError};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
};
use tonic::body::Body;
use tower::{Service, ServiceExt};

/// Sends each call to where it points when the call is made; clones point to the same place.
#[derive(Debug, Clone)]
pub(super) struct Switch(Arc<RwLock<Endpoint>>);

impl Switch {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self(Arc::new(RwLock::new(endpoint)))
    }

    pub(super) fn point_to(&self, endpoint: Endpoint) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = endpoint;
    }
}

impl Service<http::Request<Body>> for Switch {
    type Response = http::Response<Body>;
    type Error = EndpointError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Where it will point by the time of the call is not known yet; the call waits for readiness itself.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let endpoint = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(endpoint.oneshot(request))
    }
}
