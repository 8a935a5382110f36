//! All seeded faults, one file per pattern.

mod consumer;
mod keyvalue;
mod multicast_registry;
mod producer;
mod slots;

use crate::PatternMutant;

/// Every mutant, pattern by pattern.
pub fn mutants() -> Vec<PatternMutant> {
    [
        slots::mutants(),
        keyvalue::mutants(),
        multicast_registry::mutants(),
        consumer::mutants(),
        producer::mutants(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
