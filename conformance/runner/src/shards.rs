//! A run, divided into groups for separate machines.
//!
//! - [`Durations`]: how long cases took before, by which groups are balanced.
//! - [`Touched`]: what a change of files leaves to be tested.
//! - [`divide`]: the plan, a pure function of all this.

mod balance;
mod changes;
#[cfg(test)]
mod tests;

use crate::{
    plan::{PlannedTarget, setup_name},
    records,
    registry::{Backend, DriverSpec, Registry, Setup},
};
use prism_interfaces::catalogue;
use prism_reports::{
    digest,
    event::Digests,
    plan::{Filters, Group, LeftOut, Matrix, MatrixEntry, PLAN_VERSION, Part, Plan, PlanTarget},
};
use std::collections::BTreeSet;

pub use balance::Durations;
pub use changes::Touched;

/// The most jobs that GitHub makes of one matrix.
pub const MOST_GROUPS: u16 = 256;

/// What a plan is made with, beside the targets.
#[derive(Debug, Clone)]
pub struct Request {
    /// Version of the tool.
    pub tool_version: String,
    /// Digests of the contract and the suites.
    pub digests: Digests,
    /// The commit of the work tree, if known.
    pub commit: Option<String>,
    /// The seed of every group.
    pub seed: u64,
    /// What was asked for.
    pub filters: Filters,
    /// How many groups there may be, from 1 to [`MOST_GROUPS`].
    pub max_groups: u16,
    /// How long cases took before.
    pub durations: Durations,
    /// What has to be tested.
    pub touched: Touched,
}

/// Divides what is planned into groups of one backend in one set-up each, or of several where there are more of them than
/// groups. An interface of a target stays whole, and so does a target with its ways through a proxy.
pub fn divide(targets: &[PlannedTarget], mut left_out: Vec<LeftOut>, request: &Request) -> Plan {
    let mut filters = request.filters.clone();
    filters.narrowed.extend(left_out.iter().map(|left_out| (left_out.what.clone(), Vec::new())));
    filters.narrowed.extend(request.touched.narrowed(targets));
    let kept: Vec<PlannedTarget> =
        targets.iter().map(|target| request.touched.keep(target, &mut left_out)).collect();
    let kept: Vec<&PlannedTarget> = kept.iter().filter(|target| !target.cases.is_empty()).collect();
    let bins = balance::bins(&kept, &request.durations, usize::from(request.max_groups.max(1)));
    let groups: Vec<Group> = bins.iter().zip(1..).map(|(bin, number)| group(bin, number, &bins)).collect();
    let entry = |group: &Group| MatrixEntry { group: group.group, name: group.name.clone() };
    Plan {
        schema_version: PLAN_VERSION,
        digest: String::new(),
        tool_version: request.tool_version.clone(),
        contract_revision: catalogue::REVISION.to_owned(),
        digests: request.digests.clone(),
        commit: request.commit.clone(),
        seed: request.seed,
        filters,
        matrix: Matrix { include: groups.iter().map(entry).collect() },
        groups,
        targets: kept.into_iter().map(plan_target).collect(),
        left_out,
    }
    .sealed()
}

/// A target as a plan describes it.
pub fn plan_target(target: &PlannedTarget) -> PlanTarget {
    PlanTarget {
        name: target.name.clone(),
        definition: digest::of_bytes(definition(&target.backend, &target.setup).as_bytes()),
        planned: records::planned(target),
    }
}

/// The set-ups that a run takes only when they are named, with the backends whose default ones are planned.
pub fn setups_left_out(registry: &Registry, targets: &[PlannedTarget]) -> Vec<LeftOut> {
    let planned: BTreeSet<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let of_backend = |backend: &Backend| targets.iter().any(|target| target.backend.name == backend.name);
    let mut left_out = Vec::new();
    for backend in registry.backends().iter().filter(|backend| of_backend(backend)) {
        for setup in backend.setups.iter().filter(|setup| !setup.default) {
            let what = setup_name(backend, setup);
            if !planned.contains(what.as_str()) {
                let cases = targets.iter().find(|target| target.backend.name == backend.name);
                let cases = cases.map_or(0, |target| target.cases.len() as u64);
                let why = format!("not a default set-up; --backend {what} plans it");
                left_out.push(LeftOut { what, cases, why });
            }
        }
    }
    left_out
}

fn group(bin: &balance::Bin<'_>, number: u32, all: &[balance::Bin<'_>]) -> Group {
    let name = match bin.names.as_slice() {
        [name] => {
            let shards: Vec<usize> = (0..all.len()).filter(|index| all[*index].names == bin.names).collect();
            let place = shards.iter().position(|index| *index + 1 == number as usize).unwrap_or(0) + 1;
            if shards.len() == 1 { (*name).to_owned() } else { format!("{name} {place} of {}", shards.len()) }
        }
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        [] => String::new(),
    };
    Group {
        group: number,
        name,
        cases: bin.cases,
        expected_ms: bin.expected_ms,
        parts: bin
            .parts
            .iter()
            .map(|(target, interfaces)| Part {
                target: (*target).to_owned(),
                interfaces: interfaces.iter().map(|interface| (*interface).to_owned()).collect(),
            })
            .collect(),
    }
}

/// Everything that a target is, but for where it is declared.
fn definition(backend: &Backend, setup: &Setup) -> String {
    let driver = match &backend.driver {
        DriverSpec::Pattern(composition) => {
            let mut pattern = composition.pattern.clone();
            pattern.place = (String::new(), 0);
            let slots = composition.slots.iter().map(|bound| {
                format!("{}={}:{}", bound.slot, bound.name, definition(&bound.backend, &bound.setup))
            });
            format!("{pattern:?} over {}", slots.collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    };
    format!("{} {driver} {setup:?} {} {:?}", backend.name, backend.concurrency, backend.declaration)
}
