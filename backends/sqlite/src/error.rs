//! The one place where the errors of SQLite become statuses.
//!
//! Messages say what is wrong and give SQLite's number for it. They hold no SQL, no values and no paths.

use prism_driver_kit::Refusal;
use prism_interfaces::{Fault, contract::v1::Reason};
use std::time::Duration;
use tonic::{Code, Status};

/// When to try again what another writer was in the way of.
const RETRY: Duration = Duration::from_millis(50);

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite, or the connection to it.
    Server(sqlx::Error),
    /// The driver said no.
    Refused(Fault),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Server(error) => fault(&error),
            Failure::Refused(fault) => fault,
        }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        Fault::from(failure).into()
    }
}

impl Failure {
    /// Whether nothing was applied, nor will be, so that the same can be tried again.
    pub(crate) fn is_not_applied(&self) -> bool {
        match self {
            Self::Server(error) => !is_unknown(error),
            Self::Refused(_) => true,
        }
    }
}

/// Whether another connection is in the way.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(primary(error), Some(BUSY | LOCKED))
}

// The primary result codes of SQLite, which are part of its file of public constants and never change.
const PERM: i32 = 3;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NOMEM: i32 = 7;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const PROTOCOL: i32 = 15;
const NOTADB: i32 = 26;

/// SQLite's own number for an error, details included.
fn extended(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

fn primary(error: &sqlx::Error) -> Option<i32> {
    extended(error).map(|code| code & 0xFF)
}

/// Whether a write that met this error may have been applied all the same. SQLite undoes what it answers with an error;
/// only where the file itself fails can the undoing fail as well.
fn is_unknown(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(_) => matches!(primary(error), None | Some(IOERR | CORRUPT)),
        // No connection was given out, so nothing was sent.
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::BeginFailed => false,
        _ => true,
    }
}

/// The error as the contract wants it.
fn fault(error: &sqlx::Error) -> Fault {
    let (code, reason, problem) = classify(error);
    let message = match extended(error) {
        Some(number) => format!("{problem} (SQLite error {number})"),
        None => problem.to_owned(),
    };
    let mut fault = Fault::new(code, reason, message);
    if code == Code::Unavailable {
        fault = fault.retry_after(RETRY);
    }
    if is_unknown(error) { fault.unknown_outcome() } else { fault }
}

fn classify(error: &sqlx::Error) -> (Code, Reason, &'static str) {
    match error {
        sqlx::Error::Database(_) => match primary(error) {
            Some(BUSY | LOCKED | PROTOCOL) => {
                (Code::Unavailable, Reason::BackendUnavailable, "other writers kept the file locked")
            }
            Some(FULL) => (Code::ResourceExhausted, Reason::BackendExhausted, "the disk or the file is full"),
            Some(NOMEM) => (Code::ResourceExhausted, Reason::BackendExhausted, "SQLite is out of memory"),
            Some(READONLY | PERM) => {
                (Code::FailedPrecondition, Reason::BackendDenied, "the file cannot be written to")
            }
            Some(CANTOPEN) => (Code::Unavailable, Reason::BackendUnavailable, "the file cannot be opened"),
            Some(IOERR) => {
                (Code::Unavailable, Reason::BackendUnavailable, "the file cannot be read or written")
            }
            Some(NOTADB) => (Code::DataLoss, Reason::BackendFailed, "the file is not an SQLite database"),
            Some(CORRUPT) => (Code::DataLoss, Reason::BackendFailed, "the file is damaged"),
            _ => (Code::Internal, Reason::BackendFailed, "SQLite answered with an error"),
        },
        sqlx::Error::PoolTimedOut => {
            (Code::Unavailable, Reason::BackendUnavailable, "no connection was free in time")
        }
        sqlx::Error::PoolClosed => {
            (Code::Unavailable, Reason::BackendUnavailable, "the connections are closed")
        }
        sqlx::Error::WorkerCrashed => {
            (Code::Unavailable, Reason::BackendUnavailable, "the connection has ended")
        }
        sqlx::Error::Io(_) => {
            (Code::Unavailable, Reason::BackendUnavailable, "the file cannot be read or written")
        }
        _ => (Code::Internal, Reason::BackendFailed, "SQLite answered with something unexpected"),
    }
}

#[cfg(test)]
mod tests;
