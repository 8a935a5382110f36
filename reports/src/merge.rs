//! Many logs of parts of a run, made into one: every planned case has exactly one result, or is told to be missing.

mod check;
mod selection;
mod states;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::digest;
use crate::event::{CaseFinished, Event, EventKind, RunFinished, RunStarted, ShardTrouble, TargetPlanned};
use crate::log::Completeness;
use crate::model::Report;
use crate::outcome::Outcome;
use crate::plan::Plan;

/// One of the logs.
#[derive(Clone, Debug)]
pub struct Shard {
    /// The file, for people.
    pub file: String,
    /// What it holds.
    pub events: Vec<Event>,
    /// Whether it has its closing record.
    pub completeness: Completeness,
}

/// Why logs are not parts of one run. Every kind is a mistake of the caller's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MergeError {
    /// Two logs differ in what must be the same.
    #[error("{left} and {right} are not parts of one run: {what} differs ({of_left} and {of_right})")]
    Mixed {
        /// In what they differ.
        what: &'static str,
        /// The one file.
        left: String,
        /// What it has.
        of_left: String,
        /// The other file.
        right: String,
        /// What that has.
        of_right: String,
    },
    /// Two logs hold the same.
    #[error("{left} and {right} both hold {what}; leave one of them out")]
    Twice {
        /// What both hold.
        what: String,
        /// The one file.
        left: String,
        /// The other file.
        right: String,
    },
    /// A log of another plan, or of none.
    #[error("{file} was not made by the plan that is given: {why}")]
    OtherPlan {
        /// The file.
        file: String,
        /// How that shows.
        why: String,
    },
    /// Groups of a plan, without the plan that says what is missing.
    #[error(
        "{file} holds a group of a plan; without it nobody can tell what is missing: give it with --plan"
    )]
    PlanNeeded {
        /// The file.
        file: String,
    },
}

/// A log that says of which run it is a part.
struct Part<'a> {
    file: &'a str,
    run: &'a RunStarted,
    events: &'a [Event],
    planned: Vec<&'a TargetPlanned>,
    truncated: bool,
    /// What the log comes to by itself, without the results that it holds.
    report: Report,
}

/// Makes one log of many. The result does not depend on their order. A group of the plan without a log, and what a log that
/// was cut off does not say, is told as missing, which makes the merged run incomplete.
///
/// # Errors
///
/// Where two logs hold the same, or are not of one run.
pub fn merge(shards: &[Shard], plan: Option<&Plan>, command: &str) -> Result<Vec<Event>, MergeError> {
    let mut troubles: Vec<ShardTrouble> = Vec::new();
    let mut parts: Vec<Part<'_>> = Vec::new();
    for shard in shards {
        let Some(run) = shard.events.iter().find_map(started) else {
            troubles.push(trouble(&shard.file, "the log does not say of which run it is"));
            continue;
        };
        parts.push(Part {
            file: &shard.file,
            run,
            events: &shard.events,
            planned: shard.events.iter().filter_map(planned).collect(),
            truncated: shard.completeness == Completeness::Truncated,
            report: without_results(Report::from_events(&shard.events)),
        });
    }
    parts.sort_by_key(|part| {
        let group = part.run.plan.as_ref().and_then(|plan| plan.group);
        (group, &part.run.started_at, &part.run.run_id, part.file)
    });
    check::one_run(&parts)?;
    check::of_plan(&parts, plan)?;
    check::nothing_twice(&parts)?;

    for part in &parts {
        if part.truncated {
            troubles.push(trouble(part.file, "the log was cut off: what it does not say counts as missing"));
        }
        troubles.extend(part.report.problems.iter().map(|problem| trouble(part.file, problem)));
    }
    let mut kinds = vec![EventKind::RunStarted(Box::new(merged_start(&parts, plan, command)))];
    kinds.extend(merged_targets(&parts, plan).into_iter().map(EventKind::TargetPlanned));
    kinds.extend(states::merged(&parts, &mut troubles));
    if let Some(plan) = plan {
        kinds.extend(missing(&parts, plan, &mut troubles));
    }
    troubles.sort_by(|left, right| (&left.shard, &left.problem).cmp(&(&right.shard, &right.problem)));
    kinds.extend(troubles.into_iter().map(EventKind::ShardTrouble));
    kinds.push(closing(&parts, &kinds));
    Ok(kinds.into_iter().zip(0..).map(|(kind, seq)| Event { seq, at_ms: 0, kind }).collect())
}

fn started(event: &Event) -> Option<&RunStarted> {
    match &event.kind {
        EventKind::RunStarted(run) => Some(run),
        _ => None,
    }
}

fn planned(event: &Event) -> Option<&TargetPlanned> {
    match &event.kind {
        EventKind::TargetPlanned(planned) => Some(planned),
        _ => None,
    }
}

/// The report with those cases alone that have no result: the others are in the log, and there may be many.
fn without_results(mut report: Report) -> Report {
    for target in &mut report.targets {
        for cases in [&mut target.cases, &mut target.provisional] {
            cases.retain(|case| case.reason.is_some());
            cases.shrink_to_fit();
        }
    }
    report.clauses = Vec::new();
    report
}

fn trouble(shard: &str, problem: &str) -> ShardTrouble {
    ShardTrouble { shard: shard.to_owned(), problem: problem.to_owned() }
}

/// A case without a result of its own.
fn without_result(target: &str, case: &str, outcome: Outcome, note: &str) -> EventKind {
    EventKind::CaseFinished(Box::new(CaseFinished {
        target: target.to_owned(),
        case: case.to_owned(),
        outcome,
        duration_ms: 0.0,
        calls: 0,
        p50_us: BTreeMap::new(),
        failure: None,
        notes: vec![note.to_owned()],
        logs: Vec::new(),
        namespace: None,
    }))
}

fn merged_start(parts: &[Part<'_>], plan: Option<&Plan>, command: &str) -> RunStarted {
    let ids: Vec<&str> = parts.iter().map(|part| part.run.run_id.as_str()).collect();
    let run_id = digest::of_json(&ids)["sha256:".len()..][..8].to_owned();
    let Some(first) = parts.first() else { return of_plan_alone(plan, run_id, command) };
    let started = parts.iter().map(|part| &part.run.started_at).min();
    let filters = plan.map_or_else(|| selection::of_all(parts), |plan| plan.filters.clone());
    RunStarted {
        run_id,
        command: command.to_owned(),
        plan: plan.map(|plan| plan.reference(None)),
        started_at: started.unwrap_or(&first.run.started_at).clone(),
        case_filter: filters.cases,
        interface_filter: filters.interfaces,
        target_filter: filters.targets,
        narrowed: filters.narrowed,
        ..first.run.clone()
    }
}

/// Every group is missing, so that only the plan is left to tell of the run.
fn of_plan_alone(plan: Option<&Plan>, run_id: String, command: &str) -> RunStarted {
    RunStarted {
        schema_version: crate::SCHEMA_VERSION,
        run_id,
        tool_version: plan.map(|plan| plan.tool_version.clone()).unwrap_or_default(),
        contract_revision: plan.map(|plan| plan.contract_revision.clone()).unwrap_or_default(),
        digests: plan.map(|plan| plan.digests.clone()),
        plan: plan.map(|plan| plan.reference(None)),
        seed: plan.map(|plan| plan.seed).unwrap_or_default(),
        effort: None,
        started_at: String::new(),
        command: command.to_owned(),
        commit: plan.and_then(|plan| plan.commit.clone()),
        host: crate::event::Host { os: String::new(), arch: String::new(), cores: 0 },
        case_filter: plan.map(|plan| plan.filters.cases.clone()).unwrap_or_default(),
        interface_filter: plan.map(|plan| plan.filters.interfaces.clone()).unwrap_or_default(),
        target_filter: plan.map(|plan| plan.filters.targets.clone()).unwrap_or_default(),
        narrowed: plan.map(|plan| plan.filters.narrowed.clone()).unwrap_or_default(),
        expectations: Vec::new(),
        clauses: Vec::new(),
    }
}

/// What the plan says, or what the parts say together.
fn merged_targets(parts: &[Part<'_>], plan: Option<&Plan>) -> Vec<TargetPlanned> {
    if let Some(plan) = plan {
        return plan.targets.iter().map(|target| target.planned.clone()).collect();
    }
    let mut targets: Vec<TargetPlanned> = Vec::new();
    for planned in parts.iter().flat_map(|part| &part.planned) {
        match targets.iter_mut().find(|target| target.target == planned.target) {
            Some(target) => {
                target.required |= planned.required;
                target.cases.extend(planned.cases.iter().cloned());
            }
            None => targets.push((*planned).clone()),
        }
    }
    targets
}

/// The groups that no log tells of, case by case.
fn missing(parts: &[Part<'_>], plan: &Plan, troubles: &mut Vec<ShardTrouble>) -> Vec<EventKind> {
    let told: BTreeMap<u32, HashSet<(&str, &str)>> = parts
        .iter()
        .filter_map(|part| {
            let cases = part.planned.iter().flat_map(|planned| {
                planned.cases.iter().map(|case| (planned.target.as_str(), case.id.as_str()))
            });
            Some((part.run.plan.as_ref()?.group?, cases.collect()))
        })
        .collect();
    let mut kinds = Vec::new();
    for group in &plan.groups {
        let place = format!("group {} ({})", group.group, group.name);
        let told = told.get(&group.group);
        if told.is_none() {
            let problem = format!("there is no event log of it, and its {} cases are missing", group.cases);
            troubles.push(trouble(&place, &problem));
        }
        for target in plan.targets_of(group) {
            for case in &target.planned.cases {
                let name = target.planned.target.as_str();
                if !told.is_some_and(|told| told.contains(&(name, case.id.as_str()))) {
                    let note = match told {
                        None => format!("{place} has no event log"),
                        Some(_) => format!("the event log of {place} was cut off before it"),
                    };
                    kinds.push(without_result(name, &case.id, Outcome::NotRun, &note));
                }
            }
        }
    }
    kinds
}

fn closing(parts: &[Part<'_>], kinds: &[EventKind]) -> EventKind {
    let mut outcome_counts: BTreeMap<Outcome, u64> = BTreeMap::new();
    for kind in kinds {
        if let EventKind::CaseFinished(case) = kind {
            *outcome_counts.entry(case.outcome).or_default() += 1;
        }
    }
    // From the first start to the last end, as far as the parts say.
    let spans = parts.iter().filter_map(|part| {
        let start = part.run.started_at.parse::<Timestamp>().ok()?;
        let length = i64::try_from(part.report.wall_ms?).ok()?;
        Some((start, start.checked_add(SignedDuration::from_millis(length)).ok()?))
    });
    let (starts, ends): (BTreeSet<Timestamp>, BTreeSet<Timestamp>) = spans.unzip();
    let wall = starts.first().zip(ends.last()).map(|(start, end)| end.duration_since(*start).as_millis());
    EventKind::RunFinished(RunFinished {
        outcome_counts,
        cancelled: parts.iter().any(|part| part.report.cancelled),
        peak_rss_kib: parts.iter().filter_map(|part| part.report.peak_rss_kib).max(),
        wall_ms: wall.and_then(|wall| u64::try_from(wall).ok()).unwrap_or(0),
    })
}
