//! Many logs become one run, in which nothing is lost and nothing counts twice.

use std::collections::BTreeMap;

use prism_reports::event::{
    Digests, PlanReference, RunFinished, RunStarted, TargetFailed, TargetNotMeasured, TargetPlanned,
};
use prism_reports::plan::{Filters, Group, LeftOut, Matrix, PLAN_VERSION, Part, PlanTarget};
use prism_reports::{
    Completeness, Event, EventKind, ExitCode, MergeError, Outcome, Plan, Report, Shard, exit_code, merge,
};

use crate::fixture::{case, done, finished, planned, ready, started};

/// memstore in two groups, redis in a third.
fn plan() -> Plan {
    let basic = || case("keyvalue_basic/set_then_get", &["KVB-01"], "What was set is read back.");
    let ttl = || case("keyvalue_ttl/expires", &["KVT-01"], "A key is gone after its TTL has passed.");
    let late = || case("keyvalue_ttl/late", &["KVT-01"], "A key is there before its TTL has passed.");
    let both = ["keyvalue_basic", "keyvalue_ttl"];
    let target = |planned: TargetPlanned| PlanTarget {
        name: planned.target.clone(),
        definition: "sha256:de".into(),
        planned,
    };
    let group = |number: u32, name: &str, target: &str, interfaces: &[&str], cases: u64| Group {
        group: number,
        name: name.into(),
        cases,
        expected_ms: None,
        parts: vec![Part {
            target: target.into(),
            interfaces: interfaces.iter().map(|interface| (*interface).to_owned()).collect(),
        }],
    };
    let EventKind::RunStarted(run) = started() else { panic!("the first record") };
    Plan {
        schema_version: PLAN_VERSION,
        digest: String::new(),
        tool_version: run.tool_version,
        contract_revision: run.contract_revision,
        digests: run.digests.expect("digests"),
        commit: run.commit,
        seed: run.seed,
        filters: Filters::default(),
        matrix: Matrix::default(),
        groups: vec![
            group(1, "memstore 1 of 2", "memstore", &["keyvalue_basic"], 1),
            group(2, "memstore 2 of 2", "memstore", &["keyvalue_ttl"], 2),
            group(3, "redis", "redis", &both, 3),
        ],
        targets: vec![
            target(planned("memstore", "embedded", &both, vec![basic(), ttl(), late()])),
            target(planned("redis", "redis-7.0", &both, vec![basic(), ttl(), late()])),
        ],
        left_out: vec![LeftOut { what: "sqlite".into(), cases: 3, why: "not asked for".into() }],
    }
    .sealed()
}

/// What a machine that measured everything leaves.
fn shard(plan: &Plan, number: u32, outcome: Outcome) -> Shard {
    let group = plan.group(number).expect("a group");
    let targets = plan.targets_of(group);
    let mut kinds = vec![edited(|run| {
        run.run_id = format!("run-{number}");
        run.plan = Some(plan.reference(Some(number)));
    })];
    kinds.extend(targets.iter().map(|target| EventKind::TargetPlanned(target.planned.clone())));
    for target in &targets {
        let name = &target.planned.target;
        kinds.push(ready(name, "container", Some("7.0.15")));
        kinds.extend(target.planned.cases.iter().map(|case| done(finished(name, &case.id, outcome, 1.0))));
    }
    of_kinds(&format!("shards/{number}/events.jsonl"), kinds)
}

fn edited(edit: impl FnOnce(&mut RunStarted)) -> EventKind {
    let EventKind::RunStarted(mut run) = started() else { panic!("the first record") };
    edit(&mut run);
    EventKind::RunStarted(run)
}

/// A log with its closing record.
fn of_kinds(file: &str, mut kinds: Vec<EventKind>) -> Shard {
    let mut outcome_counts: BTreeMap<Outcome, u64> = BTreeMap::new();
    for kind in &kinds {
        if let EventKind::CaseFinished(case) = kind {
            *outcome_counts.entry(case.outcome).or_default() += 1;
        }
    }
    kinds.push(EventKind::RunFinished(RunFinished {
        outcome_counts,
        cancelled: false,
        peak_rss_kib: Some(9),
        wall_ms: 2_000,
    }));
    let events = kinds.into_iter().zip(0..).map(|(kind, seq)| Event { seq, at_ms: seq, kind }).collect();
    Shard { file: file.into(), events, completeness: Completeness::Complete }
}

fn all(plan: &Plan) -> Vec<Shard> {
    (1..=3).map(|number| shard(plan, number, Outcome::Pass)).collect()
}

fn merged(shards: &[Shard], plan: Option<&Plan>) -> Report {
    Report::from_events(&merge(shards, plan, "prism-conformance merge shards").expect("one run"))
}

fn outcomes(report: &Report) -> Vec<(String, Outcome)> {
    report.cases().map(|(target, case)| (format!("{} {}", target.target, case.id), case.outcome)).collect()
}

/// Changes the first record.
type Edit = Box<dyn Fn(&mut RunStarted)>;

fn edit_start(shard: &mut Shard, edit: impl FnOnce(&mut RunStarted)) {
    let EventKind::RunStarted(run) = &mut shard.events[0].kind else { panic!("the first record") };
    edit(run);
}

#[test]
fn every_planned_case_has_its_result_whatever_order_the_logs_come_in() {
    let plan = plan();
    let mut shards = all(&plan);
    let report = merged(&shards, Some(&plan));
    assert_eq!(exit_code(&report), ExitCode::Conformant, "{:?}", report.problems);
    assert_eq!(report.totals.get(Outcome::Pass), 6);
    let order: Vec<&str> = report.targets.iter().map(|target| target.target.as_str()).collect();
    assert_eq!(order, ["memstore", "redis"]);
    let provenance = report.provenance.clone().expect("provenance");
    assert_eq!(provenance.plan, Some(PlanReference { digest: plan.digest.clone(), group: None, groups: 3 }));
    assert_eq!(provenance.command, "prism-conformance merge shards");
    assert_eq!((report.wall_ms, report.peak_rss_kib), (Some(2_000), Some(9)));
    shards.reverse();
    assert_eq!(merged(&shards, Some(&plan)), report);
}

/// A comparison looks at them: what was not asked for is not gone.
#[test]
fn what_was_asked_for_is_what_the_plan_says_or_all_parts_together() {
    let asked = |shards: &[Shard], plan: Option<&Plan>| {
        let run = merged(shards, plan).provenance.expect("provenance");
        (run.target_filter, run.interface_filter, run.narrowed)
    };
    let mut plan = plan();
    plan.filters.targets = vec!["memstore".into(), "redis".into()];
    plan.filters.narrowed = [("sqlite".to_owned(), Vec::new())].into();
    let plan = plan.sealed();
    let filters =
        || (plan.filters.targets.clone(), plan.filters.interfaces.clone(), plan.filters.narrowed.clone());
    assert_eq!(asked(&all(&plan), Some(&plan)), filters());
    assert_eq!(asked(&[], Some(&plan)), filters());

    let part = |group: u32, target: &str, interfaces: &[&str]| {
        let mut shard = shard(&plan, group, Outcome::Pass);
        edit_start(&mut shard, |run| {
            run.plan = None;
            run.target_filter = vec![target.to_owned()];
            run.interface_filter = interfaces.iter().map(|name| (*name).to_owned()).collect();
        });
        shard
    };
    let [basic, ttl] = ["keyvalue_basic", "keyvalue_ttl"];
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let both = [part(1, "memstore", &[basic]), part(3, "redis", &[])];
    let of_memstore: BTreeMap<String, Vec<String>> = [("memstore".to_owned(), names(&[basic]))].into();
    assert_eq!(asked(&both, None), (names(&["memstore", "redis"]), Vec::new(), of_memstore.clone()));
    let three = [part(1, "memstore", &[basic]), part(2, "memstore", &[ttl]), part(3, "redis", &[basic, ttl])];
    assert_eq!(asked(&three, None), (names(&["memstore", "redis"]), names(&[basic, ttl]), BTreeMap::new()));
    let everything = [part(1, "memstore", &[basic]), part(3, "redis", &[basic, ttl])];
    assert_eq!(asked(&everything, None), (names(&["memstore", "redis"]), names(&[basic, ttl]), of_memstore));
}

#[test]
fn a_group_without_a_log_is_missing_case_by_case() {
    let plan = plan();
    let mut shards = all(&plan);
    shards.remove(1);
    let report = merged(&shards, Some(&plan));
    assert_eq!(exit_code(&report), ExitCode::Incomplete);
    assert_eq!(report.totals.get(Outcome::NotRun), 2);
    assert_eq!(report.totals.total(), 6);
    assert_eq!(
        report.problems,
        ["group 2 (memstore 2 of 2): there is no event log of it, and its 2 cases are missing"]
    );
    let late = report.cases().find(|(target, case)| target.target == "memstore" && case.id.ends_with("late"));
    assert_eq!(late.expect("the case").1.notes, ["group 2 (memstore 2 of 2) has no event log"]);
    // A breach of the contract outweighs what is missing.
    shards[1] = shard(&plan, 3, Outcome::Fail);
    assert_eq!(exit_code(&merged(&shards, Some(&plan))), ExitCode::NonConformant);
    // With no log at all, all of it is missing.
    let nothing = merged(&[], Some(&plan));
    assert_eq!(exit_code(&nothing), ExitCode::Incomplete);
    assert_eq!(nothing.totals.get(Outcome::NotRun), 6);
}

#[test]
fn what_a_log_that_was_cut_off_does_not_say_is_missing() {
    let plan = plan();
    // After its first record; after the plan; after one result.
    for (kept, passed) in [(0, 3), (1, 3), (2, 3), (3, 3), (4, 4), (6, 6)] {
        let mut shards = all(&plan);
        shards[2].events.truncate(kept);
        shards[2].completeness = Completeness::Truncated;
        let report = merged(&shards, Some(&plan));
        assert_eq!(exit_code(&report), ExitCode::Incomplete, "{kept}");
        assert_eq!(report.totals.total(), 6, "{kept}");
        assert_eq!(report.totals.get(Outcome::Pass), passed, "{kept}");
        assert_eq!(report.totals.get(Outcome::NotRun), 6 - passed, "{kept}");
        assert!(
            report.problems.iter().any(|problem| problem.starts_with("shards/3/events.jsonl: ")),
            "{kept}: {:?}",
            report.problems
        );
    }
}

#[test]
fn what_does_not_add_up_in_one_log_does_not_add_up_in_the_merged_one() {
    let plan = plan();
    let mut shards = all(&plan);
    let last = shards[0].events.len() - 2;
    shards[0].events.remove(last);
    let report = merged(&shards, Some(&plan));
    assert_eq!(exit_code(&report), ExitCode::Incomplete);
    assert!(
        report
            .problems
            .iter()
            .any(|problem| problem.starts_with("shards/1/events.jsonl: the closing record")),
        "{:?}",
        report.problems
    );
}

#[test]
fn logs_that_hold_the_same_are_refused_with_their_names() {
    let plan = plan();
    let mut shards = all(&plan);
    shards.push(Shard { file: "again/events.jsonl".into(), ..shards[1].clone() });
    let twice = |what: &str, left: &str, right: &str| {
        Err(MergeError::Twice { what: what.into(), left: left.into(), right: right.into() })
    };
    let files = ("again/events.jsonl", "shards/2/events.jsonl");
    assert_eq!(merge(&shards, Some(&plan), ""), twice("group 2", files.0, files.1));
    // Without a plan it is the case that is there twice.
    for shard in &mut shards {
        edit_start(shard, |run| run.plan = None);
    }
    let what = "keyvalue_ttl/expires on memstore";
    let error = merge(&shards[1..], None, "").expect_err("twice");
    assert!(matches!(&error, MergeError::Twice { what: found, .. } if found == what), "{error}");
    shards.pop();
    assert_eq!(exit_code(&merged(&shards, None)), ExitCode::Conformant);
}

#[test]
fn logs_of_different_runs_are_refused_with_what_differs() {
    let plan = plan();
    let digests = |contract: &str, suite: &str| {
        Some(Digests { contract: contract.to_owned(), suite: suite.to_owned() })
    };
    let edits: Vec<(&str, Edit)> = vec![
        ("the version of the tool", Box::new(|run| run.tool_version = "9.9.9".into())),
        ("the revision of the contract", Box::new(|run| run.contract_revision = "2099-01".into())),
        ("the contract", Box::new(move |run| run.digests = digests("sha256:00", "sha256:5c"))),
        ("the version of the suites", Box::new(move |run| run.digests = digests("sha256:c0", "sha256:00"))),
        ("the plan", Box::new(|run| run.plan.as_mut().expect("a plan").digest = "sha256:00".into())),
        ("the commit", Box::new(|run| run.commit = Some("0000000".into()))),
        ("the seed", Box::new(|run| run.seed = 1)),
        ("the effort", Box::new(|run| run.effort = Some("quick".into()))),
        ("the selection of cases", Box::new(|run| run.case_filter = vec!["a*".into()])),
    ];
    for (what, edit) in edits {
        let mut shards = all(&plan);
        edit_start(&mut shards[2], edit);
        let error = merge(&shards, Some(&plan), "").expect_err(what);
        let MergeError::Mixed { what: found, left, right, .. } = &error else { panic!("{what}: {error}") };
        assert_eq!(*found, what);
        assert_eq!((left.as_str(), right.as_str()), ("shards/2/events.jsonl", "shards/3/events.jsonl"));
    }
}

#[test]
fn logs_of_another_plan_are_refused() {
    let plan = plan();
    let shards = all(&plan);
    let error = merge(&shards, None, "").expect_err("no plan");
    assert!(matches!(error, MergeError::PlanNeeded { .. }), "{error}");
    let other = Plan { seed: 1, ..plan.clone() }.sealed();
    let refused = |shards: &[Shard], plan: &Plan, part: &str| {
        let error = merge(shards, Some(plan), "").expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&shards, &other, "its plan is sha256:");
    let mut without = shards.clone();
    for shard in &mut without {
        edit_start(shard, |run| run.plan = None);
    }
    refused(&without, &plan, "made without a plan");
    let again = merge(&shards, Some(&plan), "").expect("one run");
    let again = Shard { file: "all".into(), events: again, completeness: Completeness::Complete };
    refused(&[again], &plan, "merged already");
    let mut beyond = shards[..1].to_vec();
    edit_start(&mut beyond[0], |run| run.plan.as_mut().expect("a plan").group = Some(4));
    refused(&beyond, &plan, "no group 4");
    // It says that it is one group, and holds another.
    let mut wrong = shards[..1].to_vec();
    edit_start(&mut wrong[0], |run| run.plan.as_mut().expect("a plan").group = Some(3));
    refused(&wrong, &plan, "is not in group 3");
    let mut less = shards[2..].to_vec();
    for event in &mut less[0].events {
        if let EventKind::TargetPlanned(planned) = &mut event.kind {
            planned.cases.pop();
        }
    }
    refused(&less, &plan, "it planned 2 cases, and group 3 has 3");
}

#[test]
fn machines_that_differ_about_a_target_make_the_run_incomplete() {
    let plan = plan();
    let reason = "no container engine".to_owned();
    let broken = |last: EventKind| {
        let group = plan.group(2).expect("a group");
        let mut kinds = vec![edited(|run| run.plan = Some(plan.reference(Some(2))))];
        kinds.extend(plan.targets_of(group).into_iter().map(|it| EventKind::TargetPlanned(it.planned)));
        kinds.push(last);
        let mut shards = all(&plan);
        shards[1] = of_kinds("shards/2/events.jsonl", kinds);
        merged(&shards, Some(&plan))
    };
    let target = || "memstore".to_owned();
    let absent = broken(EventKind::TargetNotMeasured(TargetNotMeasured {
        target: target(),
        reason: reason.clone(),
        remedy: "start one".into(),
    }));
    assert_eq!(exit_code(&absent), ExitCode::Incomplete);
    assert_eq!(absent.totals.get(Outcome::NotMeasured), 2);
    assert_eq!(
        absent.problems,
        ["shards/2/events.jsonl: memstore was not measured here: no container engine"]
    );
    let failed = broken(EventKind::TargetFailed(TargetFailed { target: target(), reason }));
    assert_eq!(exit_code(&failed), ExitCode::Incomplete);
    assert_eq!(failed.totals.get(Outcome::Error), 2);
    let found: Vec<Outcome> = outcomes(&failed).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(found.iter().filter(|outcome| **outcome == Outcome::Pass).count(), 4);

    let mut shards = all(&plan);
    for event in &mut shards[1].events {
        if let EventKind::TargetReady(ready) = &mut event.kind {
            ready.provision.server_version = Some("7.2.0".into());
        }
    }
    let report = merged(&shards, Some(&plan));
    assert_eq!(exit_code(&report), ExitCode::Incomplete);
    let problem =
        "memstore is not the one of shards/1/events.jsonl: server version 7.0.15 there and 7.2.0 here";
    assert_eq!(report.problems, [format!("shards/2/events.jsonl: {problem}")]);
}
