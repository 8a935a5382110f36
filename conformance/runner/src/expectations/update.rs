//! Brings an expectation file up to date with a report, in its text, so that comments stay where they are.
//!
//! What passes loses its excuse; what fails without one is handed back, never added by itself. Dropping an excuse can only
//! show more, so an entry is narrowed by what the report knows, whatever else it might have spoken of.

use super::{Entries, Entry};
use prism_reports::{
    Outcome, Report,
    event::Route,
    expectation::{Expectation, Expectations, Subject},
    model::{CaseReport, TargetReport},
    pattern::matches,
};
use prism_yaml::{File, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What a report makes of a file.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// The edits, by the part of the text that each replaces; none overlap.
    edits: Vec<(Span, String)>,
    /// What was done, one sentence each, with the place.
    pub done: Vec<String>,
    /// What only a person can do, likewise.
    pub left: Vec<String>,
    /// The failures that no entry speaks of.
    pub missing: Vec<Missing>,
}

/// Failures that one entry could speak of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The backends, as the entry names them.
    pub backends: Vec<String>,
    /// The way to them, where the other one does not fail.
    pub route: Option<Route>,
    /// The broken clause.
    pub clause: Option<String>,
    /// The cases.
    pub cases: Vec<String>,
}

/// Why failures are excused, as somebody has to say.
#[derive(Debug, Clone)]
pub struct Excuse<'a> {
    /// Why they fail.
    pub because: &'a str,
    /// Where that is being looked after.
    pub issue: &'a str,
    /// The last day.
    pub expires: &'a str,
}

/// Where which case fails, by case and broken clause.
type Unexcused = BTreeMap<(String, Option<String>), BTreeSet<(String, Route)>>;

/// Holds a file against a report.
pub fn update(file: &File, read: &Entries, report: &Report, now: &str) -> Update {
    let entries = read.entries.iter().map(|entry| entry.expectation.clone()).collect();
    let expectations = Expectations::new(entries, now);
    let mut update = Update::default();
    let mut seen: Vec<Vec<Seen<'_>>> = read.entries.iter().map(|_| Vec::new()).collect();
    let mut unexcused = Unexcused::new();
    for target in &report.targets {
        let subject = subject(target);
        for case in &target.cases {
            let found = case.found();
            match expectations.find(&subject, &case.id) {
                Some((place, _)) => seen[place].push(Seen { subject: subject.clone(), case }),
                None if matches!(found, Outcome::Fail | Outcome::Timeout | Outcome::Undeclared) => {
                    let clause = case.failure.as_ref().and_then(|failure| failure.clause.clone());
                    let places = unexcused.entry((case.id.clone(), clause)).or_default();
                    places.insert((subject.name.clone(), subject.route));
                }
                None => {}
            }
        }
    }
    for (entry, seen) in read.entries.iter().zip(&seen) {
        look_at(file, entry, seen, &expectations, &mut update);
    }
    update.missing = grouped(unexcused, report);
    update
}

/// A result that an entry speaks of.
struct Seen<'a> {
    subject: Subject,
    case: &'a CaseReport,
}

impl Seen<'_> {
    fn passes(&self) -> bool {
        self.case.found().proves()
    }
}

fn subject(target: &TargetReport) -> Subject {
    Subject {
        backend: target.backend.clone(),
        setup: target.setup.clone(),
        name: target.target.strip_suffix(target.route.suffix()).unwrap_or(&target.target).to_owned(),
        route: target.route,
    }
}

fn look_at(file: &File, entry: &Entry, seen: &[Seen<'_>], expectations: &Expectations, update: &mut Update) {
    let known = &entry.expectation;
    let place = known.place();
    for Seen { subject, case } in seen.iter().filter(|seen| !seen.passes()) {
        let found = case.found();
        let under = expectations.outcome_under(known, found, case.failure.as_ref());
        if under == found && matches!(found, Outcome::Fail | Outcome::Timeout | Outcome::Undeclared) {
            let (id, name) = (&case.id, &subject.name);
            update.left.push(format!("{place}: {id} on {name} fails, and the entry does not excuse it: it has expired, or expects another failure"));
        }
    }
    let nothing = known.known == 0 && seen.is_empty();
    if !nothing && !seen.iter().any(Seen::passes) {
        return;
    }
    let Some(lines) = lines_of(file, entry) else {
        update.left.push(format!(
            "{place}: passes, or matches nothing, and is not on lines of its own: remove it by hand"
        ));
        return;
    };
    if nothing {
        update.done.push(format!("{place}: removed, because it matches no case of any backend"));
        update.edits.push((lines, String::new()));
        return;
    }
    let Some(narrowed) = narrowed(known, seen) else {
        update.left.push(format!("{place}: passes one way and fails the other: give it a `route`"));
        return;
    };
    let passing: BTreeSet<String> = seen
        .iter()
        .filter(|seen| seen.passes())
        .map(|seen| format!("{} on {}", seen.case.id, seen.subject.name))
        .collect();
    let passing = passing.into_iter().collect::<Vec<_>>().join(", ");
    let what = if narrowed.is_empty() { "removed" } else { "narrowed" };
    update.done.push(format!("{place}: {what}, because {passing} passes"));
    let text: String =
        narrowed.iter().map(|(backends, cases)| rewritten(file, entry, lines, backends, cases)).collect();
    update.edits.push((lines, text));
}

/// What an entry still has to speak of: backends with their cases. `None` where that takes a `route`.
fn narrowed(known: &Expectation, seen: &[Seen<'_>]) -> Option<Vec<(Vec<String>, Vec<String>)>> {
    let mut pairs: BTreeSet<(String, String)> = BTreeSet::new();
    for backend in &known.backends {
        for case in &known.cases {
            let of_it: Vec<&Seen<'_>> = seen
                .iter()
                .filter(|seen| seen.subject.is_meant_by(backend) && matches(case, &seen.case.id))
                .collect();
            if !of_it.iter().any(|seen| seen.passes()) {
                pairs.insert((backend.clone(), case.clone()));
                continue;
            }
            let failing = of_it.iter().filter(|seen| !seen.passes());
            pairs.extend(failing.map(|seen| (seen.subject.name.clone(), seen.case.id.clone())));
        }
    }
    let passes_elsewhere = seen
        .iter()
        .filter(|seen| seen.passes())
        .any(|seen| pairs.contains(&(seen.subject.name.clone(), seen.case.id.clone())));
    if passes_elsewhere {
        return None;
    }
    let mut by_backend: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (backend, case) in pairs {
        by_backend.entry(backend).or_default().push(case);
    }
    let mut by_cases: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for (backend, cases) in by_backend {
        by_cases.entry(cases).or_default().push(backend);
    }
    Some(by_cases.into_iter().map(|(cases, backends)| (backends, cases)).collect())
}

/// The lines of an entry, its dash included; `None` where it shares them with something else.
fn lines_of(file: &File, entry: &Entry) -> Option<Span> {
    let text = file.text();
    let start = text[..entry.span.start].rfind('\n').map_or(0, |at| at + 1);
    let before = text[start..entry.span.start].trim_start();
    let end = text[entry.span.end..].find('\n').map_or(text.len(), |at| entry.span.end + at + 1);
    let after = text[entry.span.end..end].trim();
    let alone = before.strip_prefix('-').is_some_and(|rest| !rest.is_empty() && rest.trim().is_empty());
    (alone && (after.is_empty() || after.starts_with('#'))).then_some(Span { start, end })
}

/// The text of an entry with other backends and cases.
fn rewritten(file: &File, entry: &Entry, lines: Span, backends: &[String], cases: &[String]) -> String {
    let text = file.text();
    let mut parts = [(entry.backend, names(backends)), (entry.case, names(cases))];
    parts.sort_by_key(|(span, _)| span.start);
    let mut out = String::new();
    let mut from = lines.start;
    for (span, value) in parts {
        out.push_str(&text[from..span.start]);
        out.push_str(&value);
        from = span.end;
    }
    out.push_str(&text[from..lines.end]);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn grouped(unexcused: Unexcused, report: &Report) -> Vec<Missing> {
    let mut groups: BTreeMap<Missing, Vec<String>> = BTreeMap::new();
    for ((case, clause), places) in unexcused {
        let mut by_route: BTreeMap<Option<Route>, BTreeSet<String>> = BTreeMap::new();
        for (name, route) in &places {
            let ways = report.targets.iter().map(subject).filter(|subject| subject.name == *name);
            let both = ways.into_iter().all(|subject| places.contains(&(name.clone(), subject.route)));
            by_route.entry((!both).then_some(*route)).or_default().insert(name.clone());
        }
        for (route, names) in by_route {
            let backends = names.into_iter().collect();
            let alike = Missing { backends, route, clause: clause.clone(), cases: Vec::new() };
            groups.entry(alike).or_default().push(case.clone());
        }
    }
    groups.into_iter().map(|(alike, cases)| Missing { cases, ..alike }).collect()
}

impl Missing {
    /// The entry, with its dash at this indentation, and a newline at the end.
    pub fn entry(&self, indent: usize, excuse: &Excuse<'_>) -> String {
        let margin = " ".repeat(indent);
        let mut text = format!("{margin}- backend: {}\n", names(&self.backends));
        let mut field = |name: &str, value: &str| {
            let _ = writeln!(text, "{margin}  {name}: {value}");
        };
        field("case", &names(&self.cases));
        match self.route {
            Some(Route::Direct) => field("route", "direct"),
            Some(Route::Proxy) => field("route", "proxy"),
            None => {}
        }
        if let Some(clause) = &self.clause {
            field("clause", &scalar(clause));
        }
        field("because", &scalar(excuse.because));
        field("issue", &scalar(excuse.issue));
        field("expires", &scalar(excuse.expires));
        text
    }
}

impl Update {
    /// Whether the text changes.
    pub fn changes(&self) -> bool {
        !self.edits.is_empty()
    }

    /// The file's text after the edits, with entries for what is missing where an excuse for them is given.
    pub fn apply(&self, file: &File, read: &Entries, excuse: Option<&Excuse<'_>>) -> String {
        let text = file.text();
        let mut edits = self.edits.clone();
        if let Some(excuse) = excuse.filter(|_| !self.missing.is_empty()) {
            let last = read.entries.last();
            let column = last.map_or(2, |entry| {
                let start = text[..entry.span.start].rfind('\n').map_or(0, |at| at + 1);
                text[start..entry.span.start].find('-').unwrap_or(2)
            });
            let added: String = self.missing.iter().map(|missing| missing.entry(column, excuse)).collect();
            // After the last entry; where there is none, in place of the empty list.
            let end = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at + 1);
            let (span, added) = match last {
                Some(entry) => {
                    let at = end(entry.span.end);
                    let newline = if text[..at].ends_with('\n') { "" } else { "\n" };
                    (Span { start: at, end: at }, format!("{newline}{added}"))
                }
                None => (read.list, format!("\n{}", added.trim_end())),
            };
            edits.push((span, added));
        }
        edits.sort_by_key(|(span, _)| (span.start, span.end));
        let mut out = String::new();
        let mut from = 0;
        for (span, replacement) in &edits {
            out.push_str(&text[from..span.start]);
            out.push_str(replacement);
            from = span.end;
        }
        out.push_str(&text[from..]);
        out
    }
}

/// One name as it is, several as a list.
fn names(names: &[String]) -> String {
    match names {
        [name] => scalar(name),
        _ => format!("[{}]", names.iter().map(|name| scalar(name)).collect::<Vec<_>>().join(", ")),
    }
}

/// A text as YAML takes it: plain where that is safe, else quoted.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let safe_start = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let safe_word = !matches!(text, "null" | "true" | "false");
    if safe_start && safe_word && text.chars().all(plain) {
        return text.to_owned();
    }
    if text.chars().any(char::is_control) {
        // Double quotes take the escapes of JSON.
        return serde_json::Value::from(text).to_string();
    }
    format!("'{}'", text.replace('\'', "''"))
}
