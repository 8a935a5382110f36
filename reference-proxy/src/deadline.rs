//! The `grpc-timeout` header.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::{fmt::Write as _, time::Duration};

/// The header that says how long the client waits.
pub(crate) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The header has a form that is not allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// How long the client waits; `None` where it waits for ever.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Duration>, Malformed> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else { return Ok(None) };
    parse(value.as_bytes()).map(Some).ok_or(Malformed)
}

/// One to eight digits and a unit.
fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(number * 3_600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// The header for what is left, in the finest unit that has room for it, rounded down.
pub(crate) fn header(left: Duration) -> HeaderValue {
    const MOST: u128 = 99_999_999;
    let nanos = left.as_nanos();
    let units: [(u128, char); 6] = [
        (1, 'n'),
        (1_000, 'u'),
        (1_000_000, 'm'),
        (1_000_000_000, 'S'),
        (60_000_000_000, 'M'),
        (3_600_000_000_000, 'H'),
    ];
    let mut text = String::with_capacity(9);
    let (length, unit) = units.into_iter().find(|(length, _)| nanos / length <= MOST).unwrap_or(units[5]);
    // Writing to a string cannot fail, and digits are a valid header.
    let _ = write!(text, "{}{unit}", (nanos / length).min(MOST));
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("0n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_never_longer() {
        for left in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_nanos(100_000_001),
            Duration::from_millis(1_500),
            Duration::from_hours(365 * 24),
            Duration::MAX,
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(GRPC_TIMEOUT, header(left));
            let read = read(&headers).expect("a form that is allowed").expect("a header");
            assert!(read <= left, "{read:?} {left:?}");
            if left < Duration::from_hours(365 * 24) {
                assert!(left.saturating_sub(read) < Duration::from_micros(1), "{read:?} {left:?}");
            }
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in ["", "1", "S", "123456789S", "1s", "-1S", "1.5S", " 1S", "1 S"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse(b"99999999H"), Some(Duration::from_hours(99_999_999)));
    }
}
