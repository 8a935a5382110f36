//! The way through a proxy: a process of the proxy in front of an instance of the driver.
//!
//! The instance is served on a Unix socket of this process, which is all that the proxy knows of it; so every kind of
//! driver can be behind it, and one that is started again stays behind the same proxy.

use crate::{
    bridge::Bridge,
    driver::{Ending, Stopping, channel},
    lines::with_lines,
    process::{RunningProcess, Spawn},
};
use async_trait::async_trait;
use prism_interfaces::Endpoint;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long a proxy may take from its start to the line that says where it listens.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Who it is, in messages.
const WHO: &str = "the proxy";

/// How the proxy is started; `--config FILE` is added to the arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyCommand {
    /// Its program.
    pub program: PathBuf,
    /// What comes before `--config FILE`.
    pub arguments: Vec<String>,
}

/// Proxies in front of the instances of a driver.
pub(crate) struct Front {
    command: ProxyCommand,
    stopping: Stopping,
}

/// One proxy process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Proxied {
    // Dropped before the folder with its configuration.
    process: RunningProcess,
    endpoint: Endpoint,
    /// Serves the instance to it.
    bridge: Bridge,
    asked_to_end: AtomicBool,
    _workdir: TempDir,
}

impl Front {
    pub(crate) fn new(command: ProxyCommand) -> Self {
        Self { command, stopping: Stopping::default() }
    }

    /// Starts a proxy in front of an instance.
    pub(crate) async fn start(&self, instance: Endpoint) -> Result<Arc<Proxied>, String> {
        Proxied::start(&self.command, instance).await.map(Arc::new).map_err(|why| format!("{WHO} {why}"))
    }

    /// The endpoint of a proxy that is asked to end when the last clone of the endpoint is gone.
    pub(crate) fn lease(&self, proxied: Arc<Proxied>) -> Endpoint {
        self.stopping.lease(proxied)
    }

    /// Waits until all that were leased have ended.
    pub(crate) async fn finish(&self) {
        self.stopping.finish().await;
    }
}

impl Proxied {
    async fn start(command: &ProxyCommand, instance: Endpoint) -> Result<Self, String> {
        let cannot = |what: &str, error: std::io::Error| format!("cannot be started: {what}: {error}");
        let workdir = tempfile::tempdir().map_err(|error| cannot("no temporary folder", error))?;
        let socket = workdir.path().join("driver.sock");
        let bridge = Bridge::open(instance, &socket, "the driver behind the proxy");
        let bridge = bridge.map_err(|error| cannot("no socket", error))?;
        let config = workdir.path().join("proxy.yaml");
        std::fs::write(&config, configuration(&socket)).map_err(|error| cannot("no configuration", error))?;
        let mut arguments = command.arguments.clone();
        arguments.extend(["--config".to_owned(), config.display().to_string()]);
        let spawn = Spawn {
            program: &command.program,
            arguments: &arguments,
            env: &BTreeMap::new(),
            folder: workdir.path(),
        };
        let process = spawn.start()?;
        let uri = listening(&process).await?;
        let builder = tonic::transport::Endpoint::from_shared(uri)
            .map_err(|error| format!("cannot be reached: {error}"))?;
        let asked_to_end = AtomicBool::new(false);
        Ok(Self { process, endpoint: channel(builder), bridge, asked_to_end, _workdir: workdir })
    }

    /// How many lines it has written so far.
    pub(crate) fn mark(&self) -> usize {
        self.process.lines().mark()
    }

    /// What it wrote since, as far as it is kept.
    pub(crate) fn logs(&self, mark: usize) -> Vec<String> {
        self.process.lines().since(mark).into_iter().map(|line| format!("{WHO}: {line}")).collect()
    }

    /// How it ended, if it did so unasked, with its last lines.
    pub(crate) fn crash(&self) -> Option<String> {
        let how = self.process.exit_status().filter(|_| !self.asked_to_end.load(Ordering::SeqCst))?;
        Some(with_lines(format!("{WHO} {how} during the run"), &self.process.logs()))
    }
}

#[async_trait]
impl Ending for Proxied {
    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Has it drain, and kills it when it has not ended after 5 s.
    async fn end(&self) {
        self.asked_to_end.store(true, Ordering::SeqCst);
        if let Err(error) = self.process.stop().await {
            tracing::warn!(error, "a proxy was left behind");
        }
        self.bridge.close();
    }
}

/// Every namespace goes to the instance.
fn configuration(socket: &Path) -> String {
    format!(
        "listen: 127.0.0.1:0\n\
         admin: 127.0.0.1:0\n\
         drain_timeout: 2s\n\
         upstreams:\n\
         \x20 driver:\n\
         \x20   endpoint: \"unix:{}\"\n\
         \x20   connect_timeout: 20s\n\
         \x20   backoff: {{ first: 10ms, max: 200ms }}\n\
         namespaces:\n\
         \x20 - {{ prefix: \"*\", upstream: driver }}\n",
        socket.display()
    )
}

/// Waits for the line `listen=ADDRESS admin=ADDRESS` that a proxy begins with.
async fn listening(process: &RunningProcess) -> Result<String, String> {
    const PAUSE: Duration = Duration::from_millis(5);
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let lines = process.logs();
        let told = lines.iter().find_map(|line| line.strip_prefix("listen=")?.split(' ').next());
        if let Some(address) = told {
            return Ok(format!("http://{address}"));
        }
        if let Some(how) = process.exit_status() {
            return Err(with_lines(format!("{how} before it listened"), &lines));
        }
        if Instant::now() > deadline {
            let sentence = format!("did not say within {} s where it listens", READY_WITHIN.as_secs());
            return Err(with_lines(sentence, &lines));
        }
        sleep(PAUSE).await;
    }
}
