//! What every driver says no with in the same words, whatever its server is.

use crate::MAX_MESSAGE_BYTES;
use prism_interfaces::{Fault, contract::v1::Reason};
use tonic::{Code, Status};

/// What a driver refuses by the contract. Arguments are checked before, with [`check`](crate::check).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such transaction in the namespace, or no longer.
    TransactionNotFound,
    /// Something that the transaction has read was changed since.
    TransactionConflict,
    /// A sum does not fit into 64 bits.
    NumberOverflow,
    /// The value is not the shortest decimal text of a 64-bit number.
    NotANumber,
    /// The values of a batch do not fit into one reply.
    ReplyTooLarge,
    /// The cursor holds no position.
    CursorInvalid,
    /// A CompareAndSwap expects nothing.
    ExpectationMissing,
    /// The subscriber is further behind than its buffer.
    SubscriberOverflow,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TransactionNotFound => Self::not_found(
                Reason::TransactionNotFound,
                "there is no such transaction in this namespace, or it has ended",
            ),
            Refusal::TransactionConflict => Self::aborted(
                Reason::TransactionConflict,
                "a key that the transaction has read was changed since; begin again",
            ),
            Refusal::NumberOverflow => {
                Self::new(Code::OutOfRange, Reason::NumberOverflow, "the sum does not fit into 64 bits")
            }
            Refusal::NotANumber => Self::failed_precondition(
                Reason::ValueNotANumber,
                "the value is not the shortest decimal text of a 64-bit number",
            ),
            Refusal::ReplyTooLarge => Self::new(
                Code::ResourceExhausted,
                Reason::BatchTooLarge,
                format!("the values are larger together than a reply can be, {MAX_MESSAGE_BYTES} bytes"),
            ),
            Refusal::CursorInvalid => {
                Self::invalid_argument(Reason::CursorInvalid, "the cursor was not made for this listing")
                    .field("cursor")
            }
            Refusal::ExpectationMissing => Self::invalid_argument(
                Reason::ArgumentInvalid,
                "`expected` is missing: either `absent` or `expected_value`",
            )
            .field("expected"),
            Refusal::SubscriberOverflow => Self::new(
                Code::ResourceExhausted,
                Reason::SubscriberOverflow,
                "the subscriber fell behind by more than its buffer; subscribe again",
            ),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Fault::from(refusal).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::fault::{WriteOutcome, reason, write_outcome};

    #[test]
    fn every_refusal_has_its_code_and_reason_and_has_changed_nothing() {
        for (refusal, code, word) in [
            (Refusal::TransactionNotFound, Code::NotFound, "TRANSACTION_NOT_FOUND"),
            (Refusal::TransactionConflict, Code::Aborted, "TRANSACTION_CONFLICT"),
            (Refusal::NumberOverflow, Code::OutOfRange, "NUMBER_OVERFLOW"),
            (Refusal::NotANumber, Code::FailedPrecondition, "VALUE_NOT_A_NUMBER"),
            (Refusal::ReplyTooLarge, Code::ResourceExhausted, "BATCH_TOO_LARGE"),
            (Refusal::CursorInvalid, Code::InvalidArgument, "CURSOR_INVALID"),
            (Refusal::ExpectationMissing, Code::InvalidArgument, "ARGUMENT_INVALID"),
            (Refusal::SubscriberOverflow, Code::ResourceExhausted, "SUBSCRIBER_OVERFLOW"),
        ] {
            let status = Status::from(refusal);
            assert_eq!(status.code(), code, "{refusal:?}");
            assert_eq!(reason(&status).as_deref(), Some(word), "{refusal:?}");
            assert_eq!(write_outcome(&status), Some(WriteOutcome::NotApplied), "{refusal:?}");
        }
    }
}
