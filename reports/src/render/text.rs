//! Wording that the terminal and the page share.

use crate::exit::{Verdict, incomplete_because};
use crate::model::Report;
use crate::outcome::{ExitClass, Outcome};

/// `1 case`, `2 cases`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A time given in milliseconds, for people.
pub(super) fn duration(ms: f64) -> String {
    if ms < 1_000.0 {
        format!("{ms:.1} ms")
    } else if ms < 120_000.0 {
        format!("{:.1} s", ms / 1_000.0)
    } else {
        format!("{:.1} min", ms / 60_000.0)
    }
}

/// The first items, and how many more there are.
pub(super) fn list_some(items: &[String], limit: usize) -> String {
    let shown = items[..items.len().min(limit)].join(", ");
    let left = items.len().saturating_sub(limit);
    if left > 0 { format!("{shown}, and {left} more") } else { shown }
}

/// The outcomes that occur, each with its count: `pass 12, fail 1`.
pub(super) fn totals(report: &Report) -> String {
    let parts: Vec<String> =
        report.totals.iter().map(|(outcome, count)| format!("{} {count}", outcome.label())).collect();
    parts.join(", ")
}

/// What follows the verdict on the first line, without foreign text.
pub(super) fn headline(report: &Report) -> String {
    let counted = report.totals.counted() as usize;
    let targets = report.targets.iter().filter(|target| target.counts.counted() > 0).count();
    let held = format!("{} held on {}", plural(counted, "case"), plural(targets, "target"));
    let mut parts = Vec::new();
    match report.verdict {
        Verdict::NonConformant => {
            let failed = report.totals.of_class(ExitClass::NonConforming);
            if failed > 0 {
                let cases = plural(counted, "measured case");
                let guilty =
                    report.targets.iter().filter(|t| t.counts.of_class(ExitClass::NonConforming) > 0).count();
                parts.push(format!(
                    "{failed} of {cases} failed, on {guilty} of {}",
                    plural(targets, "target")
                ));
            }
            let broken = report.broken_expectations().count();
            if broken > 0 {
                parts.push(format!("{} not true", plural(broken, "expectation")));
            }
        }
        Verdict::NothingMeasured if report.targets.is_empty() => {
            parts.push("nothing was selected".to_owned());
        }
        Verdict::NothingMeasured => parts.push("no case counted".to_owned()),
        Verdict::Incomplete if counted == 0 => parts.push("no case was measured".to_owned()),
        Verdict::Incomplete | Verdict::Conformant => parts.push(held),
    }
    let without_result = report.totals.of_class(ExitClass::Incomplete) as usize;
    if without_result > 0 {
        parts.push(format!("{} without a result", plural(without_result, "case")));
    } else if !incomplete_because(report).is_empty() {
        parts.push("the run is not complete".to_owned());
    }
    let absent = report.totals.get(Outcome::NotMeasured) as usize;
    if absent > 0 {
        parts.push(format!("{} not measured", plural(absent, "case")));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(duration(0.04), "0.0 ms");
        assert_eq!(duration(999.0), "999.0 ms");
        assert_eq!(duration(1_000.0), "1.0 s");
        assert_eq!(duration(120_000.0), "2.0 min");
    }

    #[test]
    fn lists_say_what_they_leave_out() {
        let items: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        assert_eq!(list_some(&items, 3), "a, b, c");
        assert_eq!(list_some(&items, 2), "a, b, and 1 more");
        assert_eq!(plural(1, "case"), "1 case");
        assert_eq!(plural(0, "case"), "0 cases");
    }
}
