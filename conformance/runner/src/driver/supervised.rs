//! An instance that many cases share, started again when it crashes.

use super::{command::CommandDriver, process::DriverProcess, switch::Switch};
use prism_interfaces::Endpoint;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Mutex;

/// How often the instances of a target are started again.
const RESTARTS: usize = 3;

/// How many starts are left; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<AtomicUsize>);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(RESTARTS)))
    }

    fn take(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// A running driver in a process, under one endpoint through all its lives.
pub(crate) struct Supervised {
    driver: Arc<CommandDriver>,
    who: &'static str,
    switch: Switch,
    budget: Budget,
    patience: Duration,
    state: Mutex<State>,
}

struct State {
    process: Arc<DriverProcess>,
    /// How each life but the last ended; as many as there have been restarts.
    crashes: Vec<String>,
    /// Why there is no further life.
    given_up: Option<String>,
}

/// What a case met when it began: which life, and how much had been written.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    life: usize,
    mark: usize,
    process: Arc<DriverProcess>,
}

impl Supervised {
    /// Starts the first process; `who` begins the sentences about it.
    pub(crate) async fn start(
        driver: Arc<CommandDriver>,
        who: &'static str,
        budget: Budget,
        patience: Duration,
    ) -> Result<Self, String> {
        let process = driver.launch_running(patience).await?;
        let switch = Switch::new(process.endpoint().clone());
        let state = Mutex::new(State { process, crashes: Vec::new(), given_up: None });
        Ok(Self { driver, who, switch, budget, patience, state })
    }

    /// Leads to whichever process lives.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.switch.clone())
    }

    /// To be asked before a case begins: waits for a restart that goes on, and begins one where the process has ended
    /// with nobody looking.
    pub(crate) async fn watch(&self) -> Watch {
        let mut state = self.state.lock().await;
        if state.given_up.is_none() && state.process.has_ended() {
            self.examine_life(&mut state).await;
        }
        let process = Arc::clone(&state.process);
        Watch { life: state.crashes.len(), mark: process.lines().mark(), process }
    }

    /// To be asked after a case has ended: how the life ended that the case began in, with the last lines; `None`
    /// where it goes on. Looks closely where the case was not satisfied, and starts the next life.
    pub(crate) async fn examine(&self, watch: &Watch, satisfied: bool) -> Option<String> {
        let mut state = self.state.lock().await;
        if state.crashes.len() == watch.life && !satisfied && state.given_up.is_none() {
            self.examine_life(&mut state).await;
        }
        // Without a further life, there is nothing to be satisfied with.
        let over = || state.given_up.clone().filter(|_| !satisfied);
        state.crashes.get(watch.life).cloned().or_else(over)
    }

    async fn examine_life(&self, state: &mut State) {
        let Some(crash) = state.process.crash().await else { return };
        state.crashes.push(crash.tell(self.who));
        // It may still run, without its port.
        state.process.stop().await;
        if !self.budget.take() {
            let last = crash.tell(self.who);
            state.given_up = Some(format!("{last}\nit was started again {RESTARTS} times, and is not again"));
            return;
        }
        match self.driver.launch_running(self.patience).await {
            Ok(process) => {
                self.switch.point_to(process.endpoint().clone());
                state.process = process;
            }
            Err(why) => {
                let last = crash.tell(self.who);
                state.given_up = Some(format!("{last}\nit could not be started again: {why}"));
            }
        }
    }

    /// Why there will be no further life.
    pub(crate) async fn given_up(&self) -> Option<String> {
        self.state.lock().await.given_up.clone()
    }

    /// The last lines that it wrote in this life.
    pub(crate) async fn logs(&self) -> Vec<String> {
        self.state.lock().await.process.lines().snapshot()
    }

    /// Ends it.
    pub(crate) async fn stop(&self) {
        let process = Arc::clone(&self.state.lock().await.process);
        process.stop().await;
    }
}

impl Watch {
    /// What the process wrote since, as far as it is kept.
    pub(crate) fn logs(&self) -> Vec<String> {
        self.process.lines().since(self.mark)
    }
}
