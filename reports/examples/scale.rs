//! Renders a report of any size to every format, and says what that costs.
//!
//! `cargo run --release -p prism-reports --example scale -- 200 1000 /tmp/scale` renders 200 targets with 1,000 cases each.
//! One case in 500 fails. Memory is the most that the process had after each format, in KiB.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use prism_reports::event::{
    CallRecord, CaseFinished, ClauseInfo, ClauseLevel, DeclaredInterface, Failure, Host, PlannedCase,
    Provision, Route, RunFinished, RunStarted, TargetPlanned, TargetReady,
};
use prism_reports::render::{annotations, badge, ctrf, html, json, junit, markdown, terminal};
use prism_reports::{Event, EventKind, Outcome, Report, SCHEMA_VERSION};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [targets, cases, folder] = arguments.as_slice() else {
        return Err(io::Error::other("usage: scale TARGETS CASES FOLDER"));
    };
    let number = |text: &str| text.parse::<usize>().map_err(io::Error::other);
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    let report = Report::from_events(&run(number(targets)?, number(cases)?));
    let mut out = io::stdout();
    writeln!(out, "{} cases in memory: {} KiB at most", report.totals.total(), peak_kib())?;
    let text = |text: String| move |out: &mut dyn Write| out.write_all(text.as_bytes());
    type Renderer<'a> = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + 'a>;
    let page = || markdown::render(&report, &markdown::Options::default());
    let renderers: Vec<(&str, Renderer<'_>)> = vec![
        ("report.html", Box::new(|out| html::write(&report, out))),
        ("ctrf.json", Box::new(|out| ctrf::write(&report, out))),
        ("report.json", Box::new(|out| json::write(&report, out))),
        ("annotations.txt", Box::new(|out| text(annotations::render(&report))(out))),
        ("badge.svg", Box::new(|out| text(badge::of_run(&report).svg())(out))),
        ("badge.json", Box::new(|out| text(badge::of_run(&report).endpoint())(out))),
        ("summary.md", Box::new(|out| text(page())(out))),
        ("terminal.txt", Box::new(|out| text(terminal::render(&report, &terminal::Options::default()))(out))),
        ("junit.xml", Box::new(|out| junit::write(&report, out))),
    ];
    for (name, render) in renderers {
        let path = folder.join(name);
        let began = Instant::now();
        let mut file = BufWriter::new(File::create(&path)?);
        render(&mut file)?;
        file.flush()?;
        let took = began.elapsed().as_millis();
        writeln!(out, "{name:16} {took:6} ms {:11} bytes {:9} KiB", path.metadata()?.len(), peak_kib())?;
    }
    Ok(())
}

/// The most memory that this process has had, in KiB; 0 where the system does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
}

/// Twenty cases an interface; backends direct and proxied, then bindings of patterns.
fn run(targets: usize, cases: usize) -> Vec<Event> {
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
        seed: 42,
        effort: None,
        started_at: "2026-11-25T15:00:00Z".into(),
        command: "prism-conformance run".into(),
        commit: Some("4f2a9c1".into()),
        host: Host { os: "linux".into(), arch: "x86_64".into(), cores: 2 },
        case_filter: Vec::new(),
        clauses: (0..cases)
            .map(|case| ClauseInfo {
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
            cases: planned.collect(),
        }));
        push(EventKind::TargetReady(TargetReady {
            target: target.clone(),
            provision: Provision {
                provision: "container".into(),
                server_version: Some("7.0.15".into()),
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
