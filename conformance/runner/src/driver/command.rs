//! How a driver is started as a process.

use super::{
    bring_up::{Before, bring_up_patiently},
    channel,
    process::{DriverProcess, Listens},
    speaks::{Silent, speaks},
};
use crate::{
    lines::with_lines,
    process::{RunningProcess, Spawn, find_program, free_port, is_taken},
    provision::{
        Context,
        fill::{self, Place},
    },
    registry::{DriverCommand, Origin},
};
use prism_interfaces::Endpoint;
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

/// How often a port is tried that somebody else took before the driver could.
const ATTEMPTS: usize = 3;

/// A driver that is started as a process, as often as it is needed.
pub struct CommandDriver {
    name: String,
    program: PathBuf,
    spec: DriverCommand,
    settings: BTreeMap<String, String>,
    /// Of backend.yaml; where there is none, a process works in a folder of its own.
    folder: Option<PathBuf>,
    ready_within: Duration,
}

/// Why one attempt came to nothing.
enum Stumble {
    PortTaken,
    Failed(String),
}

/// A process that was started and may not speak yet.
struct Started {
    process: RunningProcess,
    listens: Listens,
    endpoint: Endpoint,
    workdir: TempDir,
}

impl CommandDriver {
    /// Finds the program. `settings` are what every instance is initialized with, and what it finds in its environment.
    ///
    /// The error says where the program was looked for.
    pub fn new(
        spec: &DriverCommand,
        settings: &BTreeMap<String, String>,
        origin: &Origin,
        context: &Context,
    ) -> Result<Self, String> {
        let name = spec.command.first().cloned().unwrap_or_default();
        let search = context.variable("PATH").unwrap_or_default();
        let program = find_program(&name, origin.folder.as_deref(), &search)?;
        Ok(Self {
            name,
            program,
            spec: spec.clone(),
            settings: settings.clone(),
            folder: origin.folder.clone(),
            ready_within: context.ready_within(),
        })
    }

    /// What every instance is initialized with.
    pub(crate) fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// Starts a process and waits until it speaks. Its driver is in state *created*.
    pub(crate) async fn launch(&self) -> Result<Arc<DriverProcess>, String> {
        for _ in 0..ATTEMPTS {
            match self.launch_once().await {
                Ok(process) => return Ok(Arc::new(process)),
                Err(Stumble::PortTaken) => {}
                Err(Stumble::Failed(why)) => return Err(format!("{} {why}", self.name)),
            }
        }
        Err(format!("{} found its port taken by somebody else {ATTEMPTS} times", self.name))
    }

    /// Starts a process, waits until it speaks, and starts the driver in it.
    pub(crate) async fn launch_running(&self, patience: Duration) -> Result<Arc<DriverProcess>, String> {
        let process = self.launch().await?;
        let endpoint = || process.endpoint().clone();
        let up = bring_up_patiently(endpoint, &self.settings, Before::New, Before::Anything, patience);
        let why = tokio::select! {
            biased;
            how = process.ended() => format!("{} {how}", self.name),
            up = up => match up {
                Ok(_) => return Ok(process),
                Err(why) => why,
            },
        };
        let why = with_lines(why, &process.lines().snapshot());
        process.stop().await;
        Err(why)
    }

    async fn launch_once(&self) -> Result<DriverProcess, Stumble> {
        let Started { process, listens, endpoint, workdir } = self.spawn()?;
        let place = listens.told();
        match speaks(&endpoint, &place, self.ready_within, process.ended()).await {
            Ok(()) => Ok(DriverProcess::new(process, listens, endpoint, workdir)),
            Err(Silent::Died(_)) if taken(&listens) => Err(Stumble::PortTaken),
            Err(Silent::Died(how)) => {
                let sentence = format!("{how} before it answered at {place}");
                Err(Stumble::Failed(with_lines(sentence, &process.logs())))
            }
            Err(Silent::Mute(why)) => {
                let reason = with_lines(why, &process.logs());
                // What it says about its end adds nothing to why it did not get ready.
                drop(process.stop().await);
                Err(Stumble::Failed(reason))
            }
        }
    }

    fn spawn(&self) -> Result<Started, Stumble> {
        let cannot = |what: &str, error: std::io::Error| {
            Stumble::Failed(format!("cannot be started: {what}: {error}"))
        };
        let workdir = fill::workdir().map_err(|error| cannot("no temporary folder", error))?;
        let (place, listens) = if self.spec.uses_socket() {
            let socket = workdir.path().join("driver.sock");
            (Place { socket: Some(socket.clone()), ..Place::default() }, Listens::Socket(socket))
        } else {
            let port = free_port().map_err(|error| cannot("no free port", error))?;
            (Place::at("127.0.0.1", port), Listens::Address(format!("127.0.0.1:{port}")))
        };
        let place = Place { workdir: Some(workdir.path().to_owned()), ..place };
        let arguments = self.spec.command[1..]
            .iter()
            .map(|argument| place.fill("`command`", argument))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Stumble::Failed)?;
        let mut env = place.fill_map("`env`", &self.spec.env).map_err(Stumble::Failed)?;
        env.insert("PRISM_ADDRESS".to_owned(), listens.told());
        env.extend(self.settings.iter().map(|(name, value)| (variable_of(name), value.clone())));
        let folder = self.folder.as_deref().filter(|folder| *folder != Path::new(""));
        let spawn = Spawn {
            program: &self.program,
            arguments: &arguments,
            env: &env,
            folder: folder.unwrap_or(workdir.path()),
        };
        let process = spawn.start().map_err(Stumble::Failed)?;
        let builder = tonic::transport::Endpoint::from_shared(listens.uri())
            .map_err(|error| Stumble::Failed(format!("cannot be reached: {error}")))?;
        Ok(Started { process, listens, endpoint: channel(builder), workdir })
    }
}

impl fmt::Debug for CommandDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values of settings can hold passwords.
        f.debug_struct("CommandDriver").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Whether somebody else listens where the driver should have.
fn taken(listens: &Listens) -> bool {
    let Listens::Address(address) = listens else { return false };
    address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).is_some_and(is_taken)
}

/// The variable that a setting is found in: `pool-size` in `PRISM_SETTING_POOL_SIZE`.
fn variable_of(setting: &str) -> String {
    let mut name = "PRISM_SETTING_".to_owned();
    name.extend(setting.chars().map(|character| {
        if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' }
    }));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_variables_of_letters_digits_and_underscores() {
        assert_eq!(variable_of("url"), "PRISM_SETTING_URL");
        assert_eq!(variable_of("pool-size.max"), "PRISM_SETTING_POOL_SIZE_MAX");
    }
}
