//! What a target claims otherwise than before: interfaces, traits, guarantees.

use std::collections::{BTreeMap, BTreeSet};

use super::{ClaimChange, Diff, InterfaceChange, InterfaceChangeKind, Pair};
use crate::model::{Counts, TargetReport};

pub(super) fn compare(pair: Pair<'_>, diff: &mut Diff) {
    let Pair { before, after } = pair;
    let target = &after.target;
    for (kind, interface) in turned(pair) {
        let counts = |side: &TargetReport| -> Counts {
            side.interface(interface).map(|summary| summary.counts.clone()).unwrap_or_default()
        };
        diff.interfaces.push(InterfaceChange {
            kind,
            target: target.clone(),
            interface: interface.to_owned(),
            before: counts(before),
            after: counts(after),
        });
    }
    for declared in &after.declared {
        let known = before.declared.iter().find(|known| known.interface == declared.interface);
        if let Some(known) = known {
            values(target, Some(&declared.interface), &known.traits, &declared.traits, diff);
        }
    }
    values(target, None, &before.guarantees, &after.guarantees, diff);
}

/// The interfaces that one side declares and the other does not, in the order of the side that does.
pub(super) fn turned(pair: Pair<'_>) -> impl Iterator<Item = (InterfaceChangeKind, &str)> {
    let only = |one: &'_ TargetReport, other: &'_ TargetReport| -> Vec<usize> {
        let known: BTreeSet<&str> = other.declared.iter().map(|d| d.interface.as_str()).collect();
        let missing = |index: &usize| !known.contains(one.declared[*index].interface.as_str());
        (0..one.declared.len()).filter(missing).collect()
    };
    let gone = only(pair.before, pair.after).into_iter().map(move |index| {
        (InterfaceChangeKind::NewlyRefused, pair.before.declared[index].interface.as_str())
    });
    let new = only(pair.after, pair.before).into_iter().map(move |index| {
        (InterfaceChangeKind::NewlyDeclared, pair.after.declared[index].interface.as_str())
    });
    gone.chain(new)
}

fn values(
    target: &str,
    interface: Option<&str>,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    diff: &mut Diff,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names.into_iter().filter(|name| before.get(*name) != after.get(*name)) {
        diff.claims.push(ClaimChange {
            target: target.to_owned(),
            interface: interface.map(str::to_owned),
            name: name.clone(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        });
    }
}
