//! What all the servers of a run have in common.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{OnceCell, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::engine::{self, Engine};

/// What a variable is set to.
type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What provisioning knows of the run and of the machine; cheap to clone.
#[derive(Clone)]
pub struct Context {
    run_id: Arc<str>,
    environment: Arc<Environment>,
    ready_within: Duration,
    start_within: Duration,
    engine: Arc<OnceCell<Result<Engine, String>>>,
    /// Held for reading by every container that is being started.
    starting: Arc<RwLock<()>>,
}

impl Context {
    /// A run on this machine with the environment of this process. The id labels every container of the run.
    pub fn new(run_id: &str) -> Self {
        Self {
            run_id: Arc::from(run_id),
            environment: Arc::new(|name| std::env::var(name).ok()),
            ready_within: Duration::from_mins(1),
            start_within: Duration::from_mins(5),
            engine: Arc::default(),
            starting: Arc::default(),
        }
    }

    /// Another environment: the variables of external servers, `PATH` for finding programs, `DOCKER_HOST` for finding
    /// the container engine. Containers are then started through testcontainers, which reads the environment of this
    /// process itself, so a `DOCKER_HOST` that differs from that one is good only for an engine that does not answer.
    #[must_use]
    pub fn with_environment(
        mut self,
        environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.environment = Arc::new(environment);
        self
    }

    /// How long a server that was started may take to accept connections; a minute if not set.
    #[must_use]
    pub fn with_ready_within(mut self, ready_within: Duration) -> Self {
        self.ready_within = ready_within;
        self
    }

    /// The id of the run.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// A variable of the environment; one that is set to nothing counts as not set.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn ready_within(&self) -> Duration {
        self.ready_within
    }

    /// How long an image may take to be pulled and a container to be started.
    pub(super) fn start_within(&self) -> Duration {
        self.start_within
    }

    /// The container engine, which is asked once in a run whether it is there.
    pub(super) async fn engine(&self) -> &Result<Engine, String> {
        self.engine.get_or_init(|| engine::find(|name| self.variable(name))).await
    }

    /// Says that a container is being started, as long as the guard lives.
    pub(super) async fn start_guard(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.starting).read_owned().await
    }

    /// Waits until no container is being started any more.
    pub(super) async fn no_starts(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.starting).write_owned().await
    }

    /// The engine, if it was asked for before.
    pub(super) fn known_engine(&self) -> Option<&Engine> {
        self.engine.get()?.as_ref().ok()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("run_id", &self.run_id).finish_non_exhaustive()
    }
}
