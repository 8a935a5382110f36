//! What becomes of messages between the consumer and its handler.

use super::PATTERN;
use crate::{PatternMutant, consumer::HANDLER};
use futures::future::{BoxFuture, FutureExt};
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    pattern::consumer::v1::{
        HandleRequest, HandleResponse, Handled, Reject, Retry,
        handle_response::Verdict,
        handler_client::HandlerClient,
        handler_server::{Handler, HandlerServer},
    },
};
use prism_mutants::forward::like;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tonic::{Request, Response, Status};

type Answer = Result<Response<HandleResponse>, Status>;

pub(super) fn mutants() -> Vec<PatternMutant> {
    let mutant = |id, sentence, twist: fn(Endpoint) -> Endpoint| {
        PatternMutant::slot(id, PATTERN, sentence, HANDLER, twist)
    };
    vec![
        mutant(
            "pattern_consumer/fails_and_forgets",
            "A message whose first attempt fails is never tried again",
            |next| {
                answers(next, |answer| match verdict(&answer) {
                    Some(Verdict::Retry(_)) => handled(),
                    _ => answer,
                })
            },
        ),
        mutant(
            "pattern_consumer/counts_failures_together",
            "Failures are counted for all messages together: the first few are forgotten, the next is given up",
            |next| {
                let failures = Arc::new(AtomicU32::new(0));
                answers(next, move |answer| match verdict(&answer) {
                    Some(Verdict::Retry(retry)) if failures.fetch_add(1, Ordering::SeqCst) >= 2 => {
                        rejected(retry.reason.clone())
                    }
                    Some(Verdict::Retry(_)) => handled(),
                    _ => answer,
                })
            },
        ),
        mutant("pattern_consumer/hands_over_twice", "Every message is handed over twice", |next| {
            handing(next, |next, request| {
                async move {
                    let again = like(&request, request.get_ref().clone());
                    let answer = HandlerClient::new(next.clone()).handle(request).await;
                    match verdict(&answer) {
                        Some(Verdict::Handled(_)) => HandlerClient::new(next).handle(again).await,
                        _ => answer,
                    }
                }
                .boxed()
            })
        }),
        mutant(
            "pattern_consumer/always_the_first_attempt",
            "Every attempt says that it is the first",
            |next| requests(next, |request| request.get_mut().attempt = 1),
        ),
        mutant(
            "pattern_consumer/hands_over_no_headers",
            "The handler does not see the headers of messages",
            |next| {
                requests(next, |request| {
                    if let Some(message) = &mut request.get_mut().message {
                        message.headers.clear();
                    }
                })
            },
        ),
        mutant(
            "pattern_consumer/hands_over_no_time",
            "The handler does not see when a message was published",
            |next| {
                requests(next, |request| {
                    if let Some(message) = &mut request.get_mut().message {
                        message.published_at = None;
                    }
                })
            },
        ),
        mutant(
            "pattern_consumer/forgets_when_to_come_back",
            "The time that the handler asks for before the next attempt is ignored",
            |next| {
                answers(next, |answer| match verdict(&answer) {
                    Some(Verdict::Retry(retry)) => {
                        said(Verdict::Retry(Retry { reason: retry.reason.clone(), after: None }))
                    }
                    _ => answer,
                })
            },
        ),
        mutant(
            "pattern_consumer/takes_errors_for_handled",
            "An attempt that ends with an error counts as handled",
            |next| answers(next, |answer| answer.or_else(|_| handled())),
        ),
        mutant(
            "pattern_consumer/takes_nothing_for_handled",
            "An answer without a verdict counts as handled",
            |next| {
                answers(next, |answer| match &answer {
                    Ok(response) if response.get_ref().verdict.is_none() => handled(),
                    _ => answer,
                })
            },
        ),
        mutant(
            "pattern_consumer/errors_are_final",
            "A message is given up when an attempt ends with an error",
            |next| answers(next, |answer| answer.or_else(|status| rejected(status.message().to_owned()))),
        ),
        mutant("pattern_consumer/sets_no_deadline", "Attempts carry no deadline", |next| {
            requests(next, |request| {
                request.metadata_mut().remove("grpc-timeout");
            })
        }),
        mutant(
            "pattern_consumer/says_no_namespace",
            "Attempts do not say which namespace they are of",
            |next| {
                requests(next, |request| {
                    request.metadata_mut().remove(NAMESPACE_HEADER);
                })
            },
        ),
        mutant(
            "pattern_consumer/tries_rejected_again",
            "A rejected message is tried again like one that has failed",
            |next| {
                answers(next, |answer| match verdict(&answer) {
                    Some(Verdict::Reject(reject)) => {
                        said(Verdict::Retry(Retry { reason: reject.reason.clone(), after: None }))
                    }
                    _ => answer,
                })
            },
        ),
        mutant("pattern_consumer/forgets_rejected", "A rejected message counts as handled", |next| {
            answers(next, |answer| match verdict(&answer) {
                Some(Verdict::Reject(_)) => handled(),
                _ => answer,
            })
        }),
        mutant(
            "pattern_consumer/never_says_redelivered",
            "Messages of an earlier life are handed over as if they were new",
            |next| requests(next, |request| request.get_mut().redelivered = false),
        ),
        mutant(
            "pattern_consumer/always_says_redelivered",
            "New messages are handed over as if an earlier life had received them",
            |next| requests(next, |request| request.get_mut().redelivered = true),
        ),
    ]
}

#[expect(clippy::unnecessary_wraps, reason = "it takes the place of an answer that may be none")]
fn said(verdict: Verdict) -> Answer {
    Ok(Response::new(HandleResponse { verdict: Some(verdict) }))
}

fn handled() -> Answer {
    said(Verdict::Handled(Handled {}))
}

fn rejected(reason: String) -> Answer {
    said(Verdict::Reject(Reject { reason }))
}

fn verdict(answer: &Answer) -> Option<&Verdict> {
    answer.as_ref().ok().and_then(|response| response.get_ref().verdict.as_ref())
}

/// A handler with something in front of it.
struct Handing<F> {
    next: Endpoint,
    twist: F,
}

#[tonic::async_trait]
impl<F> Handler for Handing<F>
where
    F: Fn(Endpoint, Request<HandleRequest>) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
{
    async fn handle(&self, request: Request<HandleRequest>) -> Answer {
        (self.twist)(self.next.clone(), request).await
    }
}

fn handing(
    next: Endpoint,
    twist: impl Fn(Endpoint, Request<HandleRequest>) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
) -> Endpoint {
    Endpoint::new(HandlerServer::new(Handing { next, twist }))
}

/// Changes what the handler is asked.
fn requests(next: Endpoint, change: fn(&mut Request<HandleRequest>)) -> Endpoint {
    handing(next, move |next, mut request| {
        change(&mut request);
        async move { HandlerClient::new(next).handle(request).await }.boxed()
    })
}

/// Changes what the handler answers.
fn answers(next: Endpoint, change: impl Fn(Answer) -> Answer + Send + Sync + 'static) -> Endpoint {
    let change = Arc::new(change);
    handing(next, move |next, request| {
        let change = Arc::clone(&change);
        async move { change(HandlerClient::new(next).handle(request).await) }.boxed()
    })
}
