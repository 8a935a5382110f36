//! The exit code for every outcome, alone and together.

use prism_reports::event::{TargetFailed, TargetNotMeasured};
use prism_reports::{EventKind, ExitCode, Outcome, Report, Verdict, exit_code};

use crate::fixture::{self, Log, case, done, finished, planned, ready};

/// A run of one target in which the cases have these outcomes; `NotRun` ones never end.
fn run_of(outcomes: &[Outcome]) -> Log {
    let mut log = Log::default();
    let id = |n: usize| format!("keyvalue_basic/{n}");
    let cases = (0..outcomes.len()).map(|n| case(&id(n), &["KVB-01"], "Holds.")).collect();
    log.push(fixture::started());
    log.push(EventKind::TargetPlanned(planned("redis", "redis-7.0", &["keyvalue_basic"], cases)));
    log.push(ready("redis", "process", None));
    for (n, &outcome) in outcomes.iter().enumerate().filter(|(_, outcome)| **outcome != Outcome::NotRun) {
        log.push(done(finished("redis", &id(n), outcome, 1.0)));
    }
    log
}

fn code_of(log: &Log) -> u8 {
    let report = Report::from_events(&log.events);
    let code = exit_code(&report);
    assert_eq!(report.exit_code, code.code());
    assert_eq!(report.verdict.exit_code(), code);
    code.code()
}

#[test]
fn every_outcome_alone_and_beside_a_pass() {
    let table = [
        (Outcome::Pass, 0, 0),
        (Outcome::Refused, 0, 0),
        (Outcome::ExpectedFail, 0, 0),
        (Outcome::Fail, 1, 1),
        (Outcome::Timeout, 1, 1),
        (Outcome::Undeclared, 1, 1),
        (Outcome::UnexpectedPass, 1, 1),
        (Outcome::Error, 3, 3),
        (Outcome::Vacuous, 3, 3),
        (Outcome::Inconclusive, 3, 3),
        (Outcome::NotRun, 3, 3),
        (Outcome::NotMeasured, 4, 0),
    ];
    assert_eq!(table.map(|(outcome, ..)| outcome), Outcome::ALL);
    for (outcome, alone, beside) in table {
        assert_eq!(code_of(run_of(&[outcome]).close(false)), alone, "{outcome} alone");
        assert_eq!(
            code_of(run_of(&[Outcome::Pass, outcome]).close(false)),
            beside,
            "{outcome} beside a pass"
        );
        let worst = if alone == 1 { 1 } else { 3 };
        assert_eq!(
            code_of(run_of(&[Outcome::Error, outcome]).close(false)),
            worst,
            "{outcome} beside an error"
        );
        assert_eq!(code_of(run_of(&[Outcome::Fail, outcome]).close(false)), 1, "{outcome} beside a fail");
    }
}

#[test]
fn a_log_without_its_end_is_incomplete() {
    assert_eq!(code_of(&run_of(&[Outcome::Pass])), 3);
    assert_eq!(code_of(&run_of(&[Outcome::Fail])), 1);
    assert_eq!(code_of(&Log::default()), 3);
    assert_eq!(code_of(run_of(&[Outcome::Pass]).close(true)), 3, "cancelled");
}

#[test]
fn nothing_selected_is_its_own_code() {
    assert_eq!(Report::from_events(&fixture::empty_run()).verdict, Verdict::NothingMeasured);
    assert_eq!(code_of(run_of(&[]).close(false)), 4);
}

#[test]
fn a_target_that_is_missing_counts_if_it_is_required() {
    for (required, beside_a_pass, alone) in [(false, 0, 4), (true, 3, 3)] {
        for (outcomes, code) in [(&[Outcome::Pass][..], beside_a_pass), (&[], alone)] {
            let mut log = run_of(outcomes);
            let mut plan =
                planned("nats", "nats-2.10", &["pubsub_basic"], vec![case("pubsub_basic/x", &[], "Holds.")]);
            plan.required = required;
            log.push(EventKind::TargetPlanned(plan));
            log.push(EventKind::TargetNotMeasured(TargetNotMeasured {
                target: "nats".into(),
                reason: "no server".into(),
                remedy: String::new(),
            }));
            assert_eq!(code_of(log.close(false)), code, "required: {required}, beside {outcomes:?}");
        }
    }
}

#[test]
fn a_target_that_broke_is_incomplete_even_without_cases() {
    let mut log = run_of(&[Outcome::Pass]);
    log.push(EventKind::TargetPlanned(planned("sqlite", "file", &[], Vec::new())));
    log.push(EventKind::TargetFailed(TargetFailed { target: "sqlite".into(), reason: "no disk".into() }));
    assert_eq!(code_of(log.close(false)), 3);
}

#[test]
fn the_numbers_are_public() {
    let codes = [
        (ExitCode::Conformant, 0),
        (ExitCode::NonConformant, 1),
        (ExitCode::Usage, 2),
        (ExitCode::Incomplete, 3),
        (ExitCode::NothingMeasured, 4),
    ];
    for (code, number) in codes {
        assert_eq!(code.code(), number);
        assert_eq!(std::process::ExitCode::from(code), std::process::ExitCode::from(number));
    }
}
