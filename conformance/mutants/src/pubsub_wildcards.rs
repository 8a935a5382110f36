//! Mutants of pubsub_wildcards.

mod rules;
mod subscriptions;

use crate::Mutant;

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    [rules::mutants(), subscriptions::mutants()].into_iter().flatten().collect()
}
