//! The difference as data: what `diff --format json` writes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::latency::FEWEST_CASES;
use crate::exit::Verdict;
use crate::model::{Counts, Level, Provenance, Report};
use crate::outcome::Outcome;

/// The version of the format of [`Diff`].
pub const DIFF_SCHEMA_VERSION: u32 = 1;

/// What changed from one report to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Prism conformance diff, version 1")]
pub struct Diff {
    /// The version of this format.
    pub schema_version: u32,
    /// Whether anything is worse than before: exit code 1.
    pub worse: bool,
    /// The older run.
    pub before: Side,
    /// The newer run.
    pub after: Side,
    /// How much was compared.
    pub compared: Compared,
    /// What limits the comparison, one sentence each.
    pub notes: Vec<String>,
    /// Targets of which everything changed at once.
    pub targets: Vec<TargetChange>,
    /// Interfaces that are declared in one of the runs only.
    pub interfaces: Vec<InterfaceChange>,
    /// Cases, by kind of change.
    pub cases: Vec<CaseChange>,
    /// Levels that were lost or gained.
    pub levels: Vec<LevelChange>,
    /// Traits and guarantees that are claimed otherwise.
    pub claims: Vec<ClaimChange>,
    /// How long calls take, for every rpc of every target that both runs called; none where the runs were made on
    /// different machines.
    pub latencies: Vec<LatencyChange>,
    /// The ratio from which on a slower rpc is worse, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_slower: Option<f64>,
}

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// Where its report comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// What it came to.
    pub verdict: Verdict,
}

/// How much was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// Targets that both runs have.
    pub targets: u64,
    /// Cases that both runs have, counted once for each target.
    pub cases: u64,
}

/// A target of which everything changed at once; its cases are not listed, unless they fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetChange {
    /// What became of it.
    pub kind: TargetChangeKind,
    /// The target.
    pub target: String,
    /// The results that it had or has, on the side where there are any.
    pub counts: Counts,
    /// Why it has no results, if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a target. In the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetChangeKind {
    /// It was measured, and now there is no server for it, or it broke.
    NoLongerMeasured,
    /// It is not there any more.
    Removed,
    /// It was not there.
    Added,
    /// There was no server for it, or it broke, and now it is measured.
    Measured,
}

impl TargetChangeKind {
    /// Whether that is for the worse.
    pub fn is_worse(self) -> bool {
        matches!(self, Self::NoLongerMeasured | Self::Removed)
    }
}

/// An interface that a target declares in one of the runs only; the cases that come or go with the claim are counted
/// here and not listed, unless they fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InterfaceChange {
    /// What became of it.
    pub kind: InterfaceChangeKind,
    /// The target.
    pub target: String,
    /// The interface.
    pub interface: String,
    /// The results of its cases before.
    pub before: Counts,
    /// The results of its cases now.
    pub after: Counts,
}

/// What became of the claim to serve an interface. In the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InterfaceChangeKind {
    /// It was declared and is not any more; what is left are the cases that prove that it is refused.
    NewlyRefused,
    /// It was not declared and is now.
    NewlyDeclared,
}

/// A case whose result changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseChange {
    /// What became of it.
    pub kind: CaseChangeKind,
    /// The target.
    pub target: String,
    /// The case.
    pub case: String,
    /// What it came to before; none if there was no such case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Outcome>,
    /// What it comes to now; none if there is no such case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Outcome>,
    /// The clause that is broken now, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// Why it fails or has no result now. Foreign text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the expectation file says of it now, which may be the reason for what has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<String>,
    /// The command that shows the failure again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduce: Option<String>,
}

/// What became of a case. In the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaseChangeKind {
    /// It fails, and did not before, or was not there. A case that held and now fails as expected is one of these.
    NewlyFailing,
    /// It had a result and has none any more.
    Lost,
    /// It is not there any more.
    Removed,
    /// It fails as before, with another outcome.
    Differently,
    /// It fails as before, and that is expected now.
    Excused,
    /// It failed, and holds now.
    Fixed,
    /// It had no result, and holds now.
    Measured,
    /// It was not there; it does not fail.
    Added,
}

impl CaseChangeKind {
    /// Whether that is for the worse.
    pub fn is_worse(self) -> bool {
        matches!(self, Self::NewlyFailing | Self::Lost | Self::Removed)
    }
}

/// A level that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LevelChange {
    /// The target.
    pub target: String,
    /// The interface.
    pub interface: String,
    /// The level before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Level>,
    /// The level now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Level>,
}

impl LevelChange {
    /// Whether the level is lower than it was.
    pub fn is_worse(&self) -> bool {
        self.after < self.before
    }
}

/// A trait or a guarantee that is claimed otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimChange {
    /// The target.
    pub target: String,
    /// The interface whose trait it is; none for a guarantee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The trait or guarantee.
    pub name: String,
    /// The value before; none if it was not claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The value now; none if it is not claimed any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// How long the calls of one rpc take, until the head of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyChange {
    /// What the interval comes to.
    pub verdict: LatencyVerdict,
    /// The target.
    pub target: String,
    /// The rpc, such as `KeyValueBasic/Get`.
    pub rpc: String,
    /// How many cases, passed in both runs, make the figure.
    pub cases: u64,
    /// The median over the cases of their median times before, in microseconds.
    pub before_us: f64,
    /// The same now.
    pub after_us: f64,
    /// The median over the cases of how many times as long their calls take now.
    pub ratio: f64,
    /// Where the 99 % interval of `ratio` begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// Whether all of the interval lies above the ratio that makes a slower rpc worse.
    pub too_slow: bool,
}

/// What a latency comes to. In the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LatencyVerdict {
    /// All of the interval lies above one and a half.
    Slower,
    /// All of the interval lies below two thirds.
    Faster,
    /// All of the interval lies in between.
    Same,
    /// The interval does not decide, or there are too few cases.
    Inconclusive,
}

/// Which of the two reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The older one.
    Before,
    /// The newer one.
    After,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "the older report",
            Self::After => "the newer report",
        })
    }
}

/// Why two reports are not compared.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Incomparable {
    /// One of them says too little by itself.
    #[error("{which} cannot be compared: {why}")]
    Unusable {
        /// Which.
        which: Which,
        /// Why.
        why: String,
    },
    /// They have no target in common.
    #[error("they have no target in common: the older report has {before}, the newer one {after}")]
    NoCommonTarget {
        /// The targets of the older one.
        before: String,
        /// The targets of the newer one.
        after: String,
    },
    /// The targets that they have in common were reached in different ways.
    #[error("one was reached directly and the other through the proxy; run both the same way")]
    OtherRoute,
    /// They have no case in common.
    #[error("they have no case in common")]
    NoCommonCase,
}

impl Diff {
    /// Two sides of which nothing has been compared yet.
    pub(super) fn new(before: &Report, after: &Report) -> Self {
        let side = |report: &Report| Side { provenance: report.provenance.clone(), verdict: report.verdict };
        Self {
            schema_version: DIFF_SCHEMA_VERSION,
            worse: false,
            before: side(before),
            after: side(after),
            compared: Compared::default(),
            notes: Vec::new(),
            targets: Vec::new(),
            interfaces: Vec::new(),
            cases: Vec::new(),
            levels: Vec::new(),
            claims: Vec::new(),
            latencies: Vec::new(),
            fail_slower: None,
        }
    }

    /// Makes a slower rpc worse where it is clearly more than this many times as slow: where all of its interval lies
    /// above, and there are enough cases for a verdict.
    pub fn fail_slower(&mut self, ratio: f64) {
        self.fail_slower = Some(ratio);
        for change in &mut self.latencies {
            change.too_slow = change.cases >= FEWEST_CASES as u64 && change.low > ratio;
            self.worse |= change.too_slow;
        }
    }

    /// Puts what is worse first, and says whether anything is. The sorts are stable: within a kind the order is the
    /// one in which the runs were planned.
    pub(super) fn settle(&mut self) {
        self.targets.sort_by_key(|change| change.kind);
        self.interfaces.sort_by_key(|change| change.kind);
        self.cases.sort_by_key(|change| change.kind);
        self.levels.sort_by_key(|change| !change.is_worse());
        self.latencies.sort_by_key(|change| change.verdict);
        self.worse = self.targets.iter().any(|change| change.kind.is_worse())
            || self.interfaces.iter().any(|change| change.kind == InterfaceChangeKind::NewlyRefused)
            || self.cases.iter().any(|change| change.kind.is_worse())
            || self.levels.iter().any(LevelChange::is_worse);
    }

    /// Whether the runs found the same, however long it took.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
            && self.interfaces.is_empty()
            && self.cases.is_empty()
            && self.levels.is_empty()
            && self.claims.is_empty()
    }
}
