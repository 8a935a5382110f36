//! An upstream that is a process of the proxy's: started, brought to life, watched, and started again when it ends.

use super::{Upstream, pattern};
use crate::config::{PatternConfig, ProcessConfig, UpstreamAddress, UpstreamConfig};
use prism_interfaces::{
    contract::v1::Reason,
    fault,
    lifecycle::v1::{InitializeRequest, StartRequest, lifecycle_client::LifecycleClient},
};
use prism_process::{RunningProcess, Spawn, find_program, free_port, lines::with_lines};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

/// How long a process has until it answers and has started.
const START_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked until then.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// How a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It has been started for the first time and does not answer yet.
    Starting,
    /// It serves.
    Ready,
    /// It has ended, or does not come to life; the text says why, with its last lines.
    Failed(String),
}

/// How long a process that is no pattern has to end when it is asked to.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Keeps one process.
pub(super) struct Supervisor {
    name: String,
    process: ProcessConfig,
    /// Where it is a pattern.
    pattern: Option<PatternConfig>,
    /// What it stands on, by slot; held until its process has ended, so that they end after it.
    under: Vec<(String, Arc<Upstream>)>,
    backoff: (Duration, Duration),
    place: Result<Place, String>,
    readiness: watch::Sender<Readiness>,
}

/// Where the process listens, and works if the configuration is no file.
pub(super) struct Place {
    pub(super) folder: TempDir,
    /// `None` where it listens at `address`.
    socket: Option<PathBuf>,
    /// As the process is told: `127.0.0.1:port`, or `unix:/path`.
    pub(super) told: String,
}

impl Place {
    fn new(process: &ProcessConfig, is_pattern: bool) -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut texts = process.command.iter().chain(process.env.values());
        if is_pattern || texts.any(|text| text.contains("{socket}")) {
            let socket = folder.path().join("driver.sock");
            let told = format!("unix:{}", socket.display());
            return Ok(Self { folder, socket: Some(socket), told });
        }
        let told = format!("127.0.0.1:{}", free_port()?);
        Ok(Self { folder, socket: None, told })
    }

    fn fill(&self, text: &str) -> String {
        let text = text.replace("{address}", &self.told);
        self.socket
            .as_ref()
            .map_or(text.clone(), |path| text.replace("{socket}", &path.display().to_string()))
    }
}

impl Supervisor {
    pub(super) fn of_process(process: ProcessConfig, config: &UpstreamConfig) -> Self {
        Self::new(process, None, config, Vec::new())
    }

    pub(super) fn of_pattern(
        pattern: PatternConfig,
        config: &UpstreamConfig,
        under: Vec<(String, Arc<Upstream>)>,
    ) -> Self {
        let process = ProcessConfig {
            command: pattern::command(&pattern),
            settings: pattern.parameters.clone(),
            env: std::collections::BTreeMap::new(),
            folder: None,
        };
        Self::new(process, Some(pattern), config, under)
    }

    fn new(
        process: ProcessConfig,
        pattern: Option<PatternConfig>,
        config: &UpstreamConfig,
        under: Vec<(String, Arc<Upstream>)>,
    ) -> Self {
        let place = Place::new(&process, pattern.is_some());
        let place = place.map_err(|error| format!("no place for a process: {error}"));
        Self {
            name: config.name.clone(),
            process,
            pattern,
            under,
            backoff: (config.backoff_first, config.backoff_max),
            place,
            readiness: watch::Sender::new(Readiness::Starting),
        }
    }

    /// Where it listens whenever it runs.
    pub(super) fn address(&self) -> UpstreamAddress {
        match &self.place {
            Ok(Place { socket: Some(path), .. }) => UpstreamAddress::Unix(path.clone()),
            Ok(place) => UpstreamAddress::Tcp(place.told.clone()),
            Err(_) => UpstreamAddress::Process(self.process.clone()),
        }
    }

    pub(super) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    /// Runs until it is stopped, and ends the process then.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut failures = 0_u32;
        loop {
            let started = tokio::select! {
                () = stop.cancelled() => return,
                started = self.start() => started,
            };
            let why = match started {
                Ok(process) => {
                    tracing::info!(upstream = self.name, "the process serves");
                    self.readiness.send_replace(Readiness::Ready);
                    let since = Instant::now();
                    let how = tokio::select! {
                        how = process.ended() => how,
                        () = stop.cancelled() => {
                            return self.end(&process).await;
                        }
                    };
                    if since.elapsed() >= self.backoff.1 {
                        failures = 0;
                    }
                    with_lines(format!("its process {how}"), &process.logs())
                }
                Err(why) => why,
            };
            tracing::warn!(upstream = self.name, why, "the process does not serve");
            self.readiness.send_replace(Readiness::Failed(why));
            let pause = self.backoff.0.saturating_mul(1 << failures.min(20)).min(self.backoff.1);
            failures = failures.saturating_add(1);
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// Asks the process to end, and kills it when it does not.
    async fn end(&self, process: &RunningProcess) {
        // A pattern drains, and bounds that itself.
        let patience = self.pattern.as_ref().map_or(END_WITHIN, pattern::ends_within);
        match process.stop_within(patience).await {
            Ok(()) => {
                let how = process.exit_status().unwrap_or_default();
                tracing::info!(upstream = self.name, how, "the process has ended");
            }
            Err(error) => tracing::warn!(upstream = self.name, error, "the process was left behind"),
        }
    }

    /// Starts the process and brings it to life; what does not come to life is killed.
    async fn start(&self) -> Result<RunningProcess, String> {
        let place = self.place.as_ref().map_err(Clone::clone)?;
        for (slot, under) in &self.under {
            under.serves().await.map_err(|why| {
                format!("the upstream `{}` in its slot `{slot}` does not serve: {why}", under.config().name)
            })?;
        }
        let name = &self.process.command[0];
        let search = std::env::var("PATH").unwrap_or_default();
        let program = find_program(name, self.process.folder.as_deref(), &search)?;
        if let Some(socket) = &place.socket {
            // One that was killed has left it behind.
            let _ = std::fs::remove_file(socket);
        }
        let mut arguments: Vec<String> =
            self.process.command[1..].iter().map(|text| place.fill(text)).collect();
        if let Some(pattern) = &self.pattern {
            arguments.extend(pattern::arguments(pattern, &self.under, place)?);
        }
        let mut env: std::collections::BTreeMap<String, String> =
            self.process.env.iter().map(|(name, value)| (name.clone(), place.fill(value))).collect();
        env.insert("PRISM_ADDRESS".to_owned(), place.told.clone());
        let folder = self.process.folder.as_deref().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(place.folder.path());
        let spawn = Spawn { program: &program, arguments: &arguments, env: &env, folder };
        let process = spawn.start().map_err(|error| format!("{name} {error}"))?;
        let failed = tokio::select! {
            biased;
            how = process.ended() => format!("{name} {how} before it served"),
            lives = timeout(START_WITHIN, self.bring_to_life(place)) => match lives {
                Ok(Ok(())) => return Ok(process),
                Ok(Err(status)) => {
                    let at = self.pattern.as_ref().map_or(String::new(), |pattern| format!("{}: ", pattern.place.0));
                    format!("{at}{name} does not start: {}: {}", status.code(), status.message())
                }
                Err(_) => format!("{name} did not answer at {} within {START_WITHIN:?}", place.told),
            },
        };
        Err(with_lines(failed, &process.logs()))
    }

    /// Waits until it answers, and takes it through Initialize and Start. What runs already, or has no lifecycle, is
    /// left as it is.
    async fn bring_to_life(&self, place: &Place) -> Result<(), Status> {
        let uri = match &place.socket {
            Some(_) => place.told.clone(),
            None => format!("http://{}", place.told),
        };
        let channel = Endpoint::from_shared(uri).map_err(|error| Status::internal(error.to_string()))?;
        let mut client: LifecycleClient<Channel> = loop {
            match channel.connect().await {
                Ok(channel) => break LifecycleClient::new(channel),
                // It does not listen yet.
                Err(_) => sleep(ASK_EVERY).await,
            }
        };
        let unfit = Reason::BindingInvalid.as_str_name();
        let lives = |status: &Status| {
            matches!(status.code(), Code::FailedPrecondition | Code::Unimplemented)
                && fault::reason(status).is_none_or(|reason| reason != unfit)
        };
        let settings = self.process.settings.clone().into_iter().collect();
        match client.initialize(InitializeRequest { settings }).await {
            Err(status) if lives(&status) => return Ok(()),
            initialized => initialized?,
        };
        client.start(StartRequest {}).await?;
        Ok(())
    }
}
