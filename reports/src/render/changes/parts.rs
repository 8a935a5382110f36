//! The wording that the terminal and the page share: titled lists of changes, what is worse first.

use crate::diff::{
    CaseChange, CaseChangeKind, ClaimChange, Diff, InterfaceChange, InterfaceChangeKind, LatencyChange,
    LatencyVerdict, LevelChange, Side, TargetChange, TargetChangeKind,
};
use crate::model::Counts;
use crate::render::text::plural;

/// Changes of one kind.
pub(in crate::render) struct Part {
    /// What they are, such as `newly failing`.
    pub(in crate::render) title: &'static str,
    /// What they are changes of, in the singular.
    noun: &'static str,
    pub(in crate::render) worse: bool,
    pub(in crate::render) rows: Vec<Row>,
}

/// One change. Every text may be foreign.
pub(in crate::render) struct Row {
    /// The case, interface or claim; none if it is all of the target.
    pub(in crate::render) what: Option<String>,
    pub(in crate::render) target: String,
    /// From what to what.
    pub(in crate::render) change: String,
    /// Why.
    pub(in crate::render) because: Option<String>,
    /// What the expectation file says of it.
    pub(in crate::render) expectation: Option<String>,
    /// The command that shows it.
    pub(in crate::render) reproduce: Option<String>,
}

impl Part {
    /// `2 cases`.
    pub(in crate::render) fn count(&self) -> String {
        plural(self.rows.len(), self.noun)
    }

    /// `NEWLY FAILING: 2 cases` is this, in small letters.
    pub(in crate::render) fn heading(&self) -> String {
        format!("{}: {}", self.title, self.count())
    }
}

/// Everything that changed; what is worse comes first.
pub(in crate::render) fn parts(diff: &Diff) -> Vec<Part> {
    use CaseChangeKind::{Added, Differently, Excused, Fixed, Lost, Measured, NewlyFailing, Removed};
    let mut parts = vec![
        cases(diff, NewlyFailing, "newly failing"),
        targets(diff, TargetChangeKind::NoLongerMeasured, "no longer measured"),
        targets(diff, TargetChangeKind::Removed, "removed"),
        interfaces(diff, InterfaceChangeKind::NewlyRefused, "newly refused"),
        levels(diff, true, "lost"),
        cases(diff, Lost, "without a result now"),
        cases(diff, Removed, "removed"),
        latencies(diff, "slower than allowed", true, |change| change.too_slow),
        claims(diff),
        latencies(diff, "slower", false, |change| {
            change.verdict == LatencyVerdict::Slower && !change.too_slow
        }),
        cases(diff, Differently, "failing differently"),
        cases(diff, Excused, "failing as expected now"),
        cases(diff, Fixed, "fixed"),
        levels(diff, false, "gained"),
        latencies(diff, "faster", false, |change| change.verdict == LatencyVerdict::Faster),
        interfaces(diff, InterfaceChangeKind::NewlyDeclared, "newly declared"),
        targets(diff, TargetChangeKind::Added, "added"),
        targets(diff, TargetChangeKind::Measured, "newly measured"),
        cases(diff, Measured, "newly measured"),
        cases(diff, Added, "added"),
    ];
    parts.retain(|part| !part.rows.is_empty());
    parts
}

/// What the changes come to, in one line: `2 cases newly failing; 1 case fixed`.
pub(in crate::render) fn headline(diff: &Diff, parts: &[Part]) -> String {
    let compared = format!(
        "{} on {} compared",
        plural(diff.compared.cases as usize, "case"),
        plural(diff.compared.targets as usize, "target")
    );
    if parts.is_empty() {
        return format!("nothing changed; {compared}");
    }
    let counts: Vec<String> = parts.iter().map(|part| format!("{} {}", part.count(), part.title)).collect();
    format!("{}; {compared}", counts.join(", "))
}

/// The verdict, in small letters.
pub(in crate::render) fn verdict(diff: &Diff) -> &'static str {
    if diff.worse { "worse" } else { "nothing worse" }
}

/// What a run was, in one line.
pub(in crate::render) fn side(side: &Side) -> String {
    let verdict = side.verdict.label();
    match &side.provenance {
        None => verdict.to_owned(),
        Some(run) => {
            let commit = run.commit.as_ref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
            format!("run {} of {}{commit}: {verdict}", run.run_id, run.started_at)
        }
    }
}

fn cases(diff: &Diff, kind: CaseChangeKind, title: &'static str) -> Part {
    let row = |change: &CaseChange| Row {
        what: Some(change.case.clone()),
        target: change.target.clone(),
        change: match (change.before, change.after) {
            (Some(before), Some(after)) => format!("{} → {}", before.label(), after.label()),
            (None, Some(after)) => format!("new, {}", after.label()),
            (Some(before), None) => format!("was {}", before.label()),
            (None, None) => String::new(),
        },
        because: match (&change.clause, &change.message) {
            (Some(clause), Some(message)) => Some(format!("{clause}: {message}")),
            (clause, message) => clause.clone().or_else(|| message.clone()),
        },
        expectation: change.expectation.clone(),
        reproduce: change.reproduce.clone(),
    };
    let rows = diff.cases.iter().filter(|change| change.kind == kind).map(row).collect();
    Part { title, noun: "case", worse: kind.is_worse(), rows }
}

fn targets(diff: &Diff, kind: TargetChangeKind, title: &'static str) -> Part {
    let row = |change: &TargetChange| Row {
        what: None,
        target: change.target.clone(),
        change: match kind {
            TargetChangeKind::NoLongerMeasured | TargetChangeKind::Removed => {
                format!("had {}", counts(&change.counts))
            }
            TargetChangeKind::Added | TargetChangeKind::Measured => counts(&change.counts),
        },
        because: change.reason.clone(),
        expectation: None,
        reproduce: None,
    };
    let rows = diff.targets.iter().filter(|change| change.kind == kind).map(row).collect();
    Part { title, noun: "target", worse: kind.is_worse(), rows }
}

fn interfaces(diff: &Diff, kind: InterfaceChangeKind, title: &'static str) -> Part {
    let row = |change: &InterfaceChange| Row {
        what: Some(change.interface.clone()),
        target: change.target.clone(),
        change: format!("{} → {}", counts(&change.before), counts(&change.after)),
        because: None,
        expectation: None,
        reproduce: None,
    };
    let rows = diff.interfaces.iter().filter(|change| change.kind == kind).map(row).collect();
    Part { title, noun: "interface", worse: kind == InterfaceChangeKind::NewlyRefused, rows }
}

fn levels(diff: &Diff, worse: bool, title: &'static str) -> Part {
    let word = |level: Option<crate::Level>| level.map_or("no level", crate::Level::word);
    let row = |change: &LevelChange| Row {
        what: Some(change.interface.clone()),
        target: change.target.clone(),
        change: format!("{} → {}", word(change.before), word(change.after)),
        because: None,
        expectation: None,
        reproduce: None,
    };
    let rows = diff.levels.iter().filter(|change| change.is_worse() == worse).map(row).collect();
    Part { title, noun: "level", worse, rows }
}

fn claims(diff: &Diff) -> Part {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not claimed".to_owned());
    let row = |change: &ClaimChange| Row {
        what: Some(match &change.interface {
            Some(interface) => format!("{interface}: {}", change.name),
            None => format!("guarantee {}", change.name),
        }),
        target: change.target.clone(),
        change: format!("{} → {}", value(&change.before), value(&change.after)),
        because: None,
        expectation: None,
        reproduce: None,
    };
    let rows = diff.claims.iter().map(row).collect();
    Part { title: "changed", noun: "claim", worse: false, rows }
}

fn latencies(diff: &Diff, title: &'static str, worse: bool, wanted: impl Fn(&LatencyChange) -> bool) -> Part {
    let row = |change: &LatencyChange| Row {
        what: Some(change.rpc.clone()),
        target: change.target.clone(),
        change: format!(
            "{:.1} µs → {:.1} µs; {:.2} times as long (between {:.2} and {:.2}, {})",
            change.before_us,
            change.after_us,
            change.ratio,
            change.low,
            change.high,
            plural(change.cases as usize, "case")
        ),
        because: None,
        expectation: None,
        reproduce: None,
    };
    let rows = diff.latencies.iter().filter(|change| wanted(change)).map(row).collect();
    Part { title, noun: "rpc", worse, rows }
}

fn counts(counts: &Counts) -> String {
    let parts: Vec<String> =
        counts.iter().map(|(outcome, count)| format!("{} {count}", outcome.label())).collect();
    if parts.is_empty() { "no case".to_owned() } else { parts.join(", ") }
}
