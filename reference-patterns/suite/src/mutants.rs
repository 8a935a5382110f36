//! All seeded faults, one file per pattern.

mod consumer;
mod keyvalue;
mod multicast_registry;
mod slots;

use crate::PatternMutant;

/// Every mutant, pattern by pattern.
pub fn mutants() -> Vec<PatternMutant> {
    [slots::mutants(), keyvalue::mutants(), multicast_registry::mutants(), consumer::mutants()]
        .into_iter()
        .flatten()
        .collect()
}
