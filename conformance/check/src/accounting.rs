//! Sums that must come out: counters and accounts.

use std::fmt::{self, Display};

use crate::history::Outcome;

/// An Increment and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Increment {
    /// What was added.
    pub delta: i64,
    /// How it ended, with the sum that was answered.
    pub outcome: Outcome<i64>,
}

/// What is wrong with a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterFault {
    /// The final value is not the sum of what was added.
    Final {
        /// What the counter held in the end.
        got: i64,
        /// The least that it can hold, every unknown addition counted as helps.
        least: i128,
        /// The most.
        most: i128,
    },
    /// Two additions were answered with the same sum.
    Repeated {
        /// The sum.
        sum: i64,
    },
    /// An addition was answered with a sum that is less than what the additions before it and itself come to.
    Overlap {
        /// The sum.
        sum: i64,
        /// The least that it can be.
        least: i128,
    },
    /// The sums that were answered have gaps for which not enough additions are of unknown outcome.
    Unexplained {
        /// What is missing in all.
        gaps: i128,
        /// What the unknown additions come to.
        unknown: i128,
    },
}

impl Display for CounterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CounterFault::Final { got, least, most } if least == most => {
                write!(f, "the counter holds {got} and not {least}")
            }
            CounterFault::Final { got, least, most } => {
                write!(f, "the counter holds {got} and not {least} to {most}")
            }
            CounterFault::Repeated { sum } => write!(f, "two increments were answered with {sum}"),
            CounterFault::Overlap { sum, least } => {
                write!(
                    f,
                    "an increment was answered with {sum}, what was added by then comes to {least} at least"
                )
            }
            CounterFault::Unexplained { gaps, unknown } => {
                write!(f, "the sums skip {gaps} in all, increments of unknown outcome come to {unknown}")
            }
        }
    }
}

/// Judges a counter that began at `initial`, was only added to by `increments`, and held `last` when all of them were
/// over (KVC-08, KVC-12).
///
/// The final value is held against the sum, in which an addition of unknown outcome may count or not. Where every delta
/// is more than zero, the answers are held against each other too: sorted, each is the one before plus its own delta,
/// save for gaps that unknown additions explain.
pub fn judge_counter(initial: i64, increments: &[Increment], last: i64) -> Vec<CounterFault> {
    let (mut least, mut most) = (i128::from(initial), i128::from(initial));
    let mut answered: Vec<(i64, i64)> = Vec::new();
    for increment in increments {
        let delta = i128::from(increment.delta);
        match increment.outcome {
            Outcome::Ok(sum) => {
                least += delta;
                most += delta;
                answered.push((sum, increment.delta));
            }
            Outcome::Info => {
                least += delta.min(0);
                most += delta.max(0);
            }
            Outcome::Fail => {}
        }
    }
    let mut faults = Vec::new();
    if !(least..=most).contains(&i128::from(last)) {
        faults.push(CounterFault::Final { got: last, least, most });
    }
    if increments.iter().all(|i| i.delta > 0) {
        judge_sums(i128::from(initial), answered, most - least, &mut faults);
    }
    faults
}

fn judge_sums(initial: i128, mut answered: Vec<(i64, i64)>, unknown: i128, faults: &mut Vec<CounterFault>) {
    answered.sort_unstable();
    let mut before = initial;
    let mut previous = None;
    let mut gaps = 0;
    for (sum, delta) in answered {
        let least = before + i128::from(delta);
        let gap = i128::from(sum) - least;
        if previous == Some(sum) {
            faults.push(CounterFault::Repeated { sum });
        } else if gap < 0 {
            faults.push(CounterFault::Overlap { sum, least });
        } else {
            gaps += gap;
        }
        previous = Some(sum);
        before = i128::from(sum);
    }
    if gaps > unknown {
        faults.push(CounterFault::Unexplained { gaps, unknown });
    }
}

/// What is wrong with a reading of all accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BankFault {
    /// The reading has more or fewer accounts than there are.
    Accounts {
        /// Which reading, from 0.
        reading: usize,
        /// How many accounts it has.
        got: usize,
    },
    /// Money came or went.
    Total {
        /// Which reading, from 0.
        reading: usize,
        /// What the accounts come to.
        got: i128,
    },
    /// An account is overdrawn.
    Overdrawn {
        /// Which reading, from 0.
        reading: usize,
        /// Which account, from 0.
        account: usize,
        /// What is on it.
        balance: i64,
    },
}

impl Display for BankFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BankFault::Accounts { reading, got } => write!(f, "reading {reading} has {got} accounts"),
            BankFault::Total { reading, got } => write!(f, "reading {reading} comes to {got} in all"),
            BankFault::Overdrawn { reading, account, balance } => {
                write!(f, "reading {reading} has {balance} on account {account}")
            }
        }
    }
}

/// Judges readings of all accounts, each made in one transaction, while other transactions moved money between them and
/// never overdrew one: every reading comes to the same total (KVX-07, KVX-09).
pub fn judge_bank(accounts: usize, total: i128, readings: &[Vec<i64>]) -> Vec<BankFault> {
    let mut faults = Vec::new();
    for (reading, balances) in readings.iter().enumerate() {
        if balances.len() != accounts {
            faults.push(BankFault::Accounts { reading, got: balances.len() });
            continue;
        }
        let got: i128 = balances.iter().copied().map(i128::from).sum();
        if got != total {
            faults.push(BankFault::Total { reading, got });
        }
        let overdrawn = balances.iter().enumerate().filter(|(_, balance)| **balance < 0);
        faults.extend(overdrawn.map(|(account, &balance)| BankFault::Overdrawn {
            reading,
            account,
            balance,
        }));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{BankFault, CounterFault, Increment, judge_bank, judge_counter};
    use crate::history::Outcome;

    fn ok(delta: i64, sum: i64) -> Increment {
        Increment { delta, outcome: Outcome::Ok(sum) }
    }

    fn info(delta: i64) -> Increment {
        Increment { delta, outcome: Outcome::Info }
    }

    fn fail(delta: i64) -> Increment {
        Increment { delta, outcome: Outcome::Fail }
    }

    #[test]
    fn good_counters_pass() {
        assert_eq!(judge_counter(0, &[], 0), []);
        assert_eq!(judge_counter(5, &[ok(1, 6), ok(1, 8), ok(1, 7), fail(9)], 8), []);
        assert_eq!(judge_counter(0, &[ok(3, 10), ok(7, 7)], 10), []);
        assert_eq!(judge_counter(0, &[ok(-4, -4), ok(4, 0), ok(4, 0)], 4), []);
        // An unknown addition may count before, between, after, or not at all.
        for (first, second, last) in [(1, 2, 2), (6, 7, 7), (1, 7, 7), (1, 2, 7)] {
            assert_eq!(judge_counter(0, &[ok(1, first), ok(1, second), info(5)], last), []);
        }
        assert_eq!(judge_counter(0, &[info(-5), info(3), ok(1, 1)], -4), []);
        assert_eq!(judge_counter(0, &[info(-5), info(3), ok(1, 1)], 4), []);
    }

    #[test]
    fn lost_and_repeated_increments_are_found() {
        assert_eq!(
            judge_counter(0, &[ok(1, 1), ok(1, 1)], 1),
            [CounterFault::Final { got: 1, least: 2, most: 2 }, CounterFault::Repeated { sum: 1 }]
        );
        let applied_twice = judge_counter(0, &[ok(1, 1), ok(1, 3)], 3);
        let gap = CounterFault::Unexplained { gaps: 1, unknown: 0 };
        assert_eq!(applied_twice, [CounterFault::Final { got: 3, least: 2, most: 2 }, gap]);
        assert_eq!(
            judge_counter(0, &[ok(3, 3), ok(5, 5), ok(1, 9)], 9),
            [CounterFault::Overlap { sum: 5, least: 8 }, CounterFault::Unexplained { gaps: 3, unknown: 0 }]
        );
        assert_eq!(
            judge_counter(0, &[ok(1, 1), info(2), ok(1, 5)], 4),
            [CounterFault::Unexplained { gaps: 3, unknown: 2 }]
        );
        assert_eq!(judge_counter(0, &[ok(1, 1), info(2), ok(1, 4)], 4), []);
        let bounds = |last| judge_counter(0, &[info(-5), info(3), ok(1, 1)], last);
        assert_eq!(bounds(-5), [CounterFault::Final { got: -5, least: -4, most: 4 }]);
        assert_eq!(bounds(5), [CounterFault::Final { got: 5, least: -4, most: 4 }]);
        // With a delta of zero or less, sums may repeat, and only the end is judged.
        assert_eq!(judge_counter(0, &[ok(1, 1), ok(0, 1)], 1), []);
        let beyond = i128::from(i64::MAX) + 1;
        assert_eq!(
            judge_counter(i64::MAX, &[ok(1, i64::MIN)], i64::MIN)[0],
            CounterFault::Final { got: i64::MIN, least: beyond, most: beyond }
        );
    }

    #[test]
    fn banks_are_judged_reading_by_reading() {
        assert_eq!(judge_bank(2, 10, &[]), []);
        assert_eq!(judge_bank(2, 10, &[vec![4, 6], vec![10, 0]]), []);
        assert_eq!(
            judge_bank(2, 10, &[vec![4, 6], vec![4, 7], vec![10], vec![-1, 11], vec![5, 5]]),
            [
                BankFault::Total { reading: 1, got: 11 },
                BankFault::Accounts { reading: 2, got: 1 },
                BankFault::Overdrawn { reading: 3, account: 0, balance: -1 }
            ]
        );
        assert_eq!(judge_bank(2, i128::from(i64::MAX) * 2, &[vec![i64::MAX, i64::MAX]]), []);
    }

    #[test]
    fn faults_read_well() {
        let counter = [
            CounterFault::Final { got: 1, least: 2, most: 2 },
            CounterFault::Final { got: 1, least: 2, most: 3 },
            CounterFault::Repeated { sum: 1 },
            CounterFault::Overlap { sum: 1, least: 2 },
            CounterFault::Unexplained { gaps: 1, unknown: 0 },
        ];
        assert_eq!(
            counter.map(|fault| fault.to_string()),
            [
                "the counter holds 1 and not 2",
                "the counter holds 1 and not 2 to 3",
                "two increments were answered with 1",
                "an increment was answered with 1, what was added by then comes to 2 at least",
                "the sums skip 1 in all, increments of unknown outcome come to 0"
            ]
        );
        let bank = [
            BankFault::Accounts { reading: 0, got: 1 },
            BankFault::Total { reading: 1, got: 2 },
            BankFault::Overdrawn { reading: 2, account: 3, balance: -4 },
        ];
        assert_eq!(
            bank.map(|fault| fault.to_string()),
            ["reading 0 has 1 accounts", "reading 1 comes to 2 in all", "reading 2 has -4 on account 3"]
        );
    }
}
