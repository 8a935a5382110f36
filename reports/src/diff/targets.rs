//! Targets that came, went, or are measured in one of the runs only.

use super::scope::Scope;
use super::{Diff, Pair, TargetChange, TargetChangeKind};
use crate::model::{TargetReport, TargetStatus};

pub(super) fn compare(scope: &Scope<'_>, diff: &mut Diff) {
    let mut push = |kind, shown: &TargetReport, reason: Option<String>| {
        let (target, counts) = (shown.target.clone(), shown.counts.clone());
        diff.targets.push(TargetChange { kind, target, counts, reason });
    };
    for target in scope.gone().into_iter().filter(|target| scope.after.target(target)) {
        push(TargetChangeKind::Removed, target, None);
    }
    for target in scope.come().into_iter().filter(|target| scope.before.target(target)) {
        push(TargetChangeKind::Added, target, None);
    }
    for pair in scope.pairs() {
        match turned(pair) {
            Some(kind @ TargetChangeKind::NoLongerMeasured) => push(kind, pair.before, reason(pair.after)),
            Some(kind) => push(kind, pair.after, reason(pair.before)),
            None => {}
        }
    }
    diff.compared.targets = scope.pairs().count() as u64;
}

/// Whether all of the target was measured in one of the runs only.
pub(super) fn turned(pair: Pair<'_>) -> Option<TargetChangeKind> {
    let measured = |target: &TargetReport| target.status == TargetStatus::Measured;
    match (measured(pair.before), measured(pair.after)) {
        (true, false) => Some(TargetChangeKind::NoLongerMeasured),
        (false, true) => Some(TargetChangeKind::Measured),
        _ => None,
    }
}

fn reason(target: &TargetReport) -> Option<String> {
    match &target.status {
        TargetStatus::NotMeasured { reason, .. } | TargetStatus::Failed { reason } => Some(reason.clone()),
        TargetStatus::NotStarted => Some("the run ended before it was started".to_owned()),
        TargetStatus::Measured => None,
    }
}
