//! What has changed since a certificate was issued.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Certificate, Kind};
use crate::event::{Composed, DeclaredInterface, Digests, TargetPlanned};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What a certificate is held against.
#[derive(Clone, Debug)]
pub struct Now {
    /// The time.
    pub at: Timestamp,
    /// The age, in days, from which on a certificate is too old; none if no age is.
    pub max_age_days: Option<u32>,
    /// The contract of today.
    pub contract_revision: String,
    /// The contract and the suite of today.
    pub digests: Digests,
    /// What the backend declares today, by set-up, or the pattern, by binding; empty if it is not known here.
    pub declared: BTreeMap<String, TargetPlanned>,
    /// The version of the driver of today, where that is known.
    pub driver_version: Option<String>,
}

/// Everything in which a certificate is behind the times, one sentence each; empty if it is current.
pub fn stale(certificate: &Certificate, now: &Now) -> Vec<String> {
    let mut stale = Vec::new();
    if certificate.contract_revision != now.contract_revision {
        let (then, today) = (&certificate.contract_revision, &now.contract_revision);
        stale.push(format!("it proves contract {then}, and the contract is at {today}"));
    } else if certificate.digests.contract != now.digests.contract {
        stale.push("the contract reads differently now".to_owned());
    }
    if certificate.digests.suite != now.digests.suite {
        stale.push("the suite has other cases now".to_owned());
    }
    for target in &certificate.targets {
        let name = &target.target;
        match now.declared.get(&target.setup) {
            Some(today) => {
                stale.extend(
                    differences(&target.declared, &today.declared).map(|what| format!("{name} {what}")),
                );
                if target.guarantees != today.guarantees {
                    stale.push(format!("{name} declares other guarantees now"));
                }
                if let (Some(then), Some(today)) = (&target.composed, &today.composed) {
                    stale.extend(composed_otherwise(then, today).map(|what| format!("{name} {what}")));
                }
            }
            None if now.declared.is_empty() => {}
            None => stale.push(match certificate.kind {
                Kind::Backend => format!("{} has no set-up {} any more", certificate.backend, target.setup),
                Kind::Pattern => format!("{} is not run over {} any more", certificate.backend, target.setup),
            }),
        }
        if let (Some(then), Some(today)) = (&target.driver_version, &now.driver_version)
            && then != today
        {
            stale.push(format!("{name} was driven by version {then}, and the driver is at {today}"));
        }
    }
    let days = age(certificate, now.at);
    if let (Some(days), Some(most)) = (days, now.max_age_days)
        && days > i64::from(most)
    {
        stale.push(format!("it is {days} days old, and {most} are allowed"));
    }
    stale
}

/// How old it is, in whole days.
pub(super) fn age(certificate: &Certificate, now: Timestamp) -> Option<i64> {
    let issued: Timestamp = certificate.issued_at.parse().ok()?;
    Some(now.duration_since(issued).as_secs().max(0) / DAY.as_secs())
}

impl Certificate {
    /// How old it is at a time, in whole days.
    pub fn age_days(&self, now: Timestamp) -> Option<i64> {
        age(self, now)
    }
}

/// What has become of a pattern over a binding.
fn composed_otherwise<'a>(then: &'a Composed, today: &'a Composed) -> impl Iterator<Item = String> + 'a {
    let parameters = then.parameters != today.parameters;
    let parameters = parameters.then(|| "is run with other parameters now".to_owned());
    let slots = then.slots.iter().flat_map(|old| {
        let place = format!("over {} in its slot {}", old.backend, old.slot);
        // The binding names the backends, so that what is in a slot is there today as well.
        let Some(new) = today.slots.iter().find(|new| new.slot == old.slot && new.backend == old.backend)
        else {
            return vec![format!("is not run {place} any more")];
        };
        let mut changes: Vec<String> =
            differences(&old.declared, &new.declared).map(|what| format!("{place}, which {what}")).collect();
        if old.guarantees != new.guarantees {
            changes.push(format!("{place}, which declares other guarantees now"));
        }
        if old.setup != new.setup {
            changes.push(format!("{place}, of which the set-up is {} now, and was {}", new.setup, old.setup));
        }
        changes.into_iter().map(|change| format!("was proven {change}")).collect()
    });
    parameters.into_iter().chain(slots)
}

fn differences<'a>(
    then: &'a [DeclaredInterface],
    today: &'a [DeclaredInterface],
) -> impl Iterator<Item = String> + 'a {
    let find =
        |list: &'a [DeclaredInterface], name: &str| list.iter().find(|declared| declared.interface == name);
    let gone = then.iter().filter_map(move |old| {
        let name = &old.interface;
        match find(today, name) {
            None => Some(format!("does not declare {name} any more")),
            Some(new) if new.traits != old.traits => Some(format!("declares other traits of {name} now")),
            Some(_) => None,
        }
    });
    let added = today.iter().filter(move |new| find(then, &new.interface).is_none());
    gone.chain(added.map(|new| format!("declares {} as well now", new.interface)))
}
