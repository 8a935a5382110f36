//! The lifecycle state machine and its service.

use crate::{Driver, DriverInfo, RunningDriver, Settings, life::Life};
use prism_interfaces::{
    Fault, Namespace,
    contract::v1::Reason,
    lifecycle::v1::{
        DescribeRequest, DescribeResponse, DrainRequest, DrainResponse, DropNamespaceRequest,
        DropNamespaceResponse, Health, HealthCheckRequest, HealthCheckResponse, InitializeRequest,
        InitializeResponse, StartRequest, StartResponse, StopRequest, StopResponse,
        lifecycle_server::Lifecycle,
    },
    time,
};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tonic::{Request, Response, Status, service::Routes};

/// How long Drain waits where the caller does not say.
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a health check may take before the server counts as out of reach.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// Where in its life a driver is.
#[derive(Clone)]
pub(crate) enum Phase {
    Created,
    Initialized(Settings),
    Starting,
    Running(Arc<Started>),
    Draining(Arc<Started>),
    Drained(Arc<Started>),
    Stopped,
}

/// A started driver with its routes and what is in flight.
pub(crate) struct Started {
    pub(crate) running: RunningDriver,
    pub(crate) routes: Routes,
    pub(crate) life: Arc<Life>,
    pub(crate) server_version: String,
}

impl Phase {
    fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Initialized(_) => "initialized",
            Self::Starting => "starting",
            Self::Running(_) => "running",
            Self::Draining(_) => "draining",
            Self::Drained(_) => "drained",
            Self::Stopped => "stopped",
        }
    }
}

/// A driver and where in its life it is.
pub(crate) struct Machine {
    driver: Box<dyn Driver>,
    info: DriverInfo,
    phase: RwLock<Phase>,
}

fn out_of_order(call: &str, phase: &Phase) -> Status {
    Fault::failed_precondition(
        Reason::LifecycleState,
        format!("{call} is not possible while the driver is {}", phase.name()),
    )
    .into()
}

impl Machine {
    pub(crate) fn new(driver: Box<dyn Driver>) -> Self {
        let info = driver.info();
        Self { driver, info, phase: RwLock::new(Phase::Created) }
    }

    pub(crate) fn info(&self) -> &DriverInfo {
        &self.info
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves on if `step` says where to from here; the check and the move are one.
    fn advance<T>(&self, step: impl FnOnce(&Phase) -> Result<(Phase, T), Status>) -> Result<T, Status> {
        let mut phase = self.phase.write().unwrap_or_else(PoisonError::into_inner);
        let (next, result) = step(&phase)?;
        *phase = next;
        Ok(result)
    }

    /// The started driver, where it takes calls.
    pub(crate) fn started(&self) -> Result<Arc<Started>, Status> {
        match &*self.phase.read().unwrap_or_else(PoisonError::into_inner) {
            Phase::Running(started) | Phase::Draining(started) | Phase::Drained(started) => {
                Ok(Arc::clone(started))
            }
            phase => Err(out_of_order("a call", phase)),
        }
    }
}

#[tonic::async_trait]
impl Lifecycle for Machine {
    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        Ok(Response::new(DescribeResponse {
            name: self.info.name.to_owned(),
            version: self.info.version.to_owned(),
            server_version: self.started().map(|started| started.server_version.clone()).unwrap_or_default(),
            interfaces: self.driver.described(),
        }))
    }

    async fn initialize(
        &self,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        self.advance(|phase| match phase {
            Phase::Created | Phase::Stopped => {
                let settings = Settings::new(self.info.settings, request.into_inner().settings)?;
                self.driver.check(&settings)?;
                Ok((Phase::Initialized(settings), ()))
            }
            other => Err(out_of_order("Initialize", other)),
        })?;
        Ok(Response::new(InitializeResponse {}))
    }

    async fn start(&self, _: Request<StartRequest>) -> Result<Response<StartResponse>, Status> {
        let settings = self.advance(|phase| match phase {
            Phase::Initialized(settings) => Ok((Phase::Starting, settings.clone())),
            other => Err(out_of_order("Start", other)),
        })?;
        // Where the caller goes away while the driver connects, the driver is as it was before.
        let mut back = Rollback { machine: self, phase: Some(Phase::Initialized(settings.clone())) };
        let running = self.driver.start(&settings).await?;
        back.phase = None;
        let started = Started {
            routes: running.routes().prepare(),
            server_version: running.server_version(),
            running,
            life: Life::new(),
        };
        self.advance(|_| Ok((Phase::Running(Arc::new(started)), ())))?;
        Ok(Response::new(StartResponse {}))
    }

    async fn drain(&self, request: Request<DrainRequest>) -> Result<Response<DrainResponse>, Status> {
        let timeout = match request.into_inner().timeout {
            None => DEFAULT_DRAIN_TIMEOUT,
            Some(timeout) => time::to_std(&timeout).ok_or_else(|| {
                Fault::invalid_argument(Reason::ArgumentInvalid, "`timeout` is negative").field("timeout")
            })?,
        };
        let started = self.advance(|phase| match phase {
            Phase::Running(started) => Ok((Phase::Draining(Arc::clone(started)), Arc::clone(started))),
            other => Err(out_of_order("Drain", other)),
        })?;
        // In this order: no new calls are let in before the driver is told.
        let (calls, work) = tokio::join!(started.life.drain(timeout), started.running.drain(timeout));
        let (drained, aborted) = (calls.0 + work.0, calls.1 + work.1);
        self.advance(|phase| {
            // Stop may have come in between.
            let next = if let Phase::Draining(started) = phase {
                Phase::Drained(Arc::clone(started))
            } else {
                phase.clone()
            };
            Ok((next, ()))
        })?;
        Ok(Response::new(DrainResponse { drained, aborted }))
    }

    async fn stop(&self, _: Request<StopRequest>) -> Result<Response<StopResponse>, Status> {
        let started = self.advance(|phase| match phase {
            Phase::Created | Phase::Stopped | Phase::Starting => Err(out_of_order("Stop", phase)),
            Phase::Initialized(_) => Ok((Phase::Stopped, None)),
            Phase::Running(started) | Phase::Draining(started) | Phase::Drained(started) => {
                Ok((Phase::Stopped, Some(Arc::clone(started))))
            }
        })?;
        if let Some(started) = started {
            started.life.cut();
            started.running.stop().await;
        }
        Ok(Response::new(StopResponse {}))
    }

    async fn health_check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let (health, message) = match self.phase() {
            Phase::Running(started) => {
                match tokio::time::timeout(HEALTH_TIMEOUT, started.running.health()).await {
                    Ok(Ok(())) => (Health::Healthy, String::new()),
                    Ok(Err(message)) => (Health::Unhealthy, message),
                    Err(_) => (Health::Unhealthy, "the server does not answer".to_owned()),
                }
            }
            phase => (Health::NotRunning, format!("the driver is {}", phase.name())),
        };
        Ok(Response::new(HealthCheckResponse { health: health.into(), message }))
    }

    async fn drop_namespace(
        &self,
        request: Request<DropNamespaceRequest>,
    ) -> Result<Response<DropNamespaceResponse>, Status> {
        let namespace = crate::namespace(&request)?;
        let started = match self.phase() {
            Phase::Running(started) => started,
            phase => return Err(out_of_order("DropNamespace", &phase)),
        };
        started.running.drop_namespace(&namespace).await?;
        Ok(Response::new(DropNamespaceResponse {}))
    }
}

/// Puts a phase back when it is dropped, unless it was taken out before.
struct Rollback<'a> {
    machine: &'a Machine,
    phase: Option<Phase>,
}

impl Drop for Rollback<'_> {
    fn drop(&mut self) {
        if let Some(phase) = self.phase.take() {
            *self.machine.phase.write().unwrap_or_else(PoisonError::into_inner) = phase;
        }
    }
}

/// The namespace of a lifecycle call, which is only looked at where it is needed.
pub(crate) fn header_namespace<T>(request: &Request<T>) -> Result<Namespace, Status> {
    let value = request.metadata().get(prism_interfaces::NAMESPACE_HEADER);
    let parsed = match value {
        None => Err(prism_interfaces::NamespaceError::Missing),
        Some(value) => {
            value.to_str().map_err(|_| prism_interfaces::NamespaceError::Malformed).and_then(Namespace::new)
        }
    };
    parsed.map_err(|error| crate::host::namespace_fault(error).into())
}
