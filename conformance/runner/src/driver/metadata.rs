//! What every call to an endpoint carries beside what the case puts on it.

use http::{HeaderMap, HeaderValue};
use prism_interfaces::{Endpoint, EndpointError};
use std::task::{Context, Poll};
use tonic::body::Body;
use tower::{Layer, Service};

/// Puts the same headers on every call.
#[derive(Debug, Clone)]
pub(super) struct Metadata(pub(super) HeaderMap<HeaderValue>);

impl Layer<Endpoint> for Metadata {
    type Service = WithMetadata;

    fn layer(&self, inner: Endpoint) -> WithMetadata {
        WithMetadata { inner, headers: self.0.clone() }
    }
}

/// An endpoint with [`Metadata`].
#[derive(Debug, Clone)]
pub(super) struct WithMetadata {
    inner: Endpoint,
    headers: HeaderMap<HeaderValue>,
}

impl Service<http::Request<Body>> for WithMetadata {
    type Response = http::Response<Body>;
    type Error = EndpointError;
    type Future = <Endpoint as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let headers = request.headers_mut();
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        self.inner.call(request)
    }
}
