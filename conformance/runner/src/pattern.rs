//! Patterns over the drivers of backends, as targets.

mod bench;
mod plan;
mod process;

use crate::{instances::TargetInstances, target::Launcher};
use async_trait::async_trait;
use prism_interfaces::traits::Declaration;
use prism_suites::{Bench, BoundSlots, Case};
use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

pub use bench::PatternBench;
pub use plan::plan_patterns;

/// The patterns of the program that plans and runs, as far as it has any.
#[async_trait]
pub trait Patterns: fmt::Debug + Send + Sync {
    /// What a pattern declares over backends that declare this, with these parameters.
    ///
    /// # Errors
    ///
    /// Where it is not built in, or a parameter is not what it takes.
    fn declares(
        &self,
        builtin: &str,
        slots: &BTreeMap<String, Declaration>,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Declaration, String>;

    /// The cases of all patterns.
    fn cases(&self) -> Vec<Case>;

    /// What stands in for the application, in the slots that it fills.
    fn of_application(&self, _builtin: &str) -> BoundSlots {
        BoundSlots::new()
    }

    /// Asks the slots what they are, and makes instances over them in this process.
    async fn bind(&self, builtin: &str, slots: BoundSlots) -> Result<Launcher, String>;

    /// The steps at which a process of the pattern can halt; none where it knows of none.
    fn steps(&self, _builtin: &str) -> Vec<String> {
        Vec::new()
    }

    /// For each parameter that has bounds: its name, and a value outside of them.
    fn out_of_bounds(&self, _builtin: &str) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What an instance in a process of its own sees of its slots.
    fn seen_by_process(&self, slots: BoundSlots) -> BoundSlots {
        slots
    }
}

/// How a pattern is started as a process; `NAME --config FILE` is added to the arguments, and `--halt-at STEP` where it
/// is to halt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternCommand {
    /// Its program.
    pub program: PathBuf,
    /// What comes before the name.
    pub arguments: Vec<String>,
}

/// A pattern over running backends.
pub struct Composed {
    /// Makes instances over the slots of the target.
    pub launch: Launcher,
    /// For the cases about patterns.
    pub bench: Arc<dyn Bench>,
    /// The drivers in its slots; they end with it.
    pub(crate) under: Vec<TargetInstances>,
}

impl Composed {
    /// Over slots that somebody else looks after.
    pub fn new(launch: Launcher, bench: Arc<dyn Bench>) -> Self {
        Self { launch, bench, under: Vec::new() }
    }
}

impl fmt::Debug for Composed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composed").field("under", &self.under.len()).finish_non_exhaustive()
    }
}
