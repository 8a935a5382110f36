//! One page with everything, in one file, that needs no network: verdict, causes, matrix, and every case of every target
//! with its evidence.
//!
//! Everything is there without the script, which only adds the search and the keys. What the page quotes is escaped, and
//! its content security policy lets nothing run but the script that belongs to it.

mod cases;
mod catalogue;
mod causes;
mod changes;
mod matrix;
pub(super) mod text;

use std::io::{self, Write};

use catalogue::Catalogue;
use text::{Linked, Text};

use super::changes::Since;
use super::groups::{by_cause, members};
use super::text::{duration, headline, plural};
use crate::exit::{Verdict, incomplete_because};
use crate::model::{Report, TargetStatus};
use crate::outcome::{ExitClass, Outcome};

/// The style of the page.
pub const STYLE: &str = include_str!("html/page.css");
/// The script of the page.
pub const SCRIPT: &str = include_str!("html/page.js");
/// The SHA-256 of [`SCRIPT`] in Base64, by which the content security policy knows it; a test keeps it true.
pub const SCRIPT_SHA256: &str = "90t4UZCrPYcW3shrJipkSPtJwRW03eFxb/VjdOGmhlE=";

/// The page. It is written piece by piece, so that the number of cases does not matter to memory.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    write_since(report, None, out)
}

/// As [`write()`], with the changes since a baseline right after the verdict, if there is one.
pub fn write_since(report: &Report, since: Option<&Since>, out: &mut dyn Write) -> io::Result<()> {
    let catalogue = Catalogue::of(report);
    head(report, out)?;
    top(report, since, out)?;
    writeln!(out, "<main>")?;
    if let Some(since) = since {
        changes::write(report, since, out)?;
    }
    causes::write(report, &catalogue, out)?;
    broken_expectations(report, out)?;
    incomplete(report, out)?;
    matrix::write(report, out)?;
    not_measured(report, out)?;
    provisional(report, out)?;
    expected(report, out)?;
    cases::write(report, &catalogue, out)?;
    slowest(report, &catalogue, out)?;
    catalogue.write(report, out)?;
    provenance(report, out)?;
    writeln!(out, "</main>\n<script>{SCRIPT}</script>\n</html>")
}

/// As [`write()`], in one text.
pub fn render(report: &Report) -> String {
    super::in_one_text(|out| write(report, out))
}

/// As [`write_since`], in one text.
pub fn render_since(report: &Report, since: Option<&Since>) -> String {
    super::in_one_text(|out| write_since(report, since, out))
}

fn head(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'sha256-{SCRIPT_SHA256}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>{} {}: Prism conformance</title>\n<style>{STYLE}</style>",
        glyph(report.verdict),
        report.verdict.label(),
    )
}

fn glyph(verdict: Verdict) -> char {
    match verdict {
        Verdict::Conformant => Outcome::Pass,
        Verdict::NonConformant => Outcome::Fail,
        Verdict::Incomplete => Outcome::Error,
        Verdict::NothingMeasured => Outcome::NotMeasured,
    }
    .glyph()
}

/// Verdict, totals, ways into the page, and the search.
fn top(report: &Report, since: Option<&Since>, out: &mut dyn Write) -> io::Result<()> {
    let class = match report.verdict {
        Verdict::Conformant => "pass",
        Verdict::NonConformant => "fail",
        Verdict::Incomplete => "error",
        Verdict::NothingMeasured => "not_measured",
    };
    writeln!(
        out,
        "<header>\n<p class=\"kicker\">Prism conformance</p>\n\
         <h1 class=\"{class}\"><span aria-hidden=\"true\">{}</span> {}</h1>\n\
         <p class=\"headline\">{} <span class=\"faint\">(exit code {})</span></p>",
        glyph(report.verdict),
        report.verdict.label(),
        Text::line(&headline(report)),
        report.exit_code,
    )?;
    if let Some(run) = &report.provenance {
        let commit = run.commit.as_deref().map(|commit| format!(" · commit {commit}")).unwrap_or_default();
        let took =
            report.wall_ms.map(|wall| format!(" · took {}", duration(wall as f64))).unwrap_or_default();
        let facts = format!(
            "contract {}{commit} · started {}{took} · seed {}",
            run.contract_revision, run.started_at, run.seed
        );
        writeln!(out, "<p class=\"faint\">{}</p>", Text::line(&facts))?;
    }
    writeln!(out, "<nav aria-label=\"Parts of this page\"><ul>")?;
    for (id, name, there) in [
        ("changes", "Changes", since.is_some()),
        ("failed", "Failed", !by_cause(report, ExitClass::NonConforming).is_empty()),
        ("untrue", "Expectations", report.broken_expectations().next().is_some()),
        ("unknown", "Without a result", !by_cause(report, ExitClass::Incomplete).is_empty()),
        ("matrix", "Matrix", !report.targets.is_empty()),
        ("targets", "Targets", !report.targets.is_empty()),
        ("slowest", "Slowest", !report.slowest.is_empty()),
        ("cases", "What the cases say", !report.targets.is_empty()),
        ("clauses", "Clauses", !report.clauses.is_empty()),
        ("run", "This run", report.provenance.is_some()),
    ] {
        if there {
            writeln!(out, "<li><a href=\"#{id}\">{name}</a>")?;
        }
    }
    writeln!(out, "</ul></nav>\n</header>")?;
    search(report, out)
}

/// The search is hidden until the script, which makes it work, says that it is there.
fn search(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<search class=\"bar\" hidden id=\"bar\">\n\
         <input id=\"query\" type=\"search\" role=\"combobox\" aria-controls=\"results\" aria-expanded=\"false\" \
         aria-autocomplete=\"list\" aria-label=\"Search cases, targets, clauses and messages\" \
         placeholder=\"Search cases, targets, clauses, messages   /\" autocomplete=\"off\" spellcheck=\"false\">\n\
         <fieldset id=\"outcomes\"><legend class=\"visually-hidden\">Show only</legend>"
    )?;
    for (outcome, count) in report.totals.iter() {
        let (word, glyph, label) = (outcome.word(), outcome.glyph(), outcome.label());
        writeln!(
            out,
            "<label class=\"chip {word}\" title=\"{label}: {}\"><input type=\"checkbox\" value=\"{word}\">\
             <span aria-hidden=\"true\">{glyph}</span> {label} <b>{count}</b></label>",
            outcome.meaning(),
        )?;
    }
    writeln!(
        out,
        "</fieldset>\n<details class=\"keys\"><summary>Keys</summary><dl>\
         <dt><kbd>/</kbd><dd>search<dt><kbd>↑</kbd> <kbd>↓</kbd> <kbd>Enter</kbd><dd>choose and open a result\
         <dt><kbd>Esc</kbd><dd>clear the search<dt><kbd>n</kbd> <kbd>p</kbd><dd>next and previous cause\
         <dt><kbd>m</kbd><dd>matrix</dl></details>\n\
         <p id=\"found\" role=\"status\"></p>\n\
         <ol id=\"results\" role=\"listbox\" aria-label=\"Cases found\"></ol>\n</search>"
    )
}

fn incomplete(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let reasons = incomplete_because(report);
    if reasons.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section aria-labelledby=\"incomplete\">\n<h2 id=\"incomplete\">Incomplete, because</h2>\n<ul>"
    )?;
    for reason in reasons {
        writeln!(out, "<li>{}", Text::line(&reason))?;
    }
    writeln!(out, "</ul>\n</section>")
}

fn not_measured(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut open = false;
    for target in &report.targets {
        let TargetStatus::NotMeasured { reason, remedy } = &target.status else { continue };
        if !open {
            writeln!(
                out,
                "<section aria-labelledby=\"unmeasured\">\n<h2 id=\"unmeasured\">Not measured</h2>\n\
                 <table class=\"plain\"><thead><tr><th scope=\"col\">target<th scope=\"col\" class=\"n\">cases\
                 <th scope=\"col\">why<th scope=\"col\">what would change that<tbody>"
            )?;
            open = true;
        }
        writeln!(
            out,
            "<tr><th scope=\"row\">{}{}<td class=\"n\">{}<td>{}<td>{}",
            Text::line(&target.target),
            if target.required { " (required)" } else { "" },
            target.cases.len(),
            Text::line(reason),
            Text::line(remedy),
        )?;
    }
    if open { writeln!(out, "</table>\n</section>") } else { Ok(()) }
}

fn expected(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let known = report.totals.get(Outcome::ExpectedFail);
    if known == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "<section aria-labelledby=\"expected\">\n<h2 id=\"expected\">Failed as expected: {}</h2>\n<ul>",
        plural(known as usize, "case"),
    )?;
    for member in members(report).filter(|member| member.case.outcome == Outcome::ExpectedFail) {
        let (t, c) = member.places;
        writeln!(
            out,
            "<li><a href=\"#t{t}c{c}\">{}</a> on {}: {}",
            Text::line(&member.case.id),
            Text::line(&member.target.target),
            Text::line(member.message()),
        )?;
        if let Some(known) = member.expectation() {
            writeln!(out, "<br><span class=\"faint\">{}</span>", Linked::line(known))?;
        }
    }
    writeln!(out, "</ul>\n</section>")
}

fn provisional(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.provisional().next().is_none() {
        return Ok(());
    }
    writeln!(
        out,
        "<section aria-labelledby=\"provisional\">\n<h2 id=\"provisional\">Provisional, without effect yet</h2>\n\
         <table class=\"plain\"><thead><tr><th scope=\"col\">case<th scope=\"col\">target<th scope=\"col\">outcome\
         <th scope=\"col\">counts from<th scope=\"col\">message<tbody>"
    )?;
    for (target, case) in report.provisional() {
        let message = case.failure.as_ref().map(|failure| failure.message.as_str()).unwrap_or_default();
        writeln!(
            out,
            "<tr><th scope=\"row\">{}<td>{}<td>{} {}<td>{}<td>{}",
            Text::line(&case.id),
            Text::line(&target.target),
            case.outcome.glyph(),
            case.outcome.label(),
            Text::line(report.counts_from(case).unwrap_or_default()),
            Text::line(message),
        )?;
    }
    writeln!(out, "</table>\n</section>")
}

fn broken_expectations(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let broken: Vec<_> = report.broken_expectations().collect();
    if broken.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section aria-labelledby=\"untrue\">\n<h2 id=\"untrue\">Expectations that are not true</h2>\n<ul>"
    )?;
    for known in broken {
        let (place, sentence) = (known.entry.place(), known.sentence());
        writeln!(out, "<li><code>{}</code>: {}", Text::line(&place), Linked::line(&sentence))?;
    }
    writeln!(out, "</ul>\n</section>")
}

fn slowest(report: &Report, catalogue: &Catalogue<'_>, out: &mut dyn Write) -> io::Result<()> {
    let longest = report.slowest.iter().map(|slow| slow.duration_ms).fold(0.0, f64::max);
    if report.slowest.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section aria-labelledby=\"slowest\">\n<h2 id=\"slowest\">Slowest</h2>\n<table class=\"plain\">\
         <thead><tr><th scope=\"col\">case<th scope=\"col\">target<th scope=\"col\" class=\"n\">took<th><tbody>"
    )?;
    for slow in &report.slowest {
        let share = if longest > 0.0 { slow.duration_ms / longest } else { 0.0 };
        write!(out, "<tr><td>")?;
        catalogue.link(&slow.case, out)?;
        writeln!(
            out,
            "<td>{}<td class=\"n\">{}<td><meter value=\"{share:.3}\" aria-hidden=\"true\"></meter>",
            Text::line(&slow.target),
            duration(slow.duration_ms),
        )?;
    }
    writeln!(out, "</table>\n</section>")
}

fn provenance(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Some(run) = &report.provenance else { return Ok(()) };
    let host = format!("{} {}, {}", run.host.os, run.host.arch, plural(run.host.cores as usize, "core"));
    writeln!(
        out,
        "<section aria-labelledby=\"run\">\n<h2 id=\"run\">This run</h2>\n<table class=\"plain\"><tbody>"
    )?;
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
        ("took", report.wall_ms.map(|wall| duration(wall as f64))),
        ("memory", report.peak_rss_kib.map(|kib| format!("{:.1} MiB at most", kib as f64 / 1024.0))),
        ("host", Some(host)),
        ("command", Some(run.command.clone())),
    ];
    for (name, value) in rows.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        writeln!(out, "<tr><th scope=\"row\">{name}<td><code>{}</code>", Text::line(&value))?;
    }
    writeln!(out, "</table>\n</section>")
}
