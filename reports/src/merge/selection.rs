//! What parts without a plan were asked for together.

use std::collections::{BTreeMap, BTreeSet};

use super::Part;
use crate::plan::Filters;

/// Everything that any of them was asked for. The cases are the same in all of them.
pub(super) fn of_all(parts: &[Part<'_>]) -> Filters {
    let interfaces = union(parts, |part| &part.run.interface_filter);
    let narrowed = narrowed(parts, &interfaces);
    Filters {
        cases: parts.first().map(|part| part.run.case_filter.clone()).unwrap_or_default(),
        interfaces: interfaces.into_iter().collect(),
        targets: union(parts, |part| &part.run.target_filter).into_iter().collect(),
        narrowed,
    }
}

/// The names of all filters; none where one of the parts filters nothing.
fn union<'a>(parts: &'a [Part<'_>], of: impl Fn(&'a Part<'_>) -> &'a Vec<String>) -> BTreeSet<String> {
    if parts.iter().any(|part| of(part).is_empty()) {
        return BTreeSet::new();
    }
    parts.iter().flat_map(of).cloned().collect()
}

/// The targets of which less was selected than of others.
fn narrowed(parts: &[Part<'_>], together: &BTreeSet<String>) -> BTreeMap<String, Vec<String>> {
    let mut of_target: BTreeMap<&str, Vec<&Vec<String>>> = BTreeMap::new();
    let mut narrowed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in parts {
        for planned in &part.planned {
            let filter = part.run.narrowed.get(&planned.target).unwrap_or(&part.run.interface_filter);
            of_target.entry(&planned.target).or_default().push(filter);
        }
        let left_out = part.run.narrowed.iter().filter(|(_, interfaces)| interfaces.is_empty());
        narrowed.extend(left_out.map(|(target, _)| (target.clone(), Vec::new())));
    }
    for (target, filters) in of_target {
        narrowed.remove(target);
        if filters.iter().any(|filter| filter.is_empty()) {
            continue;
        }
        let own: BTreeSet<&String> = filters.into_iter().flatten().collect();
        if !own.iter().copied().eq(together) {
            narrowed.insert(target.to_owned(), own.into_iter().cloned().collect());
        }
    }
    narrowed
}
