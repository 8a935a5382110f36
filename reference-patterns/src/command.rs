//! A pattern as a process: its arguments, its signals, its exit codes.
//!
//! SIGTERM and SIGINT drain and stop it; another of them ends it at once. The exit code is 0 where everything in flight
//! came to its end, 2 where it had to be cut off, and 1 where the pattern did not start or stopped with an error.

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
use prism_process::log;
use prism_slots::Parameters;
use prism_yaml::File;
use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, Write},
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
use tonic::{Code, Request, Status};

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

/// What `--help` says of how it ends.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  everything in flight came to its end
  1  it did not start, or stopped with an error
  2  something had to be cut off, or a second signal came";

/// Serves until a signal ends it. Says on standard error why it did not start.
pub fn run(arguments: Arguments) -> ExitCode {
    let ended = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| {
        let ended = runtime.block_on(serve(arguments));
        // A name that is still being looked up holds up nobody.
        runtime.shutdown_background();
        ended
    });
    match ended {
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
    let (config, file) =
        Config::load(&arguments.config, pattern.spec()).map_err(|problems| problems.plain())?;
    if arguments.check {
        return Ok(ExitCode::SUCCESS);
    }
    log::to_stderr(&arguments.log).map_err(|why| format!("--log: {why}"))?;
    // Before it serves, so that a signal that comes early is not the end of it.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // What cannot be listened on is told before anything is waited for; calls are taken when it has started.
    let listening = listen(&config.listen).await?;
    tracing::info!(pattern = pattern.name, address = listening.address, "asks what is in its slots");
    let slots = tokio::select! {
        slots = bind(pattern, &config) => slots?,
        _ = terminate.recv() => return Ok(withdrawn(&config.listen)),
        _ = interrupt.recv() => return Ok(withdrawn(&config.listen)),
    };
    let endpoint = pattern.launch(slots.clone());
    let mut lifecycle = LifecycleClient::new(endpoint.clone());
    if config.start
        && let Err(why) = start(pattern, &config, &file, &slots, &mut lifecycle).await
    {
        withdrawn(&config.listen);
        return Err(why);
    }
    let address = listening.address.clone();
    let (end, ended) = oneshot::channel();
    let mut served = serve_on(listening, endpoint, async move {
        let _ = ended.await;
    });
    let mut out = io::stdout();
    writeln!(out, "listen={address}")?;
    out.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        // It says why in the log.
        _ = &mut served => {
            shut_down(&mut lifecycle, config.shutdown_timeout).await;
            withdrawn(&config.listen);
            return Ok(ExitCode::FAILURE);
        }
    }
    let code = tokio::select! {
        code = shut_down(&mut lifecycle, config.shutdown_timeout) => code,
        _ = terminate.recv() => at_once(),
        _ = interrupt.recv() => at_once(),
    };
    let _ = end.send(());
    // Connections that stay open have nothing in flight any more.
    let _ = tokio::time::timeout(Duration::from_millis(500), served).await;
    withdrawn(&config.listen);
    Ok(code)
}

/// Initialize and Start, as the file says.
async fn start(
    pattern: &Builtin,
    config: &Config,
    file: &File,
    slots: &Slots,
    lifecycle: &mut LifecycleClient<Endpoint>,
) -> Result<(), Box<dyn Error>> {
    let given = |name: &str| config.parameters.get(name).map(|given| given.value.as_str());
    // The file was checked; what is left to find is what the backends do not have.
    if let Ok(parameters) = Parameters::parse(&pattern.spec().parameters, given) {
        let told = pattern.unfit(slots, &parameters);
        if !told.is_empty() {
            return Err(config.unfit(file, told).plain().into());
        }
    }
    let settings =
        config.parameters.iter().map(|(name, given)| (name.clone(), given.value.clone())).collect();
    let started = async {
        lifecycle.initialize(InitializeRequest { settings }).await?;
        lifecycle.start(StartRequest {}).await
    };
    let started: Result<_, Status> = started.await;
    started.map_err(|status| format!("the pattern did not start: {}", status.message()))?;
    Ok(())
}

/// Takes its socket away, if it is one.
fn withdrawn(listen: &Listen) -> ExitCode {
    if let Listen::Unix(path) = listen {
        let _ = std::fs::remove_file(path);
    }
    ExitCode::SUCCESS
}

/// What a second signal makes of the end.
fn at_once() -> ExitCode {
    tracing::warn!("asked to end again; what is in flight is cut off");
    ExitCode::from(2)
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
            (Err(status), Ok(_)) if status.code() != Code::FailedPrecondition => {
                tracing::warn!(%status, "it was stopped before it had drained");
                ExitCode::from(2)
            }
            // Where it does not run there is nothing to drain.
            (_, Ok(_)) => ExitCode::SUCCESS,
            (Err(_), Err(status)) if status.code() == Code::FailedPrecondition => ExitCode::SUCCESS,
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
async fn bind(pattern: &Builtin, config: &Config) -> Result<Slots, Box<dyn Error>> {
    let mut endpoints = BTreeMap::new();
    for (slot, uri) in &config.slots {
        let uri = &uri.value;
        let endpoint = tonic::transport::Endpoint::from_shared(uri.clone())
            .map_err(|error| format!("slot `{slot}`: `{uri}` is no endpoint: {error}"))?;
        endpoints.insert(slot.clone(), Endpoint::new(endpoint.tcp_nodelay(true).connect_lazy()));
    }
    let deadline = Instant::now() + config.start_timeout;
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

/// A socket that takes connections, and nobody answers them yet.
struct Listening {
    address: String,
    socket: Socket,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

async fn listen(listen: &Listen) -> Result<Listening, Box<dyn Error>> {
    let cannot = |what: &str, error: io::Error| format!("cannot listen on {what}: {error}");
    match listen {
        Listen::Tcp(address) => {
            let listener = TcpListener::bind(address).await.map_err(|error| cannot(address, error))?;
            Ok(Listening { address: listener.local_addr()?.to_string(), socket: Socket::Tcp(listener) })
        }
        Listen::Unix(path) => {
            let text = path.display().to_string();
            let listener = UnixListener::bind(path).map_err(|error| cannot(&text, error))?;
            Ok(Listening { address: format!("unix:{text}"), socket: Socket::Unix(listener) })
        }
    }
}

/// Answers until `ended`.
fn serve_on(
    listening: Listening,
    endpoint: Endpoint,
    ended: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let served = match listening.socket {
            Socket::Tcp(listener) => serve_incoming(endpoint, TcpListenerStream::new(listener), ended).await,
            Socket::Unix(listener) => {
                serve_incoming(endpoint, UnixListenerStream::new(listener), ended).await
            }
        };
        if let Err(error) = served {
            tracing::error!(%error, "the pattern is no longer served");
        }
    })
}
