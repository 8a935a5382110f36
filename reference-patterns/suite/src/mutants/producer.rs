//! Mutants of the producer.
//!
//! - [`parameters`]: what it makes of its parameters.
//! - [`face`]: what is seen of it.
//! - [`beneath`]: what it does with its slots.
//! - [`store`]: what it does where its store fails.

mod beneath;
mod face;
mod parameters;
mod store;

use crate::PatternMutant;

/// The built-in pattern.
const PATTERN: &str = "producer";

pub(super) fn mutants() -> Vec<PatternMutant> {
    [parameters::mutants(), face::mutants(), beneath::mutants(), store::mutants()]
        .into_iter()
        .flatten()
        .collect()
}
