//! What a case is given to work with.

use crate::{Bench, Effort, Failure, Seam, Tap, Verdict, Watchdog, client};
use async_trait::async_trait;
use prism_interfaces::{
    Endpoint,
    testing::v1::{AdvanceRequest, clock_client::ClockClient},
    traits::{Declaration, Traits},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Makes instances of the driver under test, all on the same server.
#[async_trait]
pub trait Instances: Send + Sync {
    /// A second, running instance; the same one for every caller.
    async fn second(&self) -> Result<Endpoint, Failure>;

    /// An instance of the caller's own that has not been started.
    async fn fresh(&self) -> Result<FreshInstance, Failure>;

    /// The pattern and its slots, where it is one.
    fn bench(&self) -> Option<Arc<dyn Bench>> {
        None
    }
}

/// An instance that has not been started.
#[derive(Debug, Clone)]
pub struct FreshInstance {
    /// Where it answers.
    pub endpoint: Endpoint,
    /// What to initialize it with.
    pub settings: BTreeMap<String, String>,
}

/// Everything that a [`Context`] is made of.
pub struct ContextParts {
    /// The driver that all cases share.
    pub endpoint: Endpoint,
    /// The case's own namespace.
    pub namespace: String,
    /// What the backend declares.
    pub declaration: Arc<Declaration>,
    /// Everything random in the case comes from it.
    pub seed: u64,
    /// How much a generated case does.
    pub effort: Effort,
    /// Whether the driver serves the clock of tests.
    pub clock: bool,
    /// Makes further instances.
    pub instances: Arc<dyn Instances>,
    /// What limits how many cases work at the same time.
    pub slots: Arc<Semaphore>,
    /// Notices when the machine was asleep.
    pub watchdog: Watchdog,
}

struct Inner {
    parts: ContextParts,
    tap: Tap,
    slot: Mutex<Option<OwnedSemaphorePermit>>,
    /// Namespaces beside the case's own that were handed out.
    others: Mutex<Vec<String>>,
    next_other: AtomicU64,
    notes: Mutex<Vec<String>>,
}

/// What a case is given to work with; cheap to clone.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
    namespace: Arc<str>,
}

impl Context {
    /// Puts a context together; `slot` is the case's place among those that work now.
    pub fn new(parts: ContextParts, slot: Option<OwnedSemaphorePermit>) -> Self {
        let namespace = parts.namespace.as_str().into();
        let inner = Inner {
            parts,
            tap: Tap::new(),
            slot: Mutex::new(slot),
            others: Mutex::default(),
            next_other: AtomicU64::new(0),
            notes: Mutex::default(),
        };
        Self { inner: Arc::new(inner), namespace }
    }

    /// The namespace of this context.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Every namespace that was handed out, this one first.
    pub fn namespaces(&self) -> Vec<String> {
        let others = self.inner.others.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(self.inner.parts.namespace.clone()).chain(others.iter().cloned()).collect()
    }

    /// The same case in another fresh namespace, which is dropped after the case as well.
    pub fn elsewhere(&self) -> Self {
        let number = self.inner.next_other.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", self.inner.parts.namespace);
        self.inner.others.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        Self { inner: Arc::clone(&self.inner), namespace: name.into() }
    }

    /// The driver; calls go to this namespace and have a deadline.
    pub fn endpoint(&self) -> Endpoint {
        self.over(&self.inner.parts.endpoint)
    }

    /// The driver; calls carry what the caller puts on them and nothing else, but are counted.
    pub fn bare_endpoint(&self) -> Endpoint {
        self.inner.parts.endpoint.layer(self.inner.tap.clone())
    }

    /// Another endpoint, as if it were the driver: counted, in this namespace, with a deadline.
    pub fn over(&self, endpoint: &Endpoint) -> Endpoint {
        endpoint.layer(self.inner.tap.clone()).layer(Seam::namespace(&self.namespace))
    }

    /// Clients for the key-value interfaces.
    pub fn keyvalue(&self) -> client::KeyValue {
        client::KeyValue::new(self.endpoint())
    }

    /// Clients for the publish-subscribe interfaces.
    pub fn pubsub(&self) -> client::PubSub {
        client::PubSub::new(self.endpoint())
    }

    /// A client for the lifecycle of the shared driver. Cases only ask it questions and drop their own namespaces.
    pub fn lifecycle(&self) -> client::Lifecycle {
        client::Lifecycle::new(self.endpoint())
    }

    /// A second, running instance on the same server, for cases that asked for one.
    pub async fn second_endpoint(&self) -> Result<Endpoint, Failure> {
        Ok(self.over(&self.inner.parts.instances.second().await?))
    }

    /// An instance of the case's own that has not been started, for cases that asked for one.
    pub async fn fresh_instance(&self) -> Result<FreshInstance, Failure> {
        let fresh = self.inner.parts.instances.fresh().await?;
        Ok(FreshInstance { endpoint: self.over(&fresh.endpoint), settings: fresh.settings })
    }

    /// The pattern and its slots, for cases about patterns.
    pub fn bench(&self) -> Result<Arc<dyn Bench>, Failure> {
        self.inner.parts.instances.bench().ok_or_else(|| Failure::harness("the target is no pattern"))
    }

    /// What the backend declares.
    pub fn declaration(&self) -> &Declaration {
        &self.inner.parts.declaration
    }

    /// The declared traits of an interface.
    pub fn traits(&self, interface: &str) -> Traits {
        self.declaration().traits(interface)
    }

    /// The seed of the case.
    pub fn seed(&self) -> u64 {
        self.inner.parts.seed
    }

    /// A generator that gives the same numbers in every run with the same seed; `stream` tells several apart.
    pub fn rng(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed());
        rng.set_stream(stream);
        rng
    }

    /// How much a generated case does.
    pub fn effort(&self) -> Effort {
        self.inner.parts.effort
    }

    /// The calls seen so far.
    pub fn tap(&self) -> &Tap {
        &self.inner.tap
    }

    /// Says something for the report.
    pub fn note(&self, note: impl Into<String>) {
        self.inner.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note.into());
    }

    /// What was said.
    pub fn notes(&self) -> Vec<String> {
        self.inner.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether time passes by [`Context::pass`] alone, so that answers about it are exact.
    pub fn is_time_virtual(&self) -> bool {
        self.inner.parts.clock
    }

    /// Lets time pass in this namespace: by the clock of tests where the driver has one, else by waiting. A waiting
    /// case leaves its place to others, so that all of them share one wait.
    pub async fn pass(&self, time: Duration) -> Verdict {
        if self.is_time_virtual() {
            let by = Some(prism_interfaces::time::from_std(time));
            ClockClient::new(self.endpoint()).advance(AdvanceRequest { by }).await?;
            return Ok(());
        }
        let had_slot = self.inner.slot.lock().unwrap_or_else(PoisonError::into_inner).take().is_some();
        tokio::time::sleep(time).await;
        if had_slot {
            let slot = Arc::clone(&self.inner.parts.slots).acquire_owned().await.ok();
            *self.inner.slot.lock().unwrap_or_else(PoisonError::into_inner) = slot;
        }
        Ok(())
    }

    /// Demands that the machine was awake since `start`, where a verdict depends on `window`; else the case is
    /// inconclusive.
    pub fn demand_awake(&self, start: Instant, window: Duration) -> Verdict {
        let lag = self.inner.parts.watchdog.lag_since(start);
        if lag * 4 > window {
            let message =
                format!("timers were {} ms late in a window of {} ms", lag.as_millis(), window.as_millis());
            return Err(Failure::inconclusive(message));
        }
        Ok(())
    }

    /// Asks again and again, with growing pauses, until there is an answer or `limit` has passed; `what` completes
    /// the sentence "… did not happen".
    pub async fn eventually<T, F, Fut>(&self, what: &str, limit: Duration, mut ask: F) -> Result<T, Failure>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Option<T>, Failure>>,
    {
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(answer) = ask().await? {
                return Ok(answer);
            }
            if start.elapsed() >= limit {
                return Err(Failure::violation(format!(
                    "{what} did not happen within {} ms",
                    limit.as_millis()
                )));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}
