//! Every case there is, and those that a declaration calls for.

use crate::{
    Case, clock, general, keyvalue_basic, keyvalue_batch, keyvalue_cas, keyvalue_scan,
    keyvalue_transactional, keyvalue_ttl, lifecycle, pubsub_basic, pubsub_wildcards, refusal,
};
use prism_interfaces::traits::Declaration;

/// Every case about what backends declare but the refusals, in the order of reports: interface by interface, each in
/// the order of its file, and the general ones last.
pub fn cases() -> Vec<Case> {
    [
        keyvalue_basic::cases(),
        keyvalue_scan::cases(),
        keyvalue_ttl::cases(),
        keyvalue_transactional::cases(),
        keyvalue_batch::cases(),
        keyvalue_cas::cases(),
        pubsub_basic::cases(),
        pubsub_wildcards::cases(),
        lifecycle::cases(),
        clock::cases(),
        general::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every case that any declaration of a backend calls for, and the refusals of every interface.
pub fn all() -> Vec<Case> {
    let refusals = refusal::cases(&Declaration::default());
    cases().into_iter().chain(general::cases_of_patterns()).chain(refusals).collect()
}

/// The cases that a declaration calls for: those of what is declared, and the refusal of everything else.
pub fn called_for(declaration: &Declaration) -> Vec<Case> {
    let all = cases().into_iter().chain(general::cases_of_patterns());
    let ordinary = all.filter(|case| case.called_for_by(declaration));
    ordinary.chain(refusal::cases(declaration)).collect()
}
