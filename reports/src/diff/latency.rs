//! Whether the calls of a target became slower, with how sure that is.
//!
//! Only cases that passed in both runs count. For each rpc, every such case gives the ratio of its median times; the
//! rpc's figure is the median of these ratios. How far it would have moved with other cases is found by drawing as many
//! cases with replacement, again and again: the bootstrap. What all cases of a run share, a busier machine say, no
//! draw of cases can show, which is why [`BEYOND`] leaves room for it and why runs on different machines are not compared.

use std::collections::BTreeMap;

use super::scope::Scope;
use super::{Diff, LatencyChange, LatencyVerdict, Pair, targets};
use crate::model::CaseReport;
use crate::outcome::Outcome;

/// How many times cases are drawn anew.
const DRAWS: usize = 2_000;
/// The share of the draws that lies outside of the interval.
const OUTSIDE: f64 = 0.01;
/// An rpc of fewer cases has no verdict.
pub(super) const FEWEST_CASES: usize = 5;
/// How many times as slow, or as fast, an rpc must be before it counts. Of 306 comparisons of one build with itself,
/// with five times as much work on the machine as it had processors, the interval lay beyond 1 in 27, beyond 1.1 in 8,
/// beyond 1.4 in none.
pub(super) const BEYOND: f64 = 1.5;

/// Compares the calls of one target, unless its runs were made under conditions that are not the same.
pub(super) fn compare(scope: &Scope<'_>, pair: Pair<'_>, diff: &mut Diff) {
    if targets::turned(pair).is_some() || !scope.same_machine() || ways(pair).is_some() {
        return;
    }
    let before: BTreeMap<&str, &CaseReport> = passed(&pair.before.cases);
    let mut rpcs: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for (id, after) in passed(&pair.after.cases) {
        let Some(before) = before.get(id) else { continue };
        for (rpc, now) in &after.p50_us {
            match before.p50_us.get(rpc) {
                Some(then) if *then > 0.0 && *now > 0.0 => rpcs.entry(rpc).or_default().push((*then, *now)),
                _ => {}
            }
        }
    }
    let target = &pair.after.target;
    diff.latencies.extend(rpcs.into_iter().map(|(rpc, times)| change(target, rpc, &times)));
}

/// The ways in which the target came to be, where they differ: another server is no ruler.
pub(super) fn ways(pair: Pair<'_>) -> Option<(&str, &str)> {
    let (before, after) = (pair.before.provision.as_ref()?, pair.after.provision.as_ref()?);
    (before.provision != after.provision).then_some((&before.provision, &after.provision))
}

/// Says how much the verdicts are worth.
pub(super) fn note(diff: &mut Diff) {
    if diff.latencies.is_empty() {
        return;
    }
    let count = |verdict| diff.latencies.iter().filter(|change| change.verdict == verdict).count();
    let all = median(diff.latencies.iter().map(|change| change.ratio).collect());
    diff.notes.push(format!(
        "times of {} rpcs: {} slower and {} faster by more than {BEYOND} times, {} within, {} inconclusive (99 % \
         intervals, bootstrapped over cases); the median of all \
         is {all:.2} times as long, which may be the machine",
        diff.latencies.len(),
        count(LatencyVerdict::Slower),
        count(LatencyVerdict::Faster),
        count(LatencyVerdict::Same),
        count(LatencyVerdict::Inconclusive),
    ));
}

fn passed(cases: &[CaseReport]) -> BTreeMap<&str, &CaseReport> {
    let passed = cases.iter().filter(|case| case.outcome == Outcome::Pass);
    passed.map(|case| (case.id.as_str(), case)).collect()
}

fn change(target: &str, rpc: &str, times: &[(f64, f64)]) -> LatencyChange {
    let ratios: Vec<f64> = times.iter().map(|(before, after)| after / before).collect();
    let (low, high) = interval(&ratios, seed(&[target, rpc]));
    let verdict = if times.len() < FEWEST_CASES {
        LatencyVerdict::Inconclusive
    } else if low > BEYOND {
        LatencyVerdict::Slower
    } else if high < 1.0 / BEYOND {
        LatencyVerdict::Faster
    } else if low >= 1.0 / BEYOND && high <= BEYOND {
        LatencyVerdict::Same
    } else {
        LatencyVerdict::Inconclusive
    };
    LatencyChange {
        verdict,
        target: target.to_owned(),
        rpc: rpc.to_owned(),
        cases: times.len() as u64,
        before_us: rounded(median(times.iter().map(|(before, _)| *before).collect())),
        after_us: rounded(median(times.iter().map(|(_, after)| *after).collect())),
        ratio: rounded(median(ratios)),
        low: rounded(low),
        high: rounded(high),
        too_slow: false,
    }
}

/// The middle one; of two, the half between them.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Between which values the median of the ratios lies in all but [`OUTSIDE`] of the draws.
fn interval(ratios: &[f64], seed: u64) -> (f64, f64) {
    let mut state = seed;
    let mut medians: Vec<f64> = (0..DRAWS)
        .map(|_| median(ratios.iter().map(|_| ratios[next(&mut state, ratios.len())]).collect()))
        .collect();
    medians.sort_by(f64::total_cmp);
    let at = |share: f64| medians[((DRAWS - 1) as f64 * share).round() as usize];
    (at(OUTSIDE / 2.0), at(1.0 - OUTSIDE / 2.0))
}

/// FNV-1a, so that the same reports have the same intervals.
fn seed(parts: &[&str]) -> u64 {
    parts.iter().flat_map(|part| part.bytes().chain([0])).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A number below `limit`, by SplitMix64.
fn next(state: &mut u64, limit: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    ((u128::from(mixed) * limit as u128) >> 64) as usize
}

/// To three places, as far as anyone reads.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(times: &[(f64, f64)]) -> LatencyVerdict {
        change("t", "r", times).verdict
    }

    #[test]
    fn an_interval_that_is_all_beyond_decides() {
        let spread = [0.93, 0.97, 1.0, 1.04, 1.08, 1.01, 0.99, 1.02];
        let by =
            |factor: f64| -> Vec<(f64, f64)> { spread.map(|noise| (10.0, 10.0 * noise * factor)).into() };
        assert_eq!(verdict(&by(1.0)), LatencyVerdict::Same);
        assert_eq!(verdict(&by(3.0)), LatencyVerdict::Slower);
        assert_eq!(verdict(&by(1.0 / 3.0)), LatencyVerdict::Faster);
        assert_eq!(verdict(&by(1.5)), LatencyVerdict::Inconclusive);
        assert_eq!(verdict(&by(3.0)[..FEWEST_CASES - 1]), LatencyVerdict::Inconclusive);
        // One case that went wild decides nothing.
        let mut wild = by(1.0);
        wild[0].1 = 1e6;
        assert_ne!(verdict(&wild), LatencyVerdict::Slower);
        let three = change("t", "r", &by(3.0));
        assert!(three.low <= three.ratio && three.ratio <= three.high, "{three:?}");
        assert_eq!((three.cases, three.before_us), (8, 10.0));
    }

    /// Of samples that do not differ, about [`OUTSIDE`] may seem to, were there no [`BEYOND`].
    #[test]
    fn the_interval_covers_the_true_ratio_as_often_as_it_says() {
        let mut state = 1;
        let mut uniform = || next(&mut state, 1 << 30) as f64 / f64::from(1 << 30);
        let mut missed = 0;
        for trial in 0..400 {
            // Each case is some percent off, by the same chance in either direction.
            let ratios: Vec<f64> = (0..25).map(|_| (uniform() - 0.5).exp()).collect();
            let (low, high) = interval(&ratios, trial);
            missed += usize::from(low > 1.0 || high < 1.0);
        }
        assert!(missed <= 16, "{missed} of 400 intervals miss the true ratio");
        assert!(missed > 0, "intervals that never miss are too wide to say anything");
    }

    #[test]
    fn medians_are_medians() {
        let of = |values: &[f64]| median(values.to_vec()).to_string();
        assert_eq!([of(&[3.0, 1.0, 2.0]), of(&[4.0, 1.0, 2.0, 3.0])], ["2", "2.5"]);
        assert!(median(Vec::new()).is_nan());
    }
}
