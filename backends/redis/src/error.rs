//! The one place where what goes wrong becomes a status.
//!
//! Messages hold neither keys nor values nor addresses: what Redis says of an error goes to the log alone, because it
//! can repeat what it was sent.

use prism_driver_kit::Refusal;
use prism_interfaces::{Fault, contract::v1::Reason};
use redis::{ErrorKind, RedisError, RetryMethod};
use std::time::Duration;
use tonic::{Code, Status};

/// When to try again where Redis is out of reach.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What can have come of a command that failed on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It was not sent, or it only reads.
    None,
    /// It writes and was sent, so that Redis may have done it.
    Possible,
}

/// What can go wrong. Arguments are checked before, with [`prism_driver_kit::check`].
#[derive(Debug, Clone)]
pub(crate) enum Error {
    /// The contract says no.
    Refused(Refusal),
    /// The connection of a subscription was lost, and messages with it.
    SubscriptionLost,
    /// Redis answered with something that it never says.
    AnswerUnexpected(Effect),
    /// The driver ended in the middle.
    Interrupted,
    /// Redis is too old.
    ServerTooOld,
    /// The connection could not be made.
    Connect(RedisError),
    /// A command failed.
    Command(RedisError, Effect),
}

impl Error {
    /// Whether the connection is of no use any more: it was lost, or an answer is overdue.
    pub(crate) fn lost_connection(error: &RedisError) -> bool {
        error.is_io_error() || matches!(error.retry_method(), RetryMethod::Reconnect)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::SubscriptionLost => {
                unavailable("the subscription's connection to Redis was lost; subscribe again")
            }
            Error::AnswerUnexpected(effect) => failed("Redis answered with something unexpected", effect),
            Error::Interrupted => unavailable("the driver ended before it was done").unknown_outcome(),
            Error::ServerTooOld => Self::failed_precondition(
                Reason::BackendFailed,
                "the server is too old; this driver needs Redis 7.0 or newer",
            ),
            Error::Connect(error) => connect(&error),
            Error::Command(error, effect) => command(&error, effect),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

fn unavailable(message: &str) -> Fault {
    Fault::unavailable(Reason::BackendUnavailable, message).retry_after(RETRY_AFTER)
}

fn denied() -> Fault {
    Fault::failed_precondition(Reason::BackendDenied, "Redis refused the driver's credentials or permissions")
}

fn failed(message: impl Into<String>, effect: Effect) -> Fault {
    with_effect(Fault::new(Code::Internal, Reason::BackendFailed, message), effect)
}

fn with_effect(fault: Fault, effect: Effect) -> Fault {
    match effect {
        Effect::None => fault,
        Effect::Possible => fault.unknown_outcome(),
    }
}

/// Nothing was sent but greetings.
fn connect(error: &RedisError) -> Fault {
    match error.kind() {
        ErrorKind::AuthenticationFailed => denied(),
        ErrorKind::Io if error.is_timeout() => unavailable("Redis did not answer when connecting"),
        ErrorKind::Io if error.is_connection_refusal() => unavailable("Redis refused the connection"),
        ErrorKind::Io | ErrorKind::InvalidClientConfig => unavailable("Redis cannot be reached"),
        ErrorKind::RESP3NotSupported => Error::ServerTooOld.into(),
        _ => command(error, Effect::None),
    }
}

fn command(error: &RedisError, effect: Effect) -> Fault {
    match error.kind() {
        ErrorKind::AuthenticationFailed => return denied(),
        ErrorKind::Io if error.is_timeout() => {
            return with_effect(unavailable("Redis did not answer in time"), effect);
        }
        ErrorKind::Io => return with_effect(unavailable("the connection to Redis was lost"), effect),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            return Error::AnswerUnexpected(effect).into();
        }
        _ => {}
    }
    // The first error where there are several; all after it come of it.
    let errors = error.clone().into_server_errors().unwrap_or_default();
    let Some((_, first)) = errors.first() else {
        return failed("the command failed in the driver's client", effect);
    };
    tracing::debug!(code = first.code(), details = first.details(), "Redis answered with an error");
    // Redis refuses with these before it has changed anything.
    match first.code() {
        "OOM" => Fault::new(Code::ResourceExhausted, Reason::BackendExhausted, "Redis is out of memory"),
        "MISCONF" => {
            Fault::new(Code::ResourceExhausted, Reason::BackendExhausted, "Redis cannot write to its disk")
        }
        "ERR" if first.details().is_some_and(|details| details.contains("max number of clients")) => {
            Fault::new(Code::ResourceExhausted, Reason::BackendExhausted, "Redis has no connection left")
        }
        // Within a script, and so perhaps in its middle.
        "ERR" if first.details().is_some_and(|details| details.contains("user executing the script")) => {
            with_effect(denied(), effect)
        }
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => denied(),
        "READONLY" => unavailable("Redis is a read-only replica"),
        "LOADING" => unavailable("Redis is loading its data"),
        "BUSY" => unavailable("Redis is busy with a script"),
        "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "NOREPLICAS" => unavailable("Redis is not ready"),
        // The scripts were loaded and flushed again in between.
        "NOSCRIPT" => unavailable("Redis lost the driver's scripts"),
        "WRONGTYPE" => failed("a key of the driver's holds a value of another type", effect),
        code => failed(format!("Redis answered with the error {code}"), effect),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::fault::{WriteOutcome, reason, write_outcome};
    use redis::make_extension_error;
    use std::io;

    fn io(kind: io::ErrorKind) -> RedisError {
        io::Error::new(kind, "10.0.0.1 secret").into()
    }

    fn server(line: &str) -> RedisError {
        redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap().extract_error().unwrap_err()
    }

    #[test]
    fn every_error_has_its_code_reason_and_outcome_and_tells_no_secrets() {
        use WriteOutcome::{NotApplied, Unknown};
        let written = |error| Error::Command(error, Effect::Possible);
        let read = |error| Error::Command(error, Effect::None);
        for (error, code, word, outcome) in [
            (
                Error::Refused(Refusal::TransactionNotFound),
                Code::NotFound,
                "TRANSACTION_NOT_FOUND",
                NotApplied,
            ),
            (Error::SubscriptionLost, Code::Unavailable, "BACKEND_UNAVAILABLE", NotApplied),
            (Error::AnswerUnexpected(Effect::Possible), Code::Internal, "BACKEND_FAILED", Unknown),
            (Error::Interrupted, Code::Unavailable, "BACKEND_UNAVAILABLE", Unknown),
            (Error::ServerTooOld, Code::FailedPrecondition, "BACKEND_FAILED", NotApplied),
            // On the way there.
            (
                Error::Connect(io(io::ErrorKind::ConnectionRefused)),
                Code::Unavailable,
                "BACKEND_UNAVAILABLE",
                NotApplied,
            ),
            (
                Error::Connect(io(io::ErrorKind::TimedOut)),
                Code::Unavailable,
                "BACKEND_UNAVAILABLE",
                NotApplied,
            ),
            (
                Error::Connect((ErrorKind::InvalidClientConfig, "No address found for host").into()),
                Code::Unavailable,
                "BACKEND_UNAVAILABLE",
                NotApplied,
            ),
            (
                Error::Connect((ErrorKind::AuthenticationFailed, "no", "secret".to_owned()).into()),
                Code::FailedPrecondition,
                "BACKEND_DENIED",
                NotApplied,
            ),
            (
                Error::Connect(server("ERR max number of clients reached")),
                Code::ResourceExhausted,
                "BACKEND_EXHAUSTED",
                NotApplied,
            ),
            (
                Error::Connect(server("DENIED Redis is running in protected mode")),
                Code::FailedPrecondition,
                "BACKEND_DENIED",
                NotApplied,
            ),
            // The way itself.
            (written(io(io::ErrorKind::BrokenPipe)), Code::Unavailable, "BACKEND_UNAVAILABLE", Unknown),
            (written(io(io::ErrorKind::ConnectionReset)), Code::Unavailable, "BACKEND_UNAVAILABLE", Unknown),
            (written(io(io::ErrorKind::TimedOut)), Code::Unavailable, "BACKEND_UNAVAILABLE", Unknown),
            (read(io(io::ErrorKind::TimedOut)), Code::Unavailable, "BACKEND_UNAVAILABLE", NotApplied),
            // What Redis says before it does anything.
            (
                written(server("OOM command not allowed when used memory > 'maxmemory'.")),
                Code::ResourceExhausted,
                "BACKEND_EXHAUSTED",
                NotApplied,
            ),
            (written(server("MISCONF secret")), Code::ResourceExhausted, "BACKEND_EXHAUSTED", NotApplied),
            (written(server("NOAUTH secret")), Code::FailedPrecondition, "BACKEND_DENIED", NotApplied),
            (written(server("WRONGPASS secret")), Code::FailedPrecondition, "BACKEND_DENIED", NotApplied),
            (written(server("NOPERM secret")), Code::FailedPrecondition, "BACKEND_DENIED", NotApplied),
            (written(server("READONLY secret")), Code::Unavailable, "BACKEND_UNAVAILABLE", NotApplied),
            (written(server("LOADING secret")), Code::Unavailable, "BACKEND_UNAVAILABLE", NotApplied),
            (written(server("BUSY secret")), Code::Unavailable, "BACKEND_UNAVAILABLE", NotApplied),
            (written(server("NOSCRIPT secret")), Code::Unavailable, "BACKEND_UNAVAILABLE", NotApplied),
            (written(server("NOREPLICAS secret")), Code::Unavailable, "BACKEND_UNAVAILABLE", NotApplied),
            (
                written(server("ERR The user executing the script can't run this command or subcommand")),
                Code::FailedPrecondition,
                "BACKEND_DENIED",
                Unknown,
            ),
            // Anything else may have come in the middle.
            (written(server("WRONGTYPE secret")), Code::Internal, "BACKEND_FAILED", Unknown),
            (written(server("ERR secret")), Code::Internal, "BACKEND_FAILED", Unknown),
            (read(server("ERR secret")), Code::Internal, "BACKEND_FAILED", NotApplied),
            (
                written(make_extension_error("NEW".into(), Some("secret".into()))),
                Code::Internal,
                "BACKEND_FAILED",
                Unknown,
            ),
            (
                written((ErrorKind::UnexpectedReturnType, "no", "secret".to_owned()).into()),
                Code::Internal,
                "BACKEND_FAILED",
                Unknown,
            ),
            (written((ErrorKind::Client, "no").into()), Code::Internal, "BACKEND_FAILED", Unknown),
        ] {
            let status = Status::from(error.clone());
            assert_eq!(status.code(), code, "{error:?}");
            assert_eq!(reason(&status).as_deref(), Some(word), "{error:?}");
            assert_eq!(write_outcome(&status), Some(outcome), "{error:?}");
            assert!(!status.message().contains("secret"), "{error:?}: {}", status.message());
        }
    }

    #[test]
    fn a_connection_is_given_up_when_it_is_lost_or_silent() {
        assert!(Error::lost_connection(&io(io::ErrorKind::BrokenPipe)));
        assert!(Error::lost_connection(&io(io::ErrorKind::TimedOut)));
        assert!(!Error::lost_connection(&server("OOM x")));
        assert!(!Error::lost_connection(&server("NOSCRIPT x")));
    }
}
