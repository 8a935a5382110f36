//! A server that a driver can use.

use std::{collections::BTreeMap, fmt, path::Path, time::Duration};

use prism_reports::event::ServerImage;
use tempfile::TempDir;
use tokio::time::Instant;

use super::{
    container::RunningContainer,
    fill::{self, Place},
    ready::{Probe, wait},
};
use crate::process::RunningProcess;

/// Where a server came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProvisionKind {
    /// There is no server: it is inside the driver, or the driver brings its own.
    Embedded,
    /// It ran already.
    External,
    /// It runs in a container.
    Container,
    /// It is a process of this machine.
    Process,
}

/// A server that a driver can use, or what stands for one where the driver needs none.
///
/// A server that was started ends with [`Server::stop`]. Dropping it ends it as well, at once and without a word
/// about what went wrong, as a last resort.
pub struct Server {
    /// `host:port`; `None` for an embedded one and for one on a Unix socket.
    pub address: Option<String>,
    /// Where it came from.
    pub kind: ProvisionKind,
    /// What the driver is initialized with. The values can hold passwords.
    pub settings: BTreeMap<String, String>,
    /// What runs, for people: an image with its id, the path of a binary, the variable that was set.
    pub description: String,
    /// The image that it was started from, where it runs in a container of ours.
    pub image: Option<ServerImage>,
    // Dropped before the folder that it writes to.
    pub(super) running: Running,
    pub(super) workdir: Option<TempDir>,
}

/// What there is to look after.
#[derive(Debug)]
pub(super) enum Running {
    /// Nothing.
    Nothing,
    /// Something that is not ours to end.
    Elsewhere,
    Container(Box<RunningContainer>),
    Process(RunningProcess),
}

/// A server that could not be taken away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} could not be stopped: {why}")]
pub struct NotStopped {
    /// What still runs.
    pub what: String,
    /// What was in the way.
    pub why: String,
}

/// What stands for the server of a driver that needs none.
pub(super) fn embedded(templates: &BTreeMap<String, String>) -> Result<Server, String> {
    let workdir = fill::workdir_for(templates.values())
        .map_err(|error| format!("no temporary folder can be made: {error}"))?;
    let place =
        Place { workdir: workdir.as_ref().map(|folder| folder.path().to_owned()), ..Place::default() };
    Ok(Server {
        address: None,
        kind: ProvisionKind::Embedded,
        settings: place.fill_map("`embedded`", templates)?,
        description: "embedded".to_owned(),
        image: None,
        running: Running::Nothing,
        workdir,
    })
}

impl Server {
    /// Its own folder, where it has one; it is removed with the server.
    pub fn workdir(&self) -> Option<&Path> {
        self.workdir.as_ref().map(TempDir::path)
    }

    /// Whether it still runs, as far as can be told: one that was started has not ended, an external one accepts a
    /// connection.
    pub async fn alive(&self) -> bool {
        match (&self.running, &self.address) {
            (Running::Elsewhere, Some(address)) => {
                let deadline = Instant::now() + Duration::from_secs(2);
                wait(Probe::Port(address), deadline, std::future::pending()).await.is_ok()
            }
            _ => self.exit_status().await.is_none(),
        }
    }

    /// How it ended, such as `exited with code 1`; `None` while it runs, and where that cannot be told.
    pub async fn exit_status(&self) -> Option<String> {
        match &self.running {
            Running::Nothing | Running::Elsewhere => None,
            Running::Container(container) => container.exit_status().await,
            Running::Process(process) => process.exit_status(),
        }
    }

    /// The last lines that it wrote, at most 50, oldest first; none for a server that was not started here.
    pub async fn logs(&self) -> Vec<String> {
        match &self.running {
            Running::Nothing | Running::Elsewhere => Vec::new(),
            Running::Container(container) => container.logs().await,
            Running::Process(process) => process.logs(),
        }
    }

    /// Ends what was started here and removes what it left: a container, a process with its children, a folder. A
    /// process is asked to end and killed when it has not ended after 5 s.
    pub async fn stop(self) -> Result<(), NotStopped> {
        let Self { running, description, workdir, .. } = self;
        let ended = match running {
            Running::Nothing | Running::Elsewhere => Ok(()),
            Running::Container(container) => container.stop().await,
            Running::Process(process) => process.stop().await,
        };
        let removed = match workdir {
            Some(workdir) => workdir.close().map_err(|error| error.to_string()),
            None => Ok(()),
        };
        ended.and(removed).map_err(|why| NotStopped { what: description, why })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("kind", &self.kind)
            .field("settings", &self.settings.keys())
            .field("description", &self.description)
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ProvisionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::External => "external",
            Self::Container => "container",
            Self::Process => "process",
        })
    }
}
