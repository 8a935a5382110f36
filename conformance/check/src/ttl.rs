//! Expiry as one-sided interval rules: what must still be there, what must be gone, and the time between in which
//! either answer is right.
//!
//! Times are [`Duration`]s since any fixed origin: the start of the case on a monotonic clock, or the virtual clock of
//! the driver. A call takes effect somewhere between its start and its end, so every time is a [`Span`]; on a virtual
//! clock the two ends are the same, and the rules are exact.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// The time in which something happened: at or after `from`, at or before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// When the call was made.
    pub from: Duration,
    /// When its answer was there.
    pub to: Duration,
}

impl Span {
    /// A span between two times.
    ///
    /// # Panics
    ///
    /// If it ends before it begins.
    pub fn new(from: Duration, to: Duration) -> Self {
        assert!(from <= to, "a call does not end before it begins: {from:?} to {to:?}");
        Span { from, to }
    }

    /// An instant, as a virtual clock gives it.
    pub fn at(instant: Duration) -> Self {
        Span { from: instant, to: instant }
    }
}

/// What a driver declares about its clock (the traits of keyvalue_ttl).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slack {
    /// The unit that expiry is kept in.
    pub granularity: Duration,
    /// How much later than that a key may still be seen.
    pub sweep: Duration,
}

/// Whether something is there at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Presence {
    /// It must be there.
    Present,
    /// It must not.
    Absent,
    /// Both answers are right.
    Either,
}

impl Presence {
    /// Whether `present` is a right answer.
    pub fn allows(self, present: bool) -> bool {
        match self {
            Presence::Present => present,
            Presence::Absent => !present,
            Presence::Either => true,
        }
    }
}

/// When a key expires: its TTL, and when that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Expiry {
    /// When the write that gave the TTL happened.
    pub written: Span,
    /// The TTL asked for.
    pub ttl: Duration,
}

impl Expiry {
    /// Whether the key is there for an observation that was made in `seen` (KVT-01, KVT-02).
    pub fn presence(&self, slack: Slack, seen: Span) -> Presence {
        let latest = self.ttl.saturating_add(slack.granularity).saturating_add(slack.sweep);
        if seen.to < self.written.from.saturating_add(self.ttl) {
            Presence::Present
        } else if seen.from >= self.written.to.saturating_add(latest) {
            Presence::Absent
        } else {
            Presence::Either
        }
    }

    /// Judges one observation of the key. What it says is that of [`presence`](Self::presence), in the words of a
    /// verdict.
    pub fn judge(&self, slack: Slack, seen: Span, present: bool) -> TtlVerdict {
        match (self.presence(slack, seen), present) {
            (Presence::Either, _) => TtlVerdict::Undecided,
            (Presence::Present, false) => TtlVerdict::Early,
            (Presence::Absent, true) => TtlVerdict::Late,
            (Presence::Present, true) | (Presence::Absent, false) => TtlVerdict::Ok,
        }
    }

    /// Judges the remaining TTL that was answered in `seen` (KVT-13). A negative answer counts as zero.
    pub fn judge_remaining(
        &self,
        granularity: Duration,
        seen: Span,
        remaining: Duration,
    ) -> Result<(), RemainingFault> {
        let elapsed = seen.to.saturating_sub(self.written.from);
        let at_least = self.ttl.saturating_sub(elapsed).saturating_sub(granularity);
        let at_most = round_up(self.ttl, granularity);
        if remaining.is_zero() {
            Err(RemainingFault::Zero)
        } else if remaining < at_least {
            Err(RemainingFault::TooShort { remaining, at_least })
        } else if remaining > at_most {
            Err(RemainingFault::TooLong { remaining, at_most })
        } else {
            Ok(())
        }
    }
}

/// What an observation says about an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TtlVerdict {
    /// As it must be.
    Ok,
    /// Gone before its time: a violation of KVT-01.
    Early,
    /// There after its time: a violation of KVT-02.
    Late,
    /// Made at a time at which both answers are right; it proves nothing.
    Undecided,
}

/// What is wrong with a remaining TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemainingFault {
    /// Nothing remains, and yet the key is said to expire.
    Zero,
    /// Less than can be left.
    TooShort {
        /// What was answered.
        remaining: Duration,
        /// The TTL less the longest time since the write less the granularity.
        at_least: Duration,
    },
    /// More than was asked for.
    TooLong {
        /// What was answered.
        remaining: Duration,
        /// The TTL, rounded up to the granularity.
        at_most: Duration,
    },
}

impl Display for RemainingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemainingFault::Zero => f.write_str("a key that expires has more than zero left"),
            RemainingFault::TooShort { remaining, at_least } => {
                write!(f, "{remaining:?} remain, at least {at_least:?} must")
            }
            RemainingFault::TooLong { remaining, at_most } => {
                write!(f, "{remaining:?} remain, at most {at_most:?} can")
            }
        }
    }
}

/// `ttl` rounded up to a multiple of `granularity`; a granularity of zero rounds nothing.
fn round_up(ttl: Duration, granularity: Duration) -> Duration {
    let unit = granularity.as_nanos();
    let rest = if unit == 0 { 0 } else { ttl.as_nanos() % unit };
    // What is left of the unit is less than the granularity, which is a Duration.
    let missing = if rest == 0 { Duration::ZERO } else { granularity.saturating_sub(nanos(rest)) };
    ttl.saturating_add(missing)
}

fn nanos(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    Duration::new((nanos / SECOND) as u64, (nanos % SECOND) as u32)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Expiry, Presence, RemainingFault, Slack, Span, TtlVerdict};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn span(from: u64, to: u64) -> Span {
        Span::new(ms(from), ms(to))
    }

    const SLACK: Slack = Slack { granularity: Duration::from_millis(10), sweep: Duration::from_millis(5) };

    #[test]
    fn presence_on_a_real_clock_is_one_sided() {
        // Written somewhere in [100, 120] for 50 ms: there until 150 at least, gone at 120 + 50 + 10 + 5 = 185.
        let expiry = Expiry { written: span(100, 120), ttl: ms(50) };
        let table = [
            (span(120, 149), Presence::Present),
            (span(120, 150), Presence::Either),
            (span(150, 150), Presence::Either),
            (span(184, 300), Presence::Either),
            (span(185, 185), Presence::Absent),
            (span(100, 400), Presence::Either),
        ];
        for (seen, presence) in table {
            assert_eq!(expiry.presence(SLACK, seen), presence, "{seen:?}");
        }
    }

    #[test]
    fn presence_on_a_virtual_clock_is_exact() {
        let expiry = Expiry { written: Span::at(ms(100)), ttl: ms(50) };
        let none = Slack::default();
        assert_eq!(expiry.presence(none, Span::at(Duration::from_nanos(149_999_999))), Presence::Present);
        assert_eq!(expiry.presence(none, Span::at(ms(150))), Presence::Absent);
        assert_eq!(expiry.presence(SLACK, Span::at(ms(150))), Presence::Either);
        let forever = Expiry { written: Span::at(ms(1)), ttl: Duration::MAX };
        assert_eq!(forever.presence(SLACK, Span::at(ms(u64::MAX))), Presence::Present);
    }

    #[test]
    fn observations_are_judged() {
        let expiry = Expiry { written: span(100, 120), ttl: ms(50) };
        let judge = |seen, present| expiry.judge(SLACK, seen, present);
        assert_eq!(judge(span(130, 140), true), TtlVerdict::Ok);
        assert_eq!(judge(span(130, 140), false), TtlVerdict::Early);
        assert_eq!(judge(span(150, 160), true), TtlVerdict::Undecided);
        assert_eq!(judge(span(150, 160), false), TtlVerdict::Undecided);
        assert_eq!(judge(span(190, 200), true), TtlVerdict::Late);
        assert_eq!(judge(span(190, 200), false), TtlVerdict::Ok);
    }

    #[test]
    fn presence_allows_what_it_says() {
        for (presence, there, gone) in [
            (Presence::Present, true, false),
            (Presence::Absent, false, true),
            (Presence::Either, true, true),
        ] {
            assert_eq!((presence.allows(true), presence.allows(false)), (there, gone));
        }
    }

    #[test]
    fn remaining_is_bounded_on_both_sides() {
        // Written at 100 at the earliest and asked by 140: at most 40 ms have passed of 95 ms, so 45 at least.
        let expiry = Expiry { written: span(100, 120), ttl: ms(95) };
        let judge = |remaining| expiry.judge_remaining(ms(10), span(130, 140), remaining);
        assert_eq!(judge(ms(45)), Ok(()));
        assert_eq!(judge(ms(44)), Err(RemainingFault::TooShort { remaining: ms(44), at_least: ms(45) }));
        assert_eq!(judge(ms(100)), Ok(()));
        assert_eq!(judge(ms(101)), Err(RemainingFault::TooLong { remaining: ms(101), at_most: ms(100) }));
        assert_eq!(judge(Duration::ZERO), Err(RemainingFault::Zero));

        let whole = Expiry { written: Span::at(ms(0)), ttl: ms(3_000) };
        let judge = |granularity, remaining| whole.judge_remaining(granularity, Span::at(ms(0)), remaining);
        assert_eq!(judge(ms(1_000), ms(3_000)), Ok(()));
        assert!(judge(ms(1_000), ms(3_001)).is_err());
        assert_eq!(judge(ms(2_500), ms(5_000)), Ok(()));
        assert!(judge(ms(2_500), ms(5_001)).is_err());
        assert_eq!(judge(Duration::ZERO, ms(3_000)), Ok(()));
        assert!(judge(Duration::ZERO, ms(2_999)).is_err());
        assert!(judge(Duration::ZERO, ms(3_001)).is_err());
        // Long after: nothing is too short, and zero is still wrong.
        let late = whole.judge_remaining(ms(1), Span::at(ms(9_000)), Duration::ZERO);
        assert_eq!(late, Err(RemainingFault::Zero));
        assert_eq!(whole.judge_remaining(ms(1), Span::at(ms(9_000)), ms(1)), Ok(()));
    }

    #[test]
    fn remaining_faults_read_well() {
        assert_eq!(RemainingFault::Zero.to_string(), "a key that expires has more than zero left");
        let short = RemainingFault::TooShort { remaining: ms(4), at_least: ms(5) };
        assert_eq!(short.to_string(), "4ms remain, at least 5ms must");
        let long = RemainingFault::TooLong { remaining: ms(9), at_most: ms(8) };
        assert_eq!(long.to_string(), "9ms remain, at most 8ms can");
    }

    #[test]
    #[should_panic(expected = "does not end before it begins")]
    fn a_span_runs_forward() {
        Span::new(ms(2), ms(1));
    }
}
