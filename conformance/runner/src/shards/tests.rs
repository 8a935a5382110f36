use super::*;
use crate::{
    plan::{Selection, plan},
    registry::Source,
};
use prism_reports::{
    Event, EventKind, Outcome, Report,
    event::{CaseFinished, Route},
    plan::PlanFileError,
};
use std::path::Path;

const REDIS: &str = "\
backend: redis
description: Redis
driver: { builtin: redis }
servers:
  redis-7.0: { external: { env: PRISM_REDIS_URL } }
  redis-8: { external: { env: PRISM_REDIS_8_URL } }
interfaces:
  keyvalue_basic: { max_key_bytes: 4KiB, max_value_bytes: 1MiB }
  keyvalue_scan: { ordered: true }
  keyvalue_ttl: { granularity: 1ms }
guarantees: { consistency: linearizable, durability: none }
";

const SQLITE: &str = "\
backend: sqlite
description: SQLite
driver: { builtin: sqlite }
servers: { file: { embedded: { clock: system } } }
interfaces:
  keyvalue_basic: { max_key_bytes: 4KiB, max_value_bytes: 1MiB }
  keyvalue_scan: { ordered: true }
guarantees: { consistency: linearizable, durability: none }
";

fn registry(redis: &'static str) -> Registry {
    let sources = [
        Source::Builtin { name: "redis", text: redis, path: "backends/redis/backend.yaml" },
        Source::Builtin { name: "sqlite", text: SQLITE, path: "backends/sqlite/backend.yaml" },
    ];
    Registry::load(&sources).expect("a registry")
}

fn targets(selection: &Selection) -> Vec<PlannedTarget> {
    plan(&registry(REDIS), selection).expect("a plan")
}

fn request() -> Request {
    Request {
        tool_version: "0.1.0".into(),
        digests: Digests { contract: "sha256:c0".into(), suite: "sha256:5c".into() },
        commit: Some("4f2a9c1".into()),
        seed: 7,
        filters: Filters::default(),
        max_groups: MOST_GROUPS,
        durations: Durations::default(),
        touched: Touched::Everything,
    }
}

fn touching(files: &[&str], selection: &Selection) -> Plan {
    let targets = targets(selection);
    let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
    let touched = Touched::by_files(&files, Path::new("/project"), &registry(REDIS), &targets);
    divide(&targets, Vec::new(), &Request { touched, ..request() })
}

/// Every case of every group, as `target case`.
fn covered(plan: &Plan) -> Vec<String> {
    let of_group = |group| plan.targets_of(group);
    let cases = plan.groups.iter().flat_map(of_group).flat_map(|target| {
        let label = target.planned.target;
        target.planned.cases.into_iter().map(move |case| format!("{label} {}", case.id))
    });
    let mut cases: Vec<String> = cases.collect();
    cases.sort();
    cases
}

fn all(targets: &[PlannedTarget]) -> Vec<String> {
    let cases = targets
        .iter()
        .flat_map(|target| target.cases.iter().map(move |case| format!("{} {}", target.label, case.id)));
    let mut cases: Vec<String> = cases.collect();
    cases.sort();
    cases
}

fn recorded(targets: &[PlannedTarget], ms: impl Fn(&str) -> f64) -> Durations {
    let mut events: Vec<EventKind> =
        targets.iter().map(|target| EventKind::TargetPlanned(records::planned(target))).collect();
    for target in targets {
        for case in &target.cases {
            events.push(EventKind::CaseFinished(Box::new(CaseFinished {
                target: target.label.clone(),
                case: case.id.clone(),
                outcome: Outcome::Pass,
                duration_ms: ms(&case.id),
                calls: 1,
                failure: None,
                notes: Vec::new(),
                logs: Vec::new(),
                namespace: None,
                p50_us: std::collections::BTreeMap::new(),
            })));
        }
    }
    let events: Vec<Event> =
        events.into_iter().zip(0..).map(|(kind, seq)| Event { seq, at_ms: 0, kind }).collect();
    Durations::of_report(&Report::from_events(&events))
}

#[test]
fn every_case_is_in_exactly_one_group_however_few_there_are() {
    let targets = targets(&Selection { routes: vec![Route::Direct, Route::Proxy], ..Selection::default() });
    for durations in [Durations::default(), recorded(&targets, |_| 5_000.0)] {
        for max_groups in [1, 2, 3, 5, MOST_GROUPS] {
            let plan = divide(
                &targets,
                Vec::new(),
                &Request { max_groups, durations: durations.clone(), ..request() },
            );
            assert!((1..=usize::from(max_groups)).contains(&plan.groups.len()), "{max_groups}");
            assert_eq!(covered(&plan), all(&targets), "{max_groups}");
            let numbers: Vec<u32> = plan.matrix.include.iter().map(|entry| entry.group).collect();
            assert_eq!(numbers, (1..=plan.groups.len() as u32).collect::<Vec<_>>());
            assert!(plan.groups.iter().all(|group| group.cases > 0));
        }
    }
}

#[test]
fn the_ways_to_one_server_stay_together() {
    let plan = divide(
        &targets(&Selection { routes: vec![Route::Direct, Route::Proxy], ..Selection::default() }),
        Vec::new(),
        &request(),
    );
    assert!(plan.groups.len() > 2, "{:?}", plan.matrix);
    for group in &plan.groups {
        let [direct, proxied] = group.parts.as_slice() else { panic!("{group:?}") };
        assert_eq!(format!("{} via proxy", direct.target), proxied.target);
        assert_eq!(direct.interfaces, proxied.interfaces);
    }
}

#[test]
fn recorded_durations_balance_the_groups() {
    let targets = targets(&Selection { backends: vec!["redis".into()], ..Selection::default() });
    // One interface takes as long as all the others together.
    let slow = |id: &str| if id.starts_with("keyvalue_ttl/") { 6_000.0 } else { 10.0 };
    let ttl = targets[0].cases.iter().filter(|case| case.interface() == "keyvalue_ttl").count();
    let durations = recorded(&targets, slow);
    let plan = divide(&targets, Vec::new(), &Request { durations, max_groups: 2, ..request() });
    let [first, second] = plan.groups.as_slice() else { panic!("{:?}", plan.matrix) };
    let of = |interface: &str| plan.groups.iter().find(|g| g.parts[0].interfaces.contains(&interface.into()));
    let heavy = of("keyvalue_ttl").expect("a group");
    assert_eq!(heavy.parts[0].interfaces, ["keyvalue_ttl"]);
    assert_eq!(heavy.expected_ms, Some(ttl as u64 * 6_000));
    assert_eq!((first.name.as_str(), second.name.as_str()), ("redis 1 of 2", "redis 2 of 2"));
    // What takes next to no time is one group.
    let durations = recorded(&targets, |_| 1.0);
    assert_eq!(divide(&targets, Vec::new(), &Request { durations, ..request() }).groups.len(), 1);
}

#[test]
fn what_is_new_moves_nothing_else_where_nothing_is_recorded() {
    let of = |interfaces: &[&str]| {
        let selection = Selection {
            backends: vec!["redis".into()],
            interfaces: interfaces.iter().map(|id| (*id).to_owned()).collect(),
            ..Selection::default()
        };
        divide(&targets(&selection), Vec::new(), &request())
    };
    let together = |plan: &Plan, one: &str, other: &str| {
        plan.groups.iter().any(|group| {
            [one, other].iter().all(|id| group.parts[0].interfaces.iter().any(|interface| interface == id))
        })
    };
    let (few, more) =
        (of(&["keyvalue_basic", "keyvalue_scan"]), of(&["keyvalue_basic", "keyvalue_scan", "clock"]));
    assert_eq!(
        together(&few, "keyvalue_basic", "keyvalue_scan"),
        together(&more, "keyvalue_basic", "keyvalue_scan")
    );
    assert_eq!(of(&["keyvalue_basic"]), of(&["keyvalue_basic"]));
}

#[test]
fn a_change_of_a_driver_leaves_its_backend_alone() {
    let everything = Selection::default();
    let names = |plan: &Plan| -> Vec<String> {
        plan.targets.iter().map(|target| target.planned.target.clone()).collect()
    };
    let redis = touching(&["backends/redis/src/client.rs", "README.md"], &everything);
    assert_eq!(names(&redis), ["redis"]);
    let left_out: Vec<(&str, &str)> =
        redis.left_out.iter().map(|left| (left.what.as_str(), left.why.as_str())).collect();
    assert_eq!(left_out, [("sqlite", "no changed file is part of it")]);
    assert_eq!(redis.filters.narrowed, [("sqlite".to_owned(), Vec::new())].into());
    for file in [
        "backends/kit/src/host.rs",
        "interfaces/proto/a.proto",
        "Cargo.lock",
        "conformance/suites/src/case.rs",
    ] {
        assert_eq!(names(&touching(&[file], &everything)), ["redis", "sqlite"], "{file}");
    }
    // Not planned, not on the way, or no part of any verdict.
    let only_redis = Selection { backends: vec!["redis".into()], ..Selection::default() };
    for file in
        ["backends/sqlite/src/driver.rs", "reference-proxy/src/proxy.rs", "conformance/mutants/src/a.rs"]
    {
        assert_eq!(names(&touching(&[file], &only_redis)), Vec::<String>::new(), "{file}");
    }
    let proxied = Selection { routes: vec![Route::Direct, Route::Proxy], ..only_redis };
    assert_eq!(names(&touching(&["reference-proxy/src/proxy.rs"], &proxied)), ["redis via proxy"]);
}

#[test]
fn a_change_of_a_suite_leaves_its_interface_of_every_backend() {
    let plan = touching(&["conformance/suites/src/keyvalue_scan/pages.rs"], &Selection::default());
    let parts: Vec<(&str, &[String])> = plan
        .groups
        .iter()
        .flat_map(|group| &group.parts)
        .map(|part| (part.target.as_str(), part.interfaces.as_slice()))
        .collect();
    let scan = ["keyvalue_scan".to_owned()];
    assert_eq!(parts, [("redis", &scan[..]), ("sqlite", &scan[..])]);
    assert_eq!(plan.left_out.len(), 2);
    let narrowed = ["redis", "sqlite"].map(|name| (name.to_owned(), scan.to_vec()));
    assert_eq!(plan.filters.narrowed, narrowed.into());
    assert_eq!(plan.left_out[0].what, "redis, all but keyvalue_scan");
    let left: u64 = plan.left_out.iter().map(|left| left.cases).sum();
    let planned: u64 = plan.groups.iter().map(|group| group.cases).sum();
    assert_eq!(left + planned, all(&targets(&Selection::default())).len() as u64);
}

#[test]
fn set_ups_that_must_be_named_are_told() {
    let left = setups_left_out(&registry(REDIS), &targets(&Selection::default()));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].what, "redis@redis-8");
    let plan = divide(&targets(&Selection::default()), left, &request());
    assert_eq!(plan.filters.narrowed, [("redis@redis-8".to_owned(), Vec::new())].into());
}

#[test]
fn a_plan_comes_back_as_it_was_written_or_not_at_all() {
    let plan = divide(&targets(&Selection::default()), Vec::new(), &request());
    assert_eq!(plan, divide(&targets(&Selection::default()), Vec::new(), &request()), "not a pure function");
    let text = plan.to_json();
    assert_eq!(Plan::read(text.as_bytes()).expect("a plan"), plan);
    let changed = text.replacen("\"group\": 1", "\"group\": 2", 1);
    assert!(matches!(Plan::read(changed.as_bytes()), Err(PlanFileError::Changed)));
    let newer = text.replacen("\"schema_version\": 1", "\"schema_version\": 9", 1);
    assert!(matches!(Plan::read(newer.as_bytes()), Err(PlanFileError::Version { found: 9 })));
    let cut = &text.as_bytes()[..text.len() / 2];
    assert!(matches!(Plan::read(cut), Err(PlanFileError::NotAPlan { line, .. }) if line > 1));
    // Another registry, seed or commit is another plan.
    let other = Request { seed: 8, ..request() };
    assert_ne!(divide(&targets(&Selection::default()), Vec::new(), &other).digest, plan.digest);
    let redis = Box::leak(REDIS.replace("granularity: 1ms", "granularity: 2ms").into_boxed_str());
    let others = super::super::plan::plan(&registry(redis), &Selection::default()).expect("a plan");
    let other = divide(&others, Vec::new(), &request());
    assert_ne!(other.targets[0].definition, plan.targets[0].definition);
    assert_eq!(other.targets[1].definition, plan.targets[1].definition);
}
