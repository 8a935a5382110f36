//! Seeded faults: proxies with one thing wrong each, one file for each part of the contract.

mod body;
mod configuration;
mod deadlines;
mod draining;
mod limits;
mod metadata;
mod operators;
mod routing;
mod status;
mod streaming;
mod upstreams;

use crate::{Context, Faults, cases};
use std::time::Duration;

/// A correct proxy has answered long before; what waits for ever on a mutant is not waited for as long.
const PATIENCE: Duration = Duration::from_secs(8);

/// A proxy with one thing wrong.
#[derive(Debug)]
pub struct Mutant {
    /// Such as `drops_trailers`.
    pub id: &'static str,
    /// What it does wrong, in one sentence.
    pub sentence: &'static str,
    /// The cases that must notice, each by itself.
    pub killed_by: &'static [&'static str],
    make: fn() -> Faults,
}

fn mutant(
    id: &'static str,
    sentence: &'static str,
    killed_by: &'static [&'static str],
    make: fn() -> Faults,
) -> Mutant {
    Mutant { id, sentence, killed_by, make }
}

impl Mutant {
    /// A proxy in this process that has the fault.
    pub fn context(&self) -> Context {
        Context::in_process((self.make)()).with_patience(PATIENCE)
    }

    /// Runs the cases that must notice it; those that did not.
    pub fn survived(&self) -> Vec<&'static str> {
        let cases = cases::all();
        let aimed = cases.iter().filter(|case| self.killed_by.contains(&case.id));
        aimed.filter(|case| case.run(self.context()).is_ok()).map(|case| case.id).collect()
    }
}

/// Every mutant, in the order of the contract.
pub fn all() -> Vec<Mutant> {
    [
        routing::mutants(),
        metadata::mutants(),
        streaming::mutants(),
        deadlines::mutants(),
        limits::mutants(),
        upstreams::mutants(),
        configuration::mutants(),
        draining::mutants(),
        operators::mutants(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
