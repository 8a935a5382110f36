//! The conformance cases of the patterns, one file per pattern, and the seeded faults that they are held against.
//!
//! - [`cases`]: all cases.
//! - [`mutants()`]: all seeded faults; each is put around a pattern, its slots or its parameters.
//! - [`consumer`]: its handler and its clients are of use elsewhere.
//! - [`instance`]: an instance of a case's own, over the slots of the target or over others.
//! - [`twist`]: what is put between a pattern and a slot.

pub mod consumer;
pub mod instance;
mod keyvalue;
mod multicast_registry;
mod mutant;
mod mutants;
mod producer;
mod slots;
pub mod twist;

pub use mutant::PatternMutant;
pub use mutants::mutants;

use prism_suites::{BoundSlots, Case};

/// Every case, pattern by pattern, each in the order of its file.
pub fn cases() -> Vec<Case> {
    [slots::cases(), keyvalue::cases(), multicast_registry::cases(), consumer::cases(), producer::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// What stands in for the application, in the slots of a built-in pattern that it fills.
pub fn of_application(pattern: &str) -> BoundSlots {
    match pattern {
        "consumer" => {
            BoundSlots::from([(consumer::HANDLER.to_owned(), consumer::Handler::patient().endpoint())])
        }
        _ => BoundSlots::new(),
    }
}
