//! Cases whose results changed.

use std::collections::{HashMap, HashSet};

use super::scope::Scope;
use super::{CaseChange, CaseChangeKind, Diff, Pair, TargetChangeKind, claims, targets};
use crate::model::CaseReport;
use crate::outcome::{ExitClass, Outcome};

/// What an outcome says of the target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Holds,
    FailsAsExpected,
    Fails,
    Nothing,
}

fn says(outcome: Outcome) -> Says {
    match outcome.exit_class() {
        ExitClass::Conforming if outcome.proves() => Says::Holds,
        ExitClass::Conforming => Says::FailsAsExpected,
        ExitClass::NonConforming => Says::Fails,
        ExitClass::Incomplete | ExitClass::Neutral => Says::Nothing,
    }
}

/// What became of a case that both runs have.
fn kind(before: Outcome, after: Outcome) -> Option<CaseChangeKind> {
    match (says(before), says(after)) {
        (Says::Holds, Says::Holds)
        | (Says::FailsAsExpected, Says::FailsAsExpected)
        | (Says::Nothing, Says::Nothing) => None,
        (Says::Fails, Says::Fails) => (before != after).then_some(CaseChangeKind::Differently),
        (Says::Fails, Says::FailsAsExpected) => Some(CaseChangeKind::Excused),
        (Says::Fails | Says::FailsAsExpected, Says::Holds) => Some(CaseChangeKind::Fixed),
        (Says::Nothing, Says::Holds) => Some(CaseChangeKind::Measured),
        (_, Says::Nothing) => Some(CaseChangeKind::Lost),
        (_, Says::Fails | Says::FailsAsExpected) => Some(CaseChangeKind::NewlyFailing),
    }
}

pub(super) fn compare(scope: &Scope<'_>, pair: Pair<'_>, diff: &mut Diff) {
    let (turned, target) = (targets::turned(pair), pair.after.target.as_str());
    let claims: HashSet<&str> = claims::turned(pair).map(|(_, interface)| interface).collect();
    let known: HashMap<&str, &CaseReport> =
        pair.before.cases.iter().map(|case| (case.id.as_str(), case)).collect();
    // A case that proves only clauses of a later contract revision is there, though it does not count.
    let there = pair.after.cases.iter().chain(&pair.after.provisional);
    let still: HashSet<&str> = there.map(|case| case.id.as_str()).collect();
    let mut push = |kind, before: Option<&CaseReport>, after: Option<&CaseReport>| {
        diff.cases.push(change(kind, &pair.after.target, before, after));
    };
    for after in &pair.after.cases {
        let Some(&before) = known.get(after.id.as_str()) else {
            let fails = says(after.outcome) == Says::Fails;
            if scope.before.case(target, after) && fails {
                push(CaseChangeKind::NewlyFailing, None, Some(after));
            } else if scope.before.case(target, after) && !claims.contains(after.interface.as_str()) {
                push(CaseChangeKind::Added, None, Some(after));
            }
            continue;
        };
        diff.compared.cases += 1;
        let Some(kind) = kind(before.outcome, after.outcome) else { continue };
        // What became of the whole target is told once.
        let told = match turned {
            Some(TargetChangeKind::NoLongerMeasured) => {
                kind == CaseChangeKind::Lost && after.reason.is_some()
            }
            Some(_) => kind == CaseChangeKind::Measured && before.reason.is_some(),
            None => false,
        };
        if !told {
            push(kind, Some(before), Some(after));
        }
    }
    for before in pair.before.cases.iter().filter(|case| !still.contains(case.id.as_str())) {
        if scope.after.case(target, before) && !claims.contains(before.interface.as_str()) {
            push(CaseChangeKind::Removed, Some(before), None);
        }
    }
}

/// A target that is new brings every failure of its own.
pub(super) fn of_new_targets(scope: &Scope<'_>, diff: &mut Diff) {
    for target in scope.come().into_iter().filter(|target| scope.before.target(target)) {
        let failing = target.cases.iter().filter(|case| says(case.outcome) == Says::Fails);
        let changes =
            failing.map(|case| change(CaseChangeKind::NewlyFailing, &target.target, None, Some(case)));
        diff.cases.extend(changes);
    }
}

fn change(
    kind: CaseChangeKind,
    target: &str,
    before: Option<&CaseReport>,
    after: Option<&CaseReport>,
) -> CaseChange {
    let told = matches!(
        kind,
        CaseChangeKind::NewlyFailing
            | CaseChangeKind::Lost
            | CaseChangeKind::Differently
            | CaseChangeKind::Excused
    );
    let now = after.filter(|_| told);
    let failure = now.and_then(|case| case.failure.as_ref());
    let note = now.and_then(|case| case.reason.as_ref().or(case.notes.first()));
    let message = failure.map(|failure| &failure.message).or(note);
    let expected = now.and_then(|case| case.expectation.as_ref()).map(|expected| &expected.note);
    CaseChange {
        kind,
        target: target.to_owned(),
        case: after.or(before).map(|case| case.id.clone()).unwrap_or_default(),
        before: before.map(|case| case.outcome),
        after: after.map(|case| case.outcome),
        clause: failure.and_then(|failure| failure.clause.clone()),
        message: message.cloned(),
        expectation: expected.filter(|expected| Some(*expected) != message).cloned(),
        reproduce: failure.map(|failure| failure.reproduce.clone()).filter(|command| !command.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_outcomes_has_its_kind() {
        use CaseChangeKind::{Differently, Excused, Fixed, Lost, Measured, NewlyFailing};
        let of = |outcome: Outcome| match outcome {
            Outcome::Pass | Outcome::Refused => 0,
            Outcome::ExpectedFail => 1,
            Outcome::Fail | Outcome::Timeout | Outcome::Undeclared | Outcome::UnexpectedPass => 2,
            Outcome::Error
            | Outcome::Vacuous
            | Outcome::Inconclusive
            | Outcome::NotRun
            | Outcome::NotMeasured => 3,
        };
        let table = [
            [None, Some(NewlyFailing), Some(NewlyFailing), Some(Lost)],
            [Some(Fixed), None, Some(NewlyFailing), Some(Lost)],
            [Some(Fixed), Some(Excused), Some(Differently), Some(Lost)],
            [Some(Measured), Some(NewlyFailing), Some(NewlyFailing), None],
        ];
        for before in Outcome::ALL {
            for after in Outcome::ALL {
                let expected = if before == after { None } else { table[of(before)][of(after)] };
                assert_eq!(kind(before, after), expected, "{before} -> {after}");
            }
        }
    }
}
