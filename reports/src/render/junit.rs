//! JUnit XML, for whatever already reads test results.
//!
//! One `<testsuite>` per target and interface; `classname` is `target.interface`, `name` the id of the case. Every
//! `<failure>`, `<error>` and `<skipped>` has the exact [`Outcome::word`] as its `type` and a `message` that is never
//! empty. A case without a child passed; the first line of its `<system-out>` is `outcome: refused` where that is the
//! way in which it did. Entries of an expectation file that are failures themselves, and that no case shows, are cases of the
//! suite `expectations`, with [`ExpectationState::word`](crate::expectation::ExpectationState::word) as their `type`.
//!
//! Provisional cases are left out: the format has no result that does not count.
//!
//! The format has no count of skipped cases per suite in the dialect that is written, and no way to say on a passed case what
//! it proved: `report.json` has both.

use std::fmt::Write as _;
use std::io::{self, Write};

use jiff::Timestamp;
use junit_report::{Duration, OffsetDateTime, Report as JunitReport, TestCase, TestResult, TestSuite};

use super::groups::Member;
use crate::escape;
use crate::model::{CaseReport, Report, TargetReport};
use crate::outcome::{JunitElement, Outcome};

/// The suite of what is wrong with the expectation file itself.
pub(super) const EXPECTATIONS: &str = "expectations";

/// Longest message, in bytes: readers show it on one line.
const MESSAGE_BYTES: usize = 2_000;

/// The report as JUnit XML, with a newline at the end.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let started = report.provenance.as_ref().and_then(|run| instant(&run.started_at));
    let mut document = JunitReport::new();
    for (t, target) in report.targets.iter().enumerate() {
        for summary in target.interfaces.iter().filter(|summary| summary.counts.total() > 0) {
            let name = escape::line(&format!("{}.{}", target.target, summary.interface));
            let mut suite = TestSuite::new(&name);
            suite.package = escape::line(&target.target);
            suite.set_timestamp(started.unwrap_or(OffsetDateTime::UNIX_EPOCH));
            let cases = target.cases.iter().enumerate();
            let cases = cases.filter(|(_, case)| case.interface == summary.interface);
            let members = cases.map(|(c, case)| Member { target, case, places: (t, c) });
            suite.add_testcases(members.map(|member| test_case(report, &name, member)));
            document.add_testsuite(suite);
        }
    }
    if let Some(suite) = expectations(report, started) {
        document.add_testsuite(suite);
    }
    document.write_xml(&mut *out).map_err(io::Error::other)?;
    out.write_all(b"\n")
}

/// The entries of the expectation file that are failures themselves, where no case shows it.
fn expectations(report: &Report, started: Option<OffsetDateTime>) -> Option<TestSuite> {
    let broken = report.broken_expectations().filter(|known| !known.shown_by_a_case);
    let cases: Vec<TestCase> = broken
        .map(|known| {
            let message = escape::line(&escape::cap(&known.sentence(), MESSAGE_BYTES));
            let name = escape::line(&known.entry.place());
            let mut test = TestCase::failure(&name, Duration::ZERO, known.state.word(), &message);
            test.set_classname(EXPECTATIONS);
            test
        })
        .collect();
    let mut suite = TestSuite::new(EXPECTATIONS);
    suite.set_timestamp(started.unwrap_or(OffsetDateTime::UNIX_EPOCH));
    (!cases.is_empty()).then(|| {
        suite.add_testcases(cases);
        suite
    })
}

/// As [`write()`], in one text.
pub fn render(report: &Report) -> String {
    super::in_one_text(|out| write(report, out))
}

/// The instant, if it is one that RFC 3339 can write.
fn instant(text: &str) -> Option<OffsetDateTime> {
    let timestamp: Timestamp = text.parse().ok()?;
    OffsetDateTime::from_unix_timestamp_nanos(timestamp.as_nanosecond())
        .ok()
        .filter(|instant| instant.year() >= 0)
}

fn test_case(report: &Report, classname: &str, member: Member<'_>) -> TestCase {
    let case = member.case;
    let mut test =
        TestCase::success(&escape::line(&case.id), Duration::seconds_f64(case.duration_ms / 1_000.0));
    test.set_classname(classname);
    // The constructors of the crate take no text beside the message for what is skipped, so the result is set as a whole.
    let type_ = case.outcome.word().to_owned();
    let message = message(report, member);
    let text = body(report, member);
    let cause = (!text.is_empty()).then(|| escape::cdata(&text));
    test.result = match case.outcome.junit() {
        JunitElement::Success => TestResult::Success,
        JunitElement::Failure => TestResult::Failure { type_, message, cause },
        JunitElement::Error => TestResult::Error { type_, message, cause },
        JunitElement::Skipped => TestResult::SkippedWithCause { type_, message, cause },
    };
    let out = system_out(member.target, case);
    if !out.is_empty() {
        test.set_system_out(&escape::cdata(&out));
    }
    if !case.logs.is_empty() {
        test.set_system_err(&escape::cdata(&case.logs.join("\n")));
    }
    test
}

/// One line: the clause, what happened, what should have.
fn message(report: &Report, member: Member<'_>) -> String {
    let mut text = member.clause(report).map(|clause| format!("{}: ", clause.head)).unwrap_or_default();
    text.push_str(member.message());
    if let Some(failure) = &member.case.failure {
        for (label, value) in [("expected", &failure.expected), ("got", &failure.got)] {
            if let Some(value) = value {
                let _ = write!(text, "; {label} {value}");
            }
        }
    }
    escape::line(&escape::cap(&text, MESSAGE_BYTES))
}

/// Everything that is known about a case that did not pass.
pub(super) fn body(report: &Report, member: Member<'_>) -> String {
    let case = member.case;
    let mut text = String::new();
    let mut field = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{label}: {value}");
        }
    };
    if let Some(clause) = member.clause(report) {
        field("clause", &format!("{} {}", clause.head, clause.text));
    }
    field("case says", &case.sentence);
    field("directly", member.direct().as_deref().unwrap_or_default());
    field("known", member.expectation().unwrap_or_default());
    field("message", member.message());
    field("reason", case.reason.as_deref().unwrap_or_default());
    field("kept in", case.namespace.as_deref().unwrap_or_default());
    if let Some(failure) = &case.failure {
        field("expected", failure.expected.as_deref().unwrap_or_default());
        field("got", failure.got.as_deref().unwrap_or_default());
        field("detail", failure.detail.as_deref().unwrap_or_default());
        for call in &failure.calls {
            let line = format!("+{} ms {} {} in {} us", call.at_ms, call.rpc, call.status, call.took_us);
            field("call", &line);
        }
        field("reproduce", &escape::line(&failure.reproduce));
    }
    text
}

fn system_out(target: &TargetReport, case: &CaseReport) -> String {
    let mut lines = Vec::new();
    if case.outcome == Outcome::Refused {
        lines.push(format!("outcome: {}", case.outcome));
        lines.push(format!("{} does not declare {} and refuses it", target.target, case.interface));
    }
    lines.extend(case.notes.iter().cloned());
    lines.join("\n")
}
