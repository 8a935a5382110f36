//! One driver process.

use super::{leased::Ending, speaks::is_there};
use crate::{
    lines::{Lines, with_lines},
    process::RunningProcess,
};
use async_trait::async_trait;
use prism_interfaces::Endpoint;
use std::{path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::{sync::Mutex, time::timeout};

/// How long the end of a process may take to be noticed once its connections are gone.
const NOTICE_WITHIN: Duration = Duration::from_secs(1);

/// Where a driver process listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listens {
    /// `127.0.0.1:port`.
    Address(String),
    Socket(PathBuf),
}

/// A driver in a process of its own, which has spoken. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct DriverProcess {
    // Dropped before the folder that it may write to.
    process: RunningProcess,
    listens: Listens,
    endpoint: Endpoint,
    end: Mutex<End>,
    _workdir: TempDir,
}

/// What is known of its end.
#[derive(Debug, Default)]
struct End {
    /// Whether it was asked to end, so that its end says nothing.
    asked: bool,
    /// How it ended unasked.
    crash: Option<Crash>,
}

/// How a process ended that was not asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crash {
    /// Such as `exited with code 3`.
    pub(crate) how: String,
    /// Whether it went of its own accord, without complaint.
    pub(crate) quiet: bool,
    /// The last lines that it wrote.
    lines: Vec<String>,
}

impl Crash {
    /// A sentence about `who`, and the last lines.
    pub(crate) fn tell(&self, who: &str) -> String {
        with_lines(format!("{who} {} during the run", self.how), &self.lines)
    }
}

impl Listens {
    /// As a driver is told in `PRISM_ADDRESS`.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Address(address) => address.clone(),
            Self::Socket(path) => format!("unix:{}", path.display()),
        }
    }

    /// As a client is told.
    pub(super) fn uri(&self) -> String {
        match self {
            Self::Address(address) => format!("http://{address}"),
            Self::Socket(path) => format!("unix:{}", path.display()),
        }
    }
}

impl DriverProcess {
    pub(super) fn new(
        process: RunningProcess,
        listens: Listens,
        endpoint: Endpoint,
        workdir: TempDir,
    ) -> Self {
        Self { process, listens, endpoint, end: Mutex::default(), _workdir: workdir }
    }

    /// The connection to it.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What it writes.
    pub(crate) fn lines(&self) -> &Lines {
        self.process.lines()
    }

    /// Resolves when it has ended, with how.
    pub(super) fn ended(&self) -> impl Future<Output = String> + use<> {
        self.process.ended()
    }

    /// Whether it is known to have ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.process.exit_status().is_some()
    }

    /// How it ended, if it did so unasked. Finds out: asks it something, and waits a moment for its end where it
    /// cannot be reached.
    pub(crate) async fn crash(&self) -> Option<Crash> {
        let mut end = self.end.lock().await;
        self.settle(&mut end).await;
        end.crash.clone()
    }

    async fn settle(&self, end: &mut End) {
        if end.asked || end.crash.is_some() {
            return;
        }
        let how = match self.process.exit_status() {
            Some(how) => how,
            None if is_there(&self.endpoint).await => return,
            None => match timeout(NOTICE_WITHIN, self.process.ended()).await {
                Ok(how) => how,
                // It may have been one connection alone that broke.
                Err(_) if is_there(&self.endpoint).await => return,
                Err(_) => format!("runs but no longer accepts connections at {}", self.listens.told()),
            },
        };
        let quiet = how == "exited with code 0";
        end.crash = Some(Crash { how, quiet, lines: self.process.logs() });
    }

    /// Asks it to end, and kills it with everything that it started when it has not ended after 5 s.
    pub(crate) async fn stop(&self) {
        {
            let mut end = self.end.lock().await;
            self.settle(&mut end).await;
            end.asked = true;
        }
        if let Err(error) = self.process.stop().await {
            tracing::warn!(error, "a driver process was left behind");
        }
    }
}

#[async_trait]
impl Ending for DriverProcess {
    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    async fn end(&self) {
        self.stop().await;
    }
}
