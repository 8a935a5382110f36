//! What counts as a change, which of them are worse, and what is not compared.

use prism_reports::diff::{CaseChangeKind, InterfaceChangeKind, TargetChangeKind, Which, compare};
use prism_reports::event::{PlanReference, Route, TargetFailed, TargetNotMeasured};
use prism_reports::render::{changes, terminal};
use prism_reports::{EventKind, Incomparable, Level, Outcome, Report};

use super::run::{Run, both, diff, kinds};
use crate::fixture::{self, Log, NASTY, planned, refusal};

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
fn a_case_that_counts_later_is_not_gone() {
    let run = || Run::of(&[("keyvalue_basic/stays", Outcome::Pass), ("keyvalue_basic/later", Outcome::Pass)]);
    let before = run().with(|_, plan| plan.cases[1].clauses = vec!["KVB-07".into()]);
    let after = run().with(|run, plan| {
        plan.cases[1].clauses = vec!["KVB-07".into()];
        let clause = run.clauses.iter_mut().find(|clause| clause.id == "KVB-07").expect("a clause");
        clause.from = Some("2999-01".into());
    });
    assert_eq!(after.report().targets[0].provisional.len(), 1);
    assert!(!diff(&before, &after).worse, "it is provisional now");
    assert_eq!(
        kinds(&diff(&after, &before)),
        [(CaseChangeKind::Added, "keyvalue_basic/later")],
        "it counts now"
    );
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

#[test]
fn what_a_plan_leaves_out_is_not_gone() {
    let names = ["keyvalue_basic/one", "keyvalue_basic/two", "keyvalue_ttl/one", "keyvalue_ttl/two"];
    let whole = Run::of(&names.map(|name| (name, Outcome::Pass)));
    let narrowed = |interfaces: &[&str]| {
        let interfaces: Vec<String> = interfaces.iter().map(|name| (*name).to_owned()).collect();
        Run::of(&[("keyvalue_ttl/one", Outcome::Pass)])
            .with(|run, _| run.narrowed = [("redis".to_owned(), interfaces)].into())
    };
    let there = diff(&whole, &narrowed(&["keyvalue_ttl"]));
    assert_eq!(kinds(&there), [(CaseChangeKind::Removed, "keyvalue_ttl/two")], "it was planned, and is gone");
    assert_eq!(there.levels, [], "nothing of keyvalue_basic was planned");
    let note = "not compared, since the newer run did not select them (less of some targets): \
                2 cases of the older one";
    assert!(there.notes.iter().any(|said| said == note), "{:?}", there.notes);

    let nats = Run::of(&[("keyvalue_basic/one", Outcome::Pass)]).with(|_, plan| {
        plan.target = "nats".into();
        plan.backend = "nats".into();
    });
    let without_nats = Run::of(&names.map(|name| (name, Outcome::Pass)))
        .with(|run, _| run.narrowed = [("nats".to_owned(), Vec::new())].into())
        .report();
    let left_out = compare(&both(&[&whole, &nats]), &without_nats).expect("they can be compared");
    assert!(left_out.targets.is_empty() && !left_out.worse, "{left_out:?}");
    assert_eq!(left_out.notes, ["not compared, since the newer run did not select it: nats"]);
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
