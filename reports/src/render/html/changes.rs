//! What changed since a baseline, with ways to the cases that changed.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use super::plural;
use super::text::{Linked, Text};
use crate::model::Report;
use crate::render::changes::{Part, Since, headline, parts, sentence_case, side, verdict};

/// How many changes of one kind are shown.
const SHOWN: usize = 200;
/// How many changes that are not for the worse are shown without being asked for.
const OPEN: usize = 20;

/// The section `changes`, in the order of the page for GitHub: what is worse comes first.
pub(super) fn write(report: &Report, since: &Since, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<section aria-labelledby=\"changes\">\n<h2 id=\"changes\">Changes since the baseline</h2>"
    )?;
    match since {
        Err(why) => writeln!(out, "<p>Not compared: {}</p>", Text::line(&why.to_string()))?,
        Ok(diff) => {
            let parts = parts(diff);
            let tone = if diff.worse { "fail" } else { "pass" };
            writeln!(
                out,
                "<p><span class=\"tag {tone}\">{}</span> {}.</p>\n<p class=\"faint\">The baseline is {}.</p>",
                sentence_case(verdict(diff)),
                Text::line(&headline(diff, &parts)),
                Text::line(&side(&diff.before)),
            )?;
            if !diff.notes.is_empty() {
                writeln!(out, "<ul class=\"faint\">")?;
                for note in &diff.notes {
                    writeln!(out, "<li>{}", Text::line(note))?;
                }
                writeln!(out, "</ul>")?;
            }
            let places = Places::of(report, &parts);
            for part in &parts {
                write_part(part, &places, out)?;
            }
        }
    }
    writeln!(out, "</section>")
}

fn write_part(part: &Part, places: &Places<'_>, out: &mut dyn Write) -> io::Result<()> {
    let open = if part.worse || part.rows.len() <= OPEN { " open" } else { "" };
    let explained = part
        .rows
        .iter()
        .any(|row| row.because.is_some() || row.expectation.is_some() || row.reproduce.is_some());
    writeln!(
        out,
        "<details class=\"changed\"{open}><summary><h3>{}</h3></summary>\n<table class=\"plain\"><thead><tr>\
         <th scope=\"col\">what<th scope=\"col\">target<th scope=\"col\">change{}<tbody>",
        Text::line(&sentence_case(&part.heading())),
        if explained { "<th scope=\"col\">why" } else { "" },
    )?;
    for row in part.rows.iter().take(SHOWN) {
        write!(out, "<tr><th scope=\"row\">")?;
        match &row.what {
            None => write!(out, "all of it")?,
            Some(what) => link(places.of_target(&row.target, what), what, out)?,
        }
        write!(out, "<td>")?;
        link(places.target(&row.target), &row.target, out)?;
        write!(out, "<td>{}", Text::line(&row.change))?;
        if explained {
            write!(out, "<td>")?;
        }
        if let Some(because) = &row.because {
            write!(out, "{}", Text::line(because))?;
        }
        if let Some(expectation) = &row.expectation {
            write!(out, "<br><span class=\"faint\">{}</span>", Linked::line(expectation))?;
        }
        if let Some(command) = &row.reproduce {
            write!(out, "<br><code>{}</code>", Text::line(command))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "</table>")?;
    if part.rows.len() > SHOWN {
        let left = plural(part.rows.len() - SHOWN, "change");
        writeln!(out, "<p>{left} more: prism-conformance diff tells all of them.</p>")?;
    }
    writeln!(out, "</details>")
}

fn link(place: Option<&String>, text: &str, out: &mut dyn Write) -> io::Result<()> {
    match place {
        Some(place) => write!(out, "<a href=\"#{place}\">{}</a>", Text::line(text)),
        None => write!(out, "{}", Text::line(text)),
    }
}

/// Where on the page is what changed: nowhere, if it is gone.
struct Places<'a> {
    targets: HashMap<&'a str, String>,
    /// Cases and interfaces by target.
    parts: HashMap<(&'a str, &'a str), String>,
}

impl<'a> Places<'a> {
    fn of(report: &'a Report, changed: &[Part]) -> Self {
        let wanted: HashSet<(&str, &str)> = changed
            .iter()
            .flat_map(|part| part.rows.iter().take(SHOWN))
            .filter_map(|row| Some((row.target.as_str(), row.what.as_deref()?)))
            .collect();
        let (mut targets, mut parts) = (HashMap::new(), HashMap::new());
        for (t, target) in report.targets.iter().enumerate() {
            let name = target.target.as_str();
            targets.insert(name, format!("t{t}"));
            let interfaces = target.interfaces.iter().enumerate();
            for (i, summary) in interfaces.filter(|(_, summary)| summary.counts.total() > 0) {
                parts.insert((name, summary.interface.as_str()), format!("t{t}i{i}"));
            }
            for (c, case) in target.cases.iter().enumerate() {
                if wanted.contains(&(name, case.id.as_str())) {
                    parts.insert((name, case.id.as_str()), format!("t{t}c{c}"));
                }
            }
        }
        Self { targets, parts }
    }

    fn target(&self, target: &str) -> Option<&String> {
        self.targets.get(target)
    }

    fn of_target<'q>(&'q self, target: &'q str, what: &'q str) -> Option<&'q String> {
        self.parts.get(&(target, what))
    }
}
