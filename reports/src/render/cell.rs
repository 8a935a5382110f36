//! What one cell of the matrix says: one interface of one target.

use std::collections::BTreeSet;

use crate::model::{InterfaceSummary, Level, Report, TargetReport, TargetStatus};
use crate::outcome::{ExitClass, Outcome};

/// One cell of the matrix.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// The outcome that the cell stands for; none for an interface that is neither declared nor tested.
    pub(super) outcome: Option<Outcome>,
    /// The words, such as `pass 14` or `FAIL 2/14`.
    pub(super) text: String,
}

/// How bad a cell looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Warning,
    Faint,
}

impl Cell {
    pub(super) fn tone(&self) -> Tone {
        match self.outcome.map(Outcome::exit_class) {
            Some(ExitClass::Conforming) => Tone::Good,
            Some(ExitClass::NonConforming) => Tone::Bad,
            Some(ExitClass::Incomplete) => Tone::Warning,
            Some(ExitClass::Neutral) | None => Tone::Faint,
        }
    }

    /// The cell with signs for words, such as `✓ 14` or `✗ 2/14`.
    pub(super) fn brief(&self) -> String {
        let Some(outcome) = self.outcome else { return "·".to_owned() };
        let parts = self.text.split(", ").map(|part| {
            let (part, level) = part.strip_suffix(" core").map_or((part, ""), |part| (part, " core"));
            let (word, count) = part.rsplit_once(' ').unwrap_or((part, ""));
            if !count.starts_with(|c: char| c.is_ascii_digit()) {
                return outcome.glyph().to_string();
            }
            let glyph = word.parse::<Outcome>().unwrap_or(outcome).glyph();
            format!("{glyph} {count}{level}")
        });
        parts.collect::<Vec<_>>().join(" ")
    }

    fn new(outcome: Outcome, text: String) -> Self {
        Self { outcome: Some(outcome), text }
    }

    /// The cell of an interface: the worst that happened, with how often.
    pub(super) fn of(target: &TargetReport, interface: &str) -> Self {
        let Some(summary) = target.interface(interface) else {
            return Self { outcome: None, text: "not declared".to_owned() };
        };
        let total = summary.counts.total();
        if total == 0 {
            let unmeasured = matches!(target.status, TargetStatus::NotMeasured { .. });
            let outcome = if unmeasured { Outcome::NotMeasured } else { Outcome::NotRun };
            return Self::new(outcome, if unmeasured { "not measured" } else { "no case" }.to_owned());
        }
        // Without a word on the level where everything held: then it is the highest.
        let level = if summary.level == Some(Level::Core) { " core" } else { "" };
        if let Some((outcome, word, count)) =
            worst(summary, ExitClass::NonConforming, (Outcome::Fail, "fail"))
        {
            return Self::new(outcome, format!("{} {count}/{total}{level}", word.to_uppercase()));
        }
        if let Some((outcome, word, count)) =
            worst(summary, ExitClass::Incomplete, (Outcome::Error, "incomplete"))
        {
            return Self::new(outcome, format!("{word} {count}/{total}{level}"));
        }
        let absent = summary.counts.get(Outcome::NotMeasured);
        if absent == total {
            return Self::new(Outcome::NotMeasured, "not measured".to_owned());
        }
        let held = summary.counts.get(Outcome::Pass) + summary.counts.get(Outcome::Refused);
        let expected = summary.counts.get(Outcome::ExpectedFail);
        let outcome = match summary.counts.iter().next() {
            Some((Outcome::Refused, _)) => Outcome::Refused,
            Some((Outcome::ExpectedFail, _)) => Outcome::ExpectedFail,
            _ => Outcome::Pass,
        };
        let mut parts = Vec::new();
        if held > 0 {
            parts.push(format!("{} {held}", outcome.label()));
        }
        if expected > 0 {
            parts.push(format!("{} {expected}", Outcome::ExpectedFail.label()));
        }
        if absent > 0 {
            parts.push(format!("{} {absent}", Outcome::NotMeasured.label()));
        }
        Self::new(outcome, parts.join(", "))
    }
}

/// The outcome that stands for this class, the word for it, and how many cases are of the class; none if there is none.
/// Where several outcomes of the class occur, `mixed` stands for them.
fn worst(
    summary: &InterfaceSummary,
    class: ExitClass,
    mixed: (Outcome, &'static str),
) -> Option<(Outcome, &'static str, u64)> {
    let mut of_class = summary.counts.iter().filter(|(outcome, _)| outcome.exit_class() == class);
    let (first, count) = of_class.next()?;
    let rest: u64 = of_class.map(|(_, count)| count).sum();
    let (outcome, word) = if rest == 0 { (first, first.label()) } else { mixed };
    Some((outcome, word, count + rest))
}

/// The line over a target's column: its name, and its set-up where the name does not say it.
pub(super) fn column_head(target: &TargetReport) -> String {
    if target.target.contains(&target.setup) {
        target.target.clone()
    } else {
        format!("{} ({})", target.target, target.setup)
    }
}

/// What the matrix needs to be read: each outcome that occurs, written by `entry`, then what the fractions mean.
pub(super) fn legend(report: &Report, entry: impl Fn(Outcome) -> String) -> String {
    let cells = report.targets.iter().flat_map(|target| {
        report.interfaces.iter().filter_map(move |interface| Cell::of(target, interface).outcome)
    });
    let shown: BTreeSet<Outcome> = report.totals.iter().map(|(outcome, _)| outcome).chain(cells).collect();
    let mut entries: Vec<String> = shown.iter().map(|&outcome| entry(outcome)).collect();
    if shown.iter().any(|o| matches!(o.exit_class(), ExitClass::NonConforming | ExitClass::Incomplete)) {
        entries.push("FAIL or incomplete x/y: so many of the cases, for one reason or several".to_owned());
    }
    entries.join("; ") + "."
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::Counts;

    fn cell(outcomes: &[Outcome], level: Option<Level>) -> (Option<Outcome>, String) {
        let counts: Counts = outcomes.iter().copied().collect();
        let interface = "keyvalue_basic".to_owned();
        let target = TargetReport {
            target: "redis".into(),
            backend: "redis".into(),
            setup: "redis-7.0".into(),
            required: false,
            route: crate::event::Route::Direct,
            status: TargetStatus::Measured,
            provision: None,
            declared: Vec::new(),
            guarantees: BTreeMap::new(),
            composed: None,
            counts: counts.clone(),
            interfaces: vec![InterfaceSummary { interface, declared: true, counts, level }],
            level: None,
            cases: Vec::new(),
            provisional: Vec::new(),
        };
        let cell = Cell::of(&target, "keyvalue_basic");
        assert_eq!(Cell::of(&target, "keyvalue_ttl").text, "not declared");
        assert_eq!(column_head(&target), "redis (redis-7.0)");
        (cell.outcome, cell.text)
    }

    #[test]
    fn a_cell_tells_the_worst() {
        use Outcome::{
            Error, ExpectedFail, Fail, Inconclusive, NotMeasured, NotRun, Pass, Refused, Timeout, Undeclared,
        };
        let table: [(&[Outcome], Outcome, &str); 13] = [
            (&[Pass, Pass], Pass, "pass 2"),
            (&[Refused, Refused], Refused, "refused 2"),
            (&[Pass, ExpectedFail], Pass, "pass 1, expected fail 1"),
            (&[ExpectedFail], ExpectedFail, "expected fail 1"),
            (&[Pass, NotMeasured], Pass, "pass 1, not measured 1"),
            (&[NotMeasured], NotMeasured, "not measured"),
            (&[Pass, Fail, Error], Fail, "FAIL 1/3"),
            (&[Timeout], Timeout, "TIMEOUT 1/1"),
            (&[Undeclared, Refused], Undeclared, "UNDECLARED 1/2"),
            (&[Timeout, Undeclared, Pass], Fail, "FAIL 2/3"),
            (&[Pass, NotRun], NotRun, "not run 1/2"),
            (&[NotRun, Inconclusive, Pass], Error, "incomplete 2/3"),
            (&[], NotRun, "no case"),
        ];
        for (outcomes, outcome, text) in table {
            assert_eq!(cell(outcomes, None), (Some(outcome), text.to_owned()));
        }
        assert_eq!(cell(&[Pass, Fail], Some(Level::Core)).1, "FAIL 1/2 core");
        let brief = |outcomes: &[Outcome]| {
            let (outcome, text) = cell(outcomes, None);
            Cell { outcome, text }.brief()
        };
        assert_eq!(brief(&[Pass, ExpectedFail]), "✓ 1 ≈ 1");
        assert_eq!(brief(&[Pass, Fail, Error]), "✗ 1/3");
        assert_eq!(brief(&[NotRun, Inconclusive, Pass]), "! 2/3");
        assert_eq!(brief(&[NotMeasured]), "–");
        assert_eq!(cell(&[Pass, Inconclusive], Some(Level::Core)).1, "inconclusive 1/2 core");
    }
}
