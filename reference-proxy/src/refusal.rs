//! Errors that the proxy makes itself: a gRPC status with `google.rpc.ErrorInfo` of domain `prism`.

use http::HeaderMap;
use prism_interfaces::{
    WriteOutcome,
    fault::{DOMAIN, OUTCOME_KEY},
};
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt};

/// The stable words in `ErrorInfo.reason`. Those that the contract's `Reason` has too are spelled as there.
pub mod reason {
    /// The namespace header is missing.
    pub const NAMESPACE_MISSING: &str = "NAMESPACE_MISSING";
    /// The namespace header has a form that is not allowed.
    pub const NAMESPACE_MALFORMED: &str = "NAMESPACE_MALFORMED";
    /// No rule takes the namespace.
    pub const NAMESPACE_UNKNOWN: &str = "NAMESPACE_UNKNOWN";
    /// Another header has a value that cannot be used.
    pub const ARGUMENT_INVALID: &str = "ARGUMENT_INVALID";
    /// The headers of the call are larger than allowed.
    pub const HEADERS_TOO_LARGE: &str = "HEADERS_TOO_LARGE";
    /// The namespace has as many calls in flight as it may have.
    pub const CONCURRENCY_LIMIT: &str = "CONCURRENCY_LIMIT";
    /// The namespace calls faster than it may.
    pub const RATE_LIMIT: &str = "RATE_LIMIT";
    /// A message is larger than the namespace may send or get.
    pub const MESSAGE_TOO_LARGE: &str = "MESSAGE_TOO_LARGE";
    /// There is no connection to the upstream, or it broke.
    pub const UPSTREAM_UNAVAILABLE: &str = "UPSTREAM_UNAVAILABLE";
    /// Every connection to the upstream has as many calls as the upstream allows.
    pub const UPSTREAM_SATURATED: &str = "UPSTREAM_SATURATED";
    /// The upstream broke off the call, or answered with something that is not gRPC.
    pub const UPSTREAM_FAILED: &str = "UPSTREAM_FAILED";
    /// The service is not served at this address.
    pub const NOT_SERVED: &str = "NOT_SERVED";
    /// The deadline of the call has passed.
    pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
    /// The proxy drains: it finishes what it has and takes nothing new.
    pub const DRAINING: &str = "DRAINING";
}

/// Why the proxy does not, or no longer, carry a call.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    code: Code,
    reason: &'static str,
    message: String,
    outcome: WriteOutcome,
    retry: Option<Duration>,
    metadata: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A refusal of a call that was certainly not passed on.
    pub(crate) fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            outcome: WriteOutcome::NotApplied,
            retry: None,
            metadata: Vec::new(),
        }
    }

    /// Says what became of a write.
    pub(crate) fn outcome(mut self, outcome: WriteOutcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Says when to try again.
    pub(crate) fn retry_after(mut self, delay: Duration) -> Self {
        self.retry = Some(delay);
        self
    }

    /// Adds to `ErrorInfo.metadata`.
    pub(crate) fn metadata(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((key, value.into()));
        self
    }

    /// As an answer with nothing but headers.
    pub(crate) fn into_response(self) -> http::Response<Body> {
        Status::from(self).into_http()
    }

    /// As the trailers of an answer that has begun.
    pub(crate) fn into_trailers(self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        // The proxy's own messages have only characters that can be encoded, whatever was put into them.
        if Status::from(self).add_header(&mut trailers).is_err() {
            trailers.clear();
            trailers.insert("grpc-status", http::HeaderValue::from_static("13"));
        }
        trailers
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut metadata: HashMap<String, String> =
            refusal.metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        metadata.insert(OUTCOME_KEY.to_owned(), refusal.outcome.as_str().to_owned());
        let mut details = ErrorDetails::new();
        details.set_error_info(refusal.reason, DOMAIN, metadata);
        if let Some(delay) = refusal.retry {
            details.set_retry_info(Some(delay));
        }
        Status::with_error_details(refusal.code, refusal.message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_the_same_in_headers_and_in_trailers() {
        let refusal = Refusal::new(Code::Unavailable, reason::UPSTREAM_UNAVAILABLE, "näh\n")
            .outcome(WriteOutcome::Unknown)
            .retry_after(Duration::from_millis(20))
            .metadata("upstream", "a");
        let response = refusal.clone().into_response();
        let trailers = refusal.into_trailers();
        for headers in [response.headers(), &trailers] {
            let status = Status::from_header_map(headers).expect("a status");
            assert_eq!((status.code(), status.message()), (Code::Unavailable, "näh\n"));
            assert_eq!(prism_interfaces::fault::reason(&status).as_deref(), Some("UPSTREAM_UNAVAILABLE"));
            assert_eq!(prism_interfaces::fault::write_outcome(&status), Some(WriteOutcome::Unknown));
            let retry = status.get_details_retry_info().expect("a hint");
            assert_eq!(retry.retry_delay, Some(Duration::from_millis(20)));
        }
    }
}
