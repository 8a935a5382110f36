//! A pattern as a process: its arguments, its signals, its exit codes.
//!
//! SIGTERM and SIGINT drain and stop it. The exit code is 0 where everything in flight came to its end, 2 where it had
//! to be cut off, and 1 where the pattern did not start or stopped with an error.

use crate::{
    Builtin, Slots,
    config::{Config, Listen},
    find, steps,
};
use clap::Args;
use prism_driver_kit::serve_incoming;
use prism_interfaces::{
    Endpoint,
    lifecycle::v1::{
        DrainRequest, InitializeRequest, StartRequest, StopRequest, lifecycle_client::LifecycleClient,
    },
    time,
};
use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use tokio::{
    net::{TcpListener, UnixListener},
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    task::JoinHandle,
    time::Instant,
};
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::{Request, Status};
use tracing_subscriber::EnvFilter;

/// How long slots may take to answer for the first time.
const SLOTS_WITHIN: Duration = Duration::from_secs(30);

/// How much longer than the drain the whole end may take.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What a pattern process is told.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The pattern.
    name: String,
    /// The configuration file (YAML).
    #[arg(long, short, env = "PRISM_PATTERN_CONFIG")]
    config: PathBuf,
    /// Checks the configuration and ends.
    #[arg(long)]
    check: bool,
    /// Halts for good at this step of a call, says so, and waits to be killed; for tests of what a crash loses.
    #[arg(long, value_name = "STEP")]
    halt_at: Option<String>,
    /// What is logged to standard error, as `level` or `target=level,…`.
    #[arg(long, env = "PRISM_PATTERN_LOG", default_value = "info")]
    log: String,
}

/// Serves until a signal ends it. Says on standard error why it did not start.
pub async fn run(arguments: Arguments) -> ExitCode {
    match serve(arguments).await {
        Ok(code) => code,
        Err(error) => {
            // Nothing better can be done where standard error is closed.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let names: Vec<&str> = crate::BUILTINS.iter().map(|builtin| builtin.name).collect();
    let pattern = find(&arguments.name)
        .ok_or_else(|| format!("there is no pattern `{}`; there are {}", arguments.name, names.join(", ")))?;
    if let Some(step) = &arguments.halt_at {
        if !pattern.steps.contains(&step.as_str()) {
            let known = pattern.steps.join(", ");
            return Err(format!("--halt-at: `{}` has no step `{step}`; it has: {known}", pattern.name).into());
        }
        steps::halt_at(step);
    }
    let config = Config::load(&arguments.config, pattern.spec()).map_err(|problems| problems.plain())?;
    if arguments.check {
        return Ok(ExitCode::SUCCESS);
    }
    let filter = EnvFilter::try_new(&arguments.log).map_err(|error| format!("--log: {error}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if io::stderr().is_terminal() {
        log.init();
    } else {
        log.json().flatten_event(true).init();
    }
    // Before it serves, so that a signal that comes early is not the end of it.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let slots = bind(pattern, &config.slots).await?;
    let endpoint = pattern.launch(slots);
    let (address, served, end) = listen(&config.listen, endpoint.clone()).await?;
    let mut lifecycle = LifecycleClient::new(endpoint);
    if config.start {
        let settings = config.parameters.clone().into_iter().collect();
        let started = async {
            lifecycle.initialize(InitializeRequest { settings }).await?;
            lifecycle.start(StartRequest {}).await
        };
        let started: Result<_, Status> = started.await;
        started.map_err(|status| format!("the pattern did not start: {}", status.message()))?;
    }
    let mut out = io::stdout();
    writeln!(out, "listen={address}")?;
    out.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    let code = shut_down(&mut lifecycle, config.shutdown_timeout).await;
    let _ = end.send(());
    // Connections that stay open have nothing in flight any more.
    let _ = tokio::time::timeout(Duration::from_millis(500), served).await;
    if let Listen::Unix(path) = &config.listen {
        let _ = std::fs::remove_file(path);
    }
    Ok(code)
}

/// Drains and stops, in bounded time.
async fn shut_down(lifecycle: &mut LifecycleClient<Endpoint>, timeout: Duration) -> ExitCode {
    let ending = async {
        let mut request = Request::new(DrainRequest { timeout: Some(time::from_std(timeout)) });
        request.set_timeout(timeout + STOP_WITHIN);
        let drained = lifecycle.drain(request).await;
        let stopped = lifecycle.stop(StopRequest {}).await;
        match (drained, stopped) {
            (Ok(drained), Ok(_)) if drained.get_ref().aborted > 0 => {
                tracing::warn!(aborted = drained.get_ref().aborted, "calls were cut off");
                ExitCode::from(2)
            }
            // Where it does not run there is nothing to drain.
            (_, Ok(_)) => ExitCode::SUCCESS,
            (Err(_), Err(status)) if status.code() == tonic::Code::FailedPrecondition => ExitCode::SUCCESS,
            (_, Err(status)) => {
                tracing::error!(%status, "the pattern stopped with an error");
                ExitCode::FAILURE
            }
        }
    };
    tokio::time::timeout(timeout + STOP_WITHIN, ending).await.unwrap_or_else(|_| {
        tracing::error!("the pattern did not stop in time");
        ExitCode::from(2)
    })
}

/// Connects to what is bound, and waits until all of it says what it is, or it has had time enough.
async fn bind(pattern: &Builtin, uris: &BTreeMap<String, String>) -> Result<Slots, Box<dyn Error>> {
    let mut endpoints = BTreeMap::new();
    for (slot, uri) in uris {
        let endpoint = tonic::transport::Endpoint::from_shared(uri.clone())
            .map_err(|error| format!("slot `{slot}`: `{uri}` is no endpoint: {error}"))?;
        endpoints.insert(slot.clone(), Endpoint::new(endpoint.tcp_nodelay(true).connect_lazy()));
    }
    let deadline = Instant::now() + SLOTS_WITHIN;
    let mut pause = Duration::from_millis(10);
    loop {
        let slots = pattern.bind(endpoints.clone()).await;
        if slots.iter().all(|slot| slot.described().is_ok()) || Instant::now() > deadline {
            return Ok(slots);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

type Serving = (String, JoinHandle<()>, oneshot::Sender<()>);

async fn listen(listen: &Listen, endpoint: Endpoint) -> Result<Serving, Box<dyn Error>> {
    let (end, ended) = oneshot::channel();
    let ended = async move {
        let _ = ended.await;
    };
    let report = |result: Result<(), tonic::transport::Error>| {
        if let Err(error) = result {
            tracing::error!(%error, "the pattern is no longer served");
        }
    };
    let cannot = |what: &str, error: io::Error| format!("cannot listen on {what}: {error}");
    match listen {
        Listen::Tcp(address) => {
            let listener = TcpListener::bind(address).await.map_err(|error| cannot(address, error))?;
            let address = listener.local_addr()?.to_string();
            let incoming = TcpListenerStream::new(listener);
            let served = tokio::spawn(async move { report(serve_incoming(endpoint, incoming, ended).await) });
            Ok((address, served, end))
        }
        Listen::Unix(path) => {
            let text = path.display().to_string();
            let listener = UnixListener::bind(path).map_err(|error| cannot(&text, error))?;
            let incoming = UnixListenerStream::new(listener);
            let served = tokio::spawn(async move { report(serve_incoming(endpoint, incoming, ended).await) });
            Ok((format!("unix:{text}"), served, end))
        }
    }
}
