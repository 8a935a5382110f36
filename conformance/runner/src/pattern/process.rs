//! A pattern in a process of its own, over slots that this process serves to it on Unix sockets.
//!
//! So every kind of driver can be in its slots, what is between them stays in the hands of the case, and what the
//! backends hold outlives the process.

use super::PatternCommand;
use crate::{
    bridge::Bridge,
    driver::channel,
    lines::with_lines,
    process::{RunningProcess, Spawn},
};
use async_trait::async_trait;
use prism_interfaces::Endpoint;
use prism_suites::{BoundSlots, Failure, PatternProcess};
use std::{collections::BTreeMap, fmt::Write as _, io, path::Path, time::Duration};
use tempfile::TempDir;
use tokio::{
    net::UnixStream,
    time::{Instant, sleep},
};

/// How long a pattern may take from its start to listening.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long it may take from a call to the step at which it halts.
const HALTED_WITHIN: Duration = Duration::from_secs(20);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(2);

struct Started {
    // Dropped before the folder with its configuration and sockets.
    process: RunningProcess,
    endpoint: Endpoint,
    /// Serve the slots to it.
    _bridges: Vec<Bridge>,
    _workdir: TempDir,
}

/// Starts it; it waits for Initialize. Where `halt_at` names a step, it halts for good when it gets there. The error goes on from its name.
pub(super) async fn start(
    command: &PatternCommand,
    builtin: &str,
    slots: BoundSlots,
    halt_at: Option<&str>,
) -> Result<Box<dyn PatternProcess>, String> {
    let cannot = |what: &str, error: io::Error| format!("cannot be started: {what}: {error}");
    let workdir = tempfile::tempdir().map_err(|error| cannot("no temporary folder", error))?;
    let path = |name: &str| workdir.path().join(name);
    let mut bridges = Vec::new();
    let listen = path("listen.sock");
    let mut config = format!("listen: \"unix:{}\"\nstart: false\nslots:\n", listen.display());
    for (index, (slot, endpoint)) in slots.into_iter().enumerate() {
        let socket = path(&format!("{index}.sock"));
        let bridge = Bridge::open(endpoint, &socket, "what is bound to a slot");
        bridges.push(bridge.map_err(|error| cannot("no socket", error))?);
        let _ = writeln!(config, "  {slot}: {{ endpoint: \"unix:{}\" }}", socket.display());
    }
    let file = path("pattern.yaml");
    std::fs::write(&file, config).map_err(|error| cannot("no configuration", error))?;
    let mut arguments = command.arguments.clone();
    arguments.extend([builtin.to_owned(), "--config".to_owned(), file.display().to_string()]);
    if let Some(step) = halt_at {
        arguments.extend(["--halt-at".to_owned(), step.to_owned()]);
    }
    let spawn = Spawn {
        program: &command.program,
        arguments: &arguments,
        env: &BTreeMap::new(),
        folder: workdir.path(),
    };
    let process = spawn.start()?;
    listening(&listen, &process).await?;
    let builder = tonic::transport::Endpoint::from_shared(format!("unix:{}", listen.display()))
        .map_err(|error| format!("cannot be reached: {error}"))?;
    Ok(Box::new(Started { process, endpoint: channel(builder), _bridges: bridges, _workdir: workdir }))
}

/// Waits until its socket takes connections.
async fn listening(socket: &Path, process: &RunningProcess) -> Result<(), String> {
    let deadline = Instant::now() + READY_WITHIN;
    while UnixStream::connect(socket).await.is_err() {
        if let Some(how) = process.exit_status() {
            return Err(with_lines(format!("{how} before it listened"), &process.logs()));
        }
        if Instant::now() > deadline {
            let sentence = format!("did not listen within {} s", READY_WITHIN.as_secs());
            return Err(with_lines(sentence, &process.logs()));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

#[async_trait]
impl PatternProcess for Started {
    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    async fn halted(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + HALTED_WITHIN;
        while !self.process.logs().iter().any(|line| line.starts_with("halted at ")) {
            let ended = self.process.exit_status();
            if ended.is_some() || Instant::now() > deadline {
                let how = ended.unwrap_or_else(|| format!("ran on for {} s", HALTED_WITHIN.as_secs()));
                return Err(Failure::harness(with_lines(
                    format!("the pattern {how} and did not halt"),
                    &self.process.logs(),
                )));
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn kill(&self) {
        self.process.kill();
        self.process.ended().await;
    }

    async fn terminate(&self) -> Result<Option<i32>, Failure> {
        self.process.stop().await.map_err(Failure::harness)?;
        let how = self.process.ended().await;
        Ok(how.strip_prefix("exited with code ").and_then(|code| code.parse().ok()))
    }

    fn log(&self) -> Vec<String> {
        self.process.logs()
    }
}
