//! CTRF, the Common Test Report Format, for dashboards that read one format of every tool.
//!
//! One test for each case of each target; `suite` is `[target, interface]`. The format knows five states:
//! [`Outcome::ctrf`] maps ours to them, and `rawStatus` is the exact [`Outcome::word`], from which the outcome can be
//! read back. Entries of an expectation file that are failures themselves, and that no case shows, are tests of the suite
//! `expectations`. Provisional cases are left out, as in JUnit.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use serde_json::{Map, Value, json};

use super::groups::{Member, members};
use crate::escape;
use crate::expectation::ExpectationReport;
use crate::model::Report;
use crate::outcome::{CtrfStatus, Outcome};

/// The version of the specification that is kept to.
pub const SPEC_VERSION: &str = "1.0.0";

/// Longest message and longest value in a trace, in bytes.
const MESSAGE_BYTES: usize = 2_000;
/// Longest trace, in bytes.
const TRACE_BYTES: usize = 64_000;

/// The report as CTRF. Tests are written one by one, so that only one of them is in memory.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Document::of(report))?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    report_format: &'static str,
    spec_version: &'static str,
    generated_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    results: Results<'a>,
}

#[derive(Serialize)]
struct Results<'a> {
    tool: Value,
    summary: Value,
    tests: Tests<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Value>,
    extra: Value,
}

impl<'a> Document<'a> {
    fn of(report: &'a Report) -> Self {
        let run = report.provenance.as_ref();
        let started: Option<Timestamp> = run.and_then(|run| run.started_at.parse().ok());
        let start = started.map_or(0, Timestamp::as_millisecond).max(0);
        let stop = start.saturating_add_unsigned(report.wall_ms.unwrap_or(0));
        let count = |wanted: CtrfStatus| -> u64 {
            report.totals.iter().filter(|(outcome, _)| outcome.ctrf() == wanted).map(|(_, count)| count).sum()
        };
        let suites: usize = report
            .targets
            .iter()
            .flat_map(|target| &target.interfaces)
            .filter(|summary| summary.counts.total() > 0)
            .count();
        let broken = broken(report).count() as u64;
        let summary = json!({
            "tests": report.totals.total() + broken,
            "passed": count(CtrfStatus::Passed),
            "failed": count(CtrfStatus::Failed) + broken,
            "skipped": count(CtrfStatus::Skipped),
            "pending": count(CtrfStatus::Pending),
            "other": count(CtrfStatus::Other),
            "suites": suites + usize::from(broken > 0),
            "start": start,
            "stop": stop,
        });
        let tool = match run {
            Some(run) => json!({ "name": "prism-conformance", "version": run.tool_version }),
            None => json!({ "name": "prism-conformance" }),
        };
        let environment = run.map(|run| {
            let mut environment = Map::new();
            environment.insert("osPlatform".into(), json!(run.host.os));
            if let Some(commit) = &run.commit {
                environment.insert("commit".into(), json!(commit));
            }
            Value::Object(environment)
        });
        let extra = json!({
            "verdict": report.verdict,
            "exitCode": report.exit_code,
            "runId": run.map(|run| &run.run_id),
            "seed": run.map(|run| run.seed.to_string()),
            "contractRevision": run.map(|run| &run.contract_revision),
        });
        Self {
            report_format: "CTRF",
            spec_version: SPEC_VERSION,
            generated_by: "prism-conformance",
            timestamp: started.map(|started| started.to_string()),
            results: Results { tool, summary, tests: Tests(report), environment, extra },
        }
    }
}

struct Tests<'a>(&'a Report);

impl Serialize for Tests<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        let mut tests = serializer.serialize_seq(None)?;
        for member in members(report) {
            tests.serialize_element(&Test::of(report, member))?;
        }
        for known in broken(report) {
            tests.serialize_element(&Test::of_expectation(known))?;
        }
        tests.end()
    }
}

/// Entries of the expectation file that are failures themselves, where no case shows it.
fn broken(report: &Report) -> impl Iterator<Item = &ExpectationReport> {
    report.broken_expectations().filter(|known| !known.shown_by_a_case)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    name: String,
    status: CtrfStatus,
    duration: u64,
    suite: Vec<String>,
    raw_status: &'static str,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stdout: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stderr: Vec<String>,
}

impl Test {
    fn of_expectation(known: &ExpectationReport) -> Self {
        Self {
            name: escape::line(&known.entry.place()),
            status: CtrfStatus::Failed,
            duration: 0,
            suite: vec![super::junit::EXPECTATIONS.to_owned()],
            raw_status: known.state.word(),
            kind: "expectation".to_owned(),
            tags: Vec::new(),
            message: Some(escape::line(&escape::cap(&known.sentence(), MESSAGE_BYTES))),
            trace: None,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }

    fn of(report: &Report, member: Member<'_>) -> Self {
        let Member { target, case, .. } = member;
        let held = matches!(case.outcome, Outcome::Pass | Outcome::Refused);
        let lines = |lines: &[String]| lines.iter().map(|line| escape::line(line)).collect();
        let message = (!held).then(|| {
            let clause = member.clause(report).map(|clause| format!("{}: ", clause.head)).unwrap_or_default();
            escape::line(&escape::cap(&format!("{clause}{}", member.message()), MESSAGE_BYTES))
        });
        let trace = (!held).then(|| super::junit::body(report, member));
        let name = escape::line(&case.id);
        Self {
            // The format has no test without a name.
            name: if name.is_empty() { "(empty)".to_owned() } else { name },
            status: case.outcome.ctrf(),
            duration: if case.duration_ms.is_finite() { case.duration_ms.max(0.0).round() as u64 } else { 0 },
            suite: vec![escape::line(&target.target), escape::line(&case.interface)],
            raw_status: case.outcome.word(),
            kind: escape::line(&case.kind),
            tags: lines(&case.clauses),
            message,
            trace: trace.map(|trace| escape::block(&escape::cap(&trace, TRACE_BYTES))),
            stdout: lines(&case.notes),
            stderr: lines(&case.logs),
        }
    }
}
