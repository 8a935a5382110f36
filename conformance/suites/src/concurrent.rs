//! What the cases with concurrent clients have in common.

use crate::Failure;
use prism_check::history::Outcome;
use prism_interfaces::{WriteOutcome, fault};
use tonic::{Code, Status};

/// How many clients there are in a history, and how many keys they use: no single setting finds everything.
pub(crate) fn setting(number: usize) -> (usize, usize) {
    const CLIENTS: [usize; 5] = [3, 2, 5, 8, 1];
    const KEYS: [usize; 3] = [1, 2, 4];
    (CLIENTS[number % CLIENTS.len()], KEYS[number % KEYS.len()])
}

/// How a write ended, as far as its client can tell.
pub(crate) fn outcome<T>(answer: Result<T, &Status>) -> Outcome<T> {
    match answer {
        Ok(answer) => Outcome::Ok(answer),
        Err(status) if is_unknown(status) => Outcome::Info,
        Err(_) => Outcome::Fail,
    }
}

/// Whether nobody knows what became of the write.
pub(crate) fn is_unknown(status: &Status) -> bool {
    matches!(status.code(), Code::DeadlineExceeded | Code::Unavailable | Code::Cancelled)
        || fault::write_outcome(status) == Some(WriteOutcome::Unknown)
}

/// What a client task came to; one that broke off says so.
pub(crate) fn joined<T>(result: Result<Result<T, Failure>, tokio::task::JoinError>) -> Result<T, Failure> {
    result.unwrap_or_else(|error| Err(Failure::harness(format!("a client broke off: {error}"))))
}
