//! Instants of expiry in whole milliseconds since the Unix epoch.
//!
//! A key has expired once the time has reached its instant. Instants are rounded up, so that nothing expires early.

use std::time::Duration;

const NANOS_PER_MILLI: u128 = 1_000_000;

/// When a key expires that is given `ttl` at `now`.
pub(crate) fn expires_at_ms(now: Duration, ttl: Duration) -> i64 {
    let millis = now.saturating_add(ttl).as_nanos().div_ceil(NANOS_PER_MILLI);
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// How much of its life a key has left that has not expired; `None` where it has.
///
/// Whole milliseconds are rounded down, which takes back what [`expires_at_ms`] has added: what is left is never more
/// than the TTL was. The last fraction of a millisecond is told exactly, because there is more than nothing left.
pub(crate) fn remaining(expires_at_ms: i64, now: Duration) -> Option<Duration> {
    let expires_at = Duration::from_millis(u64::try_from(expires_at_ms).ok()?);
    let left = expires_at.checked_sub(now).filter(|left| !left.is_zero())?;
    let millis = Duration::from_millis(left.as_millis() as u64);
    Some(if millis.is_zero() { left } else { millis })
}

/// The time in the unit of expiry.
pub(crate) fn millis(now: Duration) -> i64 {
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWS: [u64; 5] = [1_000_000_000, 1_000_000_001, 1_000_500_000, 1_000_999_999, 1_001_000_000];
    const TTLS: [u64; 6] = [1, 999_999, 1_000_000, 1_000_001, 1_500_000, 2_000_000];

    #[test]
    fn nothing_expires_early_and_nothing_lives_a_granule_longer() {
        for now in NOWS.map(Duration::from_nanos) {
            for ttl in TTLS.map(Duration::from_nanos) {
                let at = Duration::from_millis(expires_at_ms(now, ttl) as u64);
                assert!(at >= now + ttl, "{now:?} {ttl:?}");
                assert!(at < now + ttl + Duration::from_millis(1), "{now:?} {ttl:?}");
            }
        }
        assert_eq!(expires_at_ms(Duration::from_secs(1), Duration::from_millis(5)), 1005);
        assert_eq!(expires_at_ms(Duration::MAX, Duration::MAX), i64::MAX);
    }

    #[test]
    fn what_is_left_stays_between_the_bounds() {
        let milli = Duration::from_millis(1);
        for now in NOWS.map(Duration::from_nanos) {
            for ttl in TTLS.map(Duration::from_nanos) {
                let at = expires_at_ms(now, ttl);
                let rounded = Duration::from_millis(ttl.as_nanos().div_ceil(1_000_000) as u64);
                for elapsed in [0, 1, 400_000, 999_999, 1_000_000, 1_500_000].map(Duration::from_nanos) {
                    let Some(left) = remaining(at, now + elapsed) else {
                        assert!(elapsed >= ttl, "{now:?} {ttl:?} {elapsed:?}");
                        continue;
                    };
                    assert!(!left.is_zero() && left <= rounded, "{now:?} {ttl:?} {elapsed:?} {left:?}");
                    assert!(left + milli + elapsed >= ttl, "{now:?} {ttl:?} {elapsed:?} {left:?}");
                }
            }
        }
    }

    #[test]
    fn a_key_is_gone_when_its_instant_has_come() {
        let instant = Duration::from_millis(1005);
        assert_eq!(remaining(1005, instant), None);
        assert_eq!(remaining(1005, instant + Duration::from_nanos(1)), None);
        let nano = Duration::from_nanos(1);
        assert_eq!(remaining(1005, instant.checked_sub(nano).unwrap()), Some(nano));
        assert_eq!(millis(instant.checked_sub(nano).unwrap()), 1004);
    }
}
