//! Every case of every target: drill down from the target over the interface to the evidence.

use std::collections::HashMap;
use std::io::{self, Write};

use super::catalogue::Catalogue;
use super::text::{Linked, Text};
use super::{duration, plural};
use crate::model::{CaseReport, InterfaceSummary, Report, TargetReport, TargetStatus};
use crate::outcome::ExitClass;
use crate::render::cell::{Cell, column_head};
use crate::render::groups::Member;

/// How many lines of the target's log are shown of one case.
const LOG_LINES: usize = 200;

/// The section `targets`.
pub(super) fn write(report: &Report, catalogue: &Catalogue<'_>, out: &mut dyn Write) -> io::Result<()> {
    if report.targets.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section aria-labelledby=\"targets\">\n<h2 id=\"targets\">Targets</h2>")?;
    for (t, target) in report.targets.iter().enumerate() {
        write_target(report, catalogue, t, target, out)?;
    }
    writeln!(out, "</section>")
}

fn write_target(
    report: &Report,
    catalogue: &Catalogue<'_>,
    t: usize,
    target: &TargetReport,
    out: &mut dyn Write,
) -> io::Result<()> {
    let counts: Vec<String> = target
        .counts
        .iter()
        .map(|(outcome, count)| {
            let (word, glyph, label) = (outcome.word(), outcome.glyph(), outcome.label());
            format!("<span class=\"{word}\"><span aria-hidden=\"true\">{glyph}</span> {label} {count}</span>")
        })
        .collect();
    writeln!(
        out,
        "<article class=\"target\" id=\"t{t}\">\n<h3>{} <span class=\"counts\">{}</span></h3>",
        Text::line(&column_head(target)),
        counts.join(" ")
    )?;
    facts(target, out)?;
    let mut rows: HashMap<&str, Vec<usize>> = HashMap::new();
    for (c, case) in target.cases.iter().enumerate() {
        rows.entry(&case.interface).or_default().push(c);
    }
    for (i, summary) in target.interfaces.iter().enumerate() {
        let Some(mut places) = rows.remove(summary.interface.as_str()) else { continue };
        // What needs a reader comes first; the sort is stable, so the rest stays as planned.
        places.sort_by_key(|&c| match target.cases[c].outcome.exit_class() {
            ExitClass::NonConforming => 0,
            ExitClass::Incomplete => 1,
            ExitClass::Conforming | ExitClass::Neutral => 2,
        });
        write_interface(report, catalogue, (t, target), (i, summary), &places, out)?;
    }
    writeln!(out, "</article>")
}

/// What answered, and what it claims.
fn facts(target: &TargetReport, out: &mut dyn Write) -> io::Result<()> {
    let mut facts: Vec<String> = Vec::new();
    match &target.status {
        TargetStatus::Measured => {}
        TargetStatus::NotMeasured { reason, .. } => facts.push(format!("not measured: {reason}")),
        TargetStatus::Failed { reason } => facts.push(format!("broke: {reason}")),
        TargetStatus::NotStarted => facts.push("not started".to_owned()),
    }
    if let Some(provision) = &target.provision {
        facts.push(provision.provision.clone());
        facts.extend(provision.server_version.as_ref().map(|version| format!("server {version}")));
        facts.extend(provision.driver_version.as_ref().map(|version| format!("driver {version}")));
        facts.push(format!("ready in {}", duration(provision.ready_ms as f64)));
        facts.push(format!("{} effort", provision.effort));
        facts.extend(provision.call_cost_us.map(|cost| format!("{cost:.0} µs a call")));
    }
    if target.interfaces.iter().any(|summary| summary.level.is_some()) {
        facts.push(format!("level: {}", target.levels()));
    }
    facts.extend(target.guarantees.iter().map(|(name, value)| format!("{name}: {value}")));
    if facts.is_empty() {
        return Ok(());
    }
    writeln!(out, "<p class=\"faint\">{}</p>", Text::line(&facts.join(" · ")))
}

fn write_interface(
    report: &Report,
    catalogue: &Catalogue<'_>,
    (t, target): (usize, &TargetReport),
    (i, summary): (usize, &InterfaceSummary),
    places: &[usize],
    out: &mut dyn Write,
) -> io::Result<()> {
    let cell = Cell::of(target, &summary.interface);
    let took: f64 = places.iter().map(|&c| target.cases[c].duration_ms).filter(|ms| ms.is_finite()).sum();
    let traits = target.declared.iter().find(|declared| declared.interface == summary.interface);
    let traits: Vec<String> = traits
        .iter()
        .flat_map(|declared| &declared.traits)
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    write!(
        out,
        "<details class=\"interface\"><summary><h4>{}</h4> <span class=\"faint\">{}</span> <span class=\"{}\">{}</span>{} \
         <span class=\"faint\">{}</span></summary>",
        Text::line(&summary.interface),
        Text::line(&target.target),
        cell.outcome.map_or("", |outcome| outcome.word()),
        cell.text,
        summary
            .level
            .map(|level| format!(" <span class=\"level\">{}</span>", level.word()))
            .unwrap_or_default(),
        duration(took),
    )?;
    if !traits.is_empty() {
        write!(out, "<p class=\"faint\">declared: {}</p>", Text::line(&traits.join(", ")))?;
    }
    writeln!(
        out,
        "<table class=\"cases\" id=\"t{t}i{i}\" data-target=\"{}\" data-interface=\"{}\"><thead><tr>\
         <th scope=\"col\">outcome<th scope=\"col\">case<th scope=\"col\" class=\"n\">ms<th scope=\"col\" class=\"n\">calls\
         <tbody>",
        Text::line(&target.target),
        Text::line(&summary.interface),
    )?;
    for &c in places {
        write_case(report, catalogue, (t, target), (c, &target.cases[c]), out)?;
    }
    writeln!(out, "</table></details>")
}

/// One row. There may be hundreds of thousands, so what goes without saying is not written: quotes around attributes of
/// our own, end tags.
fn write_case(
    report: &Report,
    catalogue: &Catalogue<'_>,
    (t, target): (usize, &TargetReport),
    (c, case): (usize, &CaseReport),
    out: &mut dyn Write,
) -> io::Result<()> {
    let (word, glyph, label) = (case.outcome.word(), case.outcome.glyph(), case.outcome.label());
    write!(out, "<tr id=t{t}c{c} class={word}><td>{glyph} {label}<td>")?;
    let short = case.id.strip_prefix(&case.interface).and_then(|rest| rest.strip_prefix('/'));
    let name = Text::line(short.unwrap_or(&case.id));
    if has_evidence(case) {
        write!(out, "<details><summary>{name}</summary>")?;
        evidence(report, catalogue, Member { target, case, places: (t, c) }, out)?;
        write!(out, "</details>")?;
    } else if let Some(place) = catalogue.place(&case.id) {
        write!(out, "<a href=#d{place}>{name}</a>")?;
    } else {
        write!(out, "{name}")?;
    }
    writeln!(out, "<td>{:.1}<td>{}", case.duration_ms, case.calls)
}

fn has_evidence(case: &CaseReport) -> bool {
    case.failure.is_some()
        || case.expectation.is_some()
        || case.reason.is_some()
        || case.namespace.is_some()
        || !case.notes.is_empty()
        || !case.logs.is_empty()
}

/// Everything that is known of a case: the broken clause, what the case says, what was expected and what came, history,
/// calls with their times, logs, and the command that shows it again.
pub(super) fn evidence(
    report: &Report,
    catalogue: &Catalogue<'_>,
    member: Member<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let case = member.case;
    let failure = case.failure.as_ref();
    if let Some(clause) = member.clause(report) {
        write!(
            out,
            "<blockquote><b>{}</b> {}</blockquote>",
            Text::line(&clause.head),
            Text::line(&clause.text)
        )?;
    }
    write!(out, "<p class=\"faint\">The case says: {} ", Text::line(&case.sentence))?;
    for clause in &case.clauses {
        catalogue.clause(clause, out)?;
        out.write_all(b" ")?;
    }
    write!(out, "</p><dl class=\"facts\"><dt>message<dd><pre>{}</pre>", Text::block(member.message()))?;
    let direct = member.direct();
    let facts = [
        ("expected", failure.and_then(|failure| failure.expected.as_deref())),
        ("got", failure.and_then(|failure| failure.got.as_deref())),
        ("directly", direct.as_deref()),
        ("known", member.expectation().filter(|known| *known != member.message())),
        ("kept in", case.namespace.as_deref()),
        ("reproduce", failure.map(|failure| failure.reproduce.as_str()).filter(|line| !line.is_empty())),
    ];
    for (label, text) in facts.into_iter().filter_map(|(label, text)| Some((label, text?))) {
        match label {
            "known" => write!(out, "<dt>{label}<dd><pre>{}</pre>", Linked::block(text))?,
            _ => write!(out, "<dt>{label}<dd><pre>{}</pre>", Text::block(text))?,
        }
    }
    for note in case.notes.iter().filter(|note| *note != member.message()) {
        write!(out, "<dt>note<dd><pre>{}</pre>", Text::block(note))?;
    }
    write!(out, "</dl>")?;
    if let Some(detail) = failure.and_then(|failure| failure.detail.as_deref()) {
        write!(out, "<details><summary>History</summary><pre>{}</pre></details>", Text::block(detail))?;
    }
    if let Some(failure) = failure.filter(|failure| !failure.calls.is_empty()) {
        write!(
            out,
            "<details><summary>{}</summary><table class=\"plain\"><thead><tr><th scope=\"col\" class=\"n\">at ms\
             <th scope=\"col\">call<th scope=\"col\">status<th scope=\"col\" class=\"n\">took µs<tbody>",
            plural(failure.calls.len(), "last call"),
        )?;
        for call in &failure.calls {
            write!(
                out,
                "<tr><td class=\"n\">{}<td>{}<td>{}<td class=\"n\">{}",
                call.at_ms,
                Text::line(&call.rpc),
                Text::line(&call.status),
                call.took_us
            )?;
        }
        write!(out, "</table></details>")?;
    }
    if !case.logs.is_empty() {
        let lines = &case.logs[case.logs.len().saturating_sub(LOG_LINES)..];
        write!(
            out,
            "<details><summary>Log of the target</summary><pre>{}</pre></details>",
            Text::block(&lines.join("\n"))
        )?;
    }
    out.write_all(b"\n")
}
