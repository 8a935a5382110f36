//! What became of a target that several machines were to measure, and of its cases.

use std::collections::{BTreeMap, HashMap};

use super::{Part, trouble, without_result};
use crate::event::{EventKind, Provision, ShardTrouble};
use crate::model::TargetStatus;

/// What the parts say of targets and cases. Where machines differ about a target, every case without a result is told by
/// what its own machine said, and that they differ is told as well.
pub(super) fn merged(parts: &[Part<'_>], troubles: &mut Vec<ShardTrouble>) -> Vec<EventKind> {
    let mut states: BTreeMap<&str, Vec<(&Part<'_>, &TargetStatus)>> = BTreeMap::new();
    for part in parts {
        for target in &part.report.targets {
            states.entry(&target.target).or_default().push((part, &target.status));
        }
    }
    let differ = |target: &str| {
        let mut words = states.get(target).into_iter().flatten().map(|(_, status)| word(status));
        let first = words.next();
        words.any(|word| Some(word) != first)
    };
    let mut kinds = Vec::new();
    let mut answered: HashMap<&str, (&str, &Provision)> = HashMap::new();
    for part in parts {
        for event in part.events {
            match &event.kind {
                EventKind::TargetReady(ready) => {
                    let Some((first, provision)) = answered.get(ready.target.as_str()) else {
                        answered.insert(&ready.target, (part.file, &ready.provision));
                        kinds.push(event.kind.clone());
                        continue;
                    };
                    if let Some(how) = difference(provision, &ready.provision) {
                        let problem = format!("{} is not the one of {first}: {how}", ready.target);
                        troubles.push(trouble(part.file, &problem));
                    }
                }
                EventKind::TargetNotMeasured(absent) if differ(&absent.target) => {
                    let problem = format!("{} was not measured here: {}", absent.target, absent.reason);
                    troubles.push(trouble(part.file, &problem));
                }
                EventKind::TargetNotMeasured(_)
                | EventKind::TargetFailed(_)
                | EventKind::CaseFinished(_)
                | EventKind::ShardTrouble(_) => kinds.push(event.kind.clone()),
                EventKind::RunStarted(_) | EventKind::TargetPlanned(_) | EventKind::RunFinished(_) => {}
            }
        }
        let cases = part.report.targets.iter().flat_map(|target| {
            target.cases.iter().chain(&target.provisional).map(move |case| (target, case))
        });
        for (target, case) in cases {
            if let Some(reason) = &case.reason
                && (part.truncated || differ(&target.target))
            {
                kinds.push(without_result(&target.target, &case.id, case.outcome, reason));
            }
        }
    }
    kinds
}

fn word(status: &TargetStatus) -> &'static str {
    match status {
        TargetStatus::Measured => "measured",
        TargetStatus::NotMeasured { .. } => "not measured",
        TargetStatus::Failed { .. } => "failed",
        TargetStatus::NotStarted => "not started",
    }
}

/// How two machines had another server or driver under the same name.
fn difference(one: &Provision, other: &Provision) -> Option<String> {
    for image in &one.images {
        if let Some(moved) = other.images.iter().find(|it| it.name == image.name && it.digest != image.digest)
        {
            return Some(format!("image {} is {} there and {} here", image.name, image.digest, moved.digest));
        }
    }
    let known = |version: &Option<String>| version.clone().unwrap_or_else(|| "unknown".to_owned());
    [
        ("server version", &one.server_version, &other.server_version),
        ("driver version", &one.driver_version, &other.driver_version),
    ]
    .into_iter()
    .find(|(_, one, other)| one != other)
    .map(|(what, one, other)| format!("{what} {} there and {} here", known(one), known(other)))
}
