//! Mutants of pubsub_basic.

mod changed;
mod cut;
mod lost;
mod placed;
mod pressed;

use crate::Mutant;

pub(crate) use placed::Spaces;

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    [lost::mutants(), changed::mutants(), placed::mutants(), cut::mutants(), pressed::mutants()]
        .into_iter()
        .flatten()
        .collect()
}
