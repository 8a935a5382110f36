//! What the cases and the clauses say, once each, however many targets they ran on.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use super::text::Text;
use crate::model::{CaseReport, Report};
use crate::outcome::ExitClass;

/// How many targets are named beside a case.
const NAMED: usize = 12;

/// The cases of a report by id, each with where it did not hold.
pub(super) struct Catalogue<'a> {
    places: HashMap<&'a str, usize>,
    entries: Vec<Entry<'a>>,
    clauses: HashMap<&'a str, usize>,
}

struct Entry<'a> {
    case: &'a CaseReport,
    targets: usize,
    /// Target and case, by their places in the report.
    trouble: Vec<(usize, usize)>,
}

impl<'a> Catalogue<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut entries: Vec<Entry<'_>> = Vec::new();
        for (t, target) in report.targets.iter().enumerate() {
            for (c, case) in target.cases.iter().enumerate() {
                let place = *places.entry(&case.id).or_insert_with(|| {
                    entries.push(Entry { case, targets: 0, trouble: Vec::new() });
                    entries.len() - 1
                });
                let entry = &mut entries[place];
                entry.targets += 1;
                if matches!(case.outcome.exit_class(), ExitClass::NonConforming | ExitClass::Incomplete) {
                    entry.trouble.push((t, c));
                }
            }
        }
        let clauses = report.clauses.iter().enumerate().map(|(k, clause)| (clause.id.as_str(), k)).collect();
        Self { places, entries, clauses }
    }

    /// The place of a case, for its anchor `d{place}`.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The id of a case, which leads to what it says.
    pub(super) fn link(&self, id: &str, out: &mut dyn Write) -> io::Result<()> {
        match self.place(id) {
            Some(place) => write!(out, "<a href=\"#d{place}\">{}</a>", Text::line(id)),
            None => write!(out, "{}", Text::line(id)),
        }
    }

    /// The number of a clause, which leads to its sentence.
    pub(super) fn clause(&self, id: &str, out: &mut dyn Write) -> io::Result<()> {
        match self.clauses.get(id) {
            Some(place) => write!(out, "<a class=\"clause\" href=\"#k{place}\">{}</a>", Text::line(id)),
            None => write!(out, "<span class=\"clause\">{}</span>", Text::line(id)),
        }
    }

    /// The sections `cases` and `clauses`.
    pub(super) fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let mut by_interface: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, entry) in self.entries.iter().enumerate() {
            by_interface.entry(&entry.case.interface).or_default().push(place);
        }
        if !by_interface.is_empty() {
            writeln!(
                out,
                "<section aria-labelledby=\"cases\">\n<h2 id=\"cases\">What the cases say</h2>\n\
                 <p class=\"faint\">Each case once, with the clauses that it proves and where it did not hold.</p>"
            )?;
        }
        for (interface, places) in &by_interface {
            writeln!(
                out,
                "<details><summary><h3>{}</h3> <span class=\"faint\">{}</span></summary>\
                 <table class=\"plain said\"><thead><tr><th scope=\"col\">case<th scope=\"col\">says\
                 <th scope=\"col\">proves<th scope=\"col\">did not hold on<tbody>",
                Text::line(interface),
                super::plural(places.len(), "case"),
            )?;
            for &place in places {
                self.entry(report, place, out)?;
            }
            writeln!(out, "</table></details>")?;
        }
        if !by_interface.is_empty() {
            writeln!(out, "</section>")?;
        }
        self.clauses(report, out)
    }

    fn entry(&self, report: &Report, place: usize, out: &mut dyn Write) -> io::Result<()> {
        let entry = &self.entries[place];
        let case = entry.case;
        write!(
            out,
            "<tr id=\"d{place}\"><th scope=\"row\">{} <span class=\"faint\">{}</span><td>{}<td>",
            Text::line(&case.id),
            Text::line(&case.kind),
            Text::line(&case.sentence),
        )?;
        for clause in &case.clauses {
            self.clause(clause, out)?;
            out.write_all(b" ")?;
        }
        if entry.trouble.is_empty() {
            return writeln!(out, "<td class=\"faint\">none of {}", entry.targets);
        }
        out.write_all(b"<td>")?;
        for &(t, c) in entry.trouble.iter().take(NAMED) {
            let target = &report.targets[t];
            let outcome = target.cases[c].outcome;
            write!(
                out,
                "<a class=\"{}\" href=\"#t{t}c{c}\"><span aria-hidden=\"true\">{}</span> {}</a> ",
                outcome.word(),
                outcome.glyph(),
                Text::line(&target.target),
            )?;
        }
        let left = entry.trouble.len().saturating_sub(NAMED);
        if left > 0 {
            write!(out, "and {left} more ")?;
        }
        writeln!(out, "<span class=\"faint\">of {}</span>", entry.targets)
    }

    fn clauses(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        if report.clauses.is_empty() {
            return Ok(());
        }
        let mut cited: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, entry) in self.entries.iter().enumerate() {
            for clause in &entry.case.clauses {
                cited.entry(clause).or_default().push(place);
            }
        }
        writeln!(
            out,
            "<section aria-labelledby=\"clauses\">\n<h2 id=\"clauses\">Clauses</h2>\n\
             <details><summary><h3>The sentences of the contract that this run is about</h3> \
             <span class=\"faint\">{}</span></summary>\
             <table class=\"plain said\"><thead><tr><th scope=\"col\">clause<th scope=\"col\">says\
             <th scope=\"col\">proven by<tbody>",
            super::plural(report.clauses.len(), "clause"),
        )?;
        for (k, clause) in report.clauses.iter().enumerate() {
            write!(
                out,
                "<tr id=\"k{k}\"><th scope=\"row\">{} <span class=\"faint\">{}</span><td>{}<td>",
                Text::line(&clause.id),
                clause.level.word(),
                Text::line(&clause.text),
            )?;
            for &place in cited.get(clause.id.as_str()).into_iter().flatten() {
                self.link(&self.entries[place].case.id, out)?;
                out.write_all(b" ")?;
            }
            out.write_all(b"\n")?;
        }
        writeln!(out, "</table></details>\n</section>")
    }
}
