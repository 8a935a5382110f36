//! What a case can come to, in one place, with its projection to every format.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a case came to. *Not declared* is not among them: it is the absence of a claim, hence of a case.
///
/// | outcome | meaning | exit class | JUnit | CTRF | glyph |
/// |---|---|---|---|---|---|
/// | `pass` | every check of the case held | conforming | (no child) | `passed` | ✓ |
/// | `refused` | an undeclared interface refused the call as it must | conforming | (no child) | `passed` | ⊘ |
/// | `expected_fail` | failed as the expectation file says | conforming | `skipped` | `other` | ≈ |
/// | `fail` | the target broke a clause | non-conforming | `failure` | `failed` | ✗ |
/// | `timeout` | the case ran into its deadline | non-conforming | `failure` | `failed` | ◷ |
/// | `undeclared` | an interface is served though not declared | non-conforming | `failure` | `failed` | ⊕ |
/// | `unexpected_pass` | passed though the expectation file says it fails | non-conforming | `failure` | `failed` | ⇑ |
/// | `error` | the harness or the infrastructure broke | incomplete | `error` | `failed` | ! |
/// | `vacuous` | the case made no call to the target | incomplete | `error` | `failed` | ∅ |
/// | `inconclusive` | the observations do not decide | incomplete | `error` | `failed` | ? |
/// | `not_run` | planned, but never run (cancelled, other shard) | incomplete | `skipped` | `pending` | ○ |
/// | `not_measured` | there was no server, or no way, to measure it | neutral | `skipped` | `skipped` | – |
///
/// A `not_measured` case is neutral by itself; it makes the run incomplete where its target is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every check of the case held.
    Pass,
    /// An undeclared interface refused the call as it must.
    Refused,
    /// Failed as the expectation file says.
    ExpectedFail,
    /// The target broke a clause.
    Fail,
    /// The case ran into its deadline.
    Timeout,
    /// An interface is served though it is not declared.
    Undeclared,
    /// Passed though the expectation file says that it fails.
    UnexpectedPass,
    /// The harness or the infrastructure broke.
    Error,
    /// The case made no call to the target.
    Vacuous,
    /// The observations do not decide.
    Inconclusive,
    /// Planned, but never run.
    NotRun,
    /// There was no server, or no way, to measure it.
    NotMeasured,
}

/// What an outcome means for the exit code of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitClass {
    /// The target did what it has to: exit code 0 if everything else did too.
    Conforming,
    /// The target did not: exit code 1.
    NonConforming,
    /// Nothing is known about the target, and something should be: exit code 3.
    Incomplete,
    /// Says nothing about the run by itself.
    Neutral,
}

/// The child element that a case gets in JUnit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JunitElement {
    /// No child element: the case passed.
    Success,
    /// `<failure type="WORD" message="…">`.
    Failure,
    /// `<error type="WORD" message="…">`.
    Error,
    /// `<skipped type="WORD" message="…">`.
    Skipped,
}

/// The state that a case gets in CTRF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CtrfStatus {
    /// It held.
    Passed,
    /// It did not hold, or nothing is known of it that should be: readers look at no other state for what is red.
    Failed,
    /// There was nothing to run it against.
    Skipped,
    /// It was planned and has not run.
    Pending,
    /// It failed, as was expected.
    Other,
}

/// A word or a glyph that names no outcome.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not an outcome")]
pub struct UnknownOutcome(pub String);

impl Outcome {
    /// All outcomes, in the order in which they are listed and summed up.
    pub const ALL: [Self; 12] = [
        Self::Pass,
        Self::Refused,
        Self::ExpectedFail,
        Self::Fail,
        Self::Timeout,
        Self::Undeclared,
        Self::UnexpectedPass,
        Self::Error,
        Self::Vacuous,
        Self::Inconclusive,
        Self::NotRun,
        Self::NotMeasured,
    ];

    /// The word of the outcome in every machine-readable format, in snake_case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Refused => "refused",
            Self::ExpectedFail => "expected_fail",
            Self::Fail => "fail",
            Self::Timeout => "timeout",
            Self::Undeclared => "undeclared",
            Self::UnexpectedPass => "unexpected_pass",
            Self::Error => "error",
            Self::Vacuous => "vacuous",
            Self::Inconclusive => "inconclusive",
            Self::NotRun => "not_run",
            Self::NotMeasured => "not_measured",
        }
    }

    /// The outcome in text for people: the word with spaces.
    pub fn label(self) -> &'static str {
        match self {
            Self::ExpectedFail => "expected fail",
            Self::UnexpectedPass => "unexpected pass",
            Self::NotRun => "not run",
            Self::NotMeasured => "not measured",
            _ => self.word(),
        }
    }

    /// The sign of the outcome in Markdown; no two outcomes share one.
    pub fn glyph(self) -> char {
        match self {
            Self::Pass => '✓',
            Self::Refused => '⊘',
            Self::ExpectedFail => '≈',
            Self::Fail => '✗',
            Self::Timeout => '◷',
            Self::Undeclared => '⊕',
            Self::UnexpectedPass => '⇑',
            Self::Error => '!',
            Self::Vacuous => '∅',
            Self::Inconclusive => '?',
            Self::NotRun => '○',
            Self::NotMeasured => '–',
        }
    }

    /// The outcome with this glyph.
    pub fn from_glyph(glyph: char) -> Result<Self, UnknownOutcome> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.glyph() == glyph)
            .ok_or_else(|| UnknownOutcome(glyph.to_string()))
    }

    /// One sentence that explains the outcome, for legends.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pass => "every check held",
            Self::Refused => "not declared, and refused as it must be",
            Self::ExpectedFail => "failed as the expectation file says",
            Self::Fail => "broke a clause",
            Self::Timeout => "ran into its deadline",
            Self::Undeclared => "served though not declared",
            Self::UnexpectedPass => "passed though expected to fail",
            Self::Error => "the harness or the infrastructure broke",
            Self::Vacuous => "made no call to the target",
            Self::Inconclusive => "the observations do not decide",
            Self::NotRun => "planned, but never run",
            Self::NotMeasured => "there was no server, or no way, to measure it",
        }
    }

    /// What the outcome means for the exit code.
    pub fn exit_class(self) -> ExitClass {
        match self {
            Self::Pass | Self::Refused | Self::ExpectedFail => ExitClass::Conforming,
            Self::Fail | Self::Timeout | Self::Undeclared | Self::UnexpectedPass => ExitClass::NonConforming,
            Self::Error | Self::Vacuous | Self::Inconclusive | Self::NotRun => ExitClass::Incomplete,
            Self::NotMeasured => ExitClass::Neutral,
        }
    }

    /// The JUnit element; where there is one, its `type` attribute is [`Outcome::word`]. The two outcomes without
    /// an element are told apart by the first line of `<system-out>`: [`crate::render::junit`].
    pub fn junit(self) -> JunitElement {
        match self {
            Self::Pass | Self::Refused => JunitElement::Success,
            Self::Fail | Self::Timeout | Self::Undeclared | Self::UnexpectedPass => JunitElement::Failure,
            Self::Error | Self::Vacuous | Self::Inconclusive => JunitElement::Error,
            Self::ExpectedFail | Self::NotRun | Self::NotMeasured => JunitElement::Skipped,
        }
    }

    /// The state in CTRF; its `rawStatus` is [`Outcome::word`].
    pub fn ctrf(self) -> CtrfStatus {
        match self {
            Self::Pass | Self::Refused => CtrfStatus::Passed,
            Self::Fail
            | Self::Timeout
            | Self::Undeclared
            | Self::UnexpectedPass
            | Self::Error
            | Self::Vacuous
            | Self::Inconclusive => CtrfStatus::Failed,
            Self::ExpectedFail => CtrfStatus::Other,
            Self::NotRun => CtrfStatus::Pending,
            Self::NotMeasured => CtrfStatus::Skipped,
        }
    }

    /// Whether the case measured the target, whatever it found.
    pub fn counts(self) -> bool {
        matches!(self.exit_class(), ExitClass::Conforming | ExitClass::NonConforming)
    }

    /// Whether the case counts towards a level: it held, without an excuse.
    pub fn proves(self) -> bool {
        matches!(self, Self::Pass | Self::Refused)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    /// Reads [`Outcome::word`] or [`Outcome::label`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.word() == text || outcome.label() == text)
            .ok_or_else(|| UnknownOutcome(text.to_owned()))
    }
}

/// Written by hand as one list of words: the derived schema is a choice of documented constants, of which schemars
/// cannot make the keys of a map.
impl JsonSchema for Outcome {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Outcome".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL.map(Self::word) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn text_goes_there_and_back() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.word().parse(), Ok(outcome));
            assert_eq!(outcome.label().parse(), Ok(outcome));
            assert_eq!(outcome.to_string(), outcome.word());
            let json = serde_json::to_string(&outcome).unwrap();
            assert_eq!(json, format!("\"{}\"", outcome.word()));
            assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), outcome);
        }
        assert_eq!("skip".parse::<Outcome>(), Err(UnknownOutcome("skip".into())));
        assert_eq!("not_declared".parse::<Outcome>(), Err(UnknownOutcome("not_declared".into())));
    }

    #[test]
    fn glyphs_go_there_and_back() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_glyph(outcome.glyph()), Ok(outcome));
        }
        assert_eq!(Outcome::from_glyph('x'), Err(UnknownOutcome("x".into())));
    }

    #[test]
    fn every_outcome_is_listed_once_and_in_order() {
        let unique: HashSet<_> = Outcome::ALL.into_iter().collect();
        assert_eq!(unique.len(), 12);
        assert!(Outcome::ALL.is_sorted());
    }

    #[test]
    fn the_documented_table_is_the_code() {
        let source = include_str!("outcome.rs");
        for outcome in Outcome::ALL {
            let class = match outcome.exit_class() {
                ExitClass::Conforming => "conforming",
                ExitClass::NonConforming => "non-conforming",
                ExitClass::Incomplete => "incomplete",
                ExitClass::Neutral => "neutral",
            };
            let element = match outcome.junit() {
                JunitElement::Success => "(no child)",
                JunitElement::Failure => "`failure`",
                JunitElement::Error => "`error`",
                JunitElement::Skipped => "`skipped`",
            };
            let start = format!("/// | `{}` | ", outcome.word());
            let state = match outcome.ctrf() {
                CtrfStatus::Passed => "`passed`",
                CtrfStatus::Failed => "`failed`",
                CtrfStatus::Skipped => "`skipped`",
                CtrfStatus::Pending => "`pending`",
                CtrfStatus::Other => "`other`",
            };
            let end = format!(" | {class} | {element} | {state} | {} |", outcome.glyph());
            assert!(
                source.lines().any(|line| line.starts_with(&start) && line.ends_with(&end)),
                "the table of `Outcome` has no row `{start}…{end}`"
            );
        }
    }

    #[test]
    fn only_what_measured_the_target_counts() {
        let counted: Vec<_> = Outcome::ALL.into_iter().filter(|outcome| outcome.counts()).collect();
        assert_eq!(
            counted,
            [
                Outcome::Pass,
                Outcome::Refused,
                Outcome::ExpectedFail,
                Outcome::Fail,
                Outcome::Timeout,
                Outcome::Undeclared,
                Outcome::UnexpectedPass,
            ]
        );
        let proving: Vec<_> = Outcome::ALL.into_iter().filter(|outcome| outcome.proves()).collect();
        assert_eq!(proving, [Outcome::Pass, Outcome::Refused]);
    }
}
