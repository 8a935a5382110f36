//! The page that ends a run on a terminal or in a plain log.

use std::fmt::Write as _;

use super::cell::{Cell, Tone, column_head, legend};
use super::changes::{self, Since};
use super::groups::{Group, Member, by_cause, members};
use super::text::{duration, headline, list_some, plural, totals};
use crate::escape;
use crate::exit::{Verdict, incomplete_because};
use crate::model::{Report, TargetStatus};
use crate::outcome::{ExitClass, Outcome};

/// How the page looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether to use colour (ANSI escapes).
    pub color: bool,
    /// The width to wrap at, in characters. Evidence is never cut to fit.
    pub width: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { color: false, width: 120 }
    }
}

/// Longest text of one field, in bytes; `report.json` has all of it.
const FIELD_BYTES: usize = 2_000;
/// Longest detail, in lines.
const DETAIL_LINES: usize = 40;
/// How many of the last calls are shown.
const CALLS: usize = 8;
/// How many of the last lines of the target's log are shown.
const LOG_LINES: usize = 10;
/// How many cases of one cause are named.
const NAMED: usize = 5;
/// How many causes are told in full.
const GROUPS: usize = 50;
/// Where the text of a field begins.
const FIELD_INDENT: usize = 14;

/// The page: verdict, matrix, failures, what has no result and why, what was not measured, totals.
pub fn render(report: &Report, options: &Options) -> String {
    render_since(report, None, options)
}

/// As [`render`], with the changes since a baseline, if there is one, before the totals.
pub fn render_since(report: &Report, since: Option<&Since>, options: &Options) -> String {
    let mut page = Page { out: String::new(), options };
    page.verdict(report, &headline(report));
    page.matrix(report);
    page.groups(report, "FAILED", ExitClass::NonConforming);
    page.broken_expectations(report);
    page.groups(report, "WITHOUT A RESULT", ExitClass::Incomplete);
    page.incomplete(report);
    page.not_measured(report);
    page.provisional(report);
    page.expected(report);
    page.out.push_str(&since.map(|since| changes::lines(since, options)).unwrap_or_default());
    page.footer(report);
    page.out
}

/// One case of one target with all that is known of how it failed, as [`render`] tells it; empty where there is none.
pub fn case(report: &Report, target: &str, id: &str, options: &Options) -> String {
    let mut page = Page { out: String::new(), options };
    if let Some(member) =
        members(report).find(|member| member.target.target == target && member.case.id == id)
    {
        page.group(report, None, &Group { members: vec![member] });
    }
    page.out
}

struct Page<'a> {
    out: String,
    options: &'a Options,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn blank(&mut self) {
        self.out.push('\n');
    }

    fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Warning => "33",
            Tone::Faint => "2",
        };
        if self.options.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        if self.options.color { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn verdict(&mut self, report: &Report, rest: &str) {
        let tone = match report.verdict {
            Verdict::Conformant => Tone::Good,
            Verdict::NonConformant => Tone::Bad,
            Verdict::Incomplete | Verdict::NothingMeasured => Tone::Warning,
        };
        let word = self.paint(tone, &report.verdict.label().to_uppercase());
        self.line(&format!("{word}: {rest}"));
    }

    fn heading(&mut self, text: &str) {
        self.blank();
        let text = self.bold(text);
        self.line(&text);
    }

    /// Writes words, wrapped, with every line but the first indented.
    fn wrapped(&mut self, first: &str, indent: usize, text: &str) {
        let width = self.options.width.max(indent + 20);
        let mut line = first.to_owned();
        let mut used = first.chars().count();
        let mut fresh = true;
        for word in text.split(' ') {
            let length = word.chars().count();
            if !fresh && used + 1 + length > width {
                self.line(&line);
                line = " ".repeat(indent);
                used = indent;
                fresh = true;
            }
            if !fresh {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
            fresh = false;
        }
        self.line(&line);
    }

    fn matrix(&mut self, report: &Report) {
        if report.targets.is_empty() || report.interfaces.is_empty() {
            return;
        }
        let names: Vec<String> = report.interfaces.iter().map(|name| escape::line(name)).collect();
        let name_width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let columns: Vec<(String, Vec<Cell>, usize)> = report
            .targets
            .iter()
            .map(|target| {
                let head = escape::line(&column_head(target));
                let cells: Vec<Cell> = report.interfaces.iter().map(|name| Cell::of(target, name)).collect();
                let lengths = cells.iter().map(|cell| cell.text.chars().count());
                let width = lengths.chain([head.chars().count()]).max().unwrap_or(0);
                (head, cells, width)
            })
            .collect();
        let mut start = 0;
        while start < columns.len() {
            let mut end = start + 1;
            let mut used = name_width + 2 + columns[start].2;
            while end < columns.len() && used + 2 + columns[end].2 <= self.options.width {
                used += 2 + columns[end].2;
                end += 1;
            }
            self.blank();
            let heads: String =
                columns[start..end].iter().fold(" ".repeat(name_width), |mut line, (head, _, width)| {
                    let _ = write!(line, "  {head:width$}");
                    line
                });
            let heads = self.bold(heads.trim_end());
            self.line(&heads);
            for (row, name) in names.iter().enumerate() {
                let mut line = format!("{name:name_width$}");
                for (_, cells, width) in &columns[start..end] {
                    let cell = &cells[row];
                    let padding = " ".repeat(width - cell.text.chars().count());
                    let _ = write!(line, "  {}{padding}", self.paint(cell.tone(), &cell.text));
                }
                self.line(&line);
            }
            start = end;
        }
        self.blank();
        let legend = legend(report, |outcome| format!("{}: {}", outcome.label(), outcome.meaning()));
        self.wrapped("", 0, &legend);
        let levels: Vec<String> = report
            .targets
            .iter()
            .filter(|target| target.status == TargetStatus::Measured)
            .filter(|target| target.interfaces.iter().any(|summary| summary.level.is_some()))
            .map(|target| format!("{} {}", target.target, target.levels()))
            .collect();
        if !levels.is_empty() {
            self.blank();
            self.wrapped("levels: ", 8, &escape::line(&levels.join(" · ")));
        }
    }

    fn groups(&mut self, report: &Report, title: &str, class: ExitClass) {
        let groups = by_cause(report, class);
        if groups.is_empty() {
            return;
        }
        let cases: usize = groups.iter().map(|group| group.members.len()).sum();
        self.heading(&format!("{title}: {}, {}", plural(cases, "case"), plural(groups.len(), "cause")));
        for (number, group) in groups.iter().take(GROUPS).enumerate() {
            self.blank();
            self.group(report, Some(number + 1), group);
        }
        if groups.len() > GROUPS {
            self.blank();
            let left = groups.len() - GROUPS;
            self.line(&format!("... and {} more, in report.json", plural(left, "cause")));
        }
    }

    fn group(&mut self, report: &Report, number: Option<usize>, group: &Group<'_>) {
        let first = group.first();
        let Member { target, case, .. } = first;
        let tone =
            if case.outcome.exit_class() == ExitClass::NonConforming { Tone::Bad } else { Tone::Warning };
        let word = self.paint(tone, case.outcome.label());
        let (id, target) = (escape::line(&case.id), escape::line(&target.target));
        let number = number.map(|number| format!("{number}. ")).unwrap_or_default();
        self.line(&format!("{number}{} on {target}: {word}", self.bold(&id)));
        if let Some(clause) = first.clause(report) {
            self.field("clause", &format!("{} {}", clause.head, clause.text));
        }
        self.field("case says", &case.sentence);
        self.field("directly", first.direct().as_deref().unwrap_or_default());
        if case.outcome != Outcome::UnexpectedPass {
            self.field("known", first.expectation().unwrap_or_default());
        }
        self.evidence("message", first.message());
        if let Some(failure) = &case.failure {
            self.evidence("expected", failure.expected.as_deref().unwrap_or_default());
            self.evidence("got", failure.got.as_deref().unwrap_or_default());
            self.evidence("detail", failure.detail.as_deref().unwrap_or_default());
            let skipped = failure.calls.len().saturating_sub(CALLS);
            let calls: Vec<String> = failure.calls[skipped..]
                .iter()
                .map(|call| format!("+{} ms {} {} in {} us", call.at_ms, call.rpc, call.status, call.took_us))
                .collect();
            let before = if skipped > 0 { format!("({skipped} before)\n") } else { String::new() };
            self.evidence("calls", &format!("{before}{}", calls.join("\n")));
        }
        let skipped = case.logs.len().saturating_sub(LOG_LINES);
        self.evidence("log", &case.logs[skipped..].join("\n"));
        self.field("kept in", case.namespace.as_deref().unwrap_or_default());
        if !group.others().is_empty() {
            let others: Vec<String> = group
                .others()
                .iter()
                .map(|other| format!("{} on {}", other.case.id, other.target.target))
                .collect();
            self.field("same cause", &list_some(&others, NAMED));
        }
        if let Some(failure) = &case.failure {
            // Not wrapped: it is there to be copied.
            self.raw_field("reproduce", &escape::line(&failure.reproduce));
        }
    }

    fn raw_field(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            self.line(&format!("   {label:width$}{text}", width = FIELD_INDENT - 3));
        }
    }

    /// A sentence of ours, wrapped; nothing where there is no text.
    fn field(&mut self, label: &str, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() {
            let first = format!("   {label:width$}", width = FIELD_INDENT - 3);
            self.wrapped(&first, FIELD_INDENT, &escape::line(&escape::cap(&text, FIELD_BYTES)));
        }
    }

    /// What was seen, line by line as it is.
    fn evidence(&mut self, label: &str, text: &str) {
        let text = escape::block(&escape::cap(text, FIELD_BYTES));
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().take(DETAIL_LINES).enumerate() {
            let label = if number == 0 { label } else { "" };
            self.line(&format!("   {label:width$}{line}", width = FIELD_INDENT - 3));
        }
        if lines.len() > DETAIL_LINES {
            let left = plural(lines.len() - DETAIL_LINES, "line");
            self.line(&format!("{}... and {left} more, in report.json", " ".repeat(FIELD_INDENT)));
        }
    }

    fn incomplete(&mut self, report: &Report) {
        let reasons = incomplete_because(report);
        if reasons.is_empty() {
            return;
        }
        self.heading("INCOMPLETE, BECAUSE");
        for reason in reasons {
            self.wrapped("   - ", 5, &escape::line(&escape::cap(&reason, FIELD_BYTES)));
        }
    }

    fn not_measured(&mut self, report: &Report) {
        let absent: Vec<_> = report
            .targets
            .iter()
            .filter_map(|target| match &target.status {
                TargetStatus::NotMeasured { reason, remedy } => Some((target, reason, remedy)),
                _ => None,
            })
            .collect();
        // Single cases of targets that were measured, by why.
        let mut single: Vec<(&str, &str, usize)> = Vec::new();
        for (target, case) in report.cases() {
            let why =
                case.notes.first().filter(|_| case.outcome == Outcome::NotMeasured && case.reason.is_none());
            let Some(why) = why else { continue };
            match single.iter_mut().find(|(known, because, _)| *known == target.target && because == why) {
                Some((.., count)) => *count += 1,
                None => single.push((&target.target, why, 1)),
            }
        }
        if absent.is_empty() && single.is_empty() {
            return;
        }
        self.heading("NOT MEASURED");
        for (target, why, count) in single {
            let (target, why) = (escape::line(target), escape::line(&escape::cap(why, FIELD_BYTES)));
            self.wrapped("   ", 5, &format!("{} of {target}: {why}", plural(count, "case")));
        }
        for (target, reason, remedy) in absent {
            let head = escape::line(&column_head(target));
            let required = if target.required { ", required" } else { "" };
            let cases = plural(target.cases.len(), "case");
            let reason = escape::line(&escape::cap(reason, FIELD_BYTES));
            self.wrapped("   ", 5, &format!("{head} ({cases}{required}): {reason}"));
            if !remedy.is_empty() {
                self.wrapped(
                    "     ",
                    5,
                    &format!("to measure it: {}", escape::line(&escape::cap(remedy, FIELD_BYTES))),
                );
            }
        }
    }

    fn expected(&mut self, report: &Report) {
        let known: Vec<String> = report
            .cases()
            .filter(|(_, case)| case.outcome == Outcome::ExpectedFail)
            .map(|(target, case)| format!("{} on {}", case.id, target.target))
            .collect();
        if !known.is_empty() {
            self.heading(&format!("FAILED AS EXPECTED: {}", plural(known.len(), "case")));
            self.wrapped("   ", 3, &escape::line(&list_some(&known, NAMED * 4)));
            for known in report.expectations.iter().filter(|known| known.excused > 0) {
                let text = format!("{}: {}", known.entry.place(), known.entry.excuse());
                self.wrapped("   - ", 5, &escape::line(&escape::cap(&text, FIELD_BYTES)));
            }
        }
    }

    fn provisional(&mut self, report: &Report) {
        let cases = report.provisional().count();
        if cases == 0 {
            return;
        }
        self.heading(&format!("PROVISIONAL, WITHOUT EFFECT YET: {}", plural(cases, "case")));
        for (target, case) in report.provisional().take(GROUPS) {
            let from =
                report.counts_from(case).map(|from| format!(", counts from {from}")).unwrap_or_default();
            let text = format!("{} on {}: {}{from}", case.id, target.target, case.outcome.label());
            self.wrapped("   - ", 5, &escape::line(&escape::cap(&text, FIELD_BYTES)));
        }
        if cases > GROUPS {
            self.line(&format!("   ... and {} more, in report.json", plural(cases - GROUPS, "case")));
        }
    }

    fn broken_expectations(&mut self, report: &Report) {
        let broken: Vec<_> = report.broken_expectations().collect();
        if broken.is_empty() {
            return;
        }
        self.heading(&format!("NOT TRUE: {}", plural(broken.len(), "expectation")));
        for known in broken {
            let text = format!("{}: {}", known.entry.place(), known.sentence());
            self.wrapped("   - ", 5, &escape::line(&escape::cap(&text, FIELD_BYTES)));
        }
    }

    fn footer(&mut self, report: &Report) {
        self.blank();
        let time = report.wall_ms.map(|wall| format!(" in {}", duration(wall as f64))).unwrap_or_default();
        let targets = plural(report.targets.len(), "target");
        let cases = plural(report.totals.total() as usize, "case");
        let sum = totals(report);
        let sum = if sum.is_empty() { String::new() } else { format!(": {sum}") };
        self.wrapped("", 0, &format!("{cases} on {targets}{time}{sum}"));
        if let Some(run) = &report.provenance {
            let seed = run.seed;
            let revision = escape::line(&run.contract_revision);
            self.line(&format!("seed {seed} (--seed {seed} draws the same again), contract {revision}"));
        }
        self.verdict(report, &format!("exit code {}", report.exit_code));
    }
}
