//! What a mutant of a pattern is.

use prism_interfaces::{
    Endpoint,
    lifecycle::v1::{InitializeRequest, InitializeResponse, lifecycle_client::LifecycleClient},
};
use prism_mutants::forward::{self, LifecycleTwist, like};
use prism_suites::BoundSlots;
use std::{collections::HashMap, fmt, sync::Arc};
use tonic::{Request, Response, Status};

/// One seeded fault: around the pattern, between it and its slots, or in what it makes of its parameters.
#[derive(Clone)]
pub struct PatternMutant {
    /// Such as `pattern_keyvalue/forgets_the_prefix`.
    pub id: &'static str,
    /// The built-in pattern.
    pub pattern: &'static str,
    /// What it does wrong, in one sentence.
    pub sentence: &'static str,
    /// What the pattern sees of its slots.
    pub slots: Arc<dyn Fn(BoundSlots) -> BoundSlots + Send + Sync>,
    /// What is seen of the pattern.
    pub face: Arc<dyn Fn(Endpoint) -> Endpoint + Send + Sync>,
}

impl fmt::Debug for PatternMutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatternMutant").field("id", &self.id).finish_non_exhaustive()
    }
}

impl PatternMutant {
    fn unchanged(id: &'static str, pattern: &'static str, sentence: &'static str) -> Self {
        Self { id, pattern, sentence, slots: Arc::new(|slots| slots), face: Arc::new(|face| face) }
    }

    /// What is seen of the pattern is twisted.
    pub fn face(
        id: &'static str,
        pattern: &'static str,
        sentence: &'static str,
        face: impl Fn(Endpoint) -> Endpoint + Send + Sync + 'static,
    ) -> Self {
        Self { face: Arc::new(face), ..Self::unchanged(id, pattern, sentence) }
    }

    /// What the pattern sees of one slot is twisted.
    pub fn slot(
        id: &'static str,
        pattern: &'static str,
        sentence: &'static str,
        name: &'static str,
        twist: impl Fn(Endpoint) -> Endpoint + Send + Sync + 'static,
    ) -> Self {
        let slots = move |mut slots: BoundSlots| {
            if let Some(slot) = slots.get_mut(name) {
                *slot = twist(slot.clone());
            }
            slots
        };
        Self { slots: Arc::new(slots), ..Self::unchanged(id, pattern, sentence) }
    }

    /// The pattern is initialized with other parameters than it was given.
    pub fn parameters(
        id: &'static str,
        pattern: &'static str,
        sentence: &'static str,
        twist: impl Fn(&mut HashMap<String, String>) + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::face(id, pattern, sentence, move |endpoint| {
            forward::lifecycle(endpoint, OtherParameters(twist.clone()))
        })
    }
}

struct OtherParameters<F>(F);

#[tonic::async_trait]
impl<F: Fn(&mut HashMap<String, String>) + Send + Sync + 'static> LifecycleTwist for OtherParameters<F> {
    async fn initialize(
        &self,
        next: &Endpoint,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        let mut settings = request.get_ref().settings.clone();
        (self.0)(&mut settings);
        LifecycleClient::new(next.clone()).initialize(like(&request, InitializeRequest { settings })).await
    }
}
