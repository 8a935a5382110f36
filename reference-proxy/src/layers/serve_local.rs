//! Answers the services that the proxy has itself where clients call: health and reflection.

use super::Answer;
use crate::{
    local::LocalServices,
    refusal::{Refusal, reason},
};
use futures::future::{Either, ready};
use http::{Request, Response};
use std::{
    convert::Infallible,
    task::{Context, Poll},
};
use tonic::{Code, body::Body};
use tower::{Layer, Service};

#[derive(Debug, Clone)]
pub(crate) struct LocalLayer {
    pub(crate) services: LocalServices,
}

#[derive(Debug, Clone)]
pub(crate) struct Local<S> {
    inner: S,
    services: LocalServices,
}

impl<S> Layer<S> for LocalLayer {
    type Service = Local<S>;

    fn layer(&self, inner: S) -> Local<S> {
        Local { inner, services: self.services.clone() }
    }
}

impl<S> Service<Request<Body>> for Local<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Answer, super::Passed<S::Future>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        if path.starts_with("/grpc.health.v1.") || path.starts_with("/grpc.reflection.") {
            return Either::Left(self.services.call(request));
        }
        if path.starts_with("/prism.proxy.v1.") {
            let refusal = Refusal::new(
                Code::Unimplemented,
                reason::NOT_SERVED,
                "the admin service is at the admin address only",
            );
            return Either::Right(Either::Left(ready(Ok(refusal.into_response()))));
        }
        Either::Right(Either::Right(self.inner.call(request)))
    }
}
