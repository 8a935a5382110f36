//! What changed from one run to another.

use prism_reports::diff::{
    CaseChangeKind, InterfaceChangeKind, LatencyVerdict, TargetChangeKind, Which, compare,
};
use prism_reports::event::{
    CaseFinished, Failure, PlanReference, Route, RunStarted, TargetFailed, TargetNotMeasured, TargetPlanned,
};
use prism_reports::render::changes::{self, Since};
use prism_reports::render::{json, markdown, terminal};
use prism_reports::{Diff, Event, EventKind, Incomparable, Level, Outcome, Report, diff_schema};
use proptest::prelude::*;

use crate::fixture::{self, Log, NASTY, case, done, finished, planned, ready, refusal};

/// One target, and what its cases come to.
struct Run {
    started: RunStarted,
    plan: TargetPlanned,
    results: Vec<(String, Outcome)>,
    /// By rpc, the median time in the first case, in microseconds.
    times: Vec<(String, f64)>,
}

impl Run {
    /// `redis`, which declares `keyvalue_basic`; the cases are of the interface that their ids say.
    fn of(results: &[(&str, Outcome)]) -> Self {
        let EventKind::RunStarted(started) = fixture::started() else {
            unreachable!("it is the first record")
        };
        let cases = results.iter().map(|(id, _)| case(id, &["KVB-01"], "Holds.")).collect();
        Self {
            started: *started,
            plan: planned("redis", "redis-7.0", &["keyvalue_basic"], cases),
            results: results.iter().map(|(id, outcome)| ((*id).to_owned(), *outcome)).collect(),
            times: Vec::new(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut RunStarted, &mut TargetPlanned)) -> Self {
        change(&mut self.started, &mut self.plan);
        self
    }

    fn events(&self) -> Vec<Event> {
        let target = &self.plan.target;
        let mut log = Log::default();
        log.push(EventKind::RunStarted(Box::new(self.started.clone())));
        log.push(EventKind::TargetPlanned(self.plan.clone())).push(ready(target, "process", None));
        let finishing = self.results.iter().filter(|(_, outcome)| *outcome != Outcome::NotRun);
        for (number, (id, outcome)) in finishing.enumerate() {
            let times = self.times.iter();
            let p50_us = times.map(|(rpc, us)| (rpc.clone(), us * (1.0 + number as f64 / 50.0))).collect();
            log.push(done(CaseFinished { p50_us, ..finished(target, id, *outcome, 1.0) }));
        }
        log.close(false).events.clone()
    }

    fn report(&self) -> Report {
        Report::from_events(&self.events())
    }
}

fn diff(before: &Run, after: &Run) -> Diff {
    compare(&before.report(), &after.report()).expect("they can be compared")
}

fn kinds(diff: &Diff) -> Vec<(CaseChangeKind, &str)> {
    diff.cases.iter().map(|change| (change.kind, change.case.as_str())).collect()
}

#[test]
fn what_is_worse_comes_first_and_makes_the_gate_red() {
    use Outcome::{ExpectedFail, Fail, NotRun, Pass, Timeout};
    let before = Run::of(&[
        ("keyvalue_basic/fixed", Fail),
        ("keyvalue_basic/otherwise", Fail),
        ("keyvalue_basic/excused", Fail),
        ("keyvalue_basic/same", Pass),
        ("keyvalue_basic/same_failure", Fail),
        ("keyvalue_basic/gone", Pass),
        ("keyvalue_basic/lost", Pass),
        ("keyvalue_basic/breaks", Pass),
        ("keyvalue_basic/hidden", Pass),
        ("keyvalue_basic/measured", NotRun),
    ]);
    let after = Run::of(&[
        ("keyvalue_basic/new", Pass),
        ("keyvalue_basic/new_failure", Fail),
        ("keyvalue_basic/fixed", Pass),
        ("keyvalue_basic/otherwise", Timeout),
        ("keyvalue_basic/excused", ExpectedFail),
        ("keyvalue_basic/same", Pass),
        ("keyvalue_basic/same_failure", Fail),
        ("keyvalue_basic/lost", NotRun),
        ("keyvalue_basic/breaks", Fail),
        ("keyvalue_basic/hidden", ExpectedFail),
        ("keyvalue_basic/measured", Pass),
    ]);
    let diff = diff(&before, &after);
    assert!(diff.worse);
    assert_eq!(
        kinds(&diff),
        [
            (CaseChangeKind::NewlyFailing, "keyvalue_basic/new_failure"),
            (CaseChangeKind::NewlyFailing, "keyvalue_basic/breaks"),
            (CaseChangeKind::NewlyFailing, "keyvalue_basic/hidden"),
            (CaseChangeKind::Lost, "keyvalue_basic/lost"),
            (CaseChangeKind::Removed, "keyvalue_basic/gone"),
            (CaseChangeKind::Differently, "keyvalue_basic/otherwise"),
            (CaseChangeKind::Excused, "keyvalue_basic/excused"),
            (CaseChangeKind::Fixed, "keyvalue_basic/fixed"),
            (CaseChangeKind::Measured, "keyvalue_basic/measured"),
            (CaseChangeKind::Added, "keyvalue_basic/new"),
        ]
    );
    assert_eq!((diff.compared.targets, diff.compared.cases), (1, 9));
}

#[test]
fn each_change_alone_is_worse_or_not() {
    use Outcome::{Error, ExpectedFail, Fail, Pass, Undeclared};
    let same = ("keyvalue_basic/same", Pass);
    let worse = |before: &[(&str, Outcome)], after: &[(&str, Outcome)]| {
        let (before, after) = ([&[same], before].concat(), [&[same], after].concat());
        diff(&Run::of(&before), &Run::of(&after)).worse
    };
    let one = |outcome| [("keyvalue_basic/one", outcome)];
    for (before, after, expected) in [
        (Pass, Pass, false),
        (Fail, Fail, false),
        (Fail, Undeclared, false),
        (Fail, ExpectedFail, false),
        (Fail, Pass, false),
        (Error, Pass, false),
        (Pass, Fail, true),
        (Pass, ExpectedFail, true),
        (Pass, Error, true),
        (Fail, Error, true),
        (Error, Fail, true),
    ] {
        assert_eq!(worse(&one(before), &one(after)), expected, "{before} -> {after}");
    }
    assert!(worse(&one(Pass), &[]), "a case that is gone proves nothing");
    assert!(!worse(&[], &one(Pass)));
    assert!(worse(&[], &one(Fail)), "a new case that fails");
}

#[test]
fn a_report_does_not_differ_from_itself() {
    for events in [fixture::full_run(), fixture::good_run()] {
        let report = Report::from_events(&events);
        let diff = compare(&report, &report).expect("they can be compared");
        assert!(diff.is_empty() && !diff.worse && diff.notes.is_empty(), "{diff:?}");
        assert!(
            changes::terminal(&diff, &terminal::Options::default())
                .starts_with("NOTHING WORSE: nothing changed; ")
        );
    }
}

#[test]
fn a_claim_that_is_gone_is_newly_refused() {
    let basic = ("keyvalue_basic/holds", Outcome::Pass);
    let ttl = [("keyvalue_ttl/a", Outcome::Pass), ("keyvalue_ttl/b", Outcome::Fail)];
    let with_ttl = Run::of(&[&[basic], &ttl[..]].concat()).with(|_, plan| {
        plan.declared = planned("", "", &["keyvalue_basic", "keyvalue_ttl"], Vec::new()).declared;
    });
    let without = |outcome| {
        Run::of(&[basic, ("keyvalue_ttl/refused", outcome)])
            .with(|_, plan| plan.cases[1] = refusal("keyvalue_ttl"))
    };
    let gone = diff(&with_ttl, &without(Outcome::Refused));
    assert!(gone.worse && gone.cases.is_empty() && gone.levels.is_empty(), "{gone:?}");
    let change = &gone.interfaces[0];
    assert_eq!((change.kind, change.interface.as_str()), (InterfaceChangeKind::NewlyRefused, "keyvalue_ttl"));
    assert_eq!((change.before.total(), change.after.get(Outcome::Refused)), (2, 1));

    let back = diff(&without(Outcome::Refused), &with_ttl);
    assert_eq!(back.interfaces[0].kind, InterfaceChangeKind::NewlyDeclared);
    assert_eq!(kinds(&back), [(CaseChangeKind::NewlyFailing, "keyvalue_ttl/b")], "what fails is listed");

    let served = diff(&with_ttl, &without(Outcome::Undeclared));
    assert_eq!(kinds(&served), [(CaseChangeKind::NewlyFailing, "keyvalue_ttl/refused")]);
}

#[test]
fn claims_that_changed_are_shown_and_gate_nothing() {
    let run = || Run::of(&[("keyvalue_basic/holds", Outcome::Pass)]);
    let after = run().with(|_, plan| {
        plan.declared[0].traits.insert("max_key_bytes".into(), "512".into());
        plan.declared[0].traits.insert("max_value_bytes".into(), "1MiB".into());
        plan.guarantees.clear();
    });
    let diff = diff(&run(), &after);
    let seen: Vec<_> = diff
        .claims
        .iter()
        .map(|claim| {
            (claim.interface.as_deref(), &*claim.name, claim.before.as_deref(), claim.after.as_deref())
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Some("keyvalue_basic"), "max_key_bytes", Some("4096"), Some("512")),
            (Some("keyvalue_basic"), "max_value_bytes", None, Some("1MiB")),
            (None, "consistency", Some("linearizable"), None),
        ]
    );
    assert!(!diff.worse);
}

#[test]
fn levels_are_lost_and_gained_and_not_compared_for_a_part_of_the_cases() {
    let held = Run::of(&[("keyvalue_basic/must", Outcome::Pass)]);
    let broken = || Run::of(&[("keyvalue_basic/must", Outcome::ExpectedFail)]);
    let lost = diff(&held, &broken());
    assert_eq!((lost.levels[0].before, lost.levels[0].after), (Some(Level::Full), None));
    assert!(lost.levels[0].is_worse());
    let gained = diff(&broken(), &held);
    assert!(!gained.levels[0].is_worse() && !gained.worse);

    let part = broken().with(|run, _| run.case_filter = vec!["keyvalue_basic/*".into()]);
    let part = diff(&held, &part);
    assert_eq!(part.levels, []);
    assert!(part.notes.iter().any(|note| note.starts_with("levels are not compared")), "{:?}", part.notes);
}

#[test]
fn only_what_both_selected_is_compared_and_that_is_said() {
    let whole = Run::of(&[
        ("keyvalue_basic/one", Outcome::Pass),
        ("keyvalue_basic/two", Outcome::Pass),
        ("lifecycle/other", Outcome::Pass),
    ]);
    let one = || Run::of(&[("keyvalue_basic/one", Outcome::Pass)]);
    let by_case = one().with(|run, _| run.case_filter = vec!["keyvalue_basic/o*".into()]);
    let by_interface = one().with(|run, _| run.interface_filter = vec!["keyvalue_basic".into()]);

    let there = diff(&whole, &by_case);
    assert!(!there.worse && there.cases.is_empty(), "{there:?}");
    let note = "not compared, since the newer run did not select them (--case keyvalue_basic/o*): \
                2 cases of the older one";
    assert!(there.notes.iter().any(|said| said == note), "{:?}", there.notes);
    assert!(diff(&by_case, &whole).is_empty());

    let there = diff(&whole, &by_interface);
    assert_eq!(
        kinds(&there),
        [(CaseChangeKind::Removed, "keyvalue_basic/two")],
        "it was selected, and is gone"
    );
    let note = "not compared, since the newer run did not select them (--interface keyvalue_basic): \
                1 case of the older one";
    assert!(there.notes.iter().any(|said| said == note), "{:?}", there.notes);
}

/// The targets of two runs in one report.
fn both(runs: &[&Run]) -> Report {
    let mut log = Log::default();
    log.push(runs[0].events()[0].kind.clone());
    for run in runs {
        let events = run.events();
        events[1..events.len() - 1].iter().for_each(|event| {
            log.push(event.kind.clone());
        });
    }
    Report::from_events(&log.close(false).events)
}

#[test]
fn targets_come_and_go_unless_they_were_not_asked_for() {
    let redis = Run::of(&[("keyvalue_basic/one", Outcome::Pass)]);
    let other = || {
        Run::of(&[("keyvalue_basic/one", Outcome::Fail)]).with(|_, plan| {
            plan.target = "nats".into();
            plan.backend = "nats".into();
        })
    };
    let alone = redis.report();
    let gone = compare(&both(&[&redis, &other()]), &alone).expect("they can be compared");
    assert_eq!((gone.targets[0].kind, gone.worse), (TargetChangeKind::Removed, true));
    let new = compare(&alone, &both(&[&redis, &other()])).expect("they can be compared");
    assert_eq!((new.targets[0].kind, new.worse), (TargetChangeKind::Added, true), "it fails");

    let asked = Run::of(&[("keyvalue_basic/one", Outcome::Pass)])
        .with(|run, _| run.target_filter = vec!["redis".into()])
        .report();
    let gone = compare(&both(&[&redis, &other()]), &asked).expect("they can be compared");
    assert!(gone.targets.is_empty() && !gone.worse, "{gone:?}");
    assert_eq!(gone.notes, ["not compared, since the newer run did not select it: nats"]);
}

#[test]
fn a_target_that_is_not_measured_any_more_is_told_once() {
    let cases: Vec<String> = (0..40).map(|n| format!("keyvalue_basic/{n}")).collect();
    let results: Vec<(&str, Outcome)> = cases.iter().map(|id| (id.as_str(), Outcome::Pass)).collect();
    let run = Run::of(&results);
    let without = |status: EventKind| {
        let mut log = Log::default();
        log.push(run.events()[0].kind.clone()).push(run.events()[1].kind.clone()).push(status);
        Report::from_events(&log.close(false).events)
    };
    let absent = TargetNotMeasured { target: "redis".into(), reason: NASTY.into(), remedy: String::new() };
    let failed = TargetFailed { target: "redis".into(), reason: "no image".into() };
    for absent in [EventKind::TargetNotMeasured(absent), EventKind::TargetFailed(failed)] {
        let absent = without(absent);
        let lost = compare(&run.report(), &absent).expect("they can be compared");
        assert_eq!((lost.targets[0].kind, lost.worse), (TargetChangeKind::NoLongerMeasured, true));
        assert_eq!((lost.cases.len(), lost.levels.len(), lost.targets[0].counts.total()), (0, 0, 40));
        let back = compare(&absent, &run.report()).expect("they can be compared");
        assert_eq!((back.targets[0].kind, back.worse), (TargetChangeKind::Measured, false));
        assert_eq!((back.cases.len(), back.levels.len()), (0, 0));
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let run = || Run::of(&[("keyvalue_basic/one", Outcome::Pass)]);
    let report = run().report();
    let refused = |before: &Report, after: &Report| compare(before, after).expect_err("it is refused");

    let mut events = run().events();
    events.pop();
    let cut = Report::from_events(&events);
    for (which, before, after) in [(Which::Before, &cut, &report), (Which::After, &report, &cut)] {
        let Incomparable::Unusable { which: said, why } = refused(before, after) else {
            panic!("it was cut off")
        };
        assert_eq!(said, which);
        assert!(why.contains("cut off"), "{why}");
    }
    let mut doubled = run().events();
    doubled.insert(3, doubled[3].clone());
    let doubled = Report::from_events(&doubled);
    assert!(matches!(refused(&report, &doubled), Incomparable::Unusable { which: Which::After, .. }));
    let group = run().with(|run, _| {
        run.plan = Some(PlanReference { digest: "sha256:0".into(), group: Some(2), groups: 3 });
    });
    let why = refused(&report, &group.report()).to_string();
    assert!(why.contains("the newer report cannot be compared: it is group 2 of the 3 of a plan"), "{why}");
    let empty = Report::from_events(&fixture::empty_run());
    assert!(matches!(refused(&empty, &report), Incomparable::Unusable { which: Which::Before, .. }));

    let proxied = run().with(|_, plan| {
        plan.target = "redis via proxy".into();
        plan.route = Route::Proxy;
    });
    assert_eq!(refused(&report, &proxied.report()), Incomparable::OtherRoute);
    let both_ways = both(&[&run(), &proxied]);
    let there = compare(&both_ways, &report).expect("they have the direct way in common");
    assert!(!there.worse && there.notes.iter().any(|note| note.contains("redis via proxy")), "{there:?}");

    let other = run().with(|_, plan| {
        plan.target = "nats".into();
        plan.backend = "nats".into();
    });
    let why = refused(&report, &other.report()).to_string();
    assert!(why.contains("the older report has redis, the newer one nats"), "{why}");
    assert_eq!(
        refused(&report, &Run::of(&[("keyvalue_basic/other", Outcome::Pass)]).report()),
        Incomparable::NoCommonCase
    );
}

#[test]
fn what_else_differs_is_said() {
    let run = || Run::of(&[("keyvalue_basic/one", Outcome::Pass)]);
    let after = run().with(|run, _| {
        run.contract_revision = "2025-02".into();
        run.seed = 7;
        run.host.cores = 64;
        run.digests = None;
    });
    let notes = diff(&run(), &after).notes;
    for part in [
        "another contract: 2025-01 before, 2025-02 now",
        "64 cores now",
        "other seeds",
        "another suite of cases: ",
    ] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:?}");
    }
}

/// Eight cases that passed, in which the median call of each rpc took so many microseconds, and a bit more in each.
fn timed(rpcs: &[(&str, f64)], cases: usize) -> Run {
    let ids: Vec<String> = (0..cases).map(|n| format!("keyvalue_basic/{n}")).collect();
    let results: Vec<(&str, Outcome)> = ids.iter().map(|id| (id.as_str(), Outcome::Pass)).collect();
    let mut run = Run::of(&results);
    run.times = rpcs.iter().map(|(rpc, us)| ((*rpc).to_owned(), *us)).collect();
    run
}

fn verdicts(diff: &Diff) -> Vec<(&str, LatencyVerdict)> {
    diff.latencies.iter().map(|change| (change.rpc.as_str(), change.verdict)).collect()
}

#[test]
fn slower_calls_are_shown_and_gate_only_where_that_was_asked_for() {
    let before =
        timed(&[("KeyValueBasic/Get", 10.0), ("KeyValueBasic/Set", 10.0), ("KeyValueBasic/Delete", 9.0)], 8);
    let after =
        timed(&[("KeyValueBasic/Get", 30.0), ("KeyValueBasic/Set", 11.0), ("KeyValueBasic/Delete", 3.0)], 8);
    let mut slower = diff(&before, &after);
    assert_eq!(
        verdicts(&slower),
        [
            ("KeyValueBasic/Get", LatencyVerdict::Slower),
            ("KeyValueBasic/Delete", LatencyVerdict::Faster),
            ("KeyValueBasic/Set", LatencyVerdict::Same),
        ]
    );
    assert!(!slower.worse && slower.is_empty());
    assert_eq!(slower, diff(&before, &after), "the draws are the same each time");
    slower.fail_slower(4.0);
    assert!(!slower.worse, "three times as slow is allowed here");
    slower.fail_slower(2.0);
    assert!(slower.worse && slower.latencies[0].too_slow && !slower.latencies[1].too_slow);
    let plain = terminal::Options { color: false, width: 110 };
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!("diff.times.terminal", changes::terminal(&slower, &plain));
        insta::assert_snapshot!("diff.times.json", json(&slower));
    });
}

#[test]
fn few_cases_failed_ones_and_other_machines_say_nothing_about_times() {
    let get = |us, cases| timed(&[("KeyValueBasic/Get", us)], cases);
    let mut few = diff(&get(1.0, 4), &get(100.0, 4));
    assert_eq!(verdicts(&few), [("KeyValueBasic/Get", LatencyVerdict::Inconclusive)]);
    few.fail_slower(2.0);
    assert!(!few.worse);

    let mut failing = get(100.0, 8);
    failing.results.iter_mut().skip(4).for_each(|(_, outcome)| *outcome = Outcome::Fail);
    let failing = diff(&get(1.0, 8), &failing);
    assert_eq!(failing.latencies[0].cases, 4, "only what passed counts");

    let elsewhere = get(100.0, 8).with(|run, _| run.host.cores = 64);
    let elsewhere = diff(&get(1.0, 8), &elsewhere);
    assert_eq!(elsewhere.latencies, []);
    assert!(
        elsewhere.notes.iter().any(|note| note.contains("on different machines")),
        "{:?}",
        elsewhere.notes
    );

    let other = get(100.0, 8);
    let mut events = other.events();
    for event in &mut events {
        if let EventKind::TargetReady(ready) = &mut event.kind {
            ready.provision.provision = "container".into();
        }
    }
    let other = compare(&get(1.0, 8).report(), &Report::from_events(&events)).expect("they can be compared");
    assert_eq!(other.latencies, []);
    assert!(
        other.notes.iter().any(|note| note.contains("its server was process before and is container now"))
    );
}

/// A baseline of the fixture in which other things were wrong.
fn baseline() -> Vec<Event> {
    let mut events = fixture::full_run();
    for event in &mut events {
        match &mut event.kind {
            EventKind::RunStarted(run) => {
                run.run_id = "0197a001".into();
                run.commit = Some(NASTY.into());
            }
            EventKind::TargetPlanned(plan) if plan.target == "memstore" => {
                plan.cases.remove(1);
                plan.declared[0].traits.insert("max_key_bytes".into(), NASTY.into());
            }
            EventKind::TargetPlanned(plan) if plan.target == "redis" => {
                plan.cases.push(case("keyvalue_basic/gone", &["KVB-01"], "Holds."));
            }
            EventKind::CaseFinished(case) => {
                case.outcome = match case.outcome {
                    Outcome::Fail | Outcome::Inconclusive => Outcome::Pass,
                    Outcome::Pass if case.case.ends_with("set_then_get") => Outcome::Fail,
                    Outcome::Timeout => Outcome::Fail,
                    outcome => outcome,
                };
            }
            _ => {}
        }
    }
    events.retain(|event| !matches!(&event.kind, EventKind::CaseFinished(case) if case.target == "memstore" && case.case == "keyvalue_basic/empty_value"));
    let mut log = Log::default();
    events.pop();
    for event in events {
        log.push(event.kind);
    }
    log.push(done(finished("redis", "keyvalue_basic/gone", Outcome::Pass, 1.0)));
    log.close(false).events.clone()
}

fn compared() -> Diff {
    compare(&Report::from_events(&baseline()), &Report::from_events(&fixture::full_run()))
        .expect("they can be compared")
}

fn json(diff: &Diff) -> String {
    let mut bytes = Vec::new();
    changes::json(diff, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_pages_are_read_as_a_reviewer_would() {
    let diff = compared();
    let plain = terminal::Options { color: false, width: 110 };
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!("diff.terminal", changes::terminal(&diff, &plain));
        insta::assert_snapshot!("diff.markdown", changes::markdown(&diff, &markdown::Options::default()));
        insta::assert_snapshot!("diff.json", json(&diff));
        let report = Report::from_events(&fixture::full_run());
        let since: Since = Ok(diff.clone());
        let page = markdown::render_since(&report, Some(&since), &markdown::Options::default());
        let start = page.find("# Changes since").expect("the section");
        assert!(
            start < page.find("| this run |").expect("the provenance"),
            "it comes right after the verdict"
        );
        let end = page[start..].find("\n| this run |").expect("what follows");
        insta::assert_snapshot!("diff.section", &page[start..start + end]);
        let why: Since = Err(Incomparable::OtherRoute);
        let page = markdown::render_since(&report, Some(&why), &markdown::Options::default());
        assert!(page.contains("Not compared: one was reached directly"), "{page}");
        let page = terminal::render_since(&report, Some(&why), &plain);
        assert!(
            page.contains("CHANGES SINCE THE BASELINE: not compared: one was reached directly"),
            "{page}"
        );
    });
}

#[test]
fn every_budget_is_kept_with_changes_too() {
    let (diff, report) = (compared(), Report::from_events(&fixture::full_run()));
    let since: Since = Ok(diff.clone());
    let pages: [&dyn Fn(usize) -> String; 2] =
        [&|budget_bytes| changes::markdown(&diff, &markdown::Options { budget_bytes }), &|budget_bytes| {
            markdown::render_since(&report, Some(&since), &markdown::Options { budget_bytes })
        }];
    for page in pages {
        let whole = page(usize::MAX);
        for budget in (0..whole.len()).step_by(7) {
            let page = page(budget);
            assert!(page.len() <= budget, "{} bytes where {budget} are allowed", page.len());
        }
        assert_eq!(page(whole.len()), whole);
    }
}

#[test]
fn a_diff_keeps_to_its_schema_and_comes_back() {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema/diff.v1.schema.json");
    let current = diff_schema();
    if std::env::var_os("PRISM_BLESS").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(published == current, "the published schema is stale; set PRISM_BLESS=1 to rewrite it");
    let schema = serde_json::from_str(&current).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = json(&compared());
    let errors: Vec<String> =
        validator.iter_errors(&serde_json::from_str(&text).unwrap()).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(serde_json::from_str::<Diff>(&text).unwrap(), compared());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a target, a log or a report says, in every place where it can say something.
    #[test]
    fn foreign_text_is_data(text in "([`|<>@#\\\\\\n\\r\\t $:*_\\[\\]!~&a1é\u{1b}\u{0}\u{202e}-]|GH-1|#1|@a|www\\.|```){0,24}") {
        let run = |outcome, value: &str| {
            let mut run = Run::of(&[("keyvalue_basic/same", Outcome::Pass), (text.as_str(), outcome)]);
            run.started.commit = Some(text.clone());
            run.started.contract_revision = value.to_owned();
            run.plan.target.clone_from(&text);
            run.plan.guarantees.insert(text.clone(), value.to_owned());
            let mut events = run.events();
            for event in &mut events {
                if let EventKind::CaseFinished(case) = &mut event.kind && case.case == text {
                    let (message, reproduce) = (text.clone(), text.clone());
                    case.failure = Some(Failure { message, reproduce, clause: Some(text.clone()), ..Failure::default() });
                }
            }
            Report::from_events(&events)
        };
        let diff = compare(&run(Outcome::Pass, ""), &run(Outcome::Fail, &text)).expect("they can be compared");
        let page = changes::markdown(&diff, &markdown::Options::default());
        let lines = changes::terminal(&diff, &terminal::Options::default());
        for page in [&page, &lines] {
            let found = page.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
            prop_assert_eq!(found, None, "{}", page);
        }
        let prose = crate::markdown::outside_code(&page);
        for tag in prose.split('<').skip(1) {
            prop_assert!(["span>$", "/span>"].iter().any(|own| tag.starts_with(own)), "<{}\n{}", tag, page);
        }
        for pair in prose.as_bytes().windows(2) {
            prop_assert!(!(pair[0] == b'@' && pair[1] != b'&'), "{}", page);
        }
        prop_assert!(!prose.contains("GH-1") && !prose.contains("www.a"), "{}", page);
    }
}

#[test]
fn json_reports_and_logs_are_read_alike_and_nothing_else() {
    use prism_reports::{ReadError, read_report};
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let events = fixture::full_run();
    let report = Report::from_events(&events);
    let log: String = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    let text = json::render(&report);
    assert_eq!(read_report(&file("a.jsonl", log.as_bytes())).unwrap(), report);
    assert_eq!(read_report(&file("a.json", text.as_bytes())).unwrap(), report);
    file("both/events.jsonl", log.as_bytes());
    file("both/report.json", b"{}");
    assert_eq!(read_report(&folder.path().join("both")).unwrap(), report, "the log is what all is made from");
    file("one/report.json", text.as_bytes());
    assert_eq!(read_report(&folder.path().join("one")).unwrap(), report);

    let said = |path: &std::path::Path| read_report(path).unwrap_err();
    assert!(matches!(said(&folder.path().join("missing")), ReadError::Io { .. }));
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    assert!(matches!(said(&folder.path().join("empty")), ReadError::NoReportInside { .. }));
    for text in [
        &b""[..],
        b"  \n",
        b"{\"name\": \"package\"}",
        b"[]",
        b"<html>",
        &[0xff, 0xfe],
        &text.as_bytes()[..900],
    ] {
        assert!(matches!(said(&file("other", text)), ReadError::NoReport { .. }), "{text:?}");
    }
    let later = text.replacen("\"schema_version\": 1", "\"schema_version\": 2", 1);
    let error = said(&file("later.json", later.as_bytes()));
    assert!(matches!(error, ReadError::Version { found: 2, .. }), "{error}");
    assert!(error.to_string().contains("schema version 2; this tool reads version 1"), "{error}");
    let error = said(&file("log", b"{\"seq\":0}\nnot json\n"));
    assert!(matches!(error, ReadError::Log { .. }) && error.to_string().contains("line 1"), "{error}");
}
