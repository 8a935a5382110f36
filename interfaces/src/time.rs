//! Lengths of time and instants between `std` and protobuf.

use prost_types::{Duration as ProtoDuration, Timestamp};
use std::time::Duration;

/// A protobuf duration; `None` where it is negative. Unlike prost's own conversion it does not panic on
/// `i64::MIN` seconds, which any client can send.
pub fn to_std(duration: &ProtoDuration) -> Option<Duration> {
    let nanos = i128::from(duration.seconds) * 1_000_000_000 + i128::from(duration.nanos);
    let nanos = u128::try_from(nanos).ok()?;
    Some(Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32))
}

/// A protobuf duration of the same length; the largest there is where it does not fit.
pub fn from_std(duration: Duration) -> ProtoDuration {
    match i64::try_from(duration.as_secs()) {
        Ok(seconds) => ProtoDuration { seconds, nanos: duration.subsec_nanos() as i32 },
        Err(_) => ProtoDuration { seconds: i64::MAX, nanos: 999_999_999 },
    }
}

/// A protobuf timestamp of a time since the Unix epoch.
pub fn timestamp(since_epoch: Duration) -> Timestamp {
    let ProtoDuration { seconds, nanos } = from_std(since_epoch);
    Timestamp { seconds, nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_convert_both_ways_and_negative_ones_do_not() {
        for duration in [Duration::ZERO, Duration::from_nanos(1), Duration::new(7, 999_999_999)] {
            assert_eq!(to_std(&from_std(duration)), Some(duration));
        }
        assert_eq!(from_std(Duration::MAX).seconds, i64::MAX);
        for (seconds, nanos) in [(-1, 0), (0, -1), (i64::MIN, 0), (i64::MIN, i32::MIN)] {
            assert_eq!(to_std(&ProtoDuration { seconds, nanos }), None);
        }
        assert_eq!(to_std(&ProtoDuration { seconds: 1, nanos: -1 }), Some(Duration::from_nanos(999_999_999)));
    }
}
