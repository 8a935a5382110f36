//! What a case about a pattern is given beside the pattern: its slots, and instances over other ones.

use crate::Failure;
use async_trait::async_trait;
use prism_interfaces::Endpoint;
use std::collections::BTreeMap;

/// What is bound to a pattern, by slot.
pub type BoundSlots = BTreeMap<String, Endpoint>;

/// The pattern under test, to be taken apart and put together in other ways.
#[async_trait]
pub trait Bench: Send + Sync {
    /// What is bound to its slots, to be called without the pattern or to be bound with something in between.
    fn slots(&self) -> BoundSlots;

    /// The slots that hold no backend but something that stands in for the application.
    fn of_application(&self) -> Vec<String> {
        Vec::new()
    }

    /// An instance in this process over these slots, not started.
    async fn launch(&self, slots: BoundSlots) -> Result<Endpoint, Failure>;

    /// The same in a process of its own, not initialized, which can be killed.
    async fn launch_process(&self, slots: BoundSlots) -> Result<Box<dyn PatternProcess>, Failure>;
}

/// An instance in a process of its own. Dropping it kills it.
#[async_trait]
pub trait PatternProcess: Send + Sync {
    /// Where it answers.
    fn endpoint(&self) -> Endpoint;

    /// Kills it, so that it does nothing more, and waits until it is gone.
    async fn kill(&self);

    /// Asks it to end and waits; the exit code, `None` where a signal ended it.
    async fn terminate(&self) -> Result<Option<i32>, Failure>;

    /// The last lines that it wrote to standard error.
    fn log(&self) -> Vec<String>;
}
