//! The one place where what goes wrong in the store becomes a status.

use prism_driver_kit::MAX_MESSAGE_BYTES;
use prism_interfaces::{Fault, contract::v1::Reason};
use tonic::{Code, Status};

/// What can go wrong in the store itself. Arguments are checked before, with [`prism_driver_kit::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Error {
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

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::TransactionNotFound => Self::not_found(
                Reason::TransactionNotFound,
                "there is no such transaction in this namespace, or it has ended",
            ),
            Error::TransactionConflict => Self::aborted(
                Reason::TransactionConflict,
                "a key that the transaction has read was changed since; begin again",
            ),
            Error::NumberOverflow => {
                Self::new(Code::OutOfRange, Reason::NumberOverflow, "the sum does not fit into 64 bits")
            }
            Error::NotANumber => Self::failed_precondition(
                Reason::ValueNotANumber,
                "the value is not the shortest decimal text of a 64-bit number",
            ),
            Error::ReplyTooLarge => Self::new(
                Code::ResourceExhausted,
                Reason::BatchTooLarge,
                format!("the values are larger together than a reply can be, {MAX_MESSAGE_BYTES} bytes"),
            ),
            Error::CursorInvalid => {
                Self::invalid_argument(Reason::CursorInvalid, "the cursor was not made for this listing")
                    .field("cursor")
            }
            Error::ExpectationMissing => Self::invalid_argument(
                Reason::ArgumentInvalid,
                "`expected` is missing: either `absent` or `expected_value`",
            )
            .field("expected"),
            Error::SubscriberOverflow => Self::new(
                Code::ResourceExhausted,
                Reason::SubscriberOverflow,
                "the subscriber fell behind by more than its buffer; subscribe again",
            ),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::fault::{WriteOutcome, reason, write_outcome};

    #[test]
    fn every_error_has_its_code_and_reason_and_has_changed_nothing() {
        for (error, code, word) in [
            (Error::TransactionNotFound, Code::NotFound, "TRANSACTION_NOT_FOUND"),
            (Error::TransactionConflict, Code::Aborted, "TRANSACTION_CONFLICT"),
            (Error::NumberOverflow, Code::OutOfRange, "NUMBER_OVERFLOW"),
            (Error::NotANumber, Code::FailedPrecondition, "VALUE_NOT_A_NUMBER"),
            (Error::ReplyTooLarge, Code::ResourceExhausted, "BATCH_TOO_LARGE"),
            (Error::CursorInvalid, Code::InvalidArgument, "CURSOR_INVALID"),
            (Error::ExpectationMissing, Code::InvalidArgument, "ARGUMENT_INVALID"),
            (Error::SubscriberOverflow, Code::ResourceExhausted, "SUBSCRIBER_OVERFLOW"),
        ] {
            let status = Status::from(error);
            assert_eq!(status.code(), code, "{error:?}");
            assert_eq!(reason(&status).as_deref(), Some(word), "{error:?}");
            assert_eq!(write_outcome(&status), Some(WriteOutcome::NotApplied), "{error:?}");
        }
    }
}
