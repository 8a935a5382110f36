//! What a case is given.

use crate::{
    Faults, Subject, Upstream,
    patience::USUAL,
    subject::{in_process, process},
};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Starts upstreams, and proxies of the kind that is under test.
#[derive(Debug, Clone)]
pub struct Context {
    kind: Kind,
    asked: Arc<AtomicUsize>,
    patience: Duration,
}

#[derive(Debug, Clone)]
enum Kind {
    InProcess(Box<Faults>),
    Process(PathBuf),
}

impl Context {
    /// The reference proxy in this process, with these faults.
    pub fn in_process(faults: Faults) -> Self {
        Self { kind: Kind::InProcess(Box::new(faults)), asked: Arc::default(), patience: USUAL }
    }

    /// A proxy that is started from this executable.
    pub fn process(executable: PathBuf) -> Self {
        Self { kind: Kind::Process(executable), asked: Arc::default(), patience: USUAL }
    }

    /// Waits only so long for what must happen.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// How often a proxy was asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// An upstream.
    pub async fn upstream(&self, name: &'static str) -> Upstream {
        self.upstream_at(name, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// An upstream at this address, which one that is just ending may still hold.
    pub async fn upstream_at(&self, name: &'static str, address: SocketAddr) -> Upstream {
        Upstream::serve(name, address, 20_000, self.behind()).await
    }

    /// An upstream that allows so many streams on a connection.
    pub async fn upstream_with_streams(&self, name: &'static str, streams: u32) -> Upstream {
        Upstream::serve(name, SocketAddr::from(([127, 0, 0, 1], 0)), streams, self.behind()).await
    }

    fn behind(&self) -> Option<crate::faults::Behind> {
        match &self.kind {
            Kind::InProcess(faults) => faults.behind.clone(),
            Kind::Process(_) => None,
        }
    }

    /// A proxy with this configuration.
    pub async fn proxy(&self, config: &str) -> Subject {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match &self.kind {
            Kind::InProcess(faults) => in_process::start(config, faults).await,
            Kind::Process(executable) => process::start(executable, config).await,
        }
    }

    /// A proxy that takes every namespace to one upstream, called `u`.
    pub async fn in_front_of(&self, upstream: &Upstream, more: &str) -> Subject {
        self.proxy(&config(&[("u", upstream.yaml())], &["prefix: '*', upstream: u"], more)).await
    }

    /// Starts a proxy that must not start: its exit code, and what it says.
    pub async fn refused(&self, config: &str) -> (Option<i32>, String) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match &self.kind {
            Kind::InProcess(faults) => in_process::refused(config, faults).await,
            Kind::Process(executable) => process::refused(executable, config).await,
        }
    }
}

/// A configuration with these upstreams; `namespaces` are the lines of the list, `more` further lines of the file.
pub fn config(upstreams: &[(&str, String)], namespaces: &[&str], more: &str) -> String {
    let mut text = String::from("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nupstreams:\n");
    text.extend(upstreams.iter().map(|(name, yaml)| format!("  {name}: {{ {yaml} }}\n")));
    text.push_str("namespaces:\n");
    text.extend(namespaces.iter().map(|namespace| format!("  - {{ {namespace} }}\n")));
    text.push_str(more);
    text
}
