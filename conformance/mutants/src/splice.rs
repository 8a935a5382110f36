//! Puts things in front of an endpoint.

use futures::future::{BoxFuture, FutureExt};
use prism_interfaces::{Endpoint, EndpointError};
use std::{
    convert::Infallible,
    task::{Context, Poll},
};
use tonic::{body::Body, server::NamedService};
use tower::{Service, ServiceExt, service_fn};

/// Sends the calls of one service to `service` and all others to `rest`.
pub fn splice<S>(rest: Endpoint, service: S) -> Endpoint
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    Endpoint::new(Spliced { rest, service })
}

#[derive(Clone)]
struct Spliced<S> {
    rest: Endpoint,
    service: S,
}

impl<S> Service<http::Request<Body>> for Spliced<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = EndpointError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let ours = path
            .strip_prefix('/')
            .and_then(|path| path.split_once('/'))
            .is_some_and(|(name, _)| name == S::NAME);
        if ours {
            let service = self.service.clone();
            async move {
                match service.oneshot(request).await {
                    Ok(response) => Ok(response),
                    Err(never) => match never {},
                }
            }
            .boxed()
        } else {
            self.rest.clone().oneshot(request).boxed()
        }
    }
}

/// Changes every request, whatever the service.
pub fn every_request(
    rest: Endpoint,
    change: impl Fn(&mut http::Request<Body>) + Clone + Send + Sync + 'static,
) -> Endpoint {
    Endpoint::new(service_fn(move |mut request: http::Request<Body>| {
        change(&mut request);
        rest.clone().oneshot(request)
    }))
}

/// Changes the head of every answer, knowing the path that was asked for.
pub fn every_response(
    rest: Endpoint,
    change: impl Fn(&str, &mut http::Response<Body>) + Clone + Send + Sync + 'static,
) -> Endpoint {
    Endpoint::new(service_fn(move |request: http::Request<Body>| {
        let (rest, change, path) = (rest.clone(), change.clone(), request.uri().path().to_owned());
        async move {
            let mut response = rest.oneshot(request).await?;
            change(&path, &mut response);
            Ok::<_, EndpointError>(response)
        }
    }))
}
