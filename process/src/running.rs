//! Processes that a run starts: each leads a process group, and is ended with everything that it started.

use std::{
    collections::BTreeMap,
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
    time::timeout,
};

use crate::lines::Lines;

/// How long a process may take to end when it is asked to.
const END_WITHIN: Duration = Duration::from_secs(5);
/// How long a killed one may take to be gone, and its last words to be read.
const REAP_WITHIN: Duration = Duration::from_secs(1);

/// What to start.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// The executable.
    pub program: &'a Path,
    /// Without the program's name.
    pub arguments: &'a [String],
    /// Beside the inherited variables.
    pub env: &'a BTreeMap<String, String>,
    /// Where it works.
    pub folder: &'a Path,
}

/// A process that was started here. Dropping it kills it, at once.
#[derive(Debug)]
pub struct RunningProcess {
    /// The process group, which has the number of its leader.
    group: Pid,
    /// How it ended.
    ended: watch::Receiver<Option<String>>,
    lines: Lines,
}

impl Spawn<'_> {
    /// Starts it, with its output kept, as far as [`Lines`] keep it. The error goes on from the program's name.
    pub fn start(&self) -> Result<RunningProcess, String> {
        let child = Command::new(self.program)
            .args(self.arguments)
            .envs(self.env)
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for the run, which then ends its processes in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot be started: {error}"))?;
        RunningProcess::watch(child).ok_or_else(|| "ended before it had a process id".to_owned())
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
    pub fn exit_status(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    /// The last lines that it wrote.
    pub fn logs(&self) -> Vec<String> {
        self.lines.snapshot()
    }

    /// What it writes.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Waits until it ends, and says how.
    pub fn ended(&self) -> impl Future<Output = String> + use<> {
        let mut ended = self.ended.clone();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(how) => how.clone().unwrap_or_default(),
                Err(_) => "is no longer watched".to_owned(),
            }
        }
    }

    /// Kills it with everything that it started, as an accident would.
    pub fn kill(&self) {
        signal(self.group, Signal::KILL);
    }

    /// Asks it to end, and kills it when it has not after 5 s.
    pub async fn stop(&self) -> Result<(), String> {
        self.stop_within(END_WITHIN).await
    }

    /// Asks it to end, and kills it when it does not in time.
    pub async fn stop_within(&self, patience: Duration) -> Result<(), String> {
        if self.exit_status().is_some() {
            return Ok(());
        }
        signal(self.group, Signal::TERM);
        if timeout(patience, self.ended()).await.is_ok() {
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
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether somebody listens on the port.
pub fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

/// The program's absolute path: a name is looked up on `search`, a path is relative to `folder`.
///
/// The error says that there is none, and where it was looked for.
pub fn find_program(name: &str, folder: Option<&Path>, search: &str) -> Result<PathBuf, String> {
    let found = if name.contains('/') {
        let path = folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        is_executable(&path).then_some(path)
    } else {
        std::env::split_paths(OsStr::new(search))
            .map(|folder| folder.join(name))
            .find(|path| is_executable(path))
    };
    found.and_then(|path| std::path::absolute(path).ok()).ok_or_else(|| match folder {
        Some(folder) if name.contains('/') => {
            format!("{name} is not an executable file in {}; build or install it first", folder.display())
        }
        _ if name.contains('/') => format!("{name} is not an executable file"),
        _ => format!("{name} is not on PATH"),
    })
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
