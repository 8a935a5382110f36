//! The proxy under test.

pub(crate) mod in_process;
pub(crate) mod process;
mod relay;

use crate::{eventually, within};
use std::{net::SocketAddr, path::PathBuf};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
};

/// What an operating system tells a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: take the configuration anew.
    Hangup,
    /// SIGTERM: drain.
    Terminate,
    /// SIGINT: drain.
    Interrupt,
}

/// How a proxy ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its exit code.
    pub code: Option<i32>,
    /// Calls that were in flight and came to their end.
    pub finished: usize,
    /// Calls that it cut off.
    pub cut_off: usize,
    /// New calls that it refused.
    pub refused: usize,
}

/// A running proxy; it is ended when this is dropped.
#[derive(Debug)]
pub struct Subject {
    address: SocketAddr,
    admin_address: SocketAddr,
    file: PathBuf,
    _folder: TempDir,
    signals: mpsc::UnboundedSender<Signal>,
    end: JoinSet<End>,
}

impl Subject {
    /// Where clients call.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics and the admin service are.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.signals.send(signal).expect("the proxy runs");
    }

    /// Writes another configuration, sends SIGHUP, and waits until the proxy has taken or refused it.
    pub async fn reload(&self, config: &str) {
        let counts = async || {
            let metrics = self.metrics().await;
            (
                metric(&metrics, "prism_proxy_reloads_total"),
                metric(&metrics, "prism_proxy_failed_reloads_total"),
            )
        };
        let before = counts().await;
        std::fs::write(&self.file, config).expect("written");
        self.signal(Signal::Hangup);
        eventually("the configuration is taken or refused", async || counts().await != before).await;
    }

    /// How many calls have not ended.
    pub async fn in_flight(&self) -> usize {
        metric(&self.metrics().await, "prism_proxy_calls_in_flight").expect("the metric")
    }

    /// The answer to `GET /metrics`, headers included.
    pub async fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.admin_address).await.expect("a connection");
        let request = b"GET /metrics HTTP/1.1\r\nhost: proxy\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("sent");
        let mut answer = String::new();
        within("the metrics", stream.read_to_string(&mut answer)).await.expect("text");
        answer
    }

    /// Waits for the end.
    pub async fn end(mut self) -> End {
        within("the end of the proxy", self.end.join_next()).await.expect("one").expect("no panic")
    }
}

fn metric(text: &str, name: &str) -> Option<usize> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}
