//! The innermost service: sends a call to its upstream and hands back what comes.

use crate::{
    body::{RequestBody, ResponseBody},
    call::Call,
    deadline,
    layers::{Answer, REQUEST_ID},
    refusal::{Refusal, reason},
    upstream::{Ticket, chain},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    error::Error,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Code, body::Body};
use tower::Service;

/// A call of which nothing was sent is tried on another connection so often.
const TRIES: usize = 3;
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Carries calls whose target is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forward;

impl Service<Request<Body>> for Forward {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        Box::pin(async move {
            let call = request.extensions().get::<Call>().cloned();
            let response = match call {
                Some(call) => carry(request, &call).await.unwrap_or_else(|refusal| {
                    call.close();
                    refusal.into_response()
                }),
                None => Refusal::new(Code::Internal, reason::NOT_SERVED, "the call passed no layer before")
                    .into_response(),
            };
            Ok(response)
        })
    }
}

async fn carry(request: Request<Body>, call: &Call) -> Result<Response<Body>, Refusal> {
    let Some(target) = call.target() else {
        return Err(Refusal::new(Code::NotFound, reason::NAMESPACE_UNKNOWN, "the call has no target"));
    };
    let mut deadline = call.deadline().map(|deadline| Box::pin(sleep_until(deadline)));
    let mut request = request.map(|body| Body::new(RequestBody::new(body, call)));
    prepare(&mut request, call);
    let mut tries = 0;
    loop {
        tries += 1;
        let ticket = tokio::select! {
            biased;
            refusal = ending(call, &mut deadline) => return Err(refusal),
            ticket = target.route.upstream.acquire() => ticket?,
        };
        let mut sender = ticket.sender();
        if let Some(deadline) = call.deadline() {
            let left = deadline.saturating_duration_since(Instant::now());
            request.headers_mut().insert(deadline::GRPC_TIMEOUT, deadline::header(left));
        }
        *request.uri_mut() = sender.uri(request.uri());
        call.set_sent(true);
        let answer = tokio::select! {
            biased;
            refusal = ending(call, &mut deadline) => return Err(refusal),
            answer = sender.send(request) => answer,
        };
        match answer {
            Ok(response) => return accept(response, call, deadline, ticket),
            Err(failed) => {
                // A message that was too large ends the call by breaking the request off.
                if call.over().is_cancelled() {
                    return Err(call.ending());
                }
                let Some(unsent) = failed.unsent else { return Err(broken(&failed.error, call)) };
                call.set_sent(false);
                if tries == TRIES {
                    return Err(broken(&failed.error, call));
                }
                request = *unsent;
            }
        }
    }
}

/// Why a call ends before the upstream has answered.
async fn ending(call: &Call, deadline: &mut Option<Pin<Box<Sleep>>>) -> Refusal {
    let passed = async {
        match deadline {
            Some(deadline) => deadline.as_mut().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = call.over().cancelled() => call.ending(),
        () = passed => call.deadline_passed(),
    }
}

fn prepare(request: &mut Request<Body>, call: &Call) {
    *request.version_mut() = http::Version::HTTP_2;
    request.extensions_mut().clear();
    let headers = request.headers_mut();
    headers.remove(header::HOST);
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(REQUEST_ID, call.id().clone());
}

/// Hands the answer on if it is gRPC; its body follows by itself.
fn accept(
    response: Response<Incoming>,
    call: &Call,
    deadline: Option<Pin<Box<Sleep>>>,
    ticket: Ticket,
) -> Result<Response<Body>, Refusal> {
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let is_grpc = content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    if status != StatusCode::OK || !is_grpc {
        return Err(not_grpc(status, call));
    }
    let mut response = response;
    // The proxy may end the call before the announced length is reached, and trailers carry the status anyway.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    Ok(response.map(|body| Body::new(ResponseBody::new(body, call.clone(), deadline, ticket))))
}

/// As gRPC maps the codes of HTTP.
fn not_grpc(status: StatusCode, call: &Call) -> Refusal {
    let code = match status.as_u16() {
        400 | 431 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502..=504 => Code::Unavailable,
        _ => Code::Unknown,
    };
    let message = format!("the upstream answered with HTTP {} and not with gRPC", status.as_u16());
    Refusal::new(code, reason::UPSTREAM_FAILED, message).outcome(call.outcome())
}

/// A call that the upstream or its connection broke off.
pub(crate) fn broken(error: &hyper::Error, call: &Call) -> Refusal {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut found = None;
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            found = Some(error);
            break;
        }
        cause = error.source();
    }
    let name = call.target().map(|target| target.route.upstream.config().name.clone()).unwrap_or_default();
    let refusal = match found {
        Some(reset) if reset.is_reset() && reset.is_remote() => {
            let code = reset.reason().unwrap_or(h2::Reason::INTERNAL_ERROR);
            match code {
                // The upstream promises that it has not looked at the call.
                h2::Reason::REFUSED_STREAM => Refusal::new(
                    Code::Unavailable,
                    reason::UPSTREAM_UNAVAILABLE,
                    format!("the upstream `{name}` takes no further calls on this connection"),
                )
                .retry_after(RETRY_AFTER),
                _ => Refusal::new(
                    match code {
                        h2::Reason::CANCEL => Code::Cancelled,
                        h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
                        h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
                        _ => Code::Internal,
                    },
                    reason::UPSTREAM_FAILED,
                    format!("the upstream `{name}` broke off the call: {code}"),
                )
                .outcome(call.outcome()),
            }
        }
        _ => Refusal::new(
            Code::Unavailable,
            reason::UPSTREAM_UNAVAILABLE,
            format!("the connection to the upstream `{name}` broke: {}", chain(error)),
        )
        .outcome(call.outcome())
        .retry_after(RETRY_AFTER),
    };
    refusal.metadata("upstream", name)
}
