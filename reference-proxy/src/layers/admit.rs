//! Reads the headers of a call: size, deadline, namespace, and with it the route. Bodies are not looked at.

use super::{Passed, refuse};
use crate::{
    call::Call,
    deadline,
    proxy::Table,
    refusal::{Refusal, reason},
};
use futures::future::{Either, ready};
use http::{HeaderMap, Request, Response, StatusCode, header};
use prism_interfaces::{NAMESPACE_HEADER, Namespace, NamespaceError};
use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tonic::{Code, body::Body};
use tower::{Layer, Service};

#[derive(Debug, Clone)]
pub(crate) struct AdmitLayer {
    pub(crate) table: Arc<Table>,
}

#[derive(Debug, Clone)]
pub(crate) struct Admit<S> {
    inner: S,
    table: Arc<Table>,
}

impl<S> Layer<S> for AdmitLayer {
    type Service = Admit<S>;

    fn layer(&self, inner: S) -> Admit<S> {
        Admit { inner, table: Arc::clone(&self.table) }
    }
}

impl<S> Admit<S> {
    fn admit(&self, request: &Request<Body>) -> Result<(), Refusal> {
        let headers = request.headers();
        let routes = self.table.routes();
        let (size, most) = (size(headers), routes.max_header_bytes());
        if size > most as usize {
            return Err(Refusal::new(
                Code::ResourceExhausted,
                reason::HEADERS_TOO_LARGE,
                format!("the headers of the call have {size} bytes and may have {most}"),
            )
            .metadata("limit", most.to_string()));
        }
        let namespace = namespace(headers)?;
        let timeout = deadline::read(headers).map_err(|deadline::Malformed| {
            Refusal::new(
                Code::InvalidArgument,
                reason::ARGUMENT_INVALID,
                "the header `grpc-timeout` must be one to eight digits and one of `H`, `M`, `S`, `m`, `u`, `n`",
            )
        })?;
        let Some(group) = routes.find(&namespace) else {
            return Err(Refusal::new(
                Code::NotFound,
                reason::NAMESPACE_UNKNOWN,
                format!("no upstream serves the namespace `{namespace}`"),
            )
            .metadata("namespace", namespace.as_str()));
        };
        let service = service(request.uri().path());
        let Some(route) = group.of(service) else {
            return Err(Refusal::new(
                Code::Unimplemented,
                reason::NOT_SERVED,
                format!("the namespace `{namespace}` does not serve `{service}`"),
            )
            .metadata("namespace", namespace.as_str())
            .metadata("service", service));
        };
        let Some(call) = request.extensions().get::<Call>() else { return Ok(()) };
        if let Some(timeout) = timeout {
            call.set_timeout(timeout);
            if timeout <= Duration::ZERO {
                return Err(call.deadline_passed());
            }
        }
        call.set_target(namespace, Arc::clone(route));
        Ok(())
    }
}

fn namespace(headers: &HeaderMap) -> Result<Namespace, Refusal> {
    let refused = |error: NamespaceError| {
        let reason = match error {
            NamespaceError::Missing => reason::NAMESPACE_MISSING,
            NamespaceError::Malformed => reason::NAMESPACE_MALFORMED,
        };
        Refusal::new(Code::InvalidArgument, reason, error.to_string())
    };
    // Which of two the upstream would take is not known here.
    if headers.get_all(NAMESPACE_HEADER).iter().nth(1).is_some() {
        return Err(refused(NamespaceError::Malformed));
    }
    Namespace::from_headers(headers).map_err(refused)
}

/// The full name in the path of a method; what has no method belongs to no service.
fn service(path: &str) -> &str {
    path.strip_prefix('/').and_then(|path| path.rsplit_once('/')).map_or("", |(service, _)| service)
}

/// As HTTP/2 counts it.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

fn is_grpc(request: &Request<Body>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    request.method() == http::Method::POST
        && content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

impl<S> Service<Request<Body>> for Admit<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Passed<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if !is_grpc(&request) {
            // What is not gRPC could not read a gRPC status.
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Either::Left(ready(Ok(response)));
        }
        match self.admit(&request) {
            Ok(()) => Either::Right(self.inner.call(request)),
            Err(refusal) => refuse(refusal),
        }
    }
}
