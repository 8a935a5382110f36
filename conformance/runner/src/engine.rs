//! Runs a plan: every target at once, each as soon as its server is there.

use crate::{
    execute::{Execution, execute},
    plan::PlannedTarget,
    provision::{self, Mode, NotProvisioned, Server, provision},
    registry::DriverSpec,
    target::{DriverAccess, Launcher, Target, TargetSpec},
};
use futures::stream::{FuturesUnordered, StreamExt};
use prism_interfaces::{Endpoint, traits::Declaration};
use prism_reports::{
    Outcome,
    event::{
        CaseFinished, DeclaredInterface, EventKind, PlannedCase, Provision, TargetFailed, TargetNotMeasured,
        TargetPlanned, TargetReady,
    },
};
use prism_suites::{Case, Effort, Instance, Kind, Watchdog};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc::UnboundedSender};
use tokio_util::sync::CancellationToken;

/// How long a driver may take to start once its server accepts connections.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long an endpoint may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How long the driver has to stop before its server is taken away all the same.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Finds the driver that a backend.yaml names as built in.
pub type Builtins = Arc<dyn Fn(&str) -> Option<Launcher> + Send + Sync>;

/// How a plan is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Labels what the run leaves on servers while it goes on: lower-case letters and digits.
    pub run_id: String,
    /// The seed of everything random.
    pub seed: u64,
    /// How much generated cases do; `None` to let the cost of a call decide, per target.
    pub effort: Option<Effort>,
    /// The most cases at once per target.
    pub jobs: usize,
    /// How long a case may take.
    pub case_limit: Duration,
    /// Whether namespaces are left as they are.
    pub keep: bool,
    /// Whether the first case that is not as it should be ends the run.
    pub fail_fast: bool,
    /// Where servers come from.
    pub mode: Mode,
    /// Arguments that every reproduce line needs, such as `--registry DIR`, each with a space in front.
    pub reproduce_with: String,
}

/// Runs every target and tells `events` what happens. Returns when everything has ended and every server is gone;
/// `cancel` ends it early in the same orderly way.
pub async fn run(
    targets: Vec<PlannedTarget>,
    builtins: Builtins,
    options: RunOptions,
    events: UnboundedSender<EventKind>,
    cancel: CancellationToken,
) {
    for target in &targets {
        let _ = events.send(EventKind::TargetPlanned(planned(target)));
    }
    let run = Run {
        builtins,
        context: provision::Context::new(&options.run_id),
        watchdog: Watchdog::start(),
        options,
        events,
        cancel,
    };
    let mut all: FuturesUnordered<_> =
        targets.iter().enumerate().map(|(index, planned)| run.target(index, planned)).collect();
    while all.next().await.is_some() {}
    drop(all);
    // What was still being started when the run was ended.
    for container in provision::remove_leftovers(&run.context).await {
        tracing::info!(container, "removed a container that was still starting");
    }
}

struct Run {
    builtins: Builtins,
    context: provision::Context,
    watchdog: Watchdog,
    options: RunOptions,
    events: UnboundedSender<EventKind>,
    cancel: CancellationToken,
}

impl Run {
    fn emit(&self, event: EventKind) {
        // Nobody listens any more only when the command line has given up on the run.
        let _ = self.events.send(event);
    }

    fn failed(&self, planned: &PlannedTarget, reason: String) {
        self.emit(EventKind::TargetFailed(TargetFailed { target: planned.label.clone(), reason }));
    }

    async fn target(&self, index: usize, planned: &PlannedTarget) {
        if planned.cases.is_empty() {
            return;
        }
        let began = Instant::now();
        let server = tokio::select! {
            () = self.cancel.cancelled() => return,
            server = provision(&planned.backend, &planned.setup, self.options.mode, &self.context) => server,
        };
        let server = match server {
            Ok(server) => server,
            Err(NotProvisioned::NotMeasured { reason, remedy }) => {
                let target = planned.label.clone();
                self.emit(EventKind::TargetNotMeasured(TargetNotMeasured { target, reason, remedy }));
                return;
            }
            Err(NotProvisioned::Failed { reason }) => return self.failed(planned, reason),
        };
        let started = tokio::select! {
            () = self.cancel.cancelled() => None,
            started = self.start(planned, &server) => Some(started),
        };
        match started {
            None => {}
            Some(Err(reason)) => {
                let logs = server.logs().await;
                let tail = if logs.is_empty() {
                    String::new()
                } else {
                    format!("\nlast lines of the server:\n{}", logs.join("\n"))
                };
                self.failed(planned, format!("the driver did not start: {reason}{tail}"));
            }
            Some(Ok(target)) => {
                let target = Arc::new(target);
                self.emit(EventKind::TargetReady(ready(planned, &server, &target, began.elapsed())));
                self.cases(index, planned, &target, &server).await;
                let _ = tokio::time::timeout(STOP_LIMIT, target.stop()).await;
            }
        }
        if let Err(error) = server.stop().await {
            self.failed(planned, error.to_string());
        }
    }

    async fn start(&self, planned: &PlannedTarget, server: &Server) -> Result<Target, String> {
        let access = match &planned.backend.driver {
            DriverSpec::Builtin(name) => {
                let launcher = (self.builtins)(name);
                DriverAccess::Launch(launcher.ok_or_else(|| format!("there is no built-in driver `{name}`"))?)
            }
            DriverSpec::Endpoint { uri, .. } => DriverAccess::Endpoint(connect(uri)?),
        };
        // An endpoint that does not answer now was never started by us, so there is no use in waiting for it.
        let patience = match access {
            DriverAccess::Launch(_) => START_LIMIT,
            DriverAccess::Endpoint(_) => Duration::ZERO,
        };
        let spec = TargetSpec {
            label: planned.label.clone(),
            declaration: planned.backend.declaration.clone(),
            settings: server.settings.clone(),
            concurrency: planned.backend.concurrency.min(self.options.jobs),
            effort: self.options.effort,
        };
        let starting = Target::start(spec, access, self.watchdog.clone(), patience);
        tokio::time::timeout(START_LIMIT * 2, starting)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", (START_LIMIT * 2).as_secs())))
    }

    async fn cases(&self, index: usize, planned: &PlannedTarget, target: &Arc<Target>, server: &Server) {
        let (alone, together) = order(planned, target, self.options.seed);
        let broken = CancellationToken::new();
        let ended = || self.cancel.is_cancelled() || broken.is_cancelled();

        // One case at a time queues for a place, so that those which come back from waiting are next.
        let mut waiting = together.into_iter().peekable();
        let mut running = FuturesUnordered::new();
        while waiting.peek().is_some() || !running.is_empty() {
            tokio::select! {
                () = self.cancel.cancelled() => return,
                Some(finished) = running.next() => {
                    self.finished(planned, finished, server, &broken).await;
                    if ended() {
                        return;
                    }
                }
                Ok(slot) = Arc::clone(&target.slots).acquire_owned(), if waiting.peek().is_some() => {
                    if let Some((number, case)) = waiting.next() {
                        running.push(self.case(index, number, case, target, Some(slot)));
                    }
                }
            }
        }
        for (number, case) in alone {
            let finished = tokio::select! {
                () = self.cancel.cancelled() => return,
                finished = self.case(index, number, case, target, None) => finished,
            };
            self.finished(planned, finished, server, &broken).await;
            if ended() {
                return;
            }
            if let Err(reason) = target.revive().await {
                return self
                    .failed(planned, format!("the driver did not come back after {}: {reason}", case.id));
            }
        }
    }

    async fn case(
        &self,
        index: usize,
        number: usize,
        case: &Case,
        target: &Arc<Target>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> CaseFinished {
        if case.instance == Instance::Second && !target.can_launch() {
            return not_measurable(target, case);
        }
        let execution = Execution {
            seed: self.options.seed,
            namespace: format!("pc-{}-{index}-{number}", self.options.run_id),
            limit: self.options.case_limit,
            keep: self.options.keep,
            reproduce: format!(
                "prism-conformance run{} --backend {} --case {} --seed {} --effort {}",
                self.options.reproduce_with, target.label, case.id, self.options.seed, target.effort
            ),
        };
        execute(target, case, &execution, slot).await
    }

    async fn finished(
        &self,
        planned: &PlannedTarget,
        mut finished: CaseFinished,
        server: &Server,
        broken: &CancellationToken,
    ) {
        let outcome = finished.outcome;
        if outcome == Outcome::Error && !server.alive().await {
            // Every case from here on would say the same, slowly.
            finished.logs = server.logs().await;
            let how = server.exit_status().await.unwrap_or_else(|| "it cannot be reached".to_owned());
            self.failed(planned, format!("the server died during the run: {how}"));
            broken.cancel();
        }
        self.emit(EventKind::CaseFinished(Box::new(finished)));
        if self.options.fail_fast && !outcome.proves() && outcome != Outcome::NotMeasured {
            self.cancel.cancel();
        }
    }
}

/// The cases that run alone, and those that run together, each with its number in the plan.
type Ordered<'a> = (Vec<(usize, &'a Case)>, Vec<(usize, &'a Case)>);

/// In an order that follows from the seed, so that no case can come to depend on another. Where time has to be waited
/// for, the cases about time go first: they wait while others work.
fn order<'a>(planned: &'a PlannedTarget, target: &Target, seed: u64) -> Ordered<'a> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut cases: Vec<(usize, &Case)> = planned.cases.iter().enumerate().collect();
    cases.shuffle(&mut rng);
    if !target.clock {
        cases.sort_by_key(|(_, case)| {
            case.interface() != "keyvalue_ttl" && !case.clauses.iter().any(|id| id.starts_with("KVT"))
        });
    }
    cases.into_iter().partition(|(_, case)| case.instance == Instance::Fresh && !target.can_launch())
}

fn not_measurable(target: &Target, case: &Case) -> CaseFinished {
    CaseFinished {
        target: target.label.clone(),
        case: case.id.clone(),
        outcome: Outcome::NotMeasured,
        duration_ms: 0.0,
        calls: 0,
        failure: None,
        notes: vec!["needs a second instance of the driver; an endpoint has one".to_owned()],
        logs: Vec::new(),
        namespace: None,
    }
}

fn connect(uri: &str) -> Result<Endpoint, String> {
    let channel = tonic::transport::Endpoint::from_shared(uri.to_owned())
        .map_err(|error| format!("{uri}: {error}"))?
        .connect_timeout(CONNECT_LIMIT)
        .tcp_nodelay(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(16 << 20)
        .connect_lazy();
    Ok(Endpoint::new(channel))
}

fn planned(target: &PlannedTarget) -> TargetPlanned {
    let Declaration { interfaces, guarantees } = &target.backend.declaration;
    TargetPlanned {
        target: target.label.clone(),
        backend: target.backend.name.clone(),
        setup: target.setup.name.clone(),
        required: target.required,
        declared: interfaces
            .iter()
            .map(|(id, traits)| DeclaredInterface {
                interface: id.clone(),
                traits: traits.iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            })
            .collect(),
        guarantees: guarantees.iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        cases: target
            .cases
            .iter()
            .map(|case| PlannedCase {
                id: case.id.clone(),
                interface: case.interface().to_owned(),
                kind: case.kind.as_str().to_owned(),
                clauses: case.clauses.iter().map(|id| (*id).to_owned()).collect(),
                sentence: case.sentence.to_owned(),
                undeclared: case.kind == Kind::Refusal,
            })
            .collect(),
    }
}

fn ready(planned: &PlannedTarget, server: &Server, target: &Target, took: Duration) -> TargetReady {
    let provision = match planned.backend.driver {
        DriverSpec::Endpoint { .. } => "endpoint".to_owned(),
        DriverSpec::Builtin(_) => server.kind.to_string(),
    };
    let known = |version: &str| (!version.is_empty()).then(|| version.to_owned());
    TargetReady {
        target: planned.label.clone(),
        provision: Provision {
            provision,
            server_version: known(&target.server_version),
            driver_version: known(&target.driver_version),
            ready_ms: took.as_millis() as u64,
            effort: target.effort.to_string(),
            call_cost_us: Some((target.call_cost.as_secs_f64() * 1e7).round() / 10.0),
        },
    }
}
