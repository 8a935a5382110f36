//! Errors as the contract wants them: a gRPC status with `google.rpc.ErrorInfo` of domain `prism`.

use crate::contract::v1::Reason;
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "prism";

/// The key in `ErrorInfo.metadata` that says what became of a write.
pub const OUTCOME_KEY: &str = "outcome";

/// What became of a write that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It has changed nothing and never will.
    NotApplied,
    /// It may have been applied, or may yet be.
    Unknown,
}

impl WriteOutcome {
    /// As it stands in `ErrorInfo.metadata`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotApplied => "not_applied",
            Self::Unknown => "unknown",
        }
    }
}

/// An error that is being put together; turns into a [`Status`].
///
/// ```
/// use prism_interfaces::{Fault, contract::v1::Reason};
/// let status: tonic::Status = Fault::invalid_argument(Reason::NameEmpty, "the key is empty").field("key").into();
/// assert_eq!(status.code(), tonic::Code::InvalidArgument);
/// assert_eq!(prism_interfaces::fault::reason(&status).as_deref(), Some("NAME_EMPTY"));
/// ```
#[derive(Debug, Clone)]
pub struct Fault {
    code: Code,
    reason: Reason,
    message: String,
    outcome: WriteOutcome,
    field: Option<String>,
    retry: Option<Duration>,
    metadata: HashMap<String, String>,
}

impl Fault {
    /// An error that has changed nothing; see [`Fault::unknown_outcome`] for the other kind.
    pub fn new(code: Code, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            outcome: WriteOutcome::NotApplied,
            field: None,
            retry: None,
            metadata: HashMap::new(),
        }
    }

    /// INVALID_ARGUMENT: the request is wrong, whatever the state.
    pub fn invalid_argument(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, reason, message)
    }

    /// FAILED_PRECONDITION: the request does not fit the state.
    pub fn failed_precondition(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, reason, message)
    }

    /// NOT_FOUND: a named thing that must exist does not.
    pub fn not_found(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, reason, message)
    }

    /// ABORTED: lost against somebody else; nothing was applied.
    pub fn aborted(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Code::Aborted, reason, message)
    }

    /// UNAVAILABLE: not now.
    pub fn unavailable(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, reason, message)
    }

    /// Says that a write may have been applied all the same.
    pub fn unknown_outcome(mut self) -> Self {
        self.outcome = WriteOutcome::Unknown;
        self
    }

    /// Names the field of the request that is wrong (`google.rpc.BadRequest`).
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says when to try again (`google.rpc.RetryInfo`).
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry = Some(delay);
        self
    }

    /// Adds to `ErrorInfo.metadata`.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let mut metadata = fault.metadata;
        metadata.insert(OUTCOME_KEY.to_owned(), fault.outcome.as_str().to_owned());
        let mut details = ErrorDetails::new();
        details.set_error_info(fault.reason.as_str_name(), DOMAIN, metadata);
        if let Some(field) = fault.field {
            details.add_bad_request_violation(field, fault.message.clone());
        }
        if let Some(delay) = fault.retry {
            details.set_retry_info(Some(delay));
        }
        Status::with_error_details(fault.code, fault.message, details)
    }
}

/// The `ErrorInfo.reason` of a status, where its domain is `prism`.
pub fn reason(status: &Status) -> Option<String> {
    let info = status.get_details_error_info()?;
    (info.domain == DOMAIN).then_some(info.reason)
}

/// What a status says became of a write.
pub fn write_outcome(status: &Status) -> Option<WriteOutcome> {
    let info = status.get_details_error_info()?;
    match info.metadata.get(OUTCOME_KEY)?.as_str() {
        "not_applied" => Some(WriteOutcome::NotApplied),
        "unknown" => Some(WriteOutcome::Unknown),
        _ => None,
    }
}

/// `told`, which says what a status is, with the reasons behind the status, in one line: such as a connection that was
/// refused.
pub fn with_sources(told: String, status: &Status) -> String {
    let mut text = told;
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_becomes_a_status_with_all_its_details() {
        let status: Status = Fault::aborted(Reason::TransactionConflict, "lost")
            .unknown_outcome()
            .retry_after(Duration::from_millis(5))
            .metadata("key", "a")
            .into();
        assert_eq!((status.code(), status.message()), (Code::Aborted, "lost"));
        assert_eq!(reason(&status).as_deref(), Some("TRANSACTION_CONFLICT"));
        assert_eq!(write_outcome(&status), Some(WriteOutcome::Unknown));
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_millis(5)));
        assert_eq!(status.get_details_error_info().unwrap().metadata["key"], "a");
    }

    #[test]
    fn a_foreign_domain_has_no_reason() {
        let mut details = ErrorDetails::new();
        details.set_error_info("X", "elsewhere", HashMap::new());
        assert_eq!(reason(&Status::with_error_details(Code::Internal, "", details)), None);
    }
}
