//! The one seam: anything that answers gRPC.
//!
//! An in-process driver is `tonic::service::Routes`, used directly as the transport of a generated client; a driver in
//! another process is a `Channel`. Layers that observe or disturb are tower layers over an [`Endpoint`], which gives
//! an [`Endpoint`] again.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

/// A boxed, cloneable gRPC service: the transport that every generated client takes.
#[derive(Clone)]
pub struct Endpoint(BoxCloneSyncService<http::Request<Body>, http::Response<Body>, EndpointError>);

/// Why an [`Endpoint`] could not carry a call at all. A concrete type, because a boxed error makes the futures of
/// generic callers lose `Send`.
#[derive(Debug, Clone)]
pub struct EndpointError(Arc<dyn Error + Send + Sync>);

impl EndpointError {
    /// Wraps any error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for EndpointError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The wrapped error itself, so that tonic finds its own transport errors in the chain.
        Some(&*self.0)
    }
}

impl Endpoint {
    /// Makes an endpoint of any gRPC service.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::Future: Send + 'static,
    {
        Self(BoxCloneSyncService::new(service.map_err(EndpointError::new)))
    }

    /// The endpoint with a layer around it.
    pub fn layer<L>(&self, layer: L) -> Self
    where
        L: Layer<Self>,
        L::Service:
            Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + Sync + 'static,
        <L::Service as Service<http::Request<Body>>>::Error: Into<Box<dyn Error + Send + Sync>>,
        <L::Service as Service<http::Request<Body>>>::Future: Send + 'static,
    {
        Self::new(layer.layer(self.clone()))
    }
}

impl Service<http::Request<Body>> for Endpoint {
    type Response = http::Response<Body>;
    type Error = EndpointError;
    type Future =
        <BoxCloneSyncService<http::Request<Body>, http::Response<Body>, EndpointError> as Service<
            http::Request<Body>,
        >>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint")
    }
}
