//! What a plan says, taken up again: its file, and the targets of one of its groups.

use crate::{
    command::{Trouble, commit, planned},
    patterns::ReferencePatterns,
};
use prism_reports::{
    Plan,
    event::Route,
    plan::{Group, PlanTarget},
};
use prism_runner::{PlannedTarget, Selection, digests, registry::Registry, shards::plan_target};
use std::{collections::BTreeSet, path::Path};

/// Reads a plan.
pub(crate) fn read_plan(path: &Path) -> Result<Plan, Trouble> {
    let trouble = |why: String| Trouble::usage(format!("--plan: {}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| trouble(error.to_string()))?;
    Plan::read(&text).map_err(|error| trouble(error.to_string()))
}

/// The targets of a group as they are registered now, which must be as they were planned.
pub(crate) fn of_group(registry: &Registry, plan: &Plan, number: u32) -> Result<Vec<PlannedTarget>, Trouble> {
    same_program(plan)?;
    let group = plan.group(number).ok_or_else(|| {
        Trouble::usage(format!("--group {number}: the plan has the groups 1 to {}", plan.groups.len()))
    })?;
    let wanted = plan.targets_of(group);
    let found = registered(registry, group, &wanted)?;
    let pick = |wanted: PlanTarget| {
        let name = wanted.planned.target.clone();
        let mut target = found.iter().find(|target| target.label == name).cloned().ok_or_else(|| {
            Trouble::usage(format!("the plan has {name}, which is not registered here; {}", remedy()))
        })?;
        if plan_target(&target).definition != wanted.definition {
            return Err(Trouble::usage(format!(
                "{name} is not declared as it was when the plan was made; {}",
                remedy()
            )));
        }
        let cases: BTreeSet<&str> = wanted.planned.cases.iter().map(|case| case.id.as_str()).collect();
        target.cases.retain(|case| cases.contains(case.id.as_str()));
        target.required = wanted.planned.required;
        let mut as_planned = plan_target(&target);
        as_planned.planned.cases.sort_by(|left, right| left.id.cmp(&right.id));
        let mut wanted = wanted;
        wanted.planned.cases.sort_by(|left, right| left.id.cmp(&right.id));
        if as_planned == wanted {
            Ok(target)
        } else {
            Err(Trouble::usage(format!("{name} has other cases than were planned; {}", remedy())))
        }
    };
    wanted.into_iter().map(pick).collect()
}

fn remedy() -> &'static str {
    "make the plan again with this program and this registry: prism-conformance plan"
}

/// Whether the plan was made with the contract, the suites and the commit of this program.
fn same_program(plan: &Plan) -> Result<(), Trouble> {
    let own = digests(&ReferencePatterns);
    let differs = |what: &str, planned: &str, own: &str| {
        Err(Trouble::usage(format!(
            "the plan was made with {what} ({planned}, here it is {own}); {}",
            remedy()
        )))
    };
    if plan.tool_version != env!("CARGO_PKG_VERSION") {
        return differs("another version of this program", &plan.tool_version, env!("CARGO_PKG_VERSION"));
    }
    if plan.digests.contract != own.contract {
        return differs("another contract", &plan.digests.contract, &own.contract);
    }
    if plan.digests.suite != own.suite {
        return differs("other suites", &plan.digests.suite, &own.suite);
    }
    match (&plan.commit, commit()) {
        (Some(planned), Some(own)) if *planned != own => differs("another commit", planned, &own),
        _ => Ok(()),
    }
}

/// Everything that the registry has under the names of the group.
fn registered(
    registry: &Registry,
    group: &Group,
    wanted: &[PlanTarget],
) -> Result<Vec<PlannedTarget>, Trouble> {
    let mut selection = Selection::default();
    for target in wanted {
        // Only a binding of a pattern has a bracket in its name.
        let names = if target.name.contains('[') { &mut selection.patterns } else { &mut selection.backends };
        if !names.contains(&target.name) {
            names.push(target.name.clone());
        }
    }
    let proxied = wanted.iter().any(|target| target.planned.route == Route::Proxy);
    selection.routes = if proxied { vec![Route::Direct, Route::Proxy] } else { vec![Route::Direct] };
    planned(registry, &selection).map_err(|trouble| {
        Trouble::usage(format!("group {}: {}; {}", group.group, trouble.message(), remedy()))
    })
}
