//! Mutants of the lifecycle.

mod calls;
mod drain;
mod drop_namespace;
mod says;

use crate::Mutant;

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    [calls::mutants(), drain::mutants(), says::mutants(), drop_namespace::mutants()]
        .into_iter()
        .flatten()
        .collect()
}
