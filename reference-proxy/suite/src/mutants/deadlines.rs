use super::{Mutant, body, mutant, status};
use crate::{Faults, faults::pass};
use http::HeaderValue;
use std::time::Duration;
use tonic::Code;

const CALL: &str = "deadlines/call_ends_at_its_deadline";
const TIMEOUT: &str = "grpc-timeout";

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "ignores_deadlines",
            "Calls go on whatever their deadline",
            &[
                CALL,
                "deadlines/stream_ends_at_its_deadline",
                "deadlines/passed_or_malformed_reaches_nobody",
                "outages/deadline_holds_while_connecting",
            ],
            || Faults::request(|request| drop(request.headers_mut().remove(TIMEOUT))),
        ),
        mutant("keeps_deadlines_to_itself", "The upstream is not told the deadline", &[CALL], || {
            Faults::behind(|parts| drop(parts.headers.remove(TIMEOUT)))
        }),
        mutant("passes_whole_deadlines_on", "The upstream is told the deadline as it was", &[CALL], || {
            Faults::behind(|parts| {
                if let Some(timeout) = parts.headers.get_mut(TIMEOUT) {
                    *timeout = HeaderValue::from_static("300m");
                }
            })
        }),
        mutant(
            "invents_deadlines",
            "The upstream is told a deadline where there is none",
            &["metadata/comes_through_in_both_directions", "metadata/nothing_is_added"],
            || {
                Faults::behind(|parts| {
                    parts.headers.entry(TIMEOUT).or_insert(HeaderValue::from_static("10S"));
                })
            },
        ),
        mutant("deadline_ends_the_client_alone", "The upstream goes on after the deadline", &[CALL], || {
            Faults::front(|mut request, way| {
                Box::pin(async move {
                    let has = request.headers().get(TIMEOUT).is_some_and(|timeout| timeout == "300m");
                    if !has {
                        return pass(way, request).await;
                    }
                    // So that the proxy does not end it.
                    request.headers_mut().insert(TIMEOUT, HeaderValue::from_static("9000000m"));
                    let call = tokio::spawn(pass(way, request));
                    match tokio::time::timeout(Duration::from_millis(300), call).await {
                        Ok(Ok(response)) => response,
                        _ => status::refusal(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "unknown")
                            .into_http(),
                    }
                })
            })
        }),
        mutant(
            "ignores_cancellation",
            "The upstream goes on when the client has gone",
            &["deadlines/cancelled_call_ends_at_the_upstream", "deadlines/lost_connection_ends_its_calls"],
            || {
                Faults::front(|request, way| {
                    let call = tokio::spawn(async move { pass(way, request).await.map(body::piled_up) });
                    Box::pin(async move {
                        call.await
                            .unwrap_or_else(|error| tonic::Status::internal(error.to_string()).into_http())
                    })
                })
            },
        ),
    ]
}
