//! Mutants of the consumer pattern, by what they twist.

mod face;
mod handler;
mod parameters;
mod slots;

use crate::PatternMutant;

const PATTERN: &str = "consumer";

pub(super) fn mutants() -> Vec<PatternMutant> {
    [handler::mutants(), slots::mutants(), parameters::mutants(), face::mutants()]
        .into_iter()
        .flatten()
        .collect()
}
