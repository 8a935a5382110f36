//! Conducts the run whose cases the tests wait for.

use prism_reports::{
    Outcome,
    event::{CaseFinished, EventKind, TargetPlanned, TargetReady},
};
use prism_runner::{
    PlannedTarget,
    engine::{self, Builtins, RunOptions},
    provision::Mode,
};
use prism_suites::Effort;
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::available_parallelism,
    time::Duration,
};
use tokio::{
    runtime::Runtime,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// The most cases at once per target, for each processor; most of them wait for the driver most of the time.
const JOBS_PER_PROCESSOR: usize = 4;
/// How long a case may take, and a server or a driver to start, as `prism-conformance run` has it.
const LIMIT: Duration = Duration::from_secs(60);
/// How long blocking threads of cases that were cut off may go on.
const LINGER: Duration = Duration::from_millis(500);

/// A target and a case.
type Key = (String, String);

/// What came of a case.
#[derive(Debug)]
pub(crate) enum Conducted {
    Held,
    NotMeasured(String),
    Failed(Box<FailedCase>),
    /// There is none, and why.
    NoResult(String),
}

/// A case that is not as it should be, with what its report needs.
#[derive(Debug)]
pub(crate) struct FailedCase {
    pub(crate) planned: TargetPlanned,
    pub(crate) ready: Option<TargetReady>,
    pub(crate) finished: CaseFinished,
}

/// What will have come of a case.
pub(crate) struct Awaited(Receiver<Conducted>);

impl Awaited {
    pub(crate) fn wait(self) -> Conducted {
        self.0.recv().unwrap_or_else(|_| Conducted::NoResult("the run broke off".to_owned()))
    }
}

/// A run that goes on.
pub(crate) struct Running {
    runtime: Runtime,
    seed: u64,
    awaited: HashMap<Key, Awaited>,
    collected: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(
        targets: Vec<PlannedTarget>,
        launchers: Builtins,
        seed: Option<u64>,
        effort: Option<Effort>,
        threads: Option<usize>,
    ) -> io::Result<Self> {
        let runtime = Runtime::new()?;
        let processors = available_parallelism().map_or(2, usize::from);
        let options = RunOptions {
            patterns: None,
            pattern_command: None,
            run_id: format!("{:08x}", rand::random::<u32>()),
            // Short enough to be typed.
            seed: seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
            effort,
            jobs: threads.unwrap_or(processors * JOBS_PER_PROCESSOR),
            case_limit: LIMIT,
            start_limit: LIMIT,
            keep: false,
            fail_fast: false,
            mode: Mode::default(),
            proxy: None,
            expectations: Arc::default(),
            // The command that `prism-conformance` would be told is replaced by one of cargo.
            reproduce_with: String::new(),
        };
        let seed = options.seed;
        let (mut awaited, mut pending) = (HashMap::new(), HashMap::new());
        for target in &targets {
            for case in &target.cases {
                let (sender, receiver) = channel();
                let key = (target.label.clone(), case.id.clone());
                pending.insert(key.clone(), sender);
                awaited.insert(key, Awaited(receiver));
            }
        }
        let cancel = CancellationToken::new();
        let interrupted = cancel.clone();
        runtime.spawn(async move {
            // Servers and drivers are taken away before this process ends.
            stop_signal().await;
            interrupted.cancel();
        });
        let (sender, events) = unbounded_channel();
        let collecting = Collecting { pending, planned: HashMap::new(), ready: HashMap::new() };
        let collected = runtime.spawn(collecting.collect(events, cancel.clone()));
        runtime.spawn(engine::run(targets, launchers, options, sender, cancel));
        Ok(Self { runtime, seed, awaited, collected })
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// What will have come of a case; `None` where it was asked for before, or is not run.
    pub(crate) fn result_of(&mut self, key: &Key) -> Option<Awaited> {
        self.awaited.remove(key)
    }

    /// Waits until everything that was started is gone.
    pub(crate) fn finish(self) {
        let _ = self.runtime.block_on(self.collected);
        self.runtime.shutdown_timeout(LINGER);
    }
}

/// Sorts the events of a run by the case that waits for them.
struct Collecting {
    pending: HashMap<Key, Sender<Conducted>>,
    planned: HashMap<String, TargetPlanned>,
    ready: HashMap<String, TargetReady>,
}

impl Collecting {
    async fn collect(mut self, mut events: UnboundedReceiver<EventKind>, cancel: CancellationToken) {
        let mut reasons: HashMap<String, String> = HashMap::new();
        while let Some(event) = events.recv().await {
            match event {
                EventKind::TargetPlanned(planned) => {
                    self.planned.insert(planned.target.clone(), planned);
                }
                EventKind::TargetReady(ready) => {
                    self.ready.insert(ready.target.clone(), ready);
                }
                EventKind::TargetNotMeasured(target) => {
                    let why = format!("not measured: {}\nto measure it: {}", target.reason, target.remedy);
                    reasons.insert(target.target, why);
                }
                EventKind::TargetFailed(target) => {
                    reasons.entry(target.target).or_insert(target.reason);
                }
                EventKind::CaseFinished(finished) => {
                    let key = (finished.target.clone(), finished.case.clone());
                    if let Some(waiting) = self.pending.remove(&key) {
                        // Whoever waited may have given up.
                        let _ = waiting.send(self.conducted(*finished));
                    }
                }
                EventKind::RunStarted(_) | EventKind::ShardTrouble(_) | EventKind::RunFinished(_) => {}
            }
        }
        for ((target, _), waiting) in self.pending.drain() {
            let why = match reasons.get(&target) {
                Some(reason) => reason.clone(),
                None if cancel.is_cancelled() => "the run was interrupted".to_owned(),
                None => "the run ended without a result".to_owned(),
            };
            let _ = waiting.send(Conducted::NoResult(why));
        }
    }

    fn conducted(&self, finished: CaseFinished) -> Conducted {
        if finished.outcome.proves() {
            return Conducted::Held;
        }
        if finished.outcome == Outcome::NotMeasured {
            return Conducted::NotMeasured(finished.notes.join("; "));
        }
        let Some(planned) = self.planned.get(&finished.target) else {
            return Conducted::NoResult("its target was not planned".to_owned());
        };
        let mut planned = planned.clone();
        planned.cases.retain(|case| case.id == finished.case);
        let ready = self.ready.get(&finished.target).cloned();
        Conducted::Failed(Box::new(FailedCase { planned, ready, finished }))
    }
}

/// Resolves at Ctrl-C, and at SIGTERM, which is how nextest ends a test that takes too long.
async fn stop_signal() {
    use tokio::signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    };
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
