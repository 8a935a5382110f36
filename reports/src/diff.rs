//! What changed from one report to another, and whether any of it is for the worse.
//!
//! Only what both runs selected is compared; what one of them left out is said. A case counts as worse where it fails
//! now and did not before, has no result any more, or is gone; so does a target or a declared interface that is gone or
//! not measured any more, and a level that is lost. Claims that changed are shown: whether a limit became weaker or
//! stronger is for the reader to say. So are latencies, unless [`Diff::fail_slower`] makes a gate of them.

mod cases;
mod claims;
mod latency;
mod levels;
mod model;
mod scope;
mod targets;

pub use model::{
    CaseChange, CaseChangeKind, ClaimChange, Compared, DIFF_SCHEMA_VERSION, Diff, Incomparable,
    InterfaceChange, InterfaceChangeKind, LatencyChange, LatencyVerdict, LevelChange, Side, TargetChange,
    TargetChangeKind, Which,
};

use crate::model::{Report, TargetReport};
use scope::Scope;

/// What both reports say of one target.
#[derive(Clone, Copy)]
struct Pair<'a> {
    before: &'a TargetReport,
    after: &'a TargetReport,
}

/// Compares two reports, the older one first.
pub fn compare(before: &Report, after: &Report) -> Result<Diff, Incomparable> {
    for (which, report) in [(Which::Before, before), (Which::After, after)] {
        if let Some(why) = unusable(report) {
            return Err(Incomparable::Unusable { which, why });
        }
    }
    let scope = Scope::of(before, after)?;
    let mut diff = Diff::new(before, after);
    targets::compare(&scope, &mut diff);
    for pair in scope.pairs() {
        claims::compare(pair, &mut diff);
        levels::compare(&scope, pair, &mut diff);
        cases::compare(&scope, pair, &mut diff);
        latency::compare(&scope, pair, &mut diff);
    }
    cases::of_new_targets(&scope, &mut diff);
    if diff.compared.cases == 0 {
        return Err(Incomparable::NoCommonCase);
    }
    scope.note(&mut diff);
    diff.settle();
    Ok(diff)
}

/// Which group of a plan the report is of, if it is one of several.
fn group(report: &Report) -> Option<(u32, u32)> {
    let plan = report.provenance.as_ref()?.plan.as_ref()?;
    plan.group.map(|group| (group, plan.groups)).filter(|(_, groups)| *groups > 1)
}

/// Why a report says too little to be compared with anything; none if it does.
pub fn unusable(report: &Report) -> Option<String> {
    if !report.complete {
        Some("it has no closing record: the run was cut off, or is still going on".to_owned())
    } else if let Some(problem) = report.problems.first() {
        Some(format!("it does not add up: {problem}"))
    } else if let Some((group, groups)) = group(report) {
        Some(format!("it is group {group} of the {groups} of a plan; merge them all first"))
    } else if report.targets.is_empty() {
        Some("nothing was selected in it".to_owned())
    } else {
        None
    }
}
