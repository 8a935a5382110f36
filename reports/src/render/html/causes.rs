//! Failures by cause: the first case of each in full, the others by name.

use std::io::{self, Write};

use super::cases::evidence;
use super::catalogue::Catalogue;
use super::plural;
use super::text::Text;
use crate::model::Report;
use crate::outcome::ExitClass;
use crate::render::groups::{Group, by_cause};

/// How many causes are shown in full; every case is shown in full with its target.
const SHOWN: usize = 200;
/// How many other cases of a cause are named.
const NAMED: usize = 20;

/// The sections `failed` and `unknown`.
pub(super) fn write(report: &Report, catalogue: &Catalogue<'_>, out: &mut dyn Write) -> io::Result<()> {
    section(report, catalogue, ExitClass::NonConforming, ("failed", "Failed"), out)?;
    section(report, catalogue, ExitClass::Incomplete, ("unknown", "Without a result"), out)
}

fn section(
    report: &Report,
    catalogue: &Catalogue<'_>,
    class: ExitClass,
    (id, title): (&str, &str),
    out: &mut dyn Write,
) -> io::Result<()> {
    let groups = by_cause(report, class);
    if groups.is_empty() {
        return Ok(());
    }
    let cases: usize = groups.iter().map(|group| group.members.len()).sum();
    writeln!(
        out,
        "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}: {}, {}</h2>",
        plural(cases, "case"),
        plural(groups.len(), "cause"),
    )?;
    for (number, group) in groups.iter().take(SHOWN).enumerate() {
        write_group(report, catalogue, &format!("{id}-{}", number + 1), group, out)?;
    }
    if groups.len() > SHOWN {
        writeln!(
            out,
            "<p>{} more: every case is below, with its target.</p>",
            plural(groups.len() - SHOWN, "cause")
        )?;
    }
    writeln!(out, "</section>")
}

fn write_group(
    report: &Report,
    catalogue: &Catalogue<'_>,
    id: &str,
    group: &Group<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let first = group.first();
    let (target, case) = (first.target, first.case);
    writeln!(
        out,
        "<article class=\"cause {word}\" id=\"{id}\" tabindex=\"-1\">\n<h3>",
        word = case.outcome.word()
    )?;
    catalogue.link(&case.id, out)?;
    writeln!(
        out,
        " <span class=\"faint\">on</span> <a href=\"#t{}c{}\">{}</a> <span class=\"tag {}\">\
         <span aria-hidden=\"true\">{}</span> {}</span></h3>",
        first.places.0,
        first.places.1,
        Text::line(&target.target),
        case.outcome.word(),
        case.outcome.glyph(),
        case.outcome.label(),
    )?;
    evidence(report, catalogue, first, out)?;
    if !group.others().is_empty() {
        write!(out, "<p>Same cause: ")?;
        for (number, other) in group.others().iter().take(NAMED).enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            let (t, c) = other.places;
            write!(out, "{comma}<a href=\"#t{t}c{c}\">")?;
            // The same case on forty targets is named once.
            if other.case.id != case.id {
                write!(out, "{} on ", Text::line(&other.case.id))?;
            }
            write!(out, "{}</a>", Text::line(&other.target.target))?;
        }
        let left = group.others().len().saturating_sub(NAMED);
        if left > 0 {
            write!(out, ", and {left} more")?;
        }
        writeln!(out, ".</p>")?;
    }
    writeln!(out, "</article>")
}
