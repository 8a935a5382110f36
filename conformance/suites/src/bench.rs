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

    /// An instance of another pattern in this process over these slots, not started.
    async fn launch_other(&self, pattern: &str, slots: BoundSlots) -> Result<Endpoint, Failure>;

    /// The same as [`Bench::launch`] in a process of its own, not initialized, which can be killed.
    async fn launch_process(&self, slots: BoundSlots) -> Result<Box<dyn PatternProcess>, Failure>;

    /// The steps at which such a process can halt, in the order in which a call gets there.
    fn steps(&self) -> Vec<String>;

    /// The same as [`Bench::launch_process`], but it halts for good when it gets to a step, and waits to be killed.
    async fn launch_halting(&self, slots: BoundSlots, step: &str)
    -> Result<Box<dyn PatternProcess>, Failure>;

    /// For each parameter that has bounds: its name, and a value outside of them.
    fn out_of_bounds(&self) -> Vec<(String, String)>;
}

/// An instance in a process of its own. Dropping it kills it.
#[async_trait]
pub trait PatternProcess: Send + Sync {
    /// Where it answers.
    fn endpoint(&self) -> Endpoint;

    /// Waits until it has halted at the step that it was told.
    async fn halted(&self) -> Result<(), Failure>;

    /// Kills it, so that it does nothing more, and waits until it is gone.
    async fn kill(&self);

    /// Asks it to end and waits; the exit code, `None` where a signal ended it.
    async fn terminate(&self) -> Result<Option<i32>, Failure>;

    /// The last lines that it wrote to standard error.
    fn log(&self) -> Vec<String>;
}
