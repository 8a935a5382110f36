//! Seeded faults: each makes a correct driver misbehave in one way.
//!
//! A mutant is a typed forwarder: it implements the generated service trait over the generated client of another
//! endpoint and twists one thing. A suite is trusted as far as it turns every mutant red; a case is worth having if it
//! turns at least one red.
//!
//! - [`mutant`]: what a mutant is.
//! - [`forward`]: the forwarders, with a method to override for every rpc.
//! - [`splice`]: puts a forwarder, or a change to every request, in front of an endpoint.
//! - one file per interface with its mutants; [`all`] lists them.

mod aside;
mod clock;
mod events;
pub mod forward;
mod general;
mod keyvalue_basic;
mod keyvalue_batch;
mod keyvalue_cas;
mod keyvalue_scan;
mod keyvalue_transactional;
mod keyvalue_ttl;
mod lifecycle;
pub mod mutant;
mod pubsub_basic;
mod pubsub_wildcards;
pub mod splice;

pub use mutant::{Mutant, Subject};

/// Every mutant, interface by interface.
pub fn all() -> Vec<Mutant> {
    [
        keyvalue_basic::mutants(),
        keyvalue_scan::mutants(),
        keyvalue_ttl::mutants(),
        keyvalue_transactional::mutants(),
        keyvalue_batch::mutants(),
        keyvalue_cas::mutants(),
        pubsub_basic::mutants(),
        pubsub_wildcards::mutants(),
        lifecycle::mutants(),
        clock::mutants(),
        general::mutants(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
