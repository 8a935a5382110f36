//! Puts the namespace and a deadline on every call of a case.

use http::HeaderValue;
use prism_interfaces::{Endpoint, NAMESPACE_HEADER, catalogue};
use std::{
    collections::HashSet,
    sync::LazyLock,
    task::{Context, Poll},
};
use tonic::body::Body;
use tower::{Layer, Service};

/// The deadline of a unary call that sets none itself. Generous: it is there so that a hanging driver is noticed.
const DEFAULT_TIMEOUT: HeaderValue = HeaderValue::from_static("10S");

static STREAMS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    catalogue::services()
        .flat_map(|service| service.rpcs)
        .filter(|rpc| rpc.server_streaming)
        .map(|rpc| rpc.path)
        .collect()
});

/// Adds the headers that cases do not want to think about, where they are not there already.
#[derive(Debug, Clone)]
pub struct Seam {
    namespace: Option<HeaderValue>,
}

impl Seam {
    /// Calls go to this namespace.
    pub fn namespace(namespace: &str) -> Self {
        Self { namespace: HeaderValue::from_str(namespace).ok() }
    }

    /// Calls carry no namespace but their own.
    pub fn bare() -> Self {
        Self { namespace: None }
    }
}

impl Layer<Endpoint> for Seam {
    type Service = Seamed;

    fn layer(&self, inner: Endpoint) -> Seamed {
        Seamed { inner, seam: self.clone() }
    }
}

/// An endpoint with a [`Seam`].
#[derive(Debug, Clone)]
pub struct Seamed {
    inner: Endpoint,
    seam: Seam,
}

impl Service<http::Request<Body>> for Seamed {
    type Response = http::Response<Body>;
    type Error = prism_interfaces::EndpointError;
    type Future = <Endpoint as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let stream = STREAMS.contains(request.uri().path());
        let headers = request.headers_mut();
        if let Some(namespace) = &self.seam.namespace {
            headers.entry(NAMESPACE_HEADER).or_insert_with(|| namespace.clone());
        }
        if !stream {
            headers.entry("grpc-timeout").or_insert(DEFAULT_TIMEOUT);
        }
        self.inner.call(request)
    }
}
