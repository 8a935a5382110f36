//! Workflow commands that GitHub shows as annotations of a run.

use std::fmt::Write as _;

use super::groups::{Group, Member, by_cause};
use super::text::{headline, plural};
use crate::escape;
use crate::exit::{Verdict, incomplete_because};
use crate::model::Report;
use crate::outcome::ExitClass;

/// GitHub shows so many of a step, and drops the rest without a word.
pub const LIMIT: usize = 10;
/// Longest title, in bytes.
const TITLE_BYTES: usize = 200;
/// Longest message, in bytes.
const MESSAGE_BYTES: usize = 2_000;

/// At most [`LIMIT`] workflow commands, one a line, the most important first: an `error` for each cause of breaches of
/// the contract, a `warning` for each cause of missing results and for each other reason for which the run is not
/// complete. Where there are more, the last one says how many. A conformant run has none.
pub fn render(report: &Report) -> String {
    let mut all: Vec<Annotation<'_>> = Vec::new();
    for known in report.broken_expectations().filter(|known| !known.shown_by_a_case) {
        let title = "Prism conformance: an expectation is not true".to_owned();
        let place = Some((known.entry.file.as_str(), known.entry.line));
        all.push(Annotation { command: "error", place, title, message: known.sentence() });
    }
    for (command, class) in [("error", ExitClass::NonConforming), ("warning", ExitClass::Incomplete)] {
        all.extend(by_cause(report, class).iter().map(|group| {
            let (title, message) = cause(report, group);
            Annotation { command, place: None, title, message }
        }));
    }
    // Breaches of the contract come first, what is wrong with the expectation file next.
    all.sort_by_key(|annotation| (annotation.command != "error", annotation.place.is_some()));
    if report.verdict != Verdict::Conformant {
        // A run in which nothing was measured has no cause to show, and is not green either.
        let reasons = incomplete_because(report);
        let reasons = if reasons.is_empty() && all.is_empty() { vec![headline(report)] } else { reasons };
        let title = format!("Prism conformance: {}", report.verdict.label());
        all.extend(reasons.into_iter().map(|message| Annotation {
            command: "warning",
            place: None,
            title: title.clone(),
            message,
        }));
    }
    let left = if all.len() > LIMIT { all.split_off(LIMIT - 1).len() } else { 0 };
    let mut out = String::new();
    for annotation in &all {
        push(&mut out, annotation);
    }
    if left > 0 {
        let more = format!("{} more, in the summary and the report", plural(left, "annotation"));
        let command = if report.verdict == Verdict::NonConformant { "error" } else { "warning" };
        let title = format!("Prism conformance: {}", report.verdict.label());
        push(&mut out, &Annotation { command, place: None, title, message: more });
    }
    out
}

/// One workflow command.
struct Annotation<'a> {
    command: &'static str,
    /// The file and the line that it is shown at.
    place: Option<(&'a str, usize)>,
    title: String,
    message: String,
}

fn cause(report: &Report, group: &Group<'_>) -> (String, String) {
    let first = group.first();
    let Member { target, case, .. } = first;
    let mut title = format!("{} on {}: {}", case.id, target.target, case.outcome.label());
    if !group.others().is_empty() {
        let _ = write!(title, " (and {} for the same cause)", plural(group.others().len(), "case"));
    }
    let mut message = String::new();
    if let Some(clause) = first.clause(report) {
        let _ = writeln!(message, "{} {}", clause.head, clause.text);
    }
    let _ = writeln!(message, "{}", escape::cap(first.message(), MESSAGE_BYTES / 2));
    if let Some(failure) = &case.failure {
        for (label, value) in [("expected", &failure.expected), ("got", &failure.got)] {
            if let Some(value) = value {
                let _ = writeln!(message, "{label}: {}", escape::cap(value, MESSAGE_BYTES / 8));
            }
        }
        if !failure.reproduce.is_empty() {
            let _ = writeln!(message, "reproduce: {}", failure.reproduce);
        }
    }
    (title, message)
}

fn push(out: &mut String, Annotation { command, place, title, message }: &Annotation<'_>) {
    let title = property(&escape::line(&escape::cap(title, TITLE_BYTES)));
    let message = data(&escape::block(&escape::cap(message.trim_end(), MESSAGE_BYTES)));
    let place = place.map(|(file, line)| {
        format!("file={},line={line},", property(&escape::line(&escape::cap(file, TITLE_BYTES))))
    });
    let _ = writeln!(out, "::{command} {}title={title}::{message}", place.unwrap_or_default());
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line_and_holds_no_other() {
        let mut out = String::new();
        let mut annotation = Annotation {
            command: "error",
            place: None,
            title: "a:b,c%d\ne".to_owned(),
            message: "100%\n::add-mask::x\r\ny\rz\u{1b}[31m".to_owned(),
        };
        push(&mut out, &annotation);
        annotation.place = Some(("a,b::c.yaml", 3));
        push(&mut out, &annotation);
        let (first, second) = out.split_once('\n').unwrap();
        assert!(second.starts_with("::error file=a%2Cb%3A%3Ac.yaml,line=3,title="), "{second}");
        assert_eq!(
            format!("{first}\n"),
            "::error title=a%3Ab%2Cc%25d\\ne::100%25%0A::add-mask::x%0Ay\\rz\\u{1b}[31m\n"
        );
    }
}
