//! Servers from binaries of this machine, each in a process group and a folder of its own.

use std::{
    ffi::OsStr,
    io,
    net::{Ipv4Addr, TcpListener},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::{Child, Command},
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    Context, Refusal, Server,
    fill::{self, Place},
    lines::{Lines, with_lines},
    ready::{NotReady, Probe, wait},
    server::{ProvisionKind, Running},
};
use crate::registry::{
    Origin, Process, Setup,
    placeholder::{self, ADDRESS, PORT},
};

/// How often a port is tried that somebody else took before the server could.
const ATTEMPTS: usize = 3;
/// How long a server may take to end when it is asked to.
const END_WITHIN: Duration = Duration::from_secs(5);
/// How long a killed one may take to be gone, and its last words to be read.
const REAP_WITHIN: Duration = Duration::from_secs(1);

/// A process that was started here.
#[derive(Debug)]
pub(super) struct RunningProcess {
    /// The process group, which has the number of its leader.
    group: Pid,
    /// How it ended.
    ended: watch::Receiver<Option<String>>,
    lines: Lines,
}

pub(super) async fn start(
    process: &Process,
    setup: &Setup,
    origin: &Origin,
    context: &Context,
) -> Result<Server, Refusal> {
    let name = &process.command[0];
    let search = context.variable("PATH").unwrap_or_default();
    let Some(program) = find_program(name, origin.folder.as_deref(), &search) else {
        return Err(if name.contains('/') {
            Refusal::Unavailable {
                why: format!("{name} is not an executable file"),
                remedy: format!("build or install {name}"),
            }
        } else {
            Refusal::Unavailable { why: format!("{name} is not on PATH"), remedy: format!("install {name}") }
        });
    };
    let mut attempt = 1;
    loop {
        match start_once(&program, process, setup, context).await {
            Err(Stumble::PortTaken) if attempt < ATTEMPTS => attempt += 1,
            Err(Stumble::PortTaken) => {
                return Err(Refusal::Failed(format!(
                    "{name} found its port taken by somebody else {ATTEMPTS} times"
                )));
            }
            Err(Stumble::Failed(reason)) => return Err(Refusal::Failed(format!("{name} {reason}"))),
            Ok(server) => return Ok(server),
        }
    }
}

/// Why one attempt came to nothing; the text goes on from the program's name.
enum Stumble {
    PortTaken,
    Failed(String),
}

async fn start_once(
    program: &Path,
    process: &Process,
    setup: &Setup,
    context: &Context,
) -> Result<Server, Stumble> {
    let cannot =
        |what: &str, error: io::Error| Stumble::Failed(format!("cannot be started: {what}: {error}"));
    let workdir = fill::workdir().map_err(|error| cannot("no temporary folder", error))?;
    let port = free_port().map_err(|error| cannot("no free port", error))?;
    let told = Place {
        socket: Some(workdir.path().join("server.sock")),
        workdir: Some(workdir.path().to_owned()),
        ..Place::at("127.0.0.1", port)
    };
    let uses_port = process
        .command
        .iter()
        .chain(process.env.values())
        .any(|text| placeholder::uses(text, PORT) || placeholder::uses(text, ADDRESS));
    // A server that was not told the port does not listen on it, so its driver must not be told either.
    let place = if uses_port { told.clone() } else { Place { host: None, port: None, ..told.clone() } };
    let settings = place.fill_map("`settings`", &setup.settings).map_err(Stumble::Failed)?;
    let arguments = process.command[1..]
        .iter()
        .map(|argument| told.fill("`command`", argument))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Stumble::Failed)?;
    let env = told.fill_map("`env`", &process.env).map_err(Stumble::Failed)?;
    let child = Command::new(program)
        .args(arguments)
        .envs(env)
        .current_dir(workdir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for the run, which then ends its servers in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Stumble::Failed(format!("cannot be started: {error}")))?;
    let running = RunningProcess::watch(child)
        .ok_or_else(|| Stumble::Failed("ended before it had a process id".to_owned()))?;

    let address = place.address();
    let probe = match (&address, &place.socket) {
        (Some(address), _) => Probe::Port(address),
        (None, Some(socket)) => Probe::Socket(socket),
        (None, None) => return Err(Stumble::Failed("has no place to listen".to_owned())),
    };
    let within = context.ready_within();
    match wait(probe, Instant::now() + within, running.ended()).await {
        Ok(()) => Ok(Server {
            address,
            kind: ProvisionKind::Process,
            settings,
            description: program.display().to_string(),
            running: Running::Process(running),
            workdir: Some(workdir),
        }),
        Err(NotReady::Died(_)) if uses_port && is_taken(port) => Err(Stumble::PortTaken),
        Err(NotReady::Died(how)) => {
            let sentence = format!("{how} before it accepted connections");
            Err(Stumble::Failed(with_lines(sentence, &running.logs())))
        }
        Err(NotReady::Refused(error)) => {
            let sentence = format!("did not accept connections within {within:?} ({error})");
            let reason = with_lines(sentence, &running.logs());
            // What it says about its end adds nothing to why it did not get ready.
            drop(running.stop().await);
            Err(Stumble::Failed(reason))
        }
    }
}

impl RunningProcess {
    /// Looks after a child that leads its own process group.
    fn watch(mut child: Child) -> Option<Self> {
        let group = Pid::from_raw(i32::try_from(child.id()?).ok()?)?;
        let lines = Lines::default();
        let stdout = child.stdout.take().map(|stream| tokio::spawn(lines.clone().collect(stream)));
        let stderr = child.stderr.take().map(|stream| tokio::spawn(lines.clone().collect(stream)));
        let (sender, ended) = watch::channel(None);
        tokio::spawn(async move {
            let how = match child.wait().await {
                Ok(status) => describe(status),
                Err(error) => format!("cannot be watched ({error})"),
            };
            // What it left behind in its group holds its output open and may hold its port.
            signal(group, Signal::KILL);
            let read = async {
                for reader in [stdout, stderr].into_iter().flatten() {
                    drop(reader.await);
                }
            };
            drop(timeout(REAP_WITHIN, read).await);
            sender.send_replace(Some(how));
        });
        Some(Self { group, ended, lines })
    }

    /// How it ended; `None` while it runs.
    pub(super) fn exit_status(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    /// The last lines that it wrote.
    pub(super) fn logs(&self) -> Vec<String> {
        self.lines.snapshot()
    }

    /// Waits until it ends, and says how.
    pub(super) fn ended(&self) -> impl Future<Output = String> + use<> {
        let mut ended = self.ended.clone();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(how) => how.clone().unwrap_or_default(),
                Err(_) => "is no longer watched".to_owned(),
            }
        }
    }

    /// Kills it with everything that it started, as an accident would.
    #[cfg(test)]
    pub(super) fn kill(&self) {
        signal(self.group, Signal::KILL);
    }

    /// Asks it to end, and kills it when it does not.
    pub(super) async fn stop(self) -> Result<(), String> {
        if self.exit_status().is_some() {
            return Ok(());
        }
        signal(self.group, Signal::TERM);
        if timeout(END_WITHIN, self.ended()).await.is_ok() {
            return Ok(());
        }
        signal(self.group, Signal::KILL);
        match timeout(REAP_WITHIN * 2, self.ended()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("process {} does not end", self.group.as_raw_nonzero())),
        }
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        if self.exit_status().is_none() {
            signal(self.group, Signal::KILL);
        }
    }
}

/// Sends a signal to a group that may be gone already.
fn signal(group: Pid, signal: Signal) {
    if let Err(error) = kill_process_group(group, signal)
        && error != rustix::io::Errno::SRCH
    {
        tracing::warn!(group = %group.as_raw_nonzero(), %error, "a process group cannot be signalled");
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// A port that was free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

/// The program's absolute path: a name is looked up on `search`, a path is relative to `folder`.
fn find_program(name: &str, folder: Option<&Path>, search: &str) -> Option<PathBuf> {
    let found = if name.contains('/') {
        let path = folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        is_executable(&path).then_some(path)
    } else {
        std::env::split_paths(OsStr::new(search))
            .map(|folder| folder.join(name))
            .find(|path| is_executable(path))
    };
    std::path::absolute(found?).ok()
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
