//! A driver that runs, ready for cases.

use crate::{
    driver::{
        CommandDriver,
        bring_up::{Before, PROBE, bring_up_patiently, explain},
    },
    instances::TargetInstances,
    pattern::Composed,
    proxied::ProxyCommand,
};
use prism_interfaces::{
    Endpoint,
    lifecycle::v1::DescribeResponse,
    testing::v1::{NowRequest, clock_client::ClockClient},
    traits::Declaration,
};
use prism_suites::{Effort, Seam, Watchdog, client::Lifecycle};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;
use tonic::Status;

/// Makes driver instances that have not been started.
pub type Launcher = Arc<dyn Fn() -> Endpoint + Send + Sync>;

/// How a target's driver is reached.
#[derive(Clone)]
pub enum DriverAccess {
    /// As many instances as are wanted.
    Launch(Launcher),
    /// As many instances as are wanted, each in a process of its own.
    Command(Arc<CommandDriver>),
    /// One instance that somebody else runs.
    Endpoint(Endpoint),
    /// A pattern over running backends.
    Pattern(Arc<Composed>),
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
    /// What the driver says of itself.
    pub described: DescribeResponse,
    /// How many cases may work at once.
    pub slots: Arc<Semaphore>,
    /// Notices when the machine was asleep.
    pub watchdog: Watchdog,
    pub(crate) instances: Arc<TargetInstances>,
}

/// What a target needs to know beside how to reach its driver.
pub struct TargetSpec {
    /// As in the plan.
    pub label: String,
    /// What the backend declares.
    pub declaration: Declaration,
    /// What to initialize the driver with; one that is a process brings its own.
    pub settings: BTreeMap<String, String>,
    /// How many cases may work at once.
    pub concurrency: usize,
    /// How much generated cases do; `None` to let the cost of a call decide.
    pub effort: Option<Effort>,
    /// The proxy that every call of a case goes through; `None` for none.
    pub proxy: Option<ProxyCommand>,
}

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
        let TargetSpec { label, declaration, settings, concurrency, effort, proxy } = spec;
        let mut instances = start(access, settings, patience).await?;
        if let Some(proxy) = proxy {
            instances = instances.through(proxy).await?;
        }
        let endpoint = instances.shared();
        // A proxy routes by the namespace, so even these calls have one.
        let lifecycle = Lifecycle::new(endpoint.layer(Seam::namespace(PROBE)));
        let described =
            lifecycle.describe().await.map_err(|status| format!("Describe failed: {}", explain(&status)))?;
        let call_cost = call_cost(&lifecycle)
            .await
            .map_err(|status| format!("HealthCheck failed: {}", explain(&status)))?;
        let effort = effort.unwrap_or(match call_cost {
            cost if cost < Duration::from_micros(60) => Effort::Thorough,
            cost if cost < Duration::from_millis(1) => Effort::Standard,
            _ => Effort::Quick,
        });
        Ok(Self {
            label,
            declaration: Arc::new(declaration),
            clock: has_clock(&endpoint).await,
            endpoint,
            effort,
            call_cost,
            described,
            slots: Arc::new(Semaphore::new(concurrency)),
            watchdog,
            instances: Arc::new(instances),
        })
    }

    /// Whether there can be more than one instance.
    pub fn can_launch(&self) -> bool {
        self.instances.can_launch()
    }

    /// Puts a driver that a case may have stopped back into service; needed where there is one instance for all.
    pub async fn revive(&self) -> Result<(), String> {
        self.instances.revive().await
    }

    /// Stops what was launched; processes are asked to end, and killed when they have not after 5 s. An endpoint of
    /// somebody else's stays as it is.
    pub async fn stop(&self) {
        self.instances.stop().await;
    }
}

/// Starts the instance that cases share.
pub(crate) async fn start(
    access: DriverAccess,
    settings: BTreeMap<String, String>,
    patience: Duration,
) -> Result<TargetInstances, String> {
    match access {
        DriverAccess::Command(driver) => TargetInstances::start_process(driver, patience).await,
        DriverAccess::Launch(launch) => {
            let new = Before::New;
            let shared = bring_up_patiently(|| launch(), &settings, new, new, patience).await?;
            Ok(TargetInstances::launched(launch, shared, settings))
        }
        DriverAccess::Pattern(composed) => {
            let (launch, new) = (Arc::clone(&composed.launch), Before::New);
            let shared = bring_up_patiently(|| launch(), &settings, new, new, patience).await?;
            Ok(TargetInstances::launched(launch, shared, settings).over(composed))
        }
        DriverAccess::Endpoint(endpoint) => {
            let any = Before::Anything;
            bring_up_patiently(|| endpoint.clone(), &settings, any, any, patience).await?;
            Ok(TargetInstances::elsewhere(endpoint, settings))
        }
    }
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
    ClockClient::new(endpoint.layer(Seam::namespace(PROBE))).now(NowRequest {}).await.is_ok()
}
