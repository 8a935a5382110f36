//! Statuses that say something else.

use super::body;
use http::{HeaderMap, Response};
use http_body::Frame;
use std::collections::HashMap;
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt};

/// Changes the headers and the trailers of an answer.
pub(super) fn everywhere(
    response: Response<Body>,
    change: impl Fn(&mut HeaderMap) + Send + 'static,
) -> Response<Body> {
    let (mut parts, inner) = response.into_parts();
    change(&mut parts.headers);
    let inner = body::map(inner, move |frame| match frame.into_trailers() {
        Ok(mut trailers) => {
            change(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    });
    Response::from_parts(parts, inner)
}

/// Where the code is `from`, says `to`.
pub(super) fn code(headers: &mut HeaderMap, from: Code, to: Code) {
    let says = |code: Code| (code as i32).to_string();
    if headers.get("grpc-status").is_some_and(|status| status.as_bytes() == says(from).as_bytes()) {
        headers.insert("grpc-status", says(to).parse().expect("digits"));
    }
}

/// Changes the details of a status that has an ErrorInfo: its metadata, and whether a hint when to try again stays.
pub(super) fn details(headers: &mut HeaderMap, keeps_hint: bool, change: fn(&mut HashMap<String, String>)) {
    let Some(status) = Status::from_header_map(headers) else { return };
    let Some(info) = status.get_details_error_info() else { return };
    let mut metadata = info.metadata;
    change(&mut metadata);
    let mut details = ErrorDetails::new();
    details.set_error_info(info.reason, info.domain, metadata);
    if let Some(hint) = status.get_details_retry_info().filter(|_| keeps_hint) {
        details.set_retry_info(hint.retry_delay);
    }
    let changed = Status::with_error_details(status.code(), status.message(), details);
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
        headers.remove(name);
    }
    changed.add_header(headers).expect("headers");
}

/// The reason that a status in headers names.
pub(super) fn reason(headers: &HeaderMap) -> Option<String> {
    Some(Status::from_header_map(headers)?.get_details_error_info()?.reason)
}

/// As the proxy itself would refuse.
pub(super) fn refusal(code: Code, reason: &str, outcome: &str) -> Status {
    let metadata = HashMap::from([("outcome".to_owned(), outcome.to_owned())]);
    Status::with_error_details(code, reason, ErrorDetails::with_error_info(reason, "prism", metadata))
}
