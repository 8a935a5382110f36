//! The page for GitHub: a step summary, a comment, a file.

use std::fmt::Write as _;

use super::blocks::blocks;
use super::budget::{Section, fit};
use super::cell::{Cell, column_head, legend};
use super::changes::{self, Since};
use super::groups::{Group, Member, by_cause, members};
use super::links::{self, Piece};
use super::text::{duration, headline, plural};
use crate::escape;
use crate::exit::{Verdict, incomplete_because};
use crate::model::{Provenance, Report, TargetStatus};
use crate::outcome::{ExitClass, Outcome};
use crate::summary_file::STEP_SUMMARY_LIMIT;

/// How long the page may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The page is never longer than this, in bytes of UTF-8.
    pub budget_bytes: usize,
}

impl Default for Options {
    /// A page that just about fits into a step summary that holds nothing else.
    fn default() -> Self {
        Self { budget_bytes: STEP_SUMMARY_LIMIT as usize - 16 * 1024 }
    }
}

/// Longest foreign text in a sentence or a cell, in bytes.
const PROSE_BYTES: usize = 1_000;
/// Longest expected or got, in bytes.
const VALUE_BYTES: usize = 1_500;
/// Longest detail, in bytes.
const DETAIL_BYTES: usize = 6_000;
/// How many of the last calls are shown.
const CALLS: usize = 8;
/// How many of the last lines of the target's log are shown.
const LOG_LINES: usize = 10;
/// How many cases of one cause are named.
const NAMED: usize = 10;

/// The page: verdict and totals, provenance, failures grouped by cause, what keeps the run from being complete, matrix, what
/// was not measured, expected failures, slowest cases, how to run it again.
///
/// Where the budget does not hold everything, it goes in this order to: what is missing, provenance, the matrix,
/// failures, cases without a result, what was not measured, how to run, expected failures, the slowest. A note counts
/// what was left out. Of a few hundred bytes only the verdict is made, of less nothing.
pub fn render(report: &Report, options: &Options) -> String {
    render_since(report, None, options)
}

/// As [`render`], with the changes since a baseline right after the verdict, if there is one; they are as important as
/// provenance.
pub fn render_since(report: &Report, since: Option<&Since>, options: &Options) -> String {
    let before = [
        since.map(changes::section),
        report.provenance.as_ref().map(provenance),
        failures(report, ExitClass::NonConforming, "Failed", "failures by cause", 4),
        broken_expectations(report),
        failures(report, ExitClass::Incomplete, "Without a result", "causes without a result", 5),
        incomplete(report),
    ];
    let after = [
        not_measured(report),
        provisional(report),
        expected(report),
        slowest(report),
        report.provenance.as_ref().map(how_to_run),
    ];
    let sections: Vec<Section> =
        before.into_iter().flatten().chain(matrix(report)).chain(after.into_iter().flatten()).collect();
    fit(&heads(report), &sections, options.budget_bytes)
}

/// Ways to begin the page, longest first.
fn heads(report: &Report) -> Vec<String> {
    let glyph = match report.verdict {
        Verdict::Conformant => Outcome::Pass,
        Verdict::NonConformant => Outcome::Fail,
        Verdict::Incomplete => Outcome::Error,
        Verdict::NothingMeasured => Outcome::NotMeasured,
    }
    .glyph();
    let title = format!("# {glyph} Prism conformance: {}\n", report.verdict.label());
    let totals: Vec<String> =
        report.totals.iter().map(|(o, count)| format!("{} {count} {}", o.glyph(), o.label())).collect();
    let totals = if totals.is_empty() { String::new() } else { format!("\n{}\n", totals.join(" · ")) };
    let sentence = format!("\n**{}** (exit code {})\n", headline(report), report.exit_code);
    vec![format!("{title}{sentence}{totals}"), format!("{title}{sentence}"), title]
}

fn provenance(run: &Provenance) -> Section {
    let host = format!("{} {}, {}", run.host.os, run.host.arch, plural(run.host.cores as usize, "core"));
    let rows = [
        ("contract", Some(run.contract_revision.clone())),
        ("commit", run.commit.clone()),
        ("plan", run.plan.as_ref().map(ToString::to_string)),
        ("seed", Some(run.seed.to_string())),
        ("effort", run.effort.clone()),
        ("cases", (!run.case_filter.is_empty()).then(|| run.case_filter.join(" "))),
        ("tool", Some(run.tool_version.clone())),
        ("run", Some(run.run_id.clone())),
        ("started", Some(run.started_at.clone())),
        ("host", Some(host)),
        ("command", Some(run.command.clone())),
    ];
    let items = rows
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| format!("| {name} | {} |\n", code_cell(&value)))
        .collect();
    Section {
        rank: 2,
        noun: "lines of provenance",
        heading: "\n| this run | |\n|---|---|\n".to_owned(),
        items,
        tail: String::new(),
    }
}

fn failures(report: &Report, class: ExitClass, title: &str, noun: &'static str, rank: u8) -> Option<Section> {
    let groups = by_cause(report, class);
    let cases: usize = groups.iter().map(|group| group.members.len()).sum();
    let heading = format!("\n## {title}: {}, {}\n", plural(cases, "case"), plural(groups.len(), "cause"));
    let items = groups.iter().enumerate().map(|(number, group)| failure(report, number + 1, group)).collect();
    section(Section { rank, noun, heading, items, tail: String::new() })
}

fn failure(report: &Report, number: usize, group: &Group<'_>) -> String {
    let first = group.first();
    let Member { target, case, .. } = first;
    let mut out =
        format!("\n### {number}. {}: {} {}\n", place(first), case.outcome.glyph(), case.outcome.label());
    if let Some(clause) = first.clause(report) {
        let _ = write!(out, "\n> **{}** {}\n", prose(&clause.head), prose(&clause.text));
    }
    if !case.sentence.is_empty() {
        let _ = write!(out, "\nThe case says: {}\n", prose(&case.sentence));
    }
    if let Some(direct) = first.direct() {
        let _ = write!(out, "\nDirectly: {}\n", prose(&direct));
    }
    if case.outcome != Outcome::UnexpectedPass
        && let Some(known) = first.expectation()
    {
        let _ = write!(out, "\nKnown: {}\n", linked(known));
    }
    let failure = case.failure.as_ref();
    let mut seen = String::new();
    let facts = [
        ("message", Some(first.message())),
        ("expected", failure.and_then(|failure| failure.expected.as_deref())),
        ("got", failure.and_then(|failure| failure.got.as_deref())),
        ("kept in", case.namespace.as_deref()),
    ];
    for (label, text) in facts.into_iter().filter_map(|(label, text)| Some((label, text?))) {
        for (number, line) in escape::cap(text, VALUE_BYTES).lines().enumerate() {
            let label = if number == 0 { label } else { "" };
            let _ = writeln!(seen, "{label:10}{line}");
        }
    }
    let _ = write!(out, "\n{}", escape::fenced("text", &seen));
    if let Some(detail) = failure.and_then(|failure| failure.detail.as_deref()) {
        let detail = escape::fenced("text", &escape::cap(detail, DETAIL_BYTES));
        let _ = write!(out, "\n<details><summary>Detail</summary>\n\n{detail}\n</details>\n");
    }
    if let Some(failure) = failure.filter(|failure| !failure.calls.is_empty()) {
        let skipped = failure.calls.len().saturating_sub(CALLS);
        let mut calls = if skipped > 0 { format!("({skipped} before)\n") } else { String::new() };
        for call in &failure.calls[skipped..] {
            let (rpc, status) = (escape::line(&call.rpc), escape::line(&call.status));
            let _ = writeln!(calls, "+{} ms {rpc} {status} in {} us", call.at_ms, call.took_us);
        }
        let calls = escape::fenced("text", &escape::cap(&calls, VALUE_BYTES));
        let _ = write!(
            out,
            "\n<details><summary>Last calls to {}</summary>\n\n{calls}\n</details>\n",
            html(&target.target)
        );
    }
    if !case.logs.is_empty() {
        let skipped = case.logs.len().saturating_sub(LOG_LINES);
        let lines = escape::fenced("text", &escape::cap(&case.logs[skipped..].join("\n"), VALUE_BYTES));
        let _ = write!(
            out,
            "\n<details><summary>Last lines of {}</summary>\n\n{lines}\n</details>\n",
            html(&target.target)
        );
    }
    if !group.others().is_empty() {
        let named: Vec<String> = group.others().iter().take(NAMED).map(|&other| place(other)).collect();
        let left = group.others().len() - named.len();
        let more = if left > 0 { format!(", and {left} more") } else { String::new() };
        let _ = write!(out, "\nSame cause: {}{more}\n", named.join(", "));
    }
    if let Some(failure) = failure.filter(|failure| !failure.reproduce.is_empty()) {
        let _ = write!(
            out,
            "\n{}",
            escape::fenced("sh", &escape::line(&escape::cap(&failure.reproduce, VALUE_BYTES)))
        );
    }
    out
}

fn place(member: Member<'_>) -> String {
    format!("{} on {}", code(&member.case.id), code(&member.target.target))
}

fn incomplete(report: &Report) -> Option<Section> {
    let items = incomplete_because(report).iter().map(|reason| format!("- {}\n", prose(reason))).collect();
    let heading = "\n## Incomplete, because\n\n".to_owned();
    section(Section { rank: 1, noun: "reasons", heading, items, tail: String::new() })
}

/// One section for each table of the matrix; the first has the heading, the last the legend.
fn matrix(report: &Report) -> Vec<Section> {
    let blocks = blocks(report);
    let legend = legend(report, |o| format!("{} {}: {}", o.glyph(), o.label(), o.meaning()));
    let mut sections: Vec<Section> = blocks
        .iter()
        .filter(|block| !block.interfaces.is_empty())
        .map(|block| {
            let heads: Vec<String> =
                block.targets.iter().map(|(_, target)| code_cell(&column_head(target))).collect();
            let rule = "---|".repeat(heads.len());
            let title = if blocks.len() > 1 {
                format!("\n### {}\n", prose(&block.backends()))
            } else {
                String::new()
            };
            let rows = block.interfaces.iter().map(|interface| {
                let cells: Vec<String> = block
                    .targets
                    .iter()
                    .map(|(_, target)| {
                        let cell = Cell::of(target, interface);
                        let glyph =
                            cell.outcome.map(|outcome| format!("{} ", outcome.glyph())).unwrap_or_default();
                        format!("{glyph}{}", cell.text)
                    })
                    .collect();
                format!("| {} | {} |\n", code_cell(interface), cells.join(" | "))
            });
            Section {
                rank: 3,
                noun: "interfaces of the matrix",
                heading: format!("{title}\n| interface | {} |\n|---|{rule}\n", heads.join(" | ")),
                items: rows.collect(),
                tail: String::new(),
            }
        })
        .collect();
    let levels: Vec<String> = report
        .targets
        .iter()
        .filter(|target| target.interfaces.iter().any(|summary| summary.level.is_some()))
        .map(|target| format!("- {}: {}\n", code(&target.target), prose(&target.levels())))
        .collect();
    if let Some(first) = sections.first_mut() {
        first.heading.insert_str(0, "\n## Who conforms to what\n");
    }
    if let Some(last) = sections.last_mut() {
        last.tail = format!("\n{legend}\n");
        if !levels.is_empty() {
            let levels = levels.concat();
            let _ = write!(last.tail, "\n<details><summary>Levels</summary>\n\n{levels}\n</details>\n");
        }
    }
    sections
}

fn not_measured(report: &Report) -> Option<Section> {
    let items = report
        .targets
        .iter()
        .filter_map(|target| match &target.status {
            TargetStatus::NotMeasured { reason, remedy } => Some((target, reason, remedy)),
            _ => None,
        })
        .map(|(target, reason, remedy)| {
            let required = if target.required { " (required)" } else { "" };
            let cases = target.cases.len();
            let name = code_cell(&column_head(target));
            format!("| {name}{required} | {cases} | {} | {} |\n", prose(reason), prose(remedy))
        })
        .collect();
    section(Section {
        rank: 6,
        noun: "targets that were not measured",
        heading:
            "\n## Not measured\n\n| target | cases | why | what would change that |\n|---|--:|---|---|\n"
                .to_owned(),
        items,
        tail: String::new(),
    })
}

fn expected(report: &Report) -> Option<Section> {
    let items = members(report)
        .filter(|member| member.case.outcome == Outcome::ExpectedFail)
        .map(|member| {
            let known =
                member.expectation().map(|known| format!("<br>{}", linked(known))).unwrap_or_default();
            format!("- {}: {}{known}\n", place(member), prose(member.message()))
        })
        .collect();
    let heading = "\n## Failed as expected\n\n".to_owned();
    section(Section { rank: 8, noun: "expected failures", heading, items, tail: String::new() })
}

fn provisional(report: &Report) -> Option<Section> {
    let items = report
        .provisional()
        .map(|(target, case)| {
            let from = report.counts_from(case).unwrap_or_default();
            let glyph = case.outcome.glyph();
            format!(
                "| {} | {} | {glyph} {} | {} |\n",
                code_cell(&case.id),
                code_cell(&target.target),
                case.outcome.label(),
                code_cell(from)
            )
        })
        .collect();
    let heading = "\n## Provisional, without effect yet\n\n| case | target | outcome | counts from |\n|---|---|---|---|\n";
    section(Section {
        rank: 8,
        noun: "provisional cases",
        heading: heading.to_owned(),
        items,
        tail: String::new(),
    })
}

/// Entries of the expectation file that are failures themselves.
fn broken_expectations(report: &Report) -> Option<Section> {
    let items = report
        .broken_expectations()
        .map(|known| format!("- {}: {}\n", code(&known.entry.place()), linked(&known.sentence())))
        .collect();
    let heading = "\n## Expectations that are not true\n\n".to_owned();
    section(Section { rank: 1, noun: "expectations that are not true", heading, items, tail: String::new() })
}

fn slowest(report: &Report) -> Option<Section> {
    let items = report
        .slowest
        .iter()
        .map(|slow| {
            format!(
                "| {} | {} | {} |\n",
                code_cell(&slow.case),
                code_cell(&slow.target),
                duration(slow.duration_ms)
            )
        })
        .collect();
    section(Section {
        rank: 9,
        noun: "slowest cases",
        heading: "\n## Slowest\n\n| case | target | took |\n|---|---|--:|\n".to_owned(),
        items,
        tail: String::new(),
    })
}

fn how_to_run(run: &Provenance) -> Section {
    // Without its seed, a command would draw other data; a plan holds its own, and a merge draws nothing.
    let held = run.plan.is_some() || run.command.split(' ').nth(1) == Some("merge");
    let told = held || run.command.contains("--seed");
    let seed = if told { String::new() } else { format!(" --seed {}", run.seed) };
    let command =
        escape::fenced("sh", &format!("{}{seed}", escape::line(&escape::cap(&run.command, VALUE_BYTES))));
    Section {
        rank: 7,
        noun: "commands to run it again",
        heading: "\n## Run it again\n\n".to_owned(),
        items: vec![command],
        tail: String::new(),
    }
}

/// A section without items is none.
fn section(section: Section) -> Option<Section> {
    (!section.items.is_empty()).then_some(section)
}

/// As [`prose`], with the addresses in it to be followed: for what an expectation file says, and for nothing that a target
/// says. What is too long to be shown in whole has none.
pub(super) fn linked(text: &str) -> String {
    if text.len() > PROSE_BYTES {
        return prose(text);
    }
    let spaced = |text: &str| {
        let space = |there: bool| if there { " " } else { "" };
        let (before, after) = (text.starts_with(char::is_whitespace), text.ends_with(char::is_whitespace));
        format!("{}{}{}", space(before), prose(text), space(after))
    };
    let pieces = links::pieces(text).into_iter().map(|piece| match piece {
        Piece::Text(text) => spaced(text),
        Piece::Link(address) => format!("[{}](<{}>)", prose(address), destination(address)),
    });
    pieces.collect::<String>().trim().to_owned()
}

/// An address between angle brackets, in which nothing but letters, digits and what parts them stands for itself.
fn destination(address: &str) -> String {
    address.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii_alphanumeric() || "-._~/:?=%+,;".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
        out
    })
}

fn prose(text: &str) -> String {
    escape::prose(&escape::cap(text, PROSE_BYTES))
}

fn code(text: &str) -> String {
    escape::code(&escape::cap(text, PROSE_BYTES))
}

fn code_cell(text: &str) -> String {
    escape::code_cell(&escape::cap(text, PROSE_BYTES))
}

/// Text inside an HTML element of ours, where Markdown may or may not apply.
fn html(text: &str) -> String {
    prose(text)
}
