//! A run of any size.

use std::collections::BTreeMap;

use prism_reports::event::{
    CallRecord, CaseFinished, ClauseInfo, ClauseLevel, DeclaredInterface, Failure, Host, PlannedCase,
    Provision, Route, RunFinished, RunStarted, TargetPlanned, TargetReady,
};
use prism_reports::{Event, EventKind, Outcome, SCHEMA_VERSION};

/// Twenty cases an interface; backends direct and proxied, then bindings of patterns.
pub(crate) fn run(targets: usize, cases: usize) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut push = |kind: EventKind| {
        let seq = events.len() as u64;
        events.push(Event { seq, at_ms: seq, kind });
    };
    let interface = |case: usize| format!("interface_{:02}", case / 20);
    let id = |case: usize| format!("{}/case_{case}_keeps_what_it_says", interface(case));
    let clause = |case: usize| format!("C{:02}-{:02}", case / 20, case % 20);
    push(EventKind::RunStarted(Box::new(RunStarted {
        schema_version: SCHEMA_VERSION,
        run_id: "0197a2c4".into(),
        tool_version: "0.1.0".into(),
        contract_revision: "2026-11".into(),
        digests: None,
        plan: None,
        seed: 42,
        effort: None,
        started_at: "2026-11-25T15:00:00Z".into(),
        command: "prism-conformance run".into(),
        commit: Some("4f2a9c1".into()),
        host: Host { os: "linux".into(), arch: "x86_64".into(), cores: 2 },
        case_filter: Vec::new(),
        interface_filter: Vec::new(),
        target_filter: Vec::new(),
        narrowed: BTreeMap::new(),
        expectations: Vec::new(),
        clauses: (0..cases)
            .map(|case| ClauseInfo {
                from: None,
                id: clause(case),
                level: ClauseLevel::Must,
                interface: interface(case),
                text: format!("What operation {case} has stored, the next one returns, byte for byte."),
            })
            .collect(),
    })));
    let mut counts = std::collections::BTreeMap::new();
    for number in 0..targets {
        let (backend, setup) = match number {
            0..12 => {
                (format!("backend-{}", number % 6), if number < 6 { "direct" } else { "proxied" }.to_owned())
            }
            _ => (format!("pattern-{}", number / 8), format!("binding-{}", number % 8)),
        };
        let target = format!("{backend}@{setup}");
        let declared = (0..cases.div_ceil(20)).map(|block| DeclaredInterface {
            interface: interface(block * 20),
            traits: [("max_key_bytes".to_owned(), "4096".to_owned())].into(),
        });
        let planned = (0..cases).map(|case| PlannedCase {
            id: id(case),
            interface: interface(case),
            kind: "example".into(),
            clauses: vec![clause(case)],
            sentence: format!("What operation {case} stores is there for the next one."),
            undeclared: false,
        });
        push(EventKind::TargetPlanned(TargetPlanned {
            target: target.clone(),
            backend,
            required: false,
            route: if setup == "proxied" { Route::Proxy } else { Route::Direct },
            setup,
            declared: declared.collect(),
            guarantees: [("consistency".to_owned(), "linearizable".to_owned())].into(),
            composed: None,
            cases: planned.collect(),
        }));
        push(EventKind::TargetReady(TargetReady {
            target: target.clone(),
            provision: Provision {
                provision: "container".into(),
                server_version: Some("7.0.15".into()),
                images: Vec::new(),
                driver_version: Some("0.1.0".into()),
                ready_ms: 480,
                effort: "standard".into(),
                call_cost_us: Some(85.0),
                described: None,
            },
        }));
        for case in 0..cases {
            let fails = (number * cases + case) % 500 == 499;
            let outcome = if fails { Outcome::Fail } else { Outcome::Pass };
            *counts.entry(outcome).or_default() += 1;
            let calls = (0..20).map(|n| CallRecord {
                rpc: "KeyValueBasic/Set".into(),
                at_ms: n,
                took_us: 80 + n,
                status: "OK".into(),
            });
            let failure = fails.then(|| Failure {
                clause: Some(clause(case)),
                message: format!("operation {case} lost what it stored"),
                expected: Some("found = true, value = \"a\"".into()),
                got: Some("found = false".into()),
                detail: Some("1. Set(\"a\", \"\")\n2. Get(\"a\")\n".repeat(20)),
                calls: calls.collect(),
                reproduce: format!("prism-conformance run --backend {target} --case {} --seed 42", id(case)),
                cause: if case % 2 == 0 { String::new() } else { format!("cause {}", case % 7) },
                ..Failure::default()
            });
            push(EventKind::CaseFinished(Box::new(CaseFinished {
                target: target.clone(),
                case: id(case),
                outcome,
                duration_ms: 0.5 + (case % 97) as f64,
                calls: 12,
                failure,
                notes: Vec::new(),
                logs: Vec::new(),
                namespace: None,
                p50_us: std::collections::BTreeMap::new(),
            })));
        }
    }
    push(EventKind::RunFinished(RunFinished {
        outcome_counts: counts,
        cancelled: false,
        peak_rss_kib: Some(50_000),
        wall_ms: 123_456,
    }));
    events
}
