//! What a case says in the end.

use std::fmt;
use tonic::{Code, Status};

/// `Ok` where the driver did what the clauses demand.
pub type Verdict = Result<(), Failure>;

/// What kind of trouble a case met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The driver broke a clause.
    Violation,
    /// The driver, or the server behind it, could not be reached: nothing is said about conformance.
    Unreachable,
    /// A call did not end in time.
    Timeout,
    /// The machine was too slow for a verdict about time.
    Inconclusive,
    /// The case itself could not be carried out.
    Harness,
}

/// Why a case did not pass, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of trouble it is.
    pub kind: FailureKind,
    /// The clause that is broken, where it is not the first one that the case cites.
    pub clause: Option<&'static str>,
    /// What happened, as a sentence without a full stop.
    pub message: String,
    /// What the contract demands here.
    pub expected: Option<String>,
    /// What the driver did.
    pub got: Option<String>,
    /// Evidence of several lines: a minimal list of operations, a history.
    pub detail: Option<String>,
}

impl Failure {
    fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, clause: None, message: message.into(), expected: None, got: None, detail: None }
    }

    /// The driver broke a clause.
    pub fn violation(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Violation, message)
    }

    /// The machine was too slow for a verdict about time.
    pub fn inconclusive(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Inconclusive, message)
    }

    /// The case itself could not be carried out.
    pub fn harness(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Harness, message)
    }

    /// A call did not end in time.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Timeout, message)
    }

    /// Names the clause that is broken.
    pub fn clause(mut self, clause: &'static str) -> Self {
        self.clause = Some(clause);
        self
    }

    /// Says what the contract demands.
    pub fn expected(mut self, expected: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self
    }

    /// Says what the driver did.
    pub fn got(mut self, got: impl fmt::Display) -> Self {
        self.got = Some(got.to_string());
        self
    }

    /// Adds evidence.
    pub fn detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    /// Says first during what it happened.
    pub fn during(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

/// A call that was expected to succeed and did not.
impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let kind = match status.code() {
            _ if is_transport(&status) => FailureKind::Unreachable,
            Code::Unavailable => FailureKind::Unreachable,
            Code::DeadlineExceeded => FailureKind::Timeout,
            _ => FailureKind::Violation,
        };
        let message = match kind {
            FailureKind::Unreachable => "the driver or its server could not be reached",
            FailureKind::Timeout => "a call did not end before its deadline",
            _ => "a call that should succeed was refused",
        };
        Self::new(kind, message).expected("OK").got(describe(&status))
    }
}

/// Whether a status was made on this side, because the connection broke: a status that a driver sent has no error
/// behind it.
pub fn is_transport(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// A status in one line.
pub fn describe(status: &Status) -> String {
    let reason =
        prism_interfaces::fault::reason(status).map(|reason| format!(" {reason}")).unwrap_or_default();
    format!("{:?}{reason}: {}", status.code(), status.message())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(got) = &self.got {
            write!(f, "; got {got}")?;
        }
        Ok(())
    }
}
