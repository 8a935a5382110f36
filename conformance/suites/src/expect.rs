//! How cases demand things.

use crate::verdict::{Failure, Verdict, describe, is_transport};
use bytes::Bytes;
use std::fmt::{self, Debug, Display};
use tonic::{Code, Status};

/// Demands that two things are equal; `what` is the subject of the sentence.
#[expect(clippy::needless_pass_by_value, reason = "answers are handed over as they come")]
pub fn expect_eq<T: PartialEq<U> + Debug, U: Debug>(what: impl Display, got: T, expected: U) -> Verdict {
    if got == expected {
        return Ok(());
    }
    Err(Failure::violation(format!("{what} is not what it should be"))
        .expected(shorten(&format!("{expected:?}")))
        .got(shorten(&format!("{got:?}"))))
}

/// Demands that something holds; `message` says what is wrong where it does not.
pub fn expect(holds: bool, message: impl Display) -> Verdict {
    if holds { Ok(()) } else { Err(Failure::violation(message.to_string())) }
}

/// Demands that a call is refused with this code; `what` names the call.
pub fn expect_refused<T: Debug>(
    what: impl Display,
    result: Result<T, Status>,
    code: Code,
) -> Result<Status, Failure> {
    match result {
        Err(status) if status.code() == code && !is_transport(&status) => Ok(status),
        // An unreachable driver is not a verdict, unless being unreachable is what was asked for.
        Err(status)
            if is_transport(&status)
                || matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded) =>
        {
            Err(Failure::from(status).during(what))
        }
        Err(status) => Err(Failure::violation(format!("{what} was refused with another code"))
            .expected(format!("{code:?}"))
            .got(describe(&status))),
        Ok(answer) => Err(Failure::violation(format!("{what} was not refused"))
            .expected(format!("{code:?}"))
            .got(shorten(&format!("OK {answer:?}")))),
    }
}

/// Demands that two values are equal; long ones are shown by their ends.
pub fn expect_value(what: impl Display, got: &Option<Bytes>, expected: Option<&[u8]>) -> Verdict {
    if got.as_deref() == expected {
        return Ok(());
    }
    Err(Failure::violation(format!("{what} is not what it should be"))
        .expected(expected.map_or_else(|| "nothing".to_owned(), show))
        .got(got.as_deref().map_or_else(|| "nothing".to_owned(), show)))
}

/// Bytes for people: escaped, shortened, with their length where they are shortened.
pub fn show(bytes: &[u8]) -> String {
    const MOST: usize = 48;
    if bytes.len() <= MOST {
        return format!("\"{}\"", bytes.escape_ascii());
    }
    format!("\"{}…\" ({} bytes)", bytes[..MOST].escape_ascii(), bytes.len())
}

/// A name for people: as [`show`].
pub fn name(name: &str) -> Shown<'_> {
    Shown(name)
}

/// See [`name`].
pub struct Shown<'a>(&'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shorten(&format!("{:?}", self.0)))
    }
}

/// Cuts a long text in the middle.
pub fn shorten(text: &str) -> String {
    const MOST: usize = 400;
    if text.len() <= MOST {
        return text.to_owned();
    }
    let (mut head, mut tail) = (MOST / 2, text.len() - MOST / 2);
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{} … {}", &text[..head], &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let refused = |result: Result<(), Status>| expect_refused("Set", result, Code::InvalidArgument);
        assert!(refused(Err(Status::invalid_argument(""))).is_ok());
        assert!(refused(Ok(())).unwrap_err().message.contains("was not refused"));
        assert!(refused(Err(Status::internal(""))).unwrap_err().message.contains("another code"));
        let unreachable = refused(Err(Status::unavailable(""))).unwrap_err();
        assert_eq!(unreachable.kind, crate::FailureKind::Unreachable);
    }

    #[test]
    fn long_things_are_shortened_at_character_boundaries() {
        assert!(shorten(&"é".repeat(1000)).chars().count() < 500);
        assert_eq!(show(b"a\0"), r#""a\x00""#);
        assert!(show(&[0; 1000]).ends_with("(1000 bytes)"));
    }
}
