//! A run by hand that has every outcome, and text that would break a page that does not escape it.

use std::collections::BTreeMap;

use prism_reports::event::{
    CallRecord, CaseFinished, ClauseInfo, ClauseLevel, DeclaredInterface, Described, DescribedInterface,
    Digests, Failure, Host, PlannedCase, Provision, Route, RunFinished, RunStarted, TargetFailed,
    TargetNotMeasured, TargetPlanned, TargetReady,
};
use prism_reports::{Event, EventKind, Outcome, SCHEMA_VERSION};

/// Text that a hostile or broken target may send.
pub(crate) const NASTY: &str = "\u{1b}[31mred\u{1b}[0m | `tick` ``two`` <script>alert(1)</script> @octocat #123 GH-7 \
    https://example.com **bold** ]]> & \"quoted\" \0 \u{202e}rtl\u{fffe} :tada: $x$";

/// Numbers events and gives them times.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) events: Vec<Event>,
}

impl Log {
    pub(crate) fn push(&mut self, kind: EventKind) -> &mut Self {
        let seq = self.events.len() as u64;
        self.events.push(Event { seq, at_ms: seq * 10, kind });
        self
    }

    /// Closes the log with true counts.
    pub(crate) fn close(&mut self, cancelled: bool) -> &mut Self {
        let mut outcome_counts: BTreeMap<Outcome, u64> = BTreeMap::new();
        for event in &self.events {
            if let EventKind::CaseFinished(case) = &event.kind {
                *outcome_counts.entry(case.outcome).or_default() += 1;
            }
        }
        self.push(EventKind::RunFinished(RunFinished {
            outcome_counts,
            cancelled,
            peak_rss_kib: Some(48_128),
            wall_ms: 2_345,
        }))
    }
}

pub(crate) fn started() -> EventKind {
    EventKind::RunStarted(Box::new(RunStarted {
        schema_version: SCHEMA_VERSION,
        run_id: "0197a2c4".into(),
        tool_version: "0.1.0".into(),
        contract_revision: "2025-01".into(),
        digests: Some(Digests { contract: "sha256:c0".into(), suite: "sha256:5c".into() }),
        plan: None,
        // More than a double can hold.
        seed: u64::MAX - 1,
        effort: None,
        started_at: "2025-01-02T03:04:05Z".into(),
        command: "prism-conformance run --jobs 4".into(),
        commit: Some("4f2a9c1".into()),
        host: Host { os: "linux".into(), arch: "x86_64".into(), cores: 2 },
        case_filter: Vec::new(),
        interface_filter: Vec::new(),
        target_filter: Vec::new(),
        narrowed: BTreeMap::new(),
        expectations: Vec::new(),
        clauses: vec![
            clause(
                "KVB-01",
                ClauseLevel::Must,
                "keyvalue_basic",
                "What Set has stored, Get returns, byte for byte.",
            ),
            clause("KVB-07", ClauseLevel::Must, "keyvalue_basic", "A key with an empty value is there."),
            clause("KVB-12", ClauseLevel::Should, "keyvalue_basic", "Exists is cheaper than Get."),
            clause(
                "KVT-01",
                ClauseLevel::Must,
                "keyvalue_ttl",
                "A key with a TTL is there until the TTL has passed.",
            ),
            clause("KVS-01", ClauseLevel::Must, "keyvalue_scan", "Scan finds every key with the prefix."),
            clause(
                "PSB-01",
                ClauseLevel::Must,
                "pubsub_basic",
                "What is published after `ready` is delivered.",
            ),
            clause(
                "GEN-13",
                ClauseLevel::Must,
                "contract",
                "An interface that is not declared answers UNIMPLEMENTED.",
            ),
            clause("GEN-99", ClauseLevel::May, "contract", "Nobody cites this one."),
        ],
    }))
}

fn clause(id: &str, level: ClauseLevel, interface: &str, text: &str) -> ClauseInfo {
    ClauseInfo { id: id.into(), level, interface: interface.into(), from: None, text: text.into() }
}

pub(crate) fn case(id: &str, clauses: &[&str], sentence: &str) -> PlannedCase {
    PlannedCase {
        id: id.into(),
        interface: id.split('/').next().unwrap_or_default().into(),
        kind: "example".into(),
        clauses: clauses.iter().map(|&clause| clause.into()).collect(),
        sentence: sentence.into(),
        undeclared: false,
    }
}

pub(crate) fn refusal(interface: &str) -> PlannedCase {
    PlannedCase {
        kind: "refusal".into(),
        undeclared: true,
        ..case(
            &format!("{interface}/refused"),
            &["GEN-13"],
            "Every rpc of an undeclared interface is refused.",
        )
    }
}

pub(crate) fn planned(
    target: &str,
    setup: &str,
    declared: &[&str],
    cases: Vec<PlannedCase>,
) -> TargetPlanned {
    TargetPlanned {
        target: target.into(),
        backend: target.into(),
        setup: setup.into(),
        required: false,
        route: Route::Direct,
        declared: declared
            .iter()
            .map(|&interface| DeclaredInterface {
                interface: interface.into(),
                traits: BTreeMap::from([("max_key_bytes".into(), "4096".into())]),
            })
            .collect(),
        guarantees: BTreeMap::from([("consistency".into(), "linearizable".into())]),
        composed: None,
        cases,
    }
}

pub(crate) fn ready(target: &str, provision: &str, server: Option<&str>) -> EventKind {
    EventKind::TargetReady(TargetReady {
        target: target.into(),
        provision: Provision {
            provision: provision.into(),
            server_version: server.map(Into::into),
            images: Vec::new(),
            driver_version: Some("0.1.0".into()),
            ready_ms: 12,
            effort: "standard".into(),
            call_cost_us: Some(2.5),
            described: (provision != "embedded").then(|| Described {
                name: target.into(),
                interfaces: vec![DescribedInterface {
                    interface: "keyvalue_basic".into(),
                    proto_hash: "ab12".into(),
                    traits: BTreeMap::from([("max_key_bytes".into(), NASTY.into())]),
                }],
            }),
        },
    })
}

pub(crate) fn finished(target: &str, case: &str, outcome: Outcome, duration_ms: f64) -> CaseFinished {
    CaseFinished {
        target: target.into(),
        case: case.into(),
        outcome,
        duration_ms,
        calls: 7,
        failure: None,
        notes: Vec::new(),
        logs: Vec::new(),
        namespace: None,
        p50_us: BTreeMap::new(),
    }
}

pub(crate) fn done(case: CaseFinished) -> EventKind {
    EventKind::CaseFinished(Box::new(case))
}

pub(crate) fn reproduce(target: &str, case: &str) -> String {
    format!("prism-conformance run --backend {target} --case {case} --seed {}", u64::MAX - 1)
}

/// Everything at once.
pub(crate) fn full_run() -> Vec<Event> {
    let basic = || {
        vec![
            case("keyvalue_basic/set_then_get", &["KVB-01"], "What was set is read back."),
            case("keyvalue_basic/empty_value", &["KVB-07"], "An empty value is a value."),
            case("keyvalue_basic/exists_is_cheap", &["KVB-12"], "Exists does not fetch the value."),
        ]
    };
    let ttl = || {
        vec![
            case(
                "keyvalue_ttl/expires_not_early",
                &["KVT-01"],
                "A key is there just before its TTL has passed.",
            ),
            case("keyvalue_ttl/expires", &["KVT-01"], "A key is gone after its TTL has passed."),
            case("keyvalue_ttl/model", &["KVT-01"], "Random operations answer as the model does."),
        ]
    };
    let scan = || vec![case("keyvalue_scan/finds_all", &["KVS-01"], "A scan finds every key.")];
    let pubsub = || {
        vec![
            case("pubsub_basic/delivers", &["PSB-01"], "What is published is delivered."),
            case("pubsub_basic/in_order", &["PSB-01"], "One publisher's messages arrive in order."),
            case("pubsub_basic/survives", &["PSB-01"], "A stalled subscriber hurts no other."),
        ]
    };
    let mut log = Log::default();
    log.push(started());
    log.push(EventKind::TargetPlanned(planned(
        "memstore",
        "embedded",
        &["keyvalue_basic", "keyvalue_ttl"],
        [basic(), ttl(), vec![refusal("pubsub_basic")]].concat(),
    )));
    log.push(EventKind::TargetPlanned(planned(
        "redis",
        "redis-7.0",
        &["keyvalue_basic", "keyvalue_ttl", "pubsub_basic"],
        [basic(), ttl(), vec![refusal("keyvalue_scan")], pubsub()].concat(),
    )));
    log.push(EventKind::TargetPlanned(planned(
        "sqlite",
        "file",
        &["keyvalue_basic", "keyvalue_scan"],
        [basic(), scan()].concat(),
    )));
    log.push(EventKind::TargetPlanned(TargetPlanned {
        required: true,
        ..planned("nats", "nats-2.10", &["pubsub_basic"], pubsub())
    }));

    log.push(ready("memstore", "embedded", None));
    for (number, case) in [basic(), ttl()].concat().iter().enumerate() {
        log.push(done(finished("memstore", &case.id, Outcome::Pass, 1.5 + number as f64)));
    }
    log.push(done(finished("memstore", "pubsub_basic/refused", Outcome::Refused, 0.25)));
    log.push(EventKind::TargetNotMeasured(TargetNotMeasured {
        target: "nats".into(),
        reason: "Docker does not answer, and nats-server is not on the PATH".into(),
        remedy: "set PRISM_NATS_URL, or install nats-server 2.10".into(),
    }));
    log.push(ready("sqlite", "embedded", Some("3.50.1")));
    log.push(done(finished("sqlite", "keyvalue_basic/set_then_get", Outcome::Pass, 3.0)));
    log.push(EventKind::TargetFailed(TargetFailed {
        target: "sqlite".into(),
        reason: "the driver stopped answering: disk I/O error".into(),
    }));
    log.push(ready("redis", "container", Some("7.0.15")));
    redis_results(&mut log);
    log.close(true);
    log.events
}

fn redis_results(log: &mut Log) {
    let on = |id: &str, outcome, ms| finished("redis", id, outcome, ms);
    log.push(done(CaseFinished {
        failure: Some(Failure {
            clause: Some("KVB-01".into()),
            message: NASTY.into(),
            expected: Some("found = true, value = \"a\\0b\"".into()),
            got: Some(format!("found = true, value = {NASTY:?}\nsecond line")),
            detail: Some("1. Set(\"a\", \"\")\n2. Get(\"a\")\n```\nnot the end\n```".into()),
            calls: (0..10)
                .map(|n| CallRecord {
                    rpc: if n % 2 == 0 { "KeyValueBasic/Set".into() } else { "KeyValueBasic/Get".into() },
                    at_ms: n,
                    took_us: 100 + n,
                    status: "OK".into(),
                })
                .collect(),
            reproduce: reproduce("redis", "keyvalue_basic/set_then_get"),
            cause: "value differs".into(),
            ..Failure::default()
        }),
        namespace: Some("case-0197a2c4-7".into()),
        logs: vec!["WARN\u{1b}[0m slow reply".into()],
        ..on("keyvalue_basic/set_then_get", Outcome::Fail, 12.5)
    }));
    log.push(done(CaseFinished {
        failure: Some(Failure {
            clause: Some("KVB-07".into()),
            message: "an empty value reads back as absent".into(),
            expected: Some("found = true".into()),
            got: Some("found = false".into()),
            reproduce: reproduce("redis", "keyvalue_basic/empty_value"),
            cause: "value differs".into(),
            ..Failure::default()
        }),
        ..on("keyvalue_basic/empty_value", Outcome::Fail, 8.0)
    }));
    log.push(done(CaseFinished {
        notes: vec!["listed as known: issue 41, until 2025-06-01".into()],
        failure: Some(Failure { message: "Exists fetched the value".into(), ..Failure::default() }),
        ..on("keyvalue_basic/exists_is_cheap", Outcome::ExpectedFail, 2.0)
    }));
    log.push(done(CaseFinished {
        failure: Some(Failure {
            message: "listed as known, but it passes: remove the entry".into(),
            reproduce: reproduce("redis", "keyvalue_ttl/expires_not_early"),
            ..Failure::default()
        }),
        ..on("keyvalue_ttl/expires_not_early", Outcome::UnexpectedPass, 900.0)
    }));
    log.push(done(CaseFinished {
        failure: Some(Failure {
            clause: Some("KVT-01".into()),
            clause_text: Some("A key with a TTL is there until the TTL has passed since the write.".into()),
            message: "no answer within 30 s".into(),
            reproduce: reproduce("redis", "keyvalue_ttl/expires"),
            ..Failure::default()
        }),
        ..on("keyvalue_ttl/expires", Outcome::Timeout, 30_000.0)
    }));
    log.push(done(CaseFinished {
        notes: vec!["the machine slept for 2.1 s between call and answer".into()],
        ..on("keyvalue_ttl/model", Outcome::Inconclusive, 2_500.0)
    }));
    log.push(done(CaseFinished {
        failure: Some(Failure {
            clause: Some("GEN-13".into()),
            message: "Scan of an undeclared interface answered".into(),
            expected: Some("UNIMPLEMENTED".into()),
            got: Some("OK".into()),
            reproduce: reproduce("redis", "keyvalue_scan/refused"),
            ..Failure::default()
        }),
        ..on("keyvalue_scan/refused", Outcome::Undeclared, 0.5)
    }));
    log.push(done(CaseFinished { calls: 0, ..on("pubsub_basic/delivers", Outcome::Vacuous, 0.125) }));
    log.push(done(CaseFinished {
        failure: Some(Failure {
            message: "the container was removed during the case".into(),
            reproduce: reproduce("redis", "pubsub_basic/in_order"),
            ..Failure::default()
        }),
        ..on("pubsub_basic/in_order", Outcome::Error, 4.0)
    }));
    // pubsub_basic/survives never ends: the run is cancelled before.
}

/// A run that selected nothing.
pub(crate) fn empty_run() -> Vec<Event> {
    let mut log = Log::default();
    log.push(started()).close(false);
    log.events
}

/// A run in which everything held.
pub(crate) fn good_run() -> Vec<Event> {
    let cases = vec![
        case("keyvalue_basic/set_then_get", &["KVB-01"], "What was set is read back."),
        refusal("keyvalue_ttl"),
    ];
    let mut log = Log::default();
    log.push(started());
    log.push(EventKind::TargetPlanned(planned("memstore", "embedded", &["keyvalue_basic"], cases)));
    log.push(ready("memstore", "embedded", None));
    log.push(done(finished("memstore", "keyvalue_basic/set_then_get", Outcome::Pass, 1.0)));
    log.push(done(finished("memstore", "keyvalue_ttl/refused", Outcome::Refused, 1.0)));
    log.close(false);
    log.events
}
