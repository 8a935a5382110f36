//! Whether logs are parts of one run, none of them twice.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::{MergeError, Part};
use crate::event::RunStarted;
use crate::plan::Plan;

/// What a run says of something that must be the same in all parts.
type Property = (&'static str, fn(&RunStarted) -> String);

const PROPERTIES: &[Property] = &[
    ("the version of the tool", |run| run.tool_version.clone()),
    ("the revision of the contract", |run| run.contract_revision.clone()),
    ("the contract", |run| text(&run.digests.as_ref().map(|digests| &digests.contract))),
    ("the version of the suites", |run| text(&run.digests.as_ref().map(|digests| &digests.suite))),
    ("the plan", |run| text(&run.plan.as_ref().map(|plan| &plan.digest))),
    ("the commit", |run| text(&run.commit)),
    ("the seed", |run| run.seed.to_string()),
    ("the effort", |run| text(&run.effort)),
    ("the selection of cases", |run| text(&run.case_filter)),
    ("the file of expectations", |run| text(&run.expectations)),
];

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

pub(super) fn one_run(parts: &[Part<'_>]) -> Result<(), MergeError> {
    for pair in parts.windows(2) {
        let [left, right] = pair else { continue };
        for (what, of) in PROPERTIES {
            let (of_left, of_right) = (of(left.run), of(right.run));
            if of_left != of_right {
                return Err(MergeError::Mixed {
                    what,
                    left: left.file.to_owned(),
                    of_left: short(of_left),
                    right: right.file.to_owned(),
                    of_right: short(of_right),
                });
            }
        }
    }
    Ok(())
}

/// An expectation file is no value for a sentence.
fn short(value: String) -> String {
    if value.chars().count() <= 80 { value } else { value.chars().take(77).chain("...".chars()).collect() }
}

pub(super) fn of_plan(parts: &[Part<'_>], plan: Option<&Plan>) -> Result<(), MergeError> {
    for part in parts {
        let reference = part.run.plan.as_ref();
        let Some(plan) = plan else {
            if reference.is_some() {
                return Err(MergeError::PlanNeeded { file: part.file.to_owned() });
            }
            continue;
        };
        let other = |why: String| Err(MergeError::OtherPlan { file: part.file.to_owned(), why });
        let Some(reference) = reference else { return other("it was made without a plan".to_owned()) };
        if reference.digest != plan.digest {
            return other(format!("its plan is {}, and this one is {}", reference.digest, plan.digest));
        }
        let Some(number) = reference.group else { return other("it has been merged already".to_owned()) };
        let Some(group) = plan.group(number) else {
            return other(format!("the plan has {} groups, and no group {number}", plan.groups.len()));
        };
        let targets = plan.targets_of(group);
        let planned: HashSet<(&str, &str)> = (targets.iter())
            .flat_map(|target| target.planned.cases.iter().map(move |case| (target, case)))
            .map(|(target, case)| (target.planned.target.as_str(), case.id.as_str()))
            .collect();
        let cases = part
            .planned
            .iter()
            .flat_map(|target| target.cases.iter().map(|case| (target.target.as_str(), case.id.as_str())));
        let mut held = 0;
        for (target, case) in cases {
            held += 1;
            if !planned.contains(&(target, case)) {
                return other(format!("{case} on {target} is not in group {number}"));
            }
        }
        if held < planned.len() && !part.truncated {
            return other(format!("it planned {held} cases, and group {number} has {}", planned.len()));
        }
    }
    Ok(())
}

pub(super) fn nothing_twice(parts: &[Part<'_>]) -> Result<(), MergeError> {
    let twice = |what: String, left: &str, right: &str| {
        Err(MergeError::Twice { what, left: left.to_owned(), right: right.to_owned() })
    };
    let mut groups: BTreeMap<u32, &str> = BTreeMap::new();
    let mut cases: HashMap<(&str, &str), &str> = HashMap::new();
    let mut targets: HashMap<&str, (String, &str)> = HashMap::new();
    for part in parts {
        let group = part.run.plan.as_ref().and_then(|plan| plan.group);
        if let Some(group) = group
            && let Some(first) = groups.insert(group, part.file)
        {
            return twice(format!("group {group}"), first, part.file);
        }
        for target in &part.planned {
            let (backend, setup) = (&target.backend, &target.setup);
            let claims = text(&(
                (backend, setup, target.route),
                (&target.declared, &target.guarantees, &target.composed),
            ));
            if let Some((of_left, left)) = targets.get(target.target.as_str())
                && *of_left != claims
            {
                return Err(MergeError::Mixed {
                    what: "what a backend declares",
                    left: (*left).to_owned(),
                    of_left: short(of_left.clone()),
                    right: part.file.to_owned(),
                    of_right: short(claims),
                });
            }
            targets.entry(&target.target).or_insert((claims, part.file));
            for case in &target.cases {
                // One log that plans a case twice says so itself.
                if let Some(first) = cases.insert((&target.target, &case.id), part.file)
                    && first != part.file
                {
                    return twice(format!("{} on {}", case.id, target.target), first, part.file);
                }
            }
        }
    }
    Ok(())
}
