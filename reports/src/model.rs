//! The report: everything that is known after a run, in the order in which it was planned.

use std::collections::BTreeMap;
use std::collections::btree_map;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{
    ClauseInfo, Composed, DeclaredInterface, Digests, Failure, Host, PlanReference, Provision, Route,
    seed_text,
};
use crate::exit::Verdict;
use crate::expectation::{ExpectationReport, ExpectedHere};
use crate::outcome::{ExitClass, Outcome};

/// What a run found: a pure function of its event log, whatever order the cases ended in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Prism conformance report, version 1")]
pub struct Report {
    /// The version of this format.
    pub schema_version: u32,
    /// What the run comes to.
    pub verdict: Verdict,
    /// The exit code that belongs to the verdict.
    pub exit_code: u8,
    /// Whether the log has its closing record.
    pub complete: bool,
    /// Whether somebody ended the run early.
    pub cancelled: bool,
    /// Where the report comes from; absent if the log does not hold so much as its first record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// How long the run took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// The most memory that the run had, in KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_kib: Option<u64>,
    /// What does not add up in the log; anything here makes the run incomplete.
    pub problems: Vec<String>,
    /// How many cases have which outcome.
    pub totals: Counts,
    /// The interfaces that any target declares or was tested for: the rows of the matrix.
    pub interfaces: Vec<String>,
    /// The targets, in the order in which they were planned.
    pub targets: Vec<TargetReport>,
    /// The known failures that the run was given, in the order of their files, each with what became of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<ExpectationReport>,
    /// The cases that took longest, longest first.
    pub slowest: Vec<SlowCase>,
    /// The clauses that a planned case or a failure cites.
    pub clauses: Vec<ClauseInfo>,
}

/// Where a report comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// Identifies the run.
    pub run_id: String,
    /// Version of the tool.
    pub tool_version: String,
    /// Which revision of the contract the suites prove.
    pub contract_revision: String,
    /// Digests of what the run proves and by what; absent in reports of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digests: Option<Digests>,
    /// The plan that the run carries out, or a group of it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanReference>,
    /// The seed that everything random comes from.
    #[serde(with = "seed_text")]
    #[schemars(with = "String")]
    pub seed: u64,
    /// The effort that was asked for; none if it follows what a call to the target costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// When the run began, as RFC 3339.
    pub started_at: String,
    /// The command line that began it.
    pub command: String,
    /// The commit of the work tree, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The machine.
    pub host: Host,
    /// The patterns by which single cases were selected; no level is computed where there are any.
    pub case_filter: Vec<String>,
    /// The interfaces that were selected; empty if all were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interface_filter: Vec<String>,
    /// The backends and patterns that were selected, as on the command line; empty if all were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_filter: Vec<String>,
    /// By target, the interfaces of it that were selected, where the filters above would have selected more: a plan leaves
    /// out what no changed file touches. None where all of the target was left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub narrowed: BTreeMap<String, Vec<String>>,
}

/// What the run found about one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetReport {
    /// Names the target in this run.
    pub target: String,
    /// The backend, as registered.
    pub backend: String,
    /// The server set-up of the backend.
    pub setup: String,
    /// Whether the run is incomplete without this target.
    pub required: bool,
    /// How its cases reached it.
    #[serde(default, skip_serializing_if = "Route::is_direct")]
    pub route: Route,
    /// What became of it.
    pub status: TargetStatus,
    /// Where its server came from and what answered, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provision: Option<Provision>,
    /// What it claims to serve.
    pub declared: Vec<DeclaredInterface>,
    /// Its further claims.
    pub guarantees: BTreeMap<String, String>,
    /// What it is composed of, if it is a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composed: Option<Composed>,
    /// How many of its cases have which outcome.
    pub counts: Counts,
    /// The level of the whole target: the lowest of the interfaces that it declares; none if one of them has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// One summary for each interface that it declares or was tested for.
    pub interfaces: Vec<InterfaceSummary>,
    /// Its cases, in the order in which they were planned.
    pub cases: Vec<CaseReport>,
    /// Cases that prove nothing but clauses of a later contract revision: they change no count, no level and no verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provisional: Vec<CaseReport>,
}

/// What became of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TargetStatus {
    /// It answered.
    Measured,
    /// There was no server for it.
    NotMeasured {
        /// What was tried and why it did not do.
        reason: String,
        /// What would make it measurable.
        remedy: String,
    },
    /// It broke, before its cases or during them.
    Failed {
        /// What happened.
        reason: String,
    },
    /// The run ended before anything was known of it.
    NotStarted,
}

/// What the run found about one interface of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InterfaceSummary {
    /// The interface.
    pub interface: String,
    /// Whether the target claims to serve it; if not, its cases prove that it is refused.
    pub declared: bool,
    /// How many of the cases have which outcome.
    pub counts: Counts,
    /// The level reached; none if it is not declared, or if not even `core` is reached or known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}

/// How much of an interface is proven. Levels are computed from results, never typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Every case that cites a MUST clause passed, and there was one.
    Core,
    /// Every case passed.
    Full,
}

impl Level {
    /// The word of the level.
    pub fn word(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Full => "full",
        }
    }
}

/// What one case found about one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseReport {
    /// The case.
    pub id: String,
    /// The interface that its result counts for.
    pub interface: String,
    /// What kind of case it is.
    pub kind: String,
    /// The clauses that it proves.
    pub clauses: Vec<String>,
    /// What it says, in one sentence.
    pub sentence: String,
    /// Whether it proves that an interface that is *not* declared is refused.
    pub undeclared: bool,
    /// What it came to.
    pub outcome: Outcome,
    /// What it came to without the proxy, where it went through one and was run both ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<Outcome>,
    /// What an entry of the expectation file made of it, where one speaks of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<ExpectedHere>,
    /// How long it took, in milliseconds; 0 if it did not run.
    pub duration_ms: f64,
    /// How many calls reached the target.
    pub calls: u64,
    /// Why there is no result of its own: the target broke, was not measured, or the run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What the case found worth saying.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the target logged meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<String>,
    /// The namespace of the case, if it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// By rpc, the time within which half of its calls that went well had the head of their answer, in microseconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub p50_us: BTreeMap<String, f64>,
}

/// One of the cases that took longest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlowCase {
    /// The target.
    pub target: String,
    /// The case.
    pub case: String,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
}

/// How many cases have which outcome; what is not listed is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Counts(BTreeMap<Outcome, u64>);

impl Counts {
    /// Counts one more case.
    pub fn add(&mut self, outcome: Outcome) {
        *self.0.entry(outcome).or_default() += 1;
    }

    /// How many cases have this outcome.
    pub fn get(&self, outcome: Outcome) -> u64 {
        self.0.get(&outcome).copied().unwrap_or(0)
    }

    /// How many cases there are.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many cases measured the target, whatever they found.
    pub fn counted(&self) -> u64 {
        self.iter().filter(|(outcome, _)| outcome.counts()).map(|(_, count)| count).sum()
    }

    /// How many cases have an outcome of this class.
    pub fn of_class(&self, class: ExitClass) -> u64 {
        self.iter().filter(|(outcome, _)| outcome.exit_class() == class).map(|(_, count)| count).sum()
    }

    /// The outcomes that occur, in the order of [`Outcome::ALL`], with how many cases have them.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> {
        let entries: btree_map::Iter<'_, Outcome, u64> = self.0.iter();
        entries.filter(|(_, count)| **count > 0).map(|(outcome, count)| (*outcome, *count))
    }
}

impl FromIterator<Outcome> for Counts {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        let mut counts = Self::default();
        outcomes.into_iter().for_each(|outcome| counts.add(outcome));
        counts
    }
}

impl Report {
    /// The clause of this number, if a case or a failure cites it.
    pub fn clause(&self, id: &str) -> Option<&ClauseInfo> {
        self.clauses.iter().find(|clause| clause.id == id)
    }

    /// The entries of the expectation file that are failures themselves.
    pub fn broken_expectations(&self) -> impl Iterator<Item = &ExpectationReport> {
        self.expectations.iter().filter(|entry| entry.state.is_broken())
    }

    /// The contract revision from which on a provisional case counts.
    pub fn counts_from(&self, case: &CaseReport) -> Option<&str> {
        case.clauses.iter().filter_map(|id| self.clause(id)?.from.as_deref()).min()
    }

    /// Every provisional case with its target, in the order in which they were planned.
    pub fn provisional(&self) -> impl Iterator<Item = (&TargetReport, &CaseReport)> {
        self.targets.iter().flat_map(|target| target.provisional.iter().map(move |case| (target, case)))
    }

    /// Every case with its target, in the order in which they were planned.
    pub fn cases(&self) -> impl Iterator<Item = (&TargetReport, &CaseReport)> {
        self.targets.iter().flat_map(|target| target.cases.iter().map(move |case| (target, case)))
    }
}

impl CaseReport {
    /// What it came to by itself, whatever the expectation file makes of that.
    pub fn found(&self) -> Outcome {
        self.expectation.as_ref().map_or(self.outcome, |expected| expected.found)
    }

    /// What tells the proxy's fault from the driver's: the case holds without the proxy and not through it.
    pub fn blames_the_proxy(&self) -> bool {
        let found = self.found();
        self.direct.is_some_and(Outcome::proves) && !found.proves() && found.counts()
    }
}

impl TargetReport {
    /// The levels reached: `full`, or what each interface that is not full has.
    pub fn levels(&self) -> String {
        let declared = || self.interfaces.iter().filter(|summary| summary.declared);
        if self.level == Some(Level::Full) {
            return "full".to_owned();
        }
        let part = |level: Option<Level>| {
            let of_it: Vec<&str> = declared()
                .filter(|summary| summary.level == level)
                .map(|summary| summary.interface.as_str())
                .collect();
            let word = level.map_or("none", Level::word);
            (!of_it.is_empty()).then(|| format!("{word} in {}", of_it.join(", ")))
        };
        let parts = [Some(Level::Full), Some(Level::Core), None].into_iter().filter_map(part);
        parts.collect::<Vec<_>>().join("; ")
    }

    /// What was found about this interface, if the target declares it or was tested for it.
    pub fn interface(&self, interface: &str) -> Option<&InterfaceSummary> {
        self.interfaces.iter().find(|summary| summary.interface == interface)
    }
}
