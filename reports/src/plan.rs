//! `plan.json`: a run, divided into groups that separate machines can carry out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest;
use crate::event::{Digests, PlanReference, TargetPlanned, seed_text};

/// The version of the format of plans that this crate writes and reads.
pub const PLAN_VERSION: u32 = 1;

/// What all groups together will do: a pure function of the registry and of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Prism conformance plan, version 1")]
pub struct Plan {
    /// The version of this format.
    pub schema_version: u32,
    /// SHA-256 of everything else in the plan, as `sha256:` and hex; every group's log carries it.
    pub digest: String,
    /// Version of the tool.
    pub tool_version: String,
    /// Which revision of the contract the suites prove.
    pub contract_revision: String,
    /// Digests of the contract and the suites that the plan was made with.
    pub digests: Digests,
    /// The commit of the work tree, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The seed that everything random in every group comes from; a string, because numbers of JSON end at 2^53.
    #[serde(with = "seed_text")]
    #[schemars(with = "String")]
    pub seed: u64,
    /// What was asked for.
    pub filters: Filters,
    /// What GitHub takes as `strategy.matrix`: one job for each group.
    pub matrix: Matrix,
    /// The groups, numbered from 1 without a gap.
    pub groups: Vec<Group>,
    /// Every target of the groups, with all its cases.
    pub targets: Vec<PlanTarget>,
    /// What the plan does without, and why.
    pub left_out: Vec<LeftOut>,
}

/// What was asked for on the command line, and by the files that changed; empty where everything was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Filters {
    /// The patterns by which single cases were selected.
    pub cases: Vec<String>,
    /// The interfaces that were selected.
    pub interfaces: Vec<String>,
    /// The backends and patterns that were selected.
    pub targets: Vec<String>,
    /// By target, the interfaces of it that are planned, where the filters above would have planned more; none where all
    /// of the target is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub narrowed: BTreeMap<String, Vec<String>>,
}

/// What GitHub takes as `strategy.matrix`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Matrix {
    /// One entry for each job.
    pub include: Vec<MatrixEntry>,
}

/// One job of a matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixEntry {
    /// The number of the group.
    pub group: u32,
    /// What the job is called.
    pub name: String,
}

/// What one machine carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// From 1.
    pub group: u32,
    /// Such as `redis 2 of 3`.
    pub name: String,
    /// How many cases it has.
    pub cases: u64,
    /// How long its cases took together when that was recorded, in milliseconds; absent where nothing was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<u64>,
    /// What it does.
    pub parts: Vec<Part>,
}

/// A target, and the interfaces whose planned cases it gets in one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// The target, as [`TargetPlanned`] names it.
    pub target: String,
    /// The interfaces, each of them whole.
    pub interfaces: Vec<String>,
}

/// A target of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanTarget {
    /// As the command line takes it: a backend, a backend with its set-up, or a binding of a pattern.
    pub name: String,
    /// Digest of how it is declared and started, so that another one of the same name is told from it.
    pub definition: String,
    /// What it is, and its cases.
    pub planned: TargetPlanned,
}

/// Something that a plan does without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// A target, or some interfaces of one.
    pub what: String,
    /// How many cases that is.
    pub cases: u64,
    /// Why.
    pub why: String,
}

/// Why a file is no plan that can be used.
#[derive(Debug, Error)]
pub enum PlanFileError {
    /// It is not what a plan looks like.
    #[error("line {line} is not what a plan says: {reason}")]
    NotAPlan {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It was made by a newer tool.
    #[error("the plan has schema version {found}; this tool reads up to {PLAN_VERSION}")]
    Version {
        /// The version of the plan.
        found: u64,
    },
    /// Its digest is not that of its content.
    #[error(
        "the plan is not as it was made: its digest is another one; make it again, and leave it as it is"
    )]
    Changed,
}

impl Plan {
    /// With the digest that belongs to what it says.
    pub fn sealed(mut self) -> Self {
        self.digest = String::new();
        self.digest = digest::of_json(&self);
        self
    }

    /// Reads a plan and makes sure that it is the one that was written.
    pub fn read(text: &[u8]) -> Result<Self, PlanFileError> {
        let no_plan = |error: &serde_json::Error| PlanFileError::NotAPlan {
            line: error.line().max(1),
            reason: error.to_string(),
        };
        let value: serde_json::Value = serde_json::from_slice(text).map_err(|error| no_plan(&error))?;
        if let Some(found) = value.get("schema_version").and_then(serde_json::Value::as_u64)
            && found > u64::from(PLAN_VERSION)
        {
            return Err(PlanFileError::Version { found });
        }
        let plan: Self = serde_json::from_slice(text).map_err(|error| no_plan(&error))?;
        if plan.clone().sealed().digest == plan.digest { Ok(plan) } else { Err(PlanFileError::Changed) }
    }

    /// As `plan.json` holds it.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a plan has only string keys");
        text.push('\n');
        text
    }

    /// The group of this number.
    pub fn group(&self, number: u32) -> Option<&Group> {
        self.groups.iter().find(|group| group.group == number)
    }

    /// How a log refers to one of its groups, or to all of them.
    pub fn reference(&self, group: Option<u32>) -> PlanReference {
        PlanReference { digest: self.digest.clone(), group, groups: self.groups.len() as u32 }
    }

    /// What a group does, target by target: each with those of its cases that are in the group.
    pub fn targets_of(&self, group: &Group) -> Vec<PlanTarget> {
        let of_part = |part: &Part| {
            let mut target = self.targets.iter().find(|target| target.planned.target == part.target)?.clone();
            target.planned.cases.retain(|case| part.interfaces.contains(&case.interface));
            Some(target)
        };
        group.parts.iter().filter_map(of_part).collect()
    }
}
