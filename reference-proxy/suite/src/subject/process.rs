//! A proxy that is a process.

use super::{End, Signal, Subject};
use crate::within;
use rustix::process::{Pid, kill_process};
use std::{path::Path, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
    task::JoinSet,
};

fn command(executable: &Path, config: &Path) -> Command {
    let mut command = Command::new(executable);
    command.arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

pub(crate) async fn start(executable: &Path, config: &str) -> Subject {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("proxy.yaml");
    std::fs::write(&file, config).expect("written");
    let mut child = command(executable, &file).spawn().expect("a process");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let line = within("the first line", lines.next_line()).await.expect("text");
    let Some(line) = line else {
        let output = within("the end", child.wait_with_output()).await.expect("a process");
        panic!("it did not start: {}", String::from_utf8_lossy(&output.stderr));
    };
    let mut addresses = line.split(' ').map(|part| part.split('=').nth(1).and_then(|text| text.parse().ok()));
    let mut address = || addresses.next().flatten().unwrap_or_else(|| panic!("no address: {line}"));
    let (address, admin_address) = (address(), address());
    let (signals, received) = mpsc::unbounded_channel();
    let mut end = JoinSet::new();
    end.spawn(watch(child, received));
    Subject { address, admin_address, file, _folder: folder, signals, end }
}

async fn watch(mut child: Child, mut signals: mpsc::UnboundedReceiver<Signal>) -> End {
    let id = Pid::from_raw(child.id().expect("it runs") as i32).expect("an id");
    let mut stderr = child.stderr.take().expect("its log");
    let mut log = String::new();
    {
        let reading = stderr.read_to_string(&mut log);
        tokio::pin!(reading);
        loop {
            let signal = tokio::select! {
                _ = reading.as_mut() => break,
                Some(signal) = signals.recv() => signal,
            };
            let signal = match signal {
                Signal::Hangup => rustix::process::Signal::HUP,
                Signal::Terminate => rustix::process::Signal::TERM,
                Signal::Interrupt => rustix::process::Signal::INT,
            };
            kill_process(id, signal).expect("a signal");
        }
    }
    let code = child.wait().await.expect("a status").code();
    // What it says of its drain, as one line of JSON.
    let drained = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|line| line["message"] == "drained")
        .unwrap_or_else(|| panic!("it ended with {code:?} and without a word about the drain: {log}"));
    let number = |name: &str| {
        drained[name].as_u64().unwrap_or_else(|| panic!("no `{name}` in the log: {drained}")) as usize
    };
    End { code, finished: number("finished"), cut_off: number("cut_off"), refused: number("refused") }
}

pub(crate) async fn refused(executable: &Path, config: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("proxy.yaml");
    std::fs::write(&file, config).expect("written");
    let output = within("the end", command(executable, &file).output()).await.expect("a process");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
