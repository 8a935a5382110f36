//! What a run comes to, and the exit code that says so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Report, TargetReport, TargetStatus};
use crate::outcome::ExitClass;

/// Every selected case that counts passed, and something counted.
pub const CONFORMANT: u8 = 0;
/// A target broke the contract: `fail`, `timeout`, `undeclared` or `unexpected_pass`; or an expectation does not hold.
pub const NON_CONFORMANT: u8 = 1;
/// The command line, the registry or the expectation file is wrong; decided before there is a report.
pub const USAGE: u8 = 2;
/// Something that should be known is not: `error`, `vacuous`, `inconclusive`, `not_run`, a target that broke, a
/// required target without a server, a log that is cut off or does not add up.
pub const INCOMPLETE: u8 = 3;
/// Nothing was selected, or nothing counted.
pub const NOTHING_MEASURED: u8 = 4;

/// The exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// See [`CONFORMANT`].
    Conformant = CONFORMANT,
    /// See [`NON_CONFORMANT`].
    NonConformant = NON_CONFORMANT,
    /// See [`USAGE`].
    Usage = USAGE,
    /// See [`INCOMPLETE`].
    Incomplete = INCOMPLETE,
    /// See [`NOTHING_MEASURED`].
    NothingMeasured = NOTHING_MEASURED,
}

impl ExitCode {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

/// What a run comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every selected case that counts passed, and something counted.
    Conformant,
    /// A target broke the contract, or a known failure is not what was said of it.
    NonConformant,
    /// Nothing broke the contract, but something that should be known is not.
    Incomplete,
    /// Nothing counted.
    NothingMeasured,
}

impl Verdict {
    /// The verdict in words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Conformant => "conformant",
            Self::NonConformant => "non-conformant",
            Self::Incomplete => "incomplete",
            Self::NothingMeasured => "nothing measured",
        }
    }

    /// The exit code that belongs to the verdict.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Conformant => ExitCode::Conformant,
            Self::NonConformant => ExitCode::NonConformant,
            Self::Incomplete => ExitCode::Incomplete,
            Self::NothingMeasured => ExitCode::NothingMeasured,
        }
    }
}

/// The exit code of a run: [`verdict`] as a number. Never [`ExitCode::Usage`], which is decided before a run begins.
pub fn exit_code(report: &Report) -> ExitCode {
    verdict(report).exit_code()
}

/// What a run comes to. A breach of the contract outweighs what is missing, which outweighs that nothing counted:
/// non-conformant, incomplete, nothing measured, conformant, the first that applies.
pub fn verdict(report: &Report) -> Verdict {
    if report.totals.of_class(ExitClass::NonConforming) > 0 || report.broken_expectations().next().is_some() {
        Verdict::NonConformant
    } else if !incomplete_because(report).is_empty() {
        Verdict::Incomplete
    } else if report.totals.counted() == 0 {
        Verdict::NothingMeasured
    } else {
        Verdict::Conformant
    }
}

/// What the run comes to for one of its targets, as if it had been the only one: what is missing of the others does not
/// count, what is wrong with the log as a whole does.
pub fn verdict_of_target(report: &Report, target: &TargetReport) -> Verdict {
    let whole = report.complete && !report.cancelled && report.problems.is_empty();
    let broke = matches!(target.status, TargetStatus::Failed { .. } | TargetStatus::NotStarted);
    let absent = target.required && matches!(target.status, TargetStatus::NotMeasured { .. });
    if target.counts.of_class(ExitClass::NonConforming) > 0 {
        Verdict::NonConformant
    } else if !whole || broke || absent || target.counts.of_class(ExitClass::Incomplete) > 0 {
        Verdict::Incomplete
    } else if target.counts.counted() == 0 {
        Verdict::NothingMeasured
    } else {
        Verdict::Conformant
    }
}

/// Everything that keeps a run from being complete, one sentence each; empty if nothing does.
pub fn incomplete_because(report: &Report) -> Vec<String> {
    let mut reasons = Vec::new();
    if report.cancelled {
        reasons.push("the run was cancelled".to_owned());
    }
    if !report.complete {
        reasons.push("the event log has no closing record: the run was cut off".to_owned());
    }
    reasons.extend(report.problems.iter().cloned());
    for target in &report.targets {
        let name = &target.target;
        match &target.status {
            TargetStatus::Failed { reason } => reasons.push(format!("{name} broke: {reason}")),
            TargetStatus::NotMeasured { .. } if target.required => {
                reasons.push(format!("{name} is required and was not measured"));
            }
            TargetStatus::NotStarted if target.required => {
                reasons.push(format!("{name} is required and was not started"));
            }
            _ => {}
        }
    }
    for (outcome, count) in report.totals.iter() {
        if outcome.exit_class() == ExitClass::Incomplete {
            let cases = if count == 1 { "case" } else { "cases" };
            reasons.push(format!("{count} {cases} {}: {}", outcome.label(), outcome.meaning()));
        }
    }
    reasons
}
