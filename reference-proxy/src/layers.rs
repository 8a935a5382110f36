//! The layers that a call passes before it is forwarded.
//!
//! All are layers over `Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>` and are always
//! ready. They share what they know of a call through the `Call` in the request's extensions,
//! which the outermost one puts there.

mod admit;
mod gate;
mod limit;
mod observe;
mod serve_local;

pub(crate) use admit::{Admit, AdmitLayer};
pub(crate) use gate::{Gate, GateLayer};
pub(crate) use limit::{Limit, LimitLayer};
pub(crate) use observe::{Observe, ObserveLayer};
pub(crate) use serve_local::{Local, LocalLayer};

use crate::refusal::Refusal;
use futures::future::{Either, Ready, ready};
use http::{HeaderName, Response};
use std::{convert::Infallible, future::Future, pin::Pin};
use tonic::body::Body;

/// The header with the id of a call: taken from the client or made here, passed on, and returned.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An answer that is on its way.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The answer of a layer that passes a call on or answers it at once.
pub(crate) type Passed<F> = Either<Ready<Result<Response<Body>, Infallible>>, F>;

fn refuse<F>(refusal: Refusal) -> Passed<F> {
    Either::Left(ready(Ok(refusal.into_response())))
}
