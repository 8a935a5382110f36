//! All seeded faults, one file per pattern.

mod keyvalue;
mod slots;

use crate::PatternMutant;

/// Every mutant, pattern by pattern.
pub fn mutants() -> Vec<PatternMutant> {
    [slots::mutants(), keyvalue::mutants()].into_iter().flatten().collect()
}
