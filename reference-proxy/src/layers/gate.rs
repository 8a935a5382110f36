//! Counts calls in flight and refuses new ones while the proxy drains.

use super::{Passed, refuse};
use crate::{call::Call, drain::Drain};
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
pub(crate) struct GateLayer {
    pub(crate) drain: Arc<Drain>,
}

#[derive(Debug, Clone)]
pub(crate) struct Gate<S> {
    inner: S,
    drain: Arc<Drain>,
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, drain: Arc::clone(&self.drain) }
    }
}

impl<S> Service<Request<Body>> for Gate<S>
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
        match self.drain.enter() {
            Ok(entered) => {
                if let Some(call) = request.extensions().get::<Call>() {
                    call.hold(entered);
                }
                Either::Right(self.inner.call(request))
            }
            Err(refusal) => refuse(refusal),
        }
    }
}
