//! The task that keeps one connection.

use super::{
    Shared,
    connect::{self, Driver, Sender, chain},
    process::Readiness,
    state::Slot,
};
use crate::config::UpstreamConfig;
use rand::RngExt as _;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// So many probes in a row without an answer, and a new connection is opened. At the first one the old one takes no
/// further calls; those that it has keep it until HTTP/2's own ping gives up, because the upstream may only be slow.
const PROBES: u32 = 3;

pub(super) struct Keeper {
    config: UpstreamConfig,
    shared: Arc<Shared>,
    index: usize,
    /// How the process is, where the upstream is one of the proxy's.
    process: Option<watch::Receiver<Readiness>>,
}

impl Keeper {
    pub(super) fn new(
        config: UpstreamConfig,
        shared: Arc<Shared>,
        index: usize,
        process: Option<watch::Receiver<Readiness>>,
    ) -> Self {
        Self { config, shared, index, process }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            let within = self.config.connect_timeout;
            match timeout(within, self.open()).await {
                Ok(Ok((sender, driver, serving))) => {
                    let opened = Instant::now();
                    self.announce(&sender, serving);
                    let error = self.watch(sender, driver).await;
                    self.withdraw();
                    tracing::info!(upstream = %self.config.name, connection = self.index, error, "connection lost");
                    if opened.elapsed() >= self.config.backoff_first {
                        failures = 0;
                        // Whoever restarts an upstream has it back soon; one attempt comes at once.
                        self.shared.slots.set(self.index, Slot::Connecting, Some(error));
                        continue;
                    }
                    // An upstream that hangs up at once must not be called again at once, for ever.
                    self.failed(&mut failures, error);
                }
                Ok(Err(error)) => self.failed(&mut failures, error),
                Err(_) => {
                    let waited = self.config.connect_timeout.as_millis();
                    self.failed(&mut failures, format!("it did not answer within {waited} ms"));
                }
            }
            let pause = sleep(self.pause(failures));
            match &mut self.process {
                Some(process) => tokio::select! {
                    () = pause => {}
                    _ = process.changed() => {}
                },
                None => pause.await,
            }
        }
    }

    /// Opens a connection and has it answer once; a listener that never speaks is no upstream.
    async fn open(&mut self) -> Result<(Sender, Driver, bool), String> {
        if let Some(process) = &mut self.process {
            let known = process.wait_for(|readiness| *readiness != Readiness::Starting).await;
            if let Ok(Readiness::Failed(why)) = known.as_deref() {
                return Err(why.clone());
            }
        }
        let (mut sender, mut driver) = connect::connect(&self.config).await.map_err(|error| chain(&error))?;
        let mut probing = sender.clone();
        tokio::select! {
            biased;
            ended = &mut driver => Err(match ended {
                Ok(()) => "it closed the connection".to_owned(),
                Err(error) => chain(&error),
            }),
            answer = probing.probe() => match answer {
                Ok(serving) => Ok((std::mem::replace(&mut sender, probing), driver, serving)),
                Err(error) => Err(chain(&error)),
            },
        }
    }

    /// Runs a connection until it ends or no longer answers; says why.
    async fn watch(&self, sender: Sender, mut driver: Driver) -> String {
        let mut unanswered = 0;
        loop {
            let mut probing = sender.clone();
            let probe = async {
                sleep(self.config.health_interval).await;
                timeout(self.config.connect_timeout, probing.probe()).await
            };
            let answer = tokio::select! {
                biased;
                ended = &mut driver => return match ended {
                    Ok(()) => "the upstream closed the connection".to_owned(),
                    Err(error) => chain(&error),
                },
                answer = probe => answer,
            };
            match answer {
                Ok(Ok(serving)) => {
                    unanswered = 0;
                    self.announce(&sender, serving);
                }
                // What is wrong with the connection itself, its driver says.
                Ok(Err(_)) => {}
                // The probe had to wait for the calls; whether the upstream lives, HTTP/2's own ping finds out.
                Err(_) if self.is_saturated(&sender) => {}
                Err(_) => {
                    unanswered += 1;
                    self.withdraw();
                    let error = format!("{unanswered} probes in a row were not answered");
                    if unanswered == PROBES {
                        return error;
                    }
                    let slot = Slot::Down {
                        failures: unanswered,
                        until: Instant::now() + self.config.health_interval,
                    };
                    self.shared.slots.set(self.index, slot, Some(error));
                }
            }
        }
    }

    fn is_saturated(&self, sender: &Sender) -> bool {
        self.shared.connections[self.index].in_flight.load(Ordering::Relaxed) >= sender.max_streams()
    }

    fn announce(&self, sender: &Sender, serving: bool) {
        let place = &self.shared.connections[self.index].sender;
        if place.load().is_none() {
            place.store(Some(Arc::new(sender.clone())));
            tracing::info!(upstream = %self.config.name, connection = self.index, serving, "connected");
        }
        self.shared.slots.set(self.index, Slot::Up { serving }, None);
    }

    fn withdraw(&self) {
        self.shared.connections[self.index].sender.store(None);
    }

    fn failed(&self, failures: &mut u32, error: String) {
        *failures = failures.saturating_add(1);
        tracing::warn!(
            upstream = %self.config.name, connection = self.index, failures = *failures, error, "cannot connect"
        );
        let until = Instant::now() + self.nominal_pause(*failures);
        self.shared.slots.set(self.index, Slot::Down { failures: *failures, until }, Some(error));
    }

    /// Doubles with each failure.
    fn nominal_pause(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.config.backoff_first.saturating_mul(1 << doublings).min(self.config.backoff_max)
    }

    /// Between half of it and all of it, so that the connections of many proxies do not come at the same moment.
    fn pause(&self, failures: u32) -> Duration {
        self.nominal_pause(failures).mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}
