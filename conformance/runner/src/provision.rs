//! Getting the servers that drivers need: found, started, and taken away again.
//!
//! A set-up names up to three ways: a server that runs already (an environment variable says where), a container, a
//! process of this machine. They are tried in that order; the first that is available is taken, and when it then
//! breaks that is an error and not a reason to try the next. When none is available the backend is *not measured*,
//! and the report says what would have made it measurable.

mod container;
mod context;
mod engine;
mod external;
pub(crate) mod fill;
mod process;
mod ready;
mod server;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, str::FromStr};

pub use container::remove_leftovers;
pub use context::Context;
pub use ready::{NotReady, wait_for_port};
pub use server::{NotStopped, ProvisionKind, Server};

use crate::registry::{Backend, DriverSpec, Setup};

/// One way of getting a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// A server that runs already.
    External,
    /// A server in a container.
    Container,
    /// A server from a binary of this machine.
    Process,
}

/// Which ways may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// All of them: external, then container, then process.
    #[default]
    Any,
    /// One alone.
    Only(Way),
}

/// Why there is no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProvisioned {
    /// Nothing was available; nothing is wrong with the backend.
    #[error("{reason}")]
    NotMeasured {
        /// Each way that was tried, with why it was not available.
        reason: String,
        /// What would have made it available.
        remedy: String,
    },
    /// A way was available, and what it led to broke.
    #[error("{reason}")]
    Failed {
        /// What broke, with the last lines that the server wrote, where it wrote any.
        reason: String,
    },
}

/// Why one way led to no server.
#[derive(Debug)]
enum Refusal {
    /// It cannot be taken here.
    Unavailable { why: String, remedy: String },
    /// It was taken and broke.
    Failed(String),
}

/// Gets a server for a set-up of a backend, accepting connections; or the settings of one that needs no server.
///
/// # Errors
///
/// [`NotProvisioned::NotMeasured`] when no way was available, [`NotProvisioned::Failed`] when one broke.
pub async fn provision(
    backend: &Backend,
    setup: &Setup,
    mode: Mode,
    context: &Context,
) -> Result<Server, NotProvisioned> {
    let mut settings = match &backend.driver {
        DriverSpec::Builtin(_) | DriverSpec::Pattern(_) => BTreeMap::new(),
        DriverSpec::Endpoint(remote) => remote.settings.clone(),
        DriverSpec::Command(command) => command.settings.clone(),
    };
    let result = provision_setup(backend, setup, mode, context).await;
    let mut server = result.map_err(|error| match error {
        NotProvisioned::Failed { reason } => {
            NotProvisioned::Failed { reason: format!("{}: {reason}", setup.name) }
        }
        not_measured @ NotProvisioned::NotMeasured { .. } => not_measured,
    })?;
    settings.append(&mut server.settings);
    server.settings = settings;
    Ok(server)
}

async fn provision_setup(
    backend: &Backend,
    setup: &Setup,
    mode: Mode,
    context: &Context,
) -> Result<Server, NotProvisioned> {
    if !setup.needs_server() {
        let templates = setup.embedded.as_ref().unwrap_or(&setup.settings);
        return server::embedded(templates).map_err(|reason| NotProvisioned::Failed { reason });
    }
    let mut reasons = Vec::new();
    let mut remedies = Vec::new();
    for way in mode.ways() {
        let attempt = match way {
            Way::External => match &setup.external {
                Some(external) => external::find(external, setup, context).await,
                None => Err(not_declared(*way, mode, setup)),
            },
            Way::Container => match &setup.container {
                Some(container) => container::start(container, setup, context).await,
                None => Err(not_declared(*way, mode, setup)),
            },
            Way::Process => match &setup.process {
                Some(process) => process::start(process, setup, &backend.origin, context).await,
                None => Err(not_declared(*way, mode, setup)),
            },
        };
        match attempt {
            Ok(server) => return Ok(server),
            Err(Refusal::Failed(reason)) => return Err(NotProvisioned::Failed { reason }),
            // A way that is not declared is worth a word only if it was asked for.
            Err(Refusal::Unavailable { why, remedy }) if !why.is_empty() => {
                reasons.push(format!("{way}: {why}"));
                remedies.push(remedy);
            }
            Err(Refusal::Unavailable { .. }) => {}
        }
    }
    Err(NotProvisioned::NotMeasured { reason: reasons.join("; "), remedy: remedies.join(", or ") })
}

fn not_declared(way: Way, mode: Mode, setup: &Setup) -> Refusal {
    match mode {
        Mode::Any => Refusal::Unavailable { why: String::new(), remedy: String::new() },
        Mode::Only(_) => Refusal::Unavailable {
            why: format!("set-up `{}` has none", setup.name),
            remedy: format!("allow another way than `{way}`"),
        },
    }
}

impl Mode {
    /// The ways in the order in which they are tried.
    pub fn ways(&self) -> &[Way] {
        match self {
            Self::Any => &[Way::External, Way::Container, Way::Process],
            Self::Only(way) => std::slice::from_ref(way),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::External => "external",
            Self::Container => "container",
            Self::Process => "process",
        })
    }
}

/// A word that is none of the ways.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of `external`, `container`, `process`")]
pub struct UnknownWay(String);

impl FromStr for Way {
    type Err = UnknownWay;

    fn from_str(text: &str) -> Result<Self, UnknownWay> {
        [Self::External, Self::Container, Self::Process]
            .into_iter()
            .find(|way| way.to_string() == text)
            .ok_or_else(|| UnknownWay(text.to_owned()))
    }
}
