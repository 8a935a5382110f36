//! Holds each namespace to its limits.

use super::{Passed, refuse};
use crate::{
    call::Call,
    config::Limits,
    limits::{Books, Share},
    refusal::Refusal,
};
use futures::future::Either;
use http::{Request, Response};
use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::body::Body;
use tower::{Layer, Service};

#[derive(Debug, Clone)]
pub(crate) struct LimitLayer {
    pub(crate) books: Arc<Books>,
}

#[derive(Debug, Clone)]
pub(crate) struct Limit<S> {
    inner: S,
    books: Arc<Books>,
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Limit<S> {
        Limit { inner, books: Arc::clone(&self.books) }
    }
}

impl<S> Limit<S> {
    fn admit(&self, request: &Request<Body>) -> Result<(), Refusal> {
        let Some(call) = request.extensions().get::<Call>() else { return Ok(()) };
        let Some(target) = call.target() else { return Ok(()) };
        let limits: &Limits = &target.route.limits;
        if let Some(bytes) = limits.max_message_bytes {
            call.set_message_limit(bytes);
        }
        if limits.max_concurrent.is_some() || limits.rate.is_some() {
            let services = Arc::clone(&target.route.share);
            let share = Share { namespace: target.namespace.clone(), services };
            call.hold(self.books.admit(share, limits)?);
        }
        Ok(())
    }
}

impl<S> Service<Request<Body>> for Limit<S>
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
        match self.admit(&request) {
            Ok(()) => Either::Right(self.inner.call(request)),
            Err(refusal) => refuse(refusal),
        }
    }
}
