//! Runs a plan: every target at once, each as soon as its server is there.

use crate::{
    driver::{CommandDriver, remote},
    execute::{Execution, execute},
    lines::with_lines,
    pattern::{Composed, PatternBench, PatternCommand, Patterns},
    plan::PlannedTarget,
    provision::{self, Mode, NotProvisioned, Server},
    proxied::ProxyCommand,
    records::{not_measurable, planned, ready},
    registry::{Backend, Composition, DriverSpec},
    secrets::Secrets,
    servers::{self, Servers, TargetServers},
    smoke::smoke,
    target::{self, DriverAccess, Launcher, Target, TargetSpec},
};
use futures::{
    future::join_all,
    stream::{FuturesUnordered, StreamExt},
};
use prism_interfaces::{Clause, catalogue};
use prism_reports::{
    Expectations, Outcome,
    event::{CaseFinished, EventKind, TargetFailed, TargetNotMeasured},
    expectation::Subject,
};
use prism_suites::{Case, Effort, Instance, Watchdog};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc::UnboundedSender};
use tokio_util::sync::CancellationToken;

/// How long what follows the start of a driver may take: a few calls.
const LAST_CALL: Duration = Duration::from_secs(30);

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
    /// How long a server may take to accept connections, a driver process to answer, and a driver to run.
    pub start_limit: Duration,
    /// Whether namespaces are left as they are.
    pub keep: bool,
    /// Whether the first case that is not as it should be ends the run.
    pub fail_fast: bool,
    /// Where servers come from.
    pub mode: Mode,
    /// How the proxy is started that targets by [`Route::Proxy`](prism_reports::event::Route::Proxy) are reached through.
    pub proxy: Option<ProxyCommand>,
    /// The patterns of this program.
    pub patterns: Option<Arc<dyn Patterns>>,
    /// How a pattern is started as a process, for the cases that kill it.
    pub pattern_command: Option<PatternCommand>,
    /// The failures that are known: they end no run early.
    pub expectations: Arc<Expectations>,
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
        context: provision::Context::new(&options.run_id).with_ready_within(options.start_limit),
        watchdog: Watchdog::start(),
        options,
        servers: Servers::default(),
        events,
        cancel,
    };
    // Targets that differ only in how they are reached stand next to each other.
    let numbered: Vec<(usize, &PlannedTarget)> = targets.iter().enumerate().collect();
    let mut all: FuturesUnordered<_> = numbered
        .chunk_by(|(_, left), (_, right)| left.shares_server_with(right))
        .map(|group| on_one_server(&run, group))
        .collect();
    while all.next().await.is_some() {}
    drop(all);
    let Run { servers, events, context, .. } = run;
    for (name, error) in servers.stop().await {
        let of_it = targets.iter().filter(|target| target.name == name);
        for target in of_it {
            let failed = TargetFailed { target: target.label.clone(), reason: error.to_string() };
            let _ = events.send(EventKind::TargetFailed(failed));
        }
    }
    // What was still being started when the run was ended.
    for container in provision::remove_leftovers(&context).await {
        tracing::info!(container, "removed a container that was still starting");
    }
}

struct Run {
    builtins: Builtins,
    context: provision::Context,
    /// What several targets can stand on.
    servers: Servers,
    watchdog: Watchdog,
    options: RunOptions,
    events: UnboundedSender<EventKind>,
    cancel: CancellationToken,
}

/// Runs targets that one server can serve, at once.
async fn on_one_server(run: &Run, group: &[(usize, &PlannedTarget)]) {
    let targets: Vec<TargetRun<'_>> = group
        .iter()
        .filter(|(_, planned)| !planned.cases.is_empty())
        .map(|(index, planned)| TargetRun::new(run, *index, planned))
        .collect();
    let Some(first) = targets.first() else { return };
    let began = Instant::now();
    let got = tokio::select! {
        () = run.cancel.cancelled() => return,
        got = provisioned(run, first.planned) => got,
    };
    match got {
        Ok(servers) => {
            join_all(targets.into_iter().map(|target| target.run(&servers, began))).await;
            // One that others stand on as well is taken away at the end of the run.
            if !first_needs_server(group)
                && let Err(error) = servers::stop(servers.own).await
            {
                for (index, planned) in group {
                    TargetRun::new(run, *index, planned).failed(error.to_string());
                }
            }
        }
        Err(NotProvisioned::NotMeasured { reason, remedy }) => {
            for TargetRun { planned, .. } in &targets {
                let (target, reason, remedy) = (planned.label.clone(), reason.clone(), remedy.clone());
                let event = TargetNotMeasured { target, reason, remedy };
                let _ = run.events.send(EventKind::TargetNotMeasured(event));
            }
        }
        Err(NotProvisioned::Failed { reason }) => {
            for target in &targets {
                target.failed(reason.clone());
            }
        }
    }
}

fn first_needs_server(group: &[(usize, &PlannedTarget)]) -> bool {
    group.first().is_some_and(|(_, planned)| planned.setup.needs_server())
}

/// Everything that a target stands on.
async fn provisioned(run: &Run, planned: &PlannedTarget) -> Result<TargetServers, NotProvisioned> {
    let (mode, context) = (run.options.mode, &run.context);
    let slots = match &planned.backend.driver {
        DriverSpec::Pattern(composition) => run.servers.of_slots(&composition.slots, mode, context).await?,
        _ => Vec::new(),
    };
    let own = run.servers.get(&planned.backend, &planned.setup, mode, context).await?;
    Ok(TargetServers { own, slots })
}

/// One target of a run.
struct TargetRun<'a> {
    run: &'a Run,
    index: usize,
    planned: &'a PlannedTarget,
    secrets: Secrets,
}

impl<'a> TargetRun<'a> {
    fn new(run: &'a Run, index: usize, planned: &'a PlannedTarget) -> Self {
        Self { run, index, planned, secrets: Secrets::default() }
    }

    fn emit(&self, event: EventKind) {
        // Nobody listens any more only when the command line has given up on the run.
        let _ = self.run.events.send(self.secrets.redact_event(&self.planned.label, event));
    }

    fn failed(&self, reason: String) {
        self.emit(EventKind::TargetFailed(TargetFailed { target: self.planned.label.clone(), reason }));
    }

    async fn run(mut self, server: &TargetServers, began: Instant) {
        for server in std::iter::once(&server.own).chain(&server.slots) {
            self.secrets.add_passwords(&server.settings);
        }
        let cancel = self.run.cancel.clone();
        let started = tokio::select! {
            () = cancel.cancelled() => return,
            started = self.start(server) => started,
        };
        match started {
            Err(reason) => {
                let reason = match &self.planned.backend.driver {
                    DriverSpec::Endpoint(remote) => {
                        format!("the driver at {} cannot be used: {reason}", remote.uri)
                    }
                    DriverSpec::Builtin(_) | DriverSpec::Command(_) => {
                        format!("the driver did not start: {reason}")
                    }
                    DriverSpec::Pattern(_) => format!("the pattern did not start: {reason}"),
                };
                let of_server = server.logs().await;
                let heading = if of_server.is_empty() { "" } else { "\nlast lines of the server:" };
                self.failed(with_lines(format!("{reason}{heading}"), &of_server));
            }
            Ok(target) => {
                let target = Arc::new(target);
                self.measure(&target, server, began).await;
                target.stop().await;
            }
        }
    }

    /// The way to the driver of a backend on a server.
    fn access(&mut self, backend: &Backend, server: &Server) -> Result<DriverAccess, String> {
        let Run { builtins, context, .. } = self.run;
        let variable = |name: &str| context.variable(name);
        Ok(match &backend.driver {
            DriverSpec::Builtin(name) => {
                let launcher = builtins(name);
                DriverAccess::Launch(launcher.ok_or_else(|| format!("there is no built-in driver `{name}`"))?)
            }
            DriverSpec::Endpoint(remote) => {
                let folder = backend.origin.folder.as_deref();
                DriverAccess::Endpoint(remote::connect(remote, folder, variable, &mut self.secrets)?)
            }
            DriverSpec::Command(command) => {
                let driver = CommandDriver::new(command, &server.settings, &backend.origin, context)?;
                DriverAccess::Command(Arc::new(driver))
            }
            DriverSpec::Pattern(_) => return Err("a pattern is not bound to a slot".to_owned()),
        })
    }

    /// Starts what is bound to the slots of a pattern, and binds it.
    async fn compose(
        &mut self,
        composition: &Composition,
        servers: &TargetServers,
    ) -> Result<DriverAccess, String> {
        let options = &self.run.options;
        let patterns = options.patterns.clone().ok_or("this program has no patterns")?;
        let (builtin, mut slots) = (composition.pattern.builtin.as_str(), BTreeMap::new());
        let mut under = Vec::new();
        for (bound, server) in composition.slots.iter().zip(&servers.slots) {
            let access = self.access(&bound.backend, server)?;
            let patience = self.patience(&access);
            let started = target::start(access, server.settings.clone(), patience).await;
            let started = started.map_err(|why| format!("{} in slot `{}`: {why}", bound.name, bound.slot))?;
            slots.insert(bound.slot.clone(), started.shared());
            under.push(started);
        }
        slots.extend(patterns.of_application(builtin));
        let launch = patterns.bind(builtin, slots.clone()).await?;
        let command = options.pattern_command.clone();
        let bench = Arc::new(PatternBench::new(patterns, builtin, slots, command));
        Ok(DriverAccess::Pattern(Arc::new(Composed { launch, bench, under })))
    }

    /// An endpoint that does not answer now was never started by us, so there is no use in waiting for it.
    fn patience(&self, access: &DriverAccess) -> Duration {
        match access {
            DriverAccess::Launch(_) | DriverAccess::Command(_) | DriverAccess::Pattern(_) => {
                self.run.options.start_limit
            }
            DriverAccess::Endpoint(_) => Duration::ZERO,
        }
    }

    async fn start(&mut self, servers: &TargetServers) -> Result<Target, String> {
        let (options, server) = (&self.run.options, &servers.own);
        let backend = &self.planned.backend;
        let access = match &backend.driver {
            DriverSpec::Pattern(composition) => self.compose(composition, servers).await?,
            _ => self.access(backend, server)?,
        };
        let patience = self.patience(&access);
        let spec = TargetSpec {
            label: self.planned.label.clone(),
            declaration: backend.declaration.clone(),
            settings: server.settings.clone(),
            concurrency: backend.concurrency.min(options.jobs),
            effort: options.effort,
            proxy: options.proxy.clone().filter(|_| !self.planned.route.is_direct()),
        };
        let starting = Target::start(spec, access, self.run.watchdog.clone(), patience);
        // A process may take that long to answer, then as long again to run; and a call is made at the very end.
        let limit = options.start_limit * 2 + LAST_CALL;
        tokio::time::timeout(limit, starting)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
    }

    /// The smoke stage, then the cases.
    async fn measure(&self, target: &Arc<Target>, server: &TargetServers, began: Instant) {
        let namespace = format!("pc-{}-{}-smoke", self.run.options.run_id, self.index);
        let spoken = tokio::select! {
            () = self.run.cancel.cancelled() => return,
            spoken = smoke(&target.endpoint, &target.declaration, &namespace) => spoken,
        };
        if let Err(reason) = spoken {
            let reason = format!("the driver cannot be spoken with: {reason}");
            return self.failed(with_lines(reason, &target.instances.logs().await));
        }
        self.emit(EventKind::TargetReady(ready(self.planned, server, target, began.elapsed())));
        self.cases(target, server).await;
    }

    async fn cases(&self, target: &Arc<Target>, server: &TargetServers) {
        let (alone, together) = order(self.planned, target, self.run.options.seed);
        let broken = CancellationToken::new();
        let cancel = &self.run.cancel;
        let ended = || cancel.is_cancelled() || broken.is_cancelled();

        // One case at a time queues for a place, so that those which come back from waiting are next.
        let mut waiting = together.into_iter().peekable();
        let mut running = FuturesUnordered::new();
        while waiting.peek().is_some() || !running.is_empty() {
            tokio::select! {
                () = cancel.cancelled() => return,
                Some(finished) = running.next() => {
                    self.finished(finished, target, server, &broken).await;
                    if ended() {
                        return;
                    }
                }
                Ok(slot) = Arc::clone(&target.slots).acquire_owned(), if waiting.peek().is_some() => {
                    if let Some((number, case)) = waiting.next() {
                        running.push(self.case(number, case, target, Some(slot)));
                    }
                }
            }
        }
        for (number, case) in alone {
            let finished = tokio::select! {
                () = cancel.cancelled() => return,
                finished = self.case(number, case, target, None) => finished,
            };
            self.finished(finished, target, server, &broken).await;
            if ended() {
                return;
            }
            if let Err(reason) = target.revive().await {
                return self.failed(format!("the driver did not come back after {}: {reason}", case.id));
            }
        }
    }

    async fn case(
        &self,
        number: usize,
        case: &Case,
        target: &Arc<Target>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> CaseFinished {
        if case.instance == Instance::Second
            && let Some(why) = self.planned.backend.driver.alone()
        {
            return not_measurable(target, case, why);
        }
        if case.without_namespace && !self.planned.route.is_direct() {
            let why = "a proxy routes by the namespace, and the calls of this case have none";
            return not_measurable(target, case, why);
        }
        let options = &self.run.options;
        let execution = Execution {
            seed: options.seed,
            namespace: format!("pc-{}-{}-{number}", options.run_id, self.index),
            limit: options.case_limit,
            keep: options.keep,
            reproduce: format!(
                "prism-conformance run{} --{} {} --case {} --seed {} --effort {}{}",
                options.reproduce_with,
                if matches!(self.planned.backend.driver, DriverSpec::Pattern(_)) {
                    "pattern"
                } else {
                    "backend"
                },
                shell_word(&self.planned.name),
                case.id,
                options.seed,
                target.effort,
                if self.planned.route.is_direct() { "" } else { " --via-proxy" }
            ),
        };
        execute(target, case, &execution, slot).await
    }

    async fn finished(
        &self,
        mut finished: CaseFinished,
        target: &Target,
        server: &TargetServers,
        broken: &CancellationToken,
    ) {
        let outcome = finished.outcome;
        let id = finished.case.clone();
        let judged = self.run.options.expectations.outcome(&Subject::from(self.planned), &finished);
        // Where either is gone for good, every case from here on would say the same, slowly.
        if outcome == Outcome::Error && !server.alive().await {
            finished.logs = server.logs().await;
            let how = server.exit_status().await.unwrap_or_else(|| "it cannot be reached".to_owned());
            self.failed(format!("the server died during the run: {how}"));
            broken.cancel();
        } else if outcome == Outcome::Error
            && let Some(why) = target.instances.given_up().await
        {
            self.failed(why);
            broken.cancel();
        }
        self.emit(EventKind::CaseFinished(Box::new(finished)));
        let fine = judged.proves() || matches!(judged, Outcome::NotMeasured | Outcome::ExpectedFail);
        let counts = self.planned.cases.iter().any(|case| case.id == id && !is_provisional(case.clauses));
        if self.run.options.fail_fast && counts && !fine {
            self.run.cancel.cancel();
        }
    }
}

/// Whether a case that cites these proves nothing that counts yet.
fn is_provisional(clauses: &[&str]) -> bool {
    clauses.iter().all(|id| catalogue::clause(id).is_some_and(Clause::is_provisional))
}

/// The name of a target as a shell takes it: that of a binding has brackets, which a shell would take for a pattern.
fn shell_word(name: &str) -> String {
    if name.contains('[') { format!("'{name}'") } else { name.to_owned() }
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
