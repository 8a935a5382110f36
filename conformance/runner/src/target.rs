//! A driver that runs, ready for cases.

use async_trait::async_trait;
use prism_interfaces::{
    Endpoint,
    testing::v1::{NowRequest, clock_client::ClockClient},
    traits::Declaration,
};
use prism_suites::{Effort, Failure, FreshInstance, Instances, Seam, Watchdog, client::Lifecycle};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{OnceCell, Semaphore};
use tonic::{Code, Status};

/// Makes driver instances that have not been started.
pub type Launcher = Arc<dyn Fn() -> Endpoint + Send + Sync>;

/// How a target's driver is reached.
#[derive(Clone)]
pub enum DriverAccess {
    /// As many instances as are wanted.
    Launch(Launcher),
    /// One instance that somebody else runs.
    Endpoint(Endpoint),
}

/// A started driver.
pub struct Target {
    /// As in the plan.
    pub label: String,
    /// What the backend declares.
    pub declaration: Arc<Declaration>,
    /// The instance that all cases share.
    pub endpoint: Endpoint,
    /// Whether it serves the clock of tests.
    pub clock: bool,
    /// How much generated cases do.
    pub effort: Effort,
    /// What one round trip to the server costs.
    pub call_cost: Duration,
    /// The version of the driver, as it says itself.
    pub driver_version: String,
    /// The version of the server, as the driver says.
    pub server_version: String,
    /// How many cases may work at once.
    pub slots: Arc<Semaphore>,
    /// Notices when the machine was asleep.
    pub watchdog: Watchdog,
    instances: Arc<TargetInstances>,
}

/// What a target needs to know beside how to reach its driver.
pub struct TargetSpec {
    /// As in the plan.
    pub label: String,
    /// What the backend declares.
    pub declaration: Declaration,
    /// What to initialize the driver with.
    pub settings: BTreeMap<String, String>,
    /// How many cases may work at once.
    pub concurrency: usize,
    /// How much generated cases do; `None` to let the cost of a call decide.
    pub effort: Option<Effort>,
}

/// The first pause between two attempts to start a driver.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How many round trips are measured.
const PROBES: usize = 15;

impl Target {
    /// Starts the driver and asks what it is. Tries again until `patience` has passed, because a server that was just
    /// started may not be ready; an error that trying again cannot help ends it at once.
    pub async fn start(
        spec: TargetSpec,
        access: DriverAccess,
        watchdog: Watchdog,
        patience: Duration,
    ) -> Result<Self, String> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        let endpoint = loop {
            let endpoint = match &access {
                DriverAccess::Launch(launch) => launch(),
                DriverAccess::Endpoint(endpoint) => endpoint.clone(),
            };
            let shared = matches!(access, DriverAccess::Endpoint(_));
            match bring_up(&endpoint, &spec.settings, shared).await {
                Ok(()) => break endpoint,
                Err(status) if worth_trying_again(&status) && began.elapsed() < patience => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(500));
                }
                Err(status) => return Err(explain(&status)),
            }
        };
        let lifecycle = Lifecycle::new(endpoint.clone());
        let described =
            lifecycle.describe().await.map_err(|status| format!("Describe failed: {}", explain(&status)))?;
        let call_cost = call_cost(&lifecycle)
            .await
            .map_err(|status| format!("HealthCheck failed: {}", explain(&status)))?;
        let effort = spec.effort.unwrap_or(match call_cost {
            cost if cost < Duration::from_micros(60) => Effort::Thorough,
            cost if cost < Duration::from_millis(1) => Effort::Standard,
            _ => Effort::Quick,
        });
        let instances = TargetInstances { access, settings: spec.settings, second: OnceCell::new() };
        Ok(Self {
            label: spec.label,
            declaration: Arc::new(spec.declaration),
            clock: has_clock(&endpoint).await,
            endpoint,
            effort,
            call_cost,
            driver_version: described.version,
            server_version: described.server_version,
            slots: Arc::new(Semaphore::new(spec.concurrency)),
            watchdog,
            instances: Arc::new(instances),
        })
    }

    /// Makes further instances.
    pub fn instances(&self) -> Arc<dyn Instances> {
        Arc::clone(&self.instances) as Arc<dyn Instances>
    }

    /// Whether there can be more than one instance.
    pub fn can_launch(&self) -> bool {
        matches!(self.instances.access, DriverAccess::Launch(_))
    }

    /// Puts a driver that a case may have stopped back into service; needed where there is one instance for all.
    pub async fn revive(&self) -> Result<(), String> {
        let _ = Lifecycle::new(self.endpoint.clone()).stop().await;
        bring_up(&self.endpoint, &self.instances.settings, true).await.map_err(|status| explain(&status))
    }

    /// Stops what was launched. An endpoint of somebody else's stays as it is.
    pub async fn stop(&self) {
        if self.can_launch() {
            for endpoint in [Some(&self.endpoint), self.instances.second.get()].into_iter().flatten() {
                let _ = Lifecycle::new(endpoint.clone()).stop().await;
            }
        }
    }
}

async fn bring_up(
    endpoint: &Endpoint,
    settings: &BTreeMap<String, String>,
    shared: bool,
) -> Result<(), Status> {
    let lifecycle = Lifecycle::new(endpoint.clone().layer(Seam::bare()));
    // An endpoint may be running already; whatever state it is in, it has to end up healthy.
    let tolerate = |result: Result<(), Status>| match result {
        Err(status) if shared && status.code() == Code::FailedPrecondition => Ok(()),
        other => other,
    };
    tolerate(lifecycle.initialize(settings).await)?;
    tolerate(lifecycle.start().await)?;
    let (health, message) = lifecycle.health().await?;
    if health != prism_interfaces::lifecycle::v1::Health::Healthy {
        return Err(Status::unavailable(format!("the driver is not healthy: {message}")));
    }
    Ok(())
}

fn worth_trying_again(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Aborted | Code::ResourceExhausted
    )
}

/// A status with the reasons behind it, in one line.
fn explain(status: &Status) -> String {
    let mut text = prism_suites::verdict::describe(status);
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

/// The median of a few health checks, each of which goes to the server and back.
async fn call_cost(lifecycle: &Lifecycle) -> Result<Duration, Status> {
    let mut costs = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        let start = Instant::now();
        lifecycle.health().await?;
        costs.push(start.elapsed());
    }
    costs.sort_unstable();
    Ok(costs[PROBES / 2])
}

async fn has_clock(endpoint: &Endpoint) -> bool {
    ClockClient::new(endpoint.layer(Seam::namespace("prism-probe"))).now(NowRequest {}).await.is_ok()
}

struct TargetInstances {
    access: DriverAccess,
    settings: BTreeMap<String, String>,
    second: OnceCell<Endpoint>,
}

#[async_trait]
impl Instances for TargetInstances {
    async fn second(&self) -> Result<Endpoint, Failure> {
        let DriverAccess::Launch(launch) = &self.access else {
            return Err(Failure::harness("an endpoint has one instance"));
        };
        let second = self.second.get_or_try_init(|| async {
            let endpoint = launch();
            bring_up(&endpoint, &self.settings, false).await.map(|()| endpoint)
        });
        Ok(second.await.map_err(|status| Failure::from(status).during("starting a second instance"))?.clone())
    }

    async fn fresh(&self) -> Result<FreshInstance, Failure> {
        let endpoint = match &self.access {
            DriverAccess::Launch(launch) => launch(),
            DriverAccess::Endpoint(endpoint) => {
                // The engine runs such cases alone, and revives the driver afterwards.
                match Lifecycle::new(endpoint.clone()).stop().await {
                    Ok(()) => endpoint.clone(),
                    Err(status) if status.code() == Code::FailedPrecondition => endpoint.clone(),
                    Err(status) => {
                        return Err(Failure::from(status).during("stopping the driver for a fresh start"));
                    }
                }
            }
        };
        Ok(FreshInstance { endpoint, settings: self.settings.clone() })
    }
}
