//! What a mutant is.

use prism_interfaces::Endpoint;
use std::{fmt, sync::Arc};

/// What a mutant changes.
#[derive(Clone)]
pub enum Subject {
    /// The answers of an endpoint. Made anew for every run; several endpoints of one run (a second instance, a fresh
    /// one) are wrapped by the same maker, so that they can share state.
    Endpoint(Arc<dyn Fn() -> Wrap + Send + Sync>),
    /// As `Endpoint`, of a driver that serves and declares keyvalue_basic alone: what is changed is how it refuses the
    /// rest.
    Refusals(Arc<dyn Fn() -> Wrap + Send + Sync>),
    /// The declaration: the driver serves this interface, and the backend does not declare it.
    Undeclared(&'static str),
    /// The declaration: a trait has another value than the driver's.
    Declares {
        /// The interface, or `guarantees`.
        interface: &'static str,
        /// The trait.
        name: &'static str,
        /// What is declared instead, in the notation of backend.yaml.
        value: &'static str,
    },
}

/// Puts the fault in front of an endpoint.
pub type Wrap = Box<dyn Fn(Endpoint) -> Endpoint + Send + Sync>;

/// One seeded fault.
#[derive(Clone)]
pub struct Mutant {
    /// Such as `keyvalue_basic/empty_value_is_missing`.
    pub id: &'static str,
    /// What it does wrong, in one sentence.
    pub sentence: &'static str,
    /// What it changes.
    pub subject: Subject,
}

/// A mutant that wraps endpoints; `wrap` holds no state between endpoints.
pub fn mutant(
    id: &'static str,
    sentence: &'static str,
    wrap: impl Fn(Endpoint) -> Endpoint + Copy + Send + Sync + 'static,
) -> Mutant {
    Mutant { id, sentence, subject: Subject::Endpoint(Arc::new(move || Box::new(wrap))) }
}

/// A mutant whose wrapped endpoints share what `make` makes.
pub fn mutant_with<W>(
    id: &'static str,
    sentence: &'static str,
    make: impl Fn() -> W + Send + Sync + 'static,
) -> Mutant
where
    W: Fn(Endpoint) -> Endpoint + Send + Sync + 'static,
{
    Mutant { id, sentence, subject: Subject::Endpoint(Arc::new(move || Box::new(make()))) }
}

impl Mutant {
    /// The interface that its id starts with.
    pub fn interface(&self) -> &'static str {
        self.id.split('/').next().unwrap_or_default()
    }
}

impl fmt::Debug for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutant").field("id", &self.id).finish_non_exhaustive()
    }
}
