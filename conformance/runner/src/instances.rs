//! The instances of a driver: the one that cases share, a second one, and fresh ones of a case's own.

use crate::{
    driver::{
        Budget, CommandDriver, DriverProcess, Ending as _, Stopping, Supervised, Watch,
        bring_up::{Before, PROBE, bring_up, explain},
    },
    pattern::Composed,
    proxied::{Front, Proxied, ProxyCommand},
    target::Launcher,
};
use async_trait::async_trait;
use prism_interfaces::Endpoint;
use prism_suites::{Bench, Failure, FreshInstance, Instances, Seam, client::Lifecycle};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::OnceCell, time::timeout};
use tonic::Code;

/// How long an instance may take over `Lifecycle.Stop` when the run is over.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How long a second instance may take to start; the first one did it already.
const SECOND_LIMIT: Duration = Duration::from_secs(30);

/// How many lines of a driver go with a case.
const LOG_LINES: usize = 50;

/// All instances of a target.
pub(crate) struct TargetInstances {
    kind: Kind,
    settings: BTreeMap<String, String>,
    /// Where calls go through a proxy.
    proxies: Option<Proxies>,
    /// Where it is a pattern.
    composed: Option<Arc<Composed>>,
}

/// The proxies in front of the instances.
struct Proxies {
    front: Front,
    shared: Arc<Proxied>,
    second: OnceCell<Arc<Proxied>>,
}

enum Kind {
    /// In this process, or anywhere that a launcher reaches.
    Launched { launch: Launcher, shared: Endpoint, second: OnceCell<Endpoint> },
    /// Processes of this run.
    Processes(Box<Processes>),
    /// One instance that somebody else runs.
    Elsewhere(Endpoint),
}

struct Processes {
    driver: Arc<CommandDriver>,
    budget: Budget,
    shared: Supervised,
    second: OnceCell<Supervised>,
    stopping: Stopping,
}

impl TargetInstances {
    /// Of a launcher, which made the shared instance as well; that one runs.
    pub(crate) fn launched(launch: Launcher, shared: Endpoint, settings: BTreeMap<String, String>) -> Self {
        let second = OnceCell::new();
        Self { kind: Kind::Launched { launch, shared, second }, settings, proxies: None, composed: None }
    }

    /// The same, of a pattern.
    pub(crate) fn over(mut self, composed: Arc<Composed>) -> Self {
        self.composed = Some(composed);
        self
    }

    /// One instance that somebody else runs.
    pub(crate) fn elsewhere(endpoint: Endpoint, settings: BTreeMap<String, String>) -> Self {
        Self { kind: Kind::Elsewhere(endpoint), settings, proxies: None, composed: None }
    }

    /// Starts the shared instance of a driver that is a process.
    pub(crate) async fn start_process(
        driver: Arc<CommandDriver>,
        patience: Duration,
    ) -> Result<Self, String> {
        let budget = Budget::new();
        let shared = Supervised::start(Arc::clone(&driver), "the driver", budget.clone(), patience).await?;
        let settings = driver.settings().clone();
        let second = OnceCell::new();
        let processes = Processes { driver, budget, shared, second, stopping: Stopping::default() };
        Ok(Self { kind: Kind::Processes(Box::new(processes)), settings, proxies: None, composed: None })
    }

    /// Puts a proxy in front of the instances, each a process of its own.
    pub(crate) async fn through(mut self, command: ProxyCommand) -> Result<Self, String> {
        let front = Front::new(command);
        let shared = front.start(self.direct()).await?;
        self.proxies = Some(Proxies { front, shared, second: OnceCell::new() });
        Ok(self)
    }

    /// The way to the instance that cases share.
    pub(crate) fn shared(&self) -> Endpoint {
        self.proxies.as_ref().map_or_else(|| self.direct(), |proxies| proxies.shared.endpoint())
    }

    /// The instance that cases share, without a proxy.
    fn direct(&self) -> Endpoint {
        match &self.kind {
            Kind::Launched { shared, .. } => shared.clone(),
            Kind::Processes(processes) => processes.shared.endpoint(),
            Kind::Elsewhere(endpoint) => endpoint.clone(),
        }
    }

    /// Whether there can be more than one.
    pub(crate) fn can_launch(&self) -> bool {
        !matches!(self.kind, Kind::Elsewhere(_))
    }

    /// Puts the one instance that there is back into service.
    pub(crate) async fn revive(&self) -> Result<(), String> {
        let shared = self.direct();
        let _ = Lifecycle::new(shared.layer(Seam::namespace(PROBE))).stop().await;
        bring_up(&shared, &self.settings, Before::Anything).await.map_err(|status| explain(&status))
    }

    /// The last lines that the shared instance wrote; none for one that is no process of this run.
    pub(crate) async fn logs(&self) -> Vec<String> {
        let mut lines = match &self.kind {
            Kind::Processes(processes) => processes.shared.logs().await,
            Kind::Launched { .. } | Kind::Elsewhere(_) => Vec::new(),
        };
        lines.extend(self.proxies.iter().flat_map(|proxies| proxies.shared.logs(0)));
        lines
    }

    /// Why the driver will not be started again, where it has crashed too often, or what became of its proxy.
    pub(crate) async fn given_up(&self) -> Option<String> {
        if let Some(crash) = self.proxies.as_ref().and_then(|proxies| proxies.shared.crash()) {
            return Some(crash);
        }
        match &self.kind {
            Kind::Processes(processes) => match (processes.shared.given_up().await, processes.second.get()) {
                (None, Some(second)) => second.given_up().await,
                (given_up, _) => given_up,
            },
            Kind::Launched { .. } | Kind::Elsewhere(_) => None,
        }
    }

    /// Ends what was started here, a pattern before what is in its slots. An instance of somebody else's stays as it is.
    pub(crate) async fn stop(&self) {
        self.stop_own().await;
        for under in self.composed.iter().flat_map(|composed| &composed.under) {
            under.stop_own().await;
        }
    }

    async fn stop_own(&self) {
        if let Some(Proxies { front, shared, second }) = &self.proxies {
            let second = async {
                if let Some(second) = second.get() {
                    second.end().await;
                }
            };
            tokio::join!(shared.end(), second, front.finish());
        }
        match &self.kind {
            Kind::Elsewhere(_) => {}
            Kind::Launched { shared, second, .. } => {
                for endpoint in [Some(shared), second.get()].into_iter().flatten() {
                    let _ = timeout(STOP_LIMIT, Lifecycle::new(endpoint.clone()).stop()).await;
                }
            }
            Kind::Processes(processes) => {
                let second = async {
                    if let Some(second) = processes.second.get() {
                        second.stop().await;
                    }
                };
                tokio::join!(processes.shared.stop(), second, processes.stopping.finish());
            }
        }
    }
}

/// What one case uses of the instances, watched for processes that end.
pub(crate) struct CaseInstances {
    all: Arc<TargetInstances>,
    /// Of the shared instance, and of the second where the case uses it.
    watches: Mutex<[Option<Watch>; 2]>,
    /// The processes of the case's own.
    own: Mutex<Vec<Arc<DriverProcess>>>,
    /// The proxies that it calls through, each with how much it had written when the case began.
    proxies: Mutex<Vec<(Arc<Proxied>, usize)>>,
}

/// What became of the processes under a case.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// How one of them ended; the verdict of the case is then worth nothing.
    pub(crate) crash: Option<String>,
    /// One of the case's own that went without complaint, which a verdict stands beside.
    pub(crate) note: Option<String>,
    /// What they wrote meanwhile, where the case was not satisfied.
    pub(crate) logs: Vec<String>,
}

impl CaseInstances {
    /// For a case that begins now.
    pub(crate) async fn new(all: &Arc<TargetInstances>) -> Arc<Self> {
        let watch = match &all.kind {
            Kind::Processes(processes) => Some(processes.shared.watch().await),
            Kind::Launched { .. } | Kind::Elsewhere(_) => None,
        };
        let proxies = all.proxies.iter().map(|proxies| (Arc::clone(&proxies.shared), proxies.shared.mark()));
        Arc::new(Self {
            all: Arc::clone(all),
            watches: Mutex::new([watch, None]),
            own: Mutex::default(),
            proxies: Mutex::new(proxies.collect()),
        })
    }

    /// After the case, which had `namespace`.
    pub(crate) async fn examine(&self, satisfied: bool, namespace: &str) -> Found {
        let mut found = self.examine_driver(satisfied).await;
        let proxies = self.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        found.crash = found.crash.or_else(|| proxies.iter().find_map(|(proxied, _)| proxied.crash()));
        if !satisfied {
            // Other cases call through the same proxy.
            let concerns = |line: &String| line.contains(namespace) || !line.contains(r#""level":"INFO""#);
            let lines = proxies.iter().flat_map(|(proxied, mark)| proxied.logs(*mark));
            found.logs.extend(lines.filter(concerns));
        }
        found.logs.drain(..found.logs.len().saturating_sub(LOG_LINES));
        found
    }

    async fn examine_driver(&self, satisfied: bool) -> Found {
        let Kind::Processes(processes) = &self.all.kind else { return Found::default() };
        let mut found = Found::default();
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let supervised = [Some(&processes.shared), processes.second.get()];
        for (supervised, watch) in supervised.into_iter().zip(&watches) {
            let (Some(supervised), Some(watch)) = (supervised, watch) else { continue };
            found.crash = found.crash.or(supervised.examine(watch, satisfied).await);
        }
        if satisfied && found.crash.is_none() {
            return found;
        }
        for process in &own {
            let Some(crash) = process.crash().await else { continue };
            let told = crash.tell("a driver that the case had started");
            if crash.quiet {
                found.note = Some(told.lines().next().unwrap_or_default().to_owned());
            } else {
                found.crash = found.crash.or(Some(told));
            }
        }
        found.logs = if own.is_empty() {
            watches.iter().flatten().flat_map(Watch::logs).collect()
        } else {
            own.iter().flat_map(|process| process.lines().snapshot()).collect()
        };
        found
    }

    /// The second instance itself, without a proxy.
    async fn second_direct(&self) -> Result<Endpoint, Failure> {
        let begun = |status| Failure::from(status).during("starting a second instance");
        match &self.all.kind {
            Kind::Elsewhere(_) => Err(Failure::harness("an endpoint has one instance")),
            Kind::Launched { launch, second, .. } => {
                let second = second.get_or_try_init(|| async {
                    let endpoint = launch();
                    bring_up(&endpoint, &self.all.settings, Before::New).await.map(|()| endpoint)
                });
                Ok(second.await.map_err(begun)?.clone())
            }
            Kind::Processes(processes) => {
                let Processes { driver, budget, second, .. } = &**processes;
                let started = second.get_or_try_init(|| {
                    let who = "the second instance of the driver";
                    Supervised::start(Arc::clone(driver), who, budget.clone(), SECOND_LIMIT)
                });
                let second = started
                    .await
                    .map_err(|why| Failure::harness(why).during("starting a second instance"))?;
                let watch = second.watch().await;
                self.watches.lock().unwrap_or_else(PoisonError::into_inner)[1] = Some(watch);
                Ok(second.endpoint())
            }
        }
    }

    /// The case's own instance itself, without a proxy.
    async fn fresh_direct(&self) -> Result<Endpoint, Failure> {
        Ok(match &self.all.kind {
            Kind::Launched { launch, .. } => launch(),
            Kind::Processes(processes) => {
                let process = processes.driver.launch().await;
                let process =
                    process.map_err(|why| Failure::harness(why).during("starting a fresh instance"))?;
                self.own.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&process));
                processes.stopping.lease(process)
            }
            Kind::Elsewhere(endpoint) => {
                // The engine runs such cases alone, and revives the driver afterwards.
                match Lifecycle::new(endpoint.layer(Seam::namespace(PROBE))).stop().await {
                    Ok(()) => endpoint.clone(),
                    Err(status) if status.code() == Code::FailedPrecondition => endpoint.clone(),
                    Err(status) => {
                        return Err(Failure::from(status).during("stopping the driver for a fresh start"));
                    }
                }
            }
        })
    }

    /// Notes that the case calls through a proxy.
    fn uses(&self, proxied: &Arc<Proxied>, mark: usize) {
        let mut proxies = self.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        proxies.push((Arc::clone(proxied), mark));
    }
}

#[async_trait]
impl Instances for CaseInstances {
    fn bench(&self) -> Option<Arc<dyn Bench>> {
        self.all.composed.as_ref().map(|composed| Arc::clone(&composed.bench))
    }

    async fn second(&self) -> Result<Endpoint, Failure> {
        let direct = self.second_direct().await?;
        let Some(proxies) = &self.all.proxies else { return Ok(direct) };
        let proxied = proxies.second.get_or_try_init(|| proxies.front.start(direct)).await;
        let proxied = proxied.map_err(|why| Failure::harness(why).during("starting a second instance"))?;
        self.uses(proxied, proxied.mark());
        Ok(proxied.endpoint())
    }

    async fn fresh(&self) -> Result<FreshInstance, Failure> {
        let mut endpoint = self.fresh_direct().await?;
        if let Some(proxies) = &self.all.proxies {
            let proxied = proxies.front.start(endpoint).await;
            let proxied = proxied.map_err(|why| Failure::harness(why).during("starting a fresh instance"))?;
            self.uses(&proxied, 0);
            endpoint = proxies.front.lease(proxied);
        }
        Ok(FreshInstance { endpoint, settings: self.all.settings.clone() })
    }
}
