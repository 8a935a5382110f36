//! From events to the report: order, what is missing, what does not add up, levels.

use prism_reports::event::{Route, TargetFailed, TargetPlanned, TargetReady};
use prism_reports::model::TargetStatus;
use prism_reports::render::{html, markdown, terminal};
use prism_reports::{Event, EventKind, Level, Outcome, Report, Verdict};
use proptest::prelude::*;

use crate::fixture::{self, Log, case, done, finished, planned, ready, refusal};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Cases end in any order; the report does not show which.
    #[test]
    fn the_order_of_completion_does_not_show(order in Just((6..fixture::full_run().len() - 1).collect::<Vec<_>>()).prop_shuffle()) {
        let events = fixture::full_run();
        let mut shuffled: Vec<Event> = events[..6].to_vec();
        shuffled.extend(order.iter().map(|&at| events[at].clone()));
        shuffled.push(events[events.len() - 1].clone());
        prop_assert_eq!(Report::from_events(&shuffled), Report::from_events(&events));
    }
}

#[test]
fn a_case_without_a_result_says_why() {
    let report = Report::from_events(&fixture::full_run());
    let outcome = |target: &str, id: &str| {
        let (_, case) = report.cases().find(|(t, case)| t.target == target && case.id == id).unwrap();
        (case.outcome, case.reason.clone().unwrap_or_default())
    };
    let (error, reason) = outcome("sqlite", "keyvalue_scan/finds_all");
    assert_eq!((error, reason.contains("disk I/O")), (Outcome::Error, true));
    let (kept, _) = outcome("sqlite", "keyvalue_basic/set_then_get");
    assert_eq!(kept, Outcome::Pass, "what ended before the target broke keeps its result");
    let (absent, reason) = outcome("nats", "pubsub_basic/delivers");
    assert_eq!((absent, reason.contains("Docker")), (Outcome::NotMeasured, true));
    assert_eq!(outcome("redis", "pubsub_basic/survives").0, Outcome::NotRun);
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.totals.total(), 24);
}

#[test]
fn the_rows_follow_the_catalogue() {
    let report = Report::from_events(&fixture::full_run());
    assert_eq!(report.interfaces, ["keyvalue_basic", "keyvalue_ttl", "keyvalue_scan", "pubsub_basic"]);
    let cited: Vec<&str> = report.clauses.iter().map(|clause| clause.id.as_str()).collect();
    assert_eq!(cited, ["KVB-01", "KVB-07", "KVB-12", "KVT-01", "KVS-01", "PSB-01", "GEN-13"]);
    assert_eq!(report.slowest.len(), 10);
    assert_eq!(report.slowest[0].case, "keyvalue_ttl/expires");
}

fn log_of(cases: &[(&str, &str, Outcome)]) -> Log {
    let mut log = Log::default();
    let plans = cases.iter().map(|(id, clause, _)| case(id, &[clause], "Holds.")).collect();
    log.push(fixture::started());
    log.push(EventKind::TargetPlanned(planned(
        "redis",
        "redis-7.0",
        &["keyvalue_basic", "keyvalue_ttl"],
        plans,
    )));
    log.push(ready("redis", "process", None));
    for (id, _, outcome) in cases {
        log.push(done(finished("redis", id, *outcome, 1.0)));
    }
    log
}

#[test]
fn what_is_the_proxy_s_fault_is_told() {
    use Outcome::{Error, Fail, Pass};
    let through = |outcome, direct: Option<Outcome>| {
        let mut log = Log::default();
        log.push(fixture::started());
        let plan = planned("redis", "redis-7.0", &[], vec![case("keyvalue_basic/a", &["KVB-01"], "Holds.")]);
        let proxied = TargetPlanned { target: "redis via proxy".into(), route: Route::Proxy, ..plan.clone() };
        if let Some(direct) = direct {
            log.push(EventKind::TargetPlanned(plan)).push(ready("redis", "process", None));
            log.push(done(finished("redis", "keyvalue_basic/a", direct, 1.0)));
        }
        log.push(EventKind::TargetPlanned(proxied)).push(ready("redis via proxy", "process", None));
        log.push(done(finished("redis via proxy", "keyvalue_basic/a", outcome, 1.0)));
        let report = Report::from_events(&log.close(false).events);
        let (_, case) = report.cases().last().unwrap();
        (case.direct, case.blames_the_proxy())
    };
    assert_eq!(through(Fail, Some(Pass)), (Some(Pass), true));
    assert_eq!(through(Fail, Some(Fail)), (Some(Fail), false));
    assert_eq!(through(Pass, Some(Pass)), (Some(Pass), false));
    assert_eq!(through(Error, Some(Pass)), (Some(Pass), false), "an error is no verdict");
    assert_eq!(through(Fail, None), (None, false));
}

fn level_of(cases: &[(&str, &str, Outcome)]) -> Option<Level> {
    let mut log = log_of(cases);
    let report = Report::from_events(&log.close(false).events);
    report.targets[0].interface("keyvalue_basic").unwrap().level
}

#[test]
fn levels_are_computed() {
    use Outcome::{ExpectedFail, Fail, Inconclusive, NotRun, Pass, Refused};
    let must = |outcome| ("keyvalue_basic/must", "KVB-01", outcome);
    let general = |outcome| ("keyvalue_basic/general", "GEN-13", outcome);
    let should = |outcome| ("keyvalue_basic/should", "KVB-12", outcome);
    let other = ("keyvalue_ttl/must", "KVT-01", Outcome::Fail);
    assert_eq!(level_of(&[must(Pass), general(Refused), should(Pass), other]), Some(Level::Full));
    assert_eq!(level_of(&[must(Pass), should(Fail)]), Some(Level::Core));
    assert_eq!(level_of(&[must(Pass), should(Inconclusive)]), Some(Level::Core));
    assert_eq!(level_of(&[must(Pass), general(Fail), should(Pass)]), None);
    for outcome in [ExpectedFail, Fail, Inconclusive, NotRun] {
        assert_eq!(level_of(&[must(outcome), should(Pass)]), None, "{outcome}");
    }
    assert_eq!(level_of(&[should(Pass)]), None, "no MUST clause was tested");
    assert_eq!(level_of(&[other]), None);
}

#[test]
fn a_part_of_the_cases_proves_no_level() {
    let mut log = log_of(&[("keyvalue_basic/must", "KVB-01", Outcome::Pass)]);
    if let EventKind::RunStarted(run) = &mut log.events[0].kind {
        run.case_filter = vec!["keyvalue_basic/must".into()];
    }
    let report = Report::from_events(&log.close(false).events);
    assert_eq!(report.targets[0].interfaces[0].level, None);
    assert_eq!(report.verdict, Verdict::Conformant);
}

/// The same cases, with a clause that counts from some revision on; the run is of contract 2025-01.
fn with_provisional(from: Option<&str>, outcome: Outcome) -> Report {
    let mut log = log_of(&[
        ("keyvalue_basic/must", "KVB-01", Outcome::Pass),
        ("keyvalue_basic/should", "KVB-12", Outcome::Pass),
        ("keyvalue_basic/new", "KVB-07", outcome),
    ]);
    if let EventKind::RunStarted(run) = &mut log.events[0].kind {
        let clause = run.clauses.iter_mut().find(|clause| clause.id == "KVB-07").unwrap();
        clause.from = from.map(str::to_owned);
    }
    Report::from_events(&log.close(false).events)
}

#[test]
fn what_is_provisional_is_shown_and_changes_nothing() {
    for outcome in Outcome::ALL {
        let report = with_provisional(Some("2025-02"), outcome);
        assert_eq!((report.verdict, report.exit_code), (Verdict::Conformant, 0), "{outcome}");
        assert_eq!(report.totals.total(), 2);
        assert_eq!(report.targets[0].interfaces[0].level, Some(Level::Full));
        let shown: Vec<_> = report.provisional().map(|(_, case)| (case.id.as_str(), case.outcome)).collect();
        assert_eq!(shown, [("keyvalue_basic/new", outcome)]);
        assert_eq!(report.counts_from(report.provisional().next().unwrap().1), Some("2025-02"));
        let plain = terminal::Options { color: false, width: 110 };
        for page in [
            terminal::render(&report, &plain),
            markdown::render(&report, &markdown::Options::default()),
            html::render(&report),
        ] {
            assert!(page.contains("keyvalue_basic/new") && page.contains("2025-02"), "{page}");
        }
    }
}

#[test]
fn from_its_revision_on_a_clause_counts() {
    for from in [None, Some("2024-12"), Some("2025-01")] {
        let report = with_provisional(from, Outcome::Fail);
        assert_eq!((report.verdict, report.exit_code), (Verdict::NonConformant, 1), "{from:?}");
        assert_eq!((report.targets[0].interfaces[0].level, report.provisional().count()), (None, 0));
        let held = with_provisional(from, Outcome::Pass);
        assert_eq!(held.targets[0].interfaces[0].level, Some(Level::Full));
    }
}

#[test]
fn the_level_of_a_target_is_the_lowest_of_what_it_declares() {
    let mut log = Log::default();
    log.push(fixture::started());
    let cases = vec![
        case("keyvalue_basic/must", &["KVB-01"], "It holds."),
        case("keyvalue_basic/should", &["KVB-12"], "It holds."),
        case("keyvalue_ttl/must", &["KVT-01"], "It holds."),
    ];
    log.push(EventKind::TargetPlanned(planned(
        "redis",
        "redis-7.0",
        &["keyvalue_basic", "keyvalue_ttl"],
        cases,
    )));
    log.push(ready("redis", "container", None));
    log.push(done(finished("redis", "keyvalue_basic/must", Outcome::Pass, 1.0)));
    log.push(done(finished("redis", "keyvalue_basic/should", Outcome::ExpectedFail, 1.0)));
    log.push(done(finished("redis", "keyvalue_ttl/must", Outcome::Pass, 1.0)));
    let target = &Report::from_events(&log.close(false).events).targets[0];
    assert_eq!(target.level, Some(Level::Core));
    assert_eq!(target.levels(), "full in keyvalue_ttl; core in keyvalue_basic");
}

#[test]
fn an_undeclared_interface_has_no_level() {
    let report = Report::from_events(&fixture::good_run());
    let ttl = report.targets[0].interface("keyvalue_ttl").unwrap();
    assert_eq!((ttl.declared, ttl.level), (false, None));
    assert_eq!(ttl.counts.get(Outcome::Refused), 1);
}

#[test]
fn an_interface_that_everybody_serves_counts_as_declared() {
    let mut log = Log::default();
    let cases = vec![case("lifecycle/describe", &["KVB-01"], "Describe answers."), refusal("keyvalue_ttl")];
    log.push(fixture::started());
    log.push(EventKind::TargetPlanned(planned("redis", "redis-7.0", &[], cases)));
    let report = Report::from_events(&log.events);
    assert!(report.targets[0].interface("lifecycle").unwrap().declared);
    assert!(!report.targets[0].interface("keyvalue_ttl").unwrap().declared);
    assert_eq!(report.targets[0].status, TargetStatus::NotStarted);
}

/// Puts one more event before the closing record.
fn extra(events: &mut Vec<Event>, kind: EventKind) {
    let end = events.len() - 1;
    events.insert(end, Event { seq: 0, at_ms: 0, kind });
}

/// What does not add up is said and makes the run incomplete.
#[test]
fn a_log_that_does_not_add_up_is_never_green() {
    let good = fixture::good_run();
    assert_eq!(Report::from_events(&good).verdict, Verdict::Conformant);
    let with = |change: fn(&mut Vec<Event>)| {
        let mut events = good.clone();
        change(&mut events);
        let report = Report::from_events(&events);
        assert_eq!(report.verdict, Verdict::Incomplete, "{:?}", report.problems);
        report.problems.join("; ")
    };
    let problem = with(|events| drop(events.remove(0)));
    assert!(problem.contains("does not begin with the record of a run"), "{problem}");
    let problem = with(|events| drop(events.remove(3)));
    assert!(problem.contains("the closing record counts 2 results, the log holds 1"), "{problem}");
    let problem = with(|events| extra(events, done(finished("memstore", "x/y", Outcome::Fail, 1.0))));
    assert!(problem.contains("x/y was never planned for memstore, and is `fail`"), "{problem}");
    let problem = with(|events| {
        extra(events, done(finished("memstore", "keyvalue_basic/set_then_get", Outcome::Pass, 1.0)));
    });
    assert!(problem.contains("keyvalue_basic/set_then_get has two results on memstore"), "{problem}");
    let problem = with(|events| extra(events, fixture::started()));
    assert!(problem.contains("a second run"), "{problem}");
    let problem = with(|events| {
        let kind = events[1].kind.clone();
        extra(events, kind);
    });
    assert!(problem.contains("memstore is planned twice"), "{problem}");
    let problem = with(|events| {
        let reason = "gone".into();
        extra(events, EventKind::TargetFailed(TargetFailed { target: "redis".into(), reason }));
    });
    assert!(problem.contains("redis was never planned"), "{problem}");
    let problem = with(|events| {
        if let EventKind::TargetPlanned(plan) = &mut events[1].kind {
            plan.cases.push(plan.cases[0].clone());
        }
    });
    assert!(problem.contains("keyvalue_basic/set_then_get is planned twice for memstore"), "{problem}");
}

#[test]
fn of_two_results_the_worse_one_stands_in_either_order() {
    for outcomes in [[Outcome::Pass, Outcome::Fail], [Outcome::Fail, Outcome::Pass]] {
        let mut log = log_of(&[("keyvalue_basic/must", "KVB-01", outcomes[0])]);
        log.push(done(finished("redis", "keyvalue_basic/must", outcomes[1], 1.0)));
        let report = Report::from_events(&log.close(false).events);
        assert_eq!(report.targets[0].cases[0].outcome, Outcome::Fail);
        assert_eq!(report.verdict, Verdict::NonConformant);
    }
}

#[test]
fn times_that_are_none_do_not_spoil_the_report() {
    let mut log = log_of(&[("keyvalue_basic/must", "KVB-01", Outcome::Pass)]);
    if let EventKind::TargetReady(TargetReady { provision, .. }) = &mut log.events[2].kind {
        provision.call_cost_us = Some(f64::INFINITY);
    }
    if let EventKind::CaseFinished(case) = &mut log.events[3].kind {
        case.duration_ms = f64::NAN;
    }
    let report = Report::from_events(&log.close(false).events);
    assert_eq!(report.targets[0].cases[0].duration_ms.to_bits(), 0.0_f64.to_bits());
    assert_eq!(report.targets[0].provision.as_ref().unwrap().call_cost_us, None);
}
