//! The times of the calls of one rpc, in bounded memory.

use hdrhistogram::Histogram;
use std::time::Duration;

/// Longer than any case may take, in nanoseconds.
const LONGEST: u64 = 3_600_000_000_000;
/// Two figures are kept of each time: it is at most 1 % off.
const FIGURES: u8 = 2;

/// How long the calls of one rpc took.
#[derive(Debug)]
pub(crate) struct Times(Histogram<u32>);

impl Times {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, FIGURES).expect("the bounds are in order"))
    }

    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1));
    }

    /// Half of the calls took no longer.
    pub(crate) fn median(&self) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(0.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_within_one_percent() {
        for unit in [Duration::from_nanos(300), Duration::from_micros(1), Duration::from_millis(40)] {
            let mut times = Times::new();
            (1..=1_000).for_each(|n| times.record(unit * n));
            let off = times.median().as_secs_f64() / (unit * 500).as_secs_f64() - 1.0;
            assert!(off.abs() < 0.01, "{off} with {unit:?}");
        }
    }

    #[test]
    fn no_time_is_too_short_or_too_long() {
        let mut times = Times::new();
        times.record(Duration::ZERO);
        assert!(times.median() < Duration::from_micros(1));
        times.record(Duration::MAX);
        times.record(Duration::MAX);
        assert!(times.median() >= Duration::from_nanos(LONGEST));
    }
}
