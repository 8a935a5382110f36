//! The changes as a page, and as a section of the page of a run.

use std::fmt::Write as _;

use super::Since;
use super::parts::{Part, Row, headline, parts, side, verdict};
use super::terminal::sentence_case;
use crate::diff::Diff;
use crate::escape;
use crate::outcome::Outcome;
use crate::render::budget::{Section, fit};
use crate::render::markdown::{Options, linked};

/// Longest foreign text in a line, in bytes.
const FIELD_BYTES: usize = 1_000;

/// The page: verdict, the two runs, what limits the comparison, the changes, what is worse first.
pub fn render(diff: &Diff, options: &Options) -> String {
    let glyph = if diff.worse { Outcome::Fail } else { Outcome::Pass }.glyph();
    let title = format!("# {glyph} Prism conformance, compared: {}\n", verdict(diff));
    let sentence = format!("\n**{}**\n", headline(diff, &parts(diff)));
    let mut items =
        vec![format!("- before: {}\n- now: {}\n", prose(&side(&diff.before)), prose(&side(&diff.after)))];
    items.extend(notes(diff));
    let about = Section { rank: 1, noun: "notes", heading: "\n".to_owned(), items, tail: String::new() };
    let mut sections = vec![about];
    sections.extend(parts(diff).iter().enumerate().map(|(number, part)| Section {
        // What is worse comes first, so it is kept longest.
        rank: 2_u8.saturating_add(number as u8),
        noun: "changes",
        heading: heading("##", part),
        items: part.rows.iter().map(row).collect(),
        tail: String::new(),
    }));
    fit(&[format!("{title}{sentence}"), title], &sections, options.budget_bytes)
}

/// The changes as a section of a page. Items that do not fit are left out from the least important on.
pub(in crate::render) fn section(since: &Since) -> Section {
    let title = "\n## Changes since the baseline\n".to_owned();
    let (heading, items) = match since {
        Err(why) => (title, vec![format!("\nNot compared: {}\n", prose(&why.to_string()))]),
        Ok(diff) => {
            let parts = parts(diff);
            let sentence = format!(
                "\n**{}**: {}. The baseline is {}.\n",
                sentence_case(verdict(diff)),
                headline(diff, &parts),
                prose(&side(&diff.before))
            );
            let mut items = vec![sentence];
            items.extend(
                notes(diff).enumerate().map(|(at, note)| if at == 0 { format!("\n{note}") } else { note }),
            );
            for part in &parts {
                let rows = part.rows.iter().map(row).enumerate();
                items.extend(rows.map(
                    |(at, row)| {
                        if at == 0 { format!("{}{row}", heading_of(part)) } else { row }
                    },
                ));
            }
            (title, items)
        }
    };
    Section { rank: 2, noun: "changes", heading, items, tail: String::new() }
}

fn heading_of(part: &Part) -> String {
    heading("###", part)
}

fn heading(level: &str, part: &Part) -> String {
    format!("\n{level} {}\n\n", sentence_case(&part.heading()))
}

fn notes(diff: &Diff) -> impl Iterator<Item = String> {
    diff.notes.iter().map(|note| format!("- {}\n", prose(note)))
}

fn row(row: &Row) -> String {
    let place = match &row.what {
        Some(what) => format!("{} on {}", code(what), code(&row.target)),
        None => code(&row.target),
    };
    let mut out = format!("- {place}: {}", prose(&row.change));
    if let Some(because) = &row.because {
        let _ = write!(out, "  \n  {}", prose(because));
    }
    if let Some(expectation) = &row.expectation {
        let _ = write!(out, "  \n  {}", linked(expectation));
    }
    if let Some(command) = &row.reproduce {
        let _ = write!(out, "  \n  {}", code(command));
    }
    out.push('\n');
    out
}

fn prose(text: &str) -> String {
    escape::prose(&escape::cap(text, FIELD_BYTES))
}

fn code(text: &str) -> String {
    escape::code(&escape::cap(text, FIELD_BYTES))
}
