//! A pattern in the hands of its cases.

use super::{PatternCommand, Patterns, process::start};
use async_trait::async_trait;
use prism_interfaces::Endpoint;
use prism_suites::{Bench, BoundSlots, Failure, PatternProcess};
use std::sync::Arc;

/// A pattern with what is bound to it.
#[derive(Debug)]
pub struct PatternBench {
    patterns: Arc<dyn Patterns>,
    builtin: String,
    slots: BoundSlots,
    command: Option<PatternCommand>,
}

impl PatternBench {
    /// Of a pattern over these slots; `command` starts it as a process, where that is possible.
    pub fn new(
        patterns: Arc<dyn Patterns>,
        builtin: impl Into<String>,
        slots: BoundSlots,
        command: Option<PatternCommand>,
    ) -> Self {
        Self { patterns, builtin: builtin.into(), slots, command }
    }

    async fn process(
        &self,
        slots: BoundSlots,
        halt_at: Option<&str>,
    ) -> Result<Box<dyn PatternProcess>, Failure> {
        let command = self
            .command
            .as_ref()
            .ok_or_else(|| Failure::harness("this program cannot start a pattern as a process"))?;
        let started = start(command, &self.builtin, self.patterns.seen_by_process(slots), halt_at).await;
        started.map_err(|why| Failure::harness(format!("the pattern {why}")))
    }
}

#[async_trait]
impl Bench for PatternBench {
    fn slots(&self) -> BoundSlots {
        self.slots.clone()
    }

    fn of_application(&self) -> Vec<String> {
        self.patterns.of_application(&self.builtin).into_keys().collect()
    }

    async fn launch(&self, slots: BoundSlots) -> Result<Endpoint, Failure> {
        let launcher = self.patterns.bind(&self.builtin, slots).await.map_err(Failure::harness)?;
        Ok(launcher())
    }

    async fn launch_other(&self, pattern: &str, slots: BoundSlots) -> Result<Endpoint, Failure> {
        let launcher = self.patterns.bind(pattern, slots).await.map_err(Failure::harness)?;
        Ok(launcher())
    }

    async fn launch_process(&self, slots: BoundSlots) -> Result<Box<dyn PatternProcess>, Failure> {
        self.process(slots, None).await
    }

    fn steps(&self) -> Vec<String> {
        self.patterns.steps(&self.builtin)
    }

    async fn launch_halting(
        &self,
        slots: BoundSlots,
        step: &str,
    ) -> Result<Box<dyn PatternProcess>, Failure> {
        self.process(slots, Some(step)).await
    }

    fn out_of_bounds(&self) -> Vec<(String, String)> {
        self.patterns.out_of_bounds(&self.builtin)
    }
}
