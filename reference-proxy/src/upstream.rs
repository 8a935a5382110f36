//! The upstreams: their connections, how they are, and which connection a call takes.
//!
//! Each connection has a keeper, a task that opens it, probes it, and opens it again after a back-off when it is lost.
//! Calls never open connections: while there is none they wait for the first attempt, or are refused with the time
//! of the next.

mod connect;
mod keeper;
mod pattern;
mod process;
mod state;

pub(crate) use connect::{Sender, chain};
pub(crate) use state::{Snapshot, State};

use crate::{
    config::{UpstreamAddress, UpstreamConfig},
    refusal::{Refusal, reason},
};
use arc_swap::ArcSwapOption;
use process::{Readiness, Supervisor};
use state::Slots;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Code;

/// One upstream; its connections end when it is dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    config: UpstreamConfig,
    /// Where it is reached.
    address: UpstreamAddress,
    /// What it stands on, by slot.
    under: Vec<(String, Arc<Upstream>)>,
    shared: Arc<Shared>,
    /// How its process is, where the upstream is one of the proxy's.
    readiness: Option<watch::Receiver<Readiness>>,
    /// Where the upstream is a process of the proxy's.
    supervisor: Mutex<Option<JoinHandle<()>>>,
    stop: DropGuard,
}

/// What the keepers and the calls share.
#[derive(Debug)]
struct Shared {
    connections: Vec<Connection>,
    /// Where the search for a connection begins, so that equally busy ones take turns.
    turn: AtomicUsize,
    slots: Slots,
}

/// The place of one connection.
#[derive(Debug, Default)]
struct Connection {
    sender: ArcSwapOption<Sender>,
    in_flight: AtomicUsize,
}

/// A call's share of a connection; counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    upstream: Arc<Upstream>,
    index: usize,
    sender: Arc<Sender>,
}

impl Ticket {
    pub(crate) fn sender(&self) -> Sender {
        (*self.sender).clone()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.upstream.shared.connections[self.index].in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Upstream {
    /// Starts its keepers, and its process where it is one; `under` is what it stands on, by slot.
    pub(crate) fn start(config: UpstreamConfig, under: Vec<(String, Arc<Self>)>) -> Arc<Self> {
        let stop = CancellationToken::new();
        // Keepers connect to where the process listens; what it is told and shown as stays as it is written.
        let mut kept = config.clone();
        let mut readiness = None;
        let started = match &config.endpoint {
            UpstreamAddress::Process(process) => Some(Supervisor::of_process(process.clone(), &config)),
            UpstreamAddress::Pattern(pattern) => {
                Some(Supervisor::of_pattern(pattern.clone(), &config, under.clone()))
            }
            UpstreamAddress::Tcp(_) | UpstreamAddress::Unix(_) => None,
        };
        let supervisor = started.map(|started| {
            kept.endpoint = started.address();
            readiness = Some(started.readiness());
            tokio::spawn(started.run(stop.clone()))
        });
        let shared = Arc::new(Shared {
            connections: (0..config.connections).map(|_| Connection::default()).collect(),
            turn: AtomicUsize::new(0),
            slots: Slots::new(config.connections),
        });
        for index in 0..config.connections {
            let keeper = keeper::Keeper::new(kept.clone(), Arc::clone(&shared), index, readiness.clone());
            let stop = stop.clone();
            tokio::spawn(async move {
                stop.run_until_cancelled(keeper.run()).await;
            });
        }
        let (supervisor, stop) = (Mutex::new(supervisor), stop.drop_guard());
        Arc::new(Self { config, address: kept.endpoint, under, shared, readiness, supervisor, stop })
    }

    /// Where it is reached, as a URI.
    pub(crate) fn uri(&self) -> String {
        self.address.to_string()
    }

    /// What it stands on, by slot.
    pub(crate) fn under(&self) -> &[(String, Arc<Self>)] {
        &self.under
    }

    /// Waits until its process serves, if it is one of the proxy's; the error says why it does not.
    async fn serves(&self) -> Result<(), String> {
        let Some(mut readiness) = self.readiness.clone() else { return Ok(()) };
        match readiness.wait_for(|readiness| *readiness != Readiness::Starting).await.as_deref() {
            Ok(Readiness::Failed(why)) => Err(why.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err("it has ended".to_owned()),
        }
    }

    /// Ends its process, if it is one of the proxy's, gently and then surely.
    pub(crate) async fn end_process(&self) {
        let supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(supervisor) = supervisor {
            self.stop.token().cancel();
            // It ends; a panic in it is none of ours.
            drop(supervisor.await);
        }
    }

    pub(crate) fn config(&self) -> &UpstreamConfig {
        &self.config
    }

    /// How it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.shared.slots.snapshot()
    }

    /// Changes whenever [`Upstream::snapshot`] does.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.slots.changes()
    }

    /// The interfaces that it says that it serves; `None` where it is not connected or does not say.
    pub(crate) async fn describe(self: &Arc<Self>) -> Option<Vec<String>> {
        let ask = async {
            let ticket = self.acquire().await.ok()?;
            ticket.sender().describe().await
        };
        tokio::time::timeout(self.config.connect_timeout, ask).await.ok()?
    }

    /// How many calls are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.connections.iter().map(|connection| connection.in_flight.load(Ordering::Relaxed)).sum()
    }

    /// The least busy connection. Waits while the first attempt to connect is under way.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<Ticket, Refusal> {
        if let Some(ticket) = self.pick() {
            return Ok(ticket);
        }
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            if let Some(ticket) = self.pick() {
                return Ok(ticket);
            }
            if self.is_saturated() {
                return Err(self.saturated());
            }
            let snapshot = self.snapshot();
            if snapshot.state == State::Down {
                return Err(self.unavailable(&snapshot));
            }
            // The sender lives as long as the upstream, so waiting cannot fail.
            if changes.changed().await.is_err() {
                return Err(self.unavailable(&snapshot));
            }
        }
    }

    fn pick(self: &Arc<Self>) -> Option<Ticket> {
        let connections = &self.shared.connections;
        let start = self.shared.turn.fetch_add(1, Ordering::Relaxed);
        let (index, sender) = (0..connections.len())
            .map(|step| start.wrapping_add(step) % connections.len())
            .filter_map(|index| {
                let sender = connections[index].sender.load_full()?;
                let in_flight = connections[index].in_flight.load(Ordering::Relaxed);
                (!sender.is_closed() && in_flight < sender.max_streams()).then_some((index, sender))
            })
            .min_by_key(|(index, _)| connections[*index].in_flight.load(Ordering::Relaxed))?;
        connections[index].in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Ticket { upstream: Arc::clone(self), index, sender })
    }

    /// Whether there are connections and each has as many calls as the upstream allows.
    fn is_saturated(&self) -> bool {
        let mut open = self
            .shared
            .connections
            .iter()
            .filter_map(|connection| {
                let sender = connection.sender.load_full().filter(|sender| !sender.is_closed())?;
                Some(connection.in_flight.load(Ordering::Relaxed) >= sender.max_streams())
            })
            .peekable();
        open.peek().is_some() && open.all(|full| full)
    }

    /// Waiting for a stream could take for ever, because streams that deliver stay open.
    fn saturated(&self) -> Refusal {
        let name = &self.config.name;
        Refusal::new(
            Code::ResourceExhausted,
            reason::UPSTREAM_SATURATED,
            format!(
                "the upstream `{name}` allows no further calls on its {} connections",
                self.config.connections
            ),
        )
        .metadata("upstream", name.clone())
        .retry_after(self.config.backoff_first)
    }

    fn unavailable(&self, snapshot: &Snapshot) -> Refusal {
        let name = &self.config.name;
        Refusal::new(
            Code::Unavailable,
            reason::UPSTREAM_UNAVAILABLE,
            format!("the upstream `{name}` is down: {}", snapshot.last_error),
        )
        .metadata("upstream", name.clone())
        // While an attempt is under way, its wait is over.
        .retry_after(snapshot.next_attempt.unwrap_or_default().max(self.config.backoff_first))
    }
}
