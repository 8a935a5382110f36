//! The records of a run's event log.
//!
//! A log is one JSON object a line, in the order in which things happened: [`RunStarted`] first, then per target a
//! [`TargetPlanned`], one of [`TargetReady`], [`TargetNotMeasured`] and [`TargetFailed`], a [`CaseFinished`] for each
//! case, and [`RunFinished`] as the closing record, whose absence says that the run was cut off.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expectation::Expectation;
use crate::outcome::Outcome;

/// The version of the event log and of the report that this crate writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts the lines of the log from 0, so that a lost line shows.
    pub seq: u64,
    /// Milliseconds since the log was opened.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened; the `event` field of a line names the variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The run began.
    RunStarted(Box<RunStarted>),
    /// A target was selected, with the cases that it will get.
    TargetPlanned(TargetPlanned),
    /// The target answers.
    TargetReady(TargetReady),
    /// There is no server for the target.
    TargetNotMeasured(TargetNotMeasured),
    /// The target broke: its cases without a result become `error`.
    TargetFailed(TargetFailed),
    /// A case came to its end.
    CaseFinished(Box<CaseFinished>),
    /// Something of what the log was merged from is missing or does not add up.
    ShardTrouble(ShardTrouble),
    /// The run came to its end: the closing record.
    RunFinished(RunFinished),
}

/// Who runs what, where, from which seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunStarted {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Identifies the run.
    pub run_id: String,
    /// Version of the tool.
    pub tool_version: String,
    /// Which revision of the contract the suites prove.
    pub contract_revision: String,
    /// Digests of what the run proves and by what; absent in logs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digests: Option<Digests>,
    /// The plan that the run carries out a part of, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanReference>,
    /// The seed that everything random comes from; a string in JSON, where numbers end at 2^53.
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
    /// The patterns by which single cases were selected; empty if every case of an interface was planned. No level
    /// is computed for a run of a part of the cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
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
    /// The failures that are known, as the expectation files say them. Results are in the log as they were found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<Expectation>,
    /// The catalogue of clauses, so that the log explains itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<ClauseInfo>,
}

/// What a run proves, and by what, as `sha256:` and hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Digests {
    /// Of the descriptors of the contract, clauses included.
    pub contract: String,
    /// Of the cases: their ids, sentences and clauses, and what calls for them.
    pub suite: String,
}

/// A plan, and which of its groups a run carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReference {
    /// The digest of the plan.
    pub digest: String,
    /// The group, from 1; none in a report that was merged from groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// How many groups the plan has.
    pub groups: u32,
}

impl fmt::Display for PlanReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            Some(group) => write!(f, "group {group} of {} of {}", self.groups, self.digest),
            None => write!(f, "{} groups of {}", self.groups, self.digest),
        }
    }
}

/// The machine that a run was made on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Operating system, such as `linux`.
    pub os: String,
    /// Processor architecture, such as `x86_64`.
    pub arch: String,
    /// How many processors the run could use.
    pub cores: u32,
}

/// One normative clause of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClauseInfo {
    /// The number, such as `KVB-07`.
    pub id: String,
    /// How binding it is.
    pub level: ClauseLevel,
    /// The interface that it belongs to, such as `keyvalue_basic`.
    pub interface: String,
    /// The contract revision from which on it counts; none if it always has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The sentence, without number and level.
    pub text: String,
}

/// How binding a clause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ClauseLevel {
    /// Required of everyone who declares the interface.
    Must,
    /// Required for the level `full`.
    Should,
    /// Allowed.
    May,
}

impl ClauseLevel {
    /// The word, in capitals as in the contract.
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// A target and the cases that it will get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetPlanned {
    /// Names the target in this run, say `redis` or `redis@redis-7.0`.
    pub target: String,
    /// The backend, as registered.
    pub backend: String,
    /// The server set-up of the backend.
    pub setup: String,
    /// Whether the run is incomplete without this target.
    pub required: bool,
    /// How its cases reach it.
    #[serde(default, skip_serializing_if = "Route::is_direct")]
    pub route: Route,
    /// What the target claims to serve.
    pub declared: Vec<DeclaredInterface>,
    /// Further claims, such as `consistency: linearizable`.
    #[serde(default)]
    pub guarantees: BTreeMap<String, String>,
    /// What it is composed of, if it is a pattern; absent in logs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composed: Option<Composed>,
    /// The cases, in the order in which they are reported.
    pub cases: Vec<PlannedCase>,
}

/// A pattern over one binding of its slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Composed {
    /// The parameters that it is run with, beside its defaults.
    pub parameters: BTreeMap<String, String>,
    /// What is in its slots, in their order; slots that are empty or the application's are left out.
    pub slots: Vec<FilledSlot>,
}

/// A slot with what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FilledSlot {
    /// The slot.
    pub slot: String,
    /// The backend, as registered.
    pub backend: String,
    /// Its set-up.
    pub setup: String,
    /// What the backend claims to serve.
    pub declared: Vec<DeclaredInterface>,
    /// Its further claims.
    pub guarantees: BTreeMap<String, String>,
}

impl TargetPlanned {
    /// The target without the way to it, as `--backend` takes it.
    pub fn name(&self) -> &str {
        self.target.strip_suffix(self.route.suffix()).unwrap_or(&self.target)
    }
}

/// How cases reach a target.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// As the driver is.
    #[default]
    Direct,
    /// Through a process of the reference proxy.
    Proxy,
}

impl Route {
    /// What the name of a target ends in.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Direct => "",
            Self::Proxy => " via proxy",
        }
    }

    /// Whether nothing is in between.
    pub fn is_direct(&self) -> bool {
        *self == Self::Direct
    }
}

/// The claim to serve one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeclaredInterface {
    /// The interface, such as `keyvalue_ttl`.
    pub interface: String,
    /// Its traits by name, with their values as text.
    #[serde(default)]
    pub traits: BTreeMap<String, String>,
}

/// A case that a target will get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedCase {
    /// The case, such as `keyvalue_ttl/expires_not_early`.
    pub id: String,
    /// The interface that its result counts for.
    pub interface: String,
    /// What kind of case it is, such as `example`, `model`, `history` or `refusal`.
    pub kind: String,
    /// The clauses that it proves.
    pub clauses: Vec<String>,
    /// What it says, in one sentence.
    pub sentence: String,
    /// Whether it proves that an interface that is *not* declared is refused.
    #[serde(default)]
    pub undeclared: bool,
}

/// What is known of a target once it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetReady {
    /// The target.
    pub target: String,
    /// What answers.
    #[serde(flatten)]
    pub provision: Provision,
}

/// Where the server of a target came from, and what answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provision {
    /// `embedded`, `external`, `container` or `process` for the server of a driver, `command` or `endpoint` where the
    /// driver brings its own.
    pub provision: String,
    /// The version that the server gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// The images of its servers, where they are containers that the run started; those of the slots of a pattern as
    /// well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ServerImage>,
    /// The version that the driver gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_version: Option<String>,
    /// Milliseconds from the start of provisioning until the target answered.
    pub ready_ms: u64,
    /// The effort of the generated cases on this target.
    pub effort: String,
    /// What one call to the target cost, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_cost_us: Option<f64>,
    /// What the driver said of itself, to be held against what is declared; absent in logs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described: Option<Described>,
}

/// The image of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerImage {
    /// As it was asked for, such as `redis:7.0`.
    pub name: String,
    /// What that stood for, as `sha256:` and hex.
    pub digest: String,
}

/// What a driver says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Described {
    /// The name that it has for itself.
    pub name: String,
    /// What it says that it serves, in its own order.
    pub interfaces: Vec<DescribedInterface>,
}

/// One interface, as the driver describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DescribedInterface {
    /// The interface, such as `keyvalue_ttl`.
    pub interface: String,
    /// SHA-256, in hex, of the proto that the driver was built with.
    pub proto_hash: String,
    /// Its traits by name, with their values as text.
    #[serde(default)]
    pub traits: BTreeMap<String, String>,
}

/// There is no server for a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetNotMeasured {
    /// The target.
    pub target: String,
    /// What was tried and why it did not do.
    pub reason: String,
    /// What would make it measurable.
    pub remedy: String,
}

/// A target broke, before its cases or during them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFailed {
    /// The target.
    pub target: String,
    /// What happened.
    pub reason: String,
}

/// A case came to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseFinished {
    /// The target.
    pub target: String,
    /// The case.
    pub case: String,
    /// What it came to.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// How many calls reached the target.
    pub calls: u64,
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
    /// By rpc, such as `KeyValueBasic/Get`, the time within which half of its calls had the head of their answer, in
    /// microseconds, at most 1 % off; only calls whose head does not say that they failed. Absent in logs of older
    /// versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub p50_us: BTreeMap<String, f64>,
}

/// Why a case did not pass. Every text may come from the target: renderers treat it as data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The clause that is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// The sentence of the clause; looked up in the catalogue where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause_text: Option<String>,
    /// What happened.
    pub message: String,
    /// What should have happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What happened instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// More, over several lines: a minimal list of operations, a history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The last calls to the target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallRecord>,
    /// The command that shows it again.
    pub reproduce: String,
    /// Failures with the same cause are shown as one group; empty if the case is a group of its own.
    #[serde(default)]
    pub cause: String,
}

/// One call to the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallRecord {
    /// The rpc, such as `KeyValueBasic/Get`.
    pub rpc: String,
    /// When it began, in milliseconds since the case began.
    pub at_ms: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// The gRPC status, such as `OK` or `UNAVAILABLE`.
    pub status: String,
}

/// Something of what a log was merged from is missing, or does not add up; the merged run is incomplete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardTrouble {
    /// The file, or the group of the plan.
    pub shard: String,
    /// What is wrong.
    pub problem: String,
}

/// The closing record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFinished {
    /// How many [`CaseFinished`] records of this log have which outcome.
    pub outcome_counts: BTreeMap<Outcome, u64>,
    /// Whether somebody ended the run early.
    pub cancelled: bool,
    /// The most memory that the run had, in KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_kib: Option<u64>,
    /// How long the run took, in milliseconds.
    pub wall_ms: u64,
}

/// A seed is written as a string, because readers in other languages would round the number.
pub(crate) mod seed_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
    pub(crate) fn serialize<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(seed)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
