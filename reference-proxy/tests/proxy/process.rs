use crate::support::{Client, Upstream, eventually, within};
use rustix::process::{Pid, Signal, kill_process};
use std::{net::SocketAddr, path::Path, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

/// The proxy as a process; killed when it is dropped.
struct Process {
    child: Child,
    address: SocketAddr,
}

fn command(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prism-proxy"));
    command.arg("--config").arg(config).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

impl Process {
    async fn start(config: &Path) -> Self {
        let mut child = command(config).spawn().expect("a process");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = within("the first line", lines.next_line()).await.expect("text").expect("a line");
        let address = line.split([' ', '=']).nth(1).expect("an address").parse().expect(&line);
        Self { child, address }
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("it runs");
        kill_process(Pid::from_raw(id as i32).expect("an id"), signal).expect("a signal");
    }

    /// Its exit code and what it logged.
    async fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().expect("its log");
        within("the end of the log", stderr.read_to_string(&mut log)).await.expect("text");
        (within("the end", self.child.wait()).await.expect("a status").code(), log)
    }
}

fn yaml(upstream: &Upstream, rule: &str, drain_timeout: &str) -> String {
    format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\ndrain_timeout: {drain_timeout}\nupstreams:\n  u: {{ {} }}\n\
         namespaces:\n  - {{ {rule}, upstream: u }}\n",
        upstream.yaml()
    )
}

#[tokio::test]
async fn sigterm_and_sigint_let_calls_finish_and_end_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let upstream = Upstream::start("a").await;
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("proxy.yaml");
        std::fs::write(&config, yaml(&upstream, "prefix: '*'", "30s")).expect("written");
        let process = Process::start(&config).await;
        let client = Client::connect(process.address, "a").await;
        let waiting = tokio::spawn({
            let client = client.clone();
            async move { client.call("Wait").await }
        });
        upstream.seen.open_calls(1).await;
        process.signal(signal);
        eventually("new calls are refused", async || client.call("Echo").await.is_err()).await;
        upstream.seen.released.send_replace(true);
        waiting.await.expect("no panic").expect("it was in flight");
        drop(client);
        let (code, log) = process.end().await;
        assert_eq!(code, Some(0), "{log}");
        let drained =
            log.lines().find(|line| line.contains("\"drained\"")).unwrap_or_else(|| panic!("{log}"));
        assert!(drained.starts_with('{') && drained.contains("\"cut_off\":0"), "{drained}");
        // The last of the calls that wondered whether it drains may have been in flight too.
        assert!(!drained.contains("\"finished\":0"), "{drained}");
    }
}

#[tokio::test]
async fn calls_that_were_cut_off_make_the_exit_code_2() {
    let upstream = Upstream::start("a").await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("proxy.yaml");
    std::fs::write(&config, yaml(&upstream, "prefix: '*'", "100ms")).expect("written");
    let process = Process::start(&config).await;
    let client = Client::connect(process.address, "a").await;
    let waiting = tokio::spawn(async move { client.call("Wait").await });
    upstream.seen.open_calls(1).await;
    process.signal(Signal::TERM);
    waiting.await.expect("no panic").expect_err("cut off");
    let (code, log) = process.end().await;
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("\"cut_off\":1"), "{log}");
}

#[tokio::test]
async fn sighup_takes_the_file_anew_and_a_bad_file_changes_nothing() {
    let upstream = Upstream::start("a").await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("proxy.yaml");
    std::fs::write(&config, yaml(&upstream, "name: one", "1s")).expect("written");
    let process = Process::start(&config).await;
    let one = Client::connect(process.address, "one").await;
    let two = one.in_namespace("two");
    one.call("Echo").await.expect("served");
    two.call("Echo").await.expect_err("not served yet");

    std::fs::write(&config, "listen: [").expect("written");
    process.signal(Signal::HUP);
    one.call("Echo").await.expect("still served");

    std::fs::write(&config, yaml(&upstream, "name: two", "1s")).expect("written");
    process.signal(Signal::HUP);
    eventually("the new file counts", async || two.call("Echo").await.is_ok()).await;
    one.call("Echo").await.expect_err("no longer served");
    process.signal(Signal::TERM);
    let (code, log) = process.end().await;
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test]
async fn a_bad_start_is_explained_and_ends_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("proxy.yaml");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|address| (taken, address)).expect("an address");
    let in_use = format!(
        "listen: {}\nadmin: 127.0.0.1:0\nupstreams: {{ u: {{ endpoint: 'http://127.0.0.1:1' }} }}\nnamespaces: []\n",
        taken.1
    );
    for (text, expected) in [
        ("listen: nowhere\n", "the configuration has 4 problems\n"),
        (in_use.as_str(), "`listen`: cannot listen on 127.0.0.1:"),
    ] {
        std::fs::write(&config, text).expect("written");
        let output = within("the end", command(&config).output()).await.expect("a process");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.starts_with(expected), "{told}");
    }
}
