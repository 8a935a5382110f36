//! The deadline of a call, as gRPC carries it.

use http::HeaderMap;
use prism_interfaces::{Fault, contract::v1::Reason};
use std::time::Duration;
use tonic::{Code, Request, Status};

/// Reads `grpc-timeout`: at most eight digits and a unit. A header that cannot be read is no deadline, as in tonic.
pub(crate) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// How much time the caller of a request gives; `None` where it sets no limit.
pub fn time_left<T>(request: &Request<T>) -> Option<Duration> {
    timeout(request.metadata().as_ref())
}

/// The call was cut off at its deadline, so a write may have been applied.
pub(crate) fn exceeded() -> Status {
    Fault::new(Code::DeadlineExceeded, Reason::DeadlineExceeded, "the deadline of the call has passed")
        .unknown_outcome()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_nonsense_is_no_deadline() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            timeout(&headers)
        };
        assert_eq!(read("2H"), Some(Duration::from_hours(2)));
        assert_eq!(read("3M"), Some(Duration::from_mins(3)));
        assert_eq!(read("4S"), Some(Duration::from_secs(4)));
        assert_eq!(read("5m"), Some(Duration::from_millis(5)));
        assert_eq!(read("6u"), Some(Duration::from_micros(6)));
        assert_eq!(read("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for nonsense in ["", "5", "m", "5x", "-5m", "123456789m", "5 m"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        assert_eq!(timeout(&HeaderMap::new()), None);
    }
}
