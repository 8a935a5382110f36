//! How an upstream is, put together from its connections.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// How an upstream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no connection, and an attempt that follows no failure is under way.
    Connecting,
    /// There is a connection, and the upstream answers on it.
    Up,
    /// There is a connection, and the upstream says that it does not serve. Calls are passed on all the same, because
    /// only the upstream knows which ones it answers now.
    NotServing,
    /// There is no connection, and the last attempt failed.
    Down,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::NotServing => "not_serving",
            Self::Down => "down",
        }
    }

    pub(crate) const ALL: [Self; 4] = [Self::Connecting, Self::Up, Self::NotServing, Self::Down];
}

/// An upstream at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) state: State,
    pub(crate) connections: usize,
    /// Failures in a row, of the connection that has the most.
    pub(crate) failures: u32,
    pub(crate) last_error: String,
    /// Until the next attempt, where one waits.
    pub(crate) next_attempt: Option<Duration>,
}

/// How one connection is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    /// An attempt is under way.
    Connecting,
    /// It answers; `serving` is what its health said.
    Up { serving: bool },
    /// It waits for its next attempt, or makes an attempt after a failure.
    Down { failures: u32, until: Instant },
}

/// All connections of an upstream.
#[derive(Debug)]
pub(super) struct Slots {
    inner: Mutex<Inner>,
    version: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    slots: Vec<Slot>,
    last_error: String,
}

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        let inner = Inner { slots: vec![Slot::Connecting; count], last_error: String::new() };
        Self { inner: Mutex::new(inner), version: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a connection is, and why where it is down.
    pub(super) fn set(&self, index: usize, slot: Slot, error: Option<String>) {
        {
            let mut inner = self.lock();
            inner.slots[index] = slot;
            if let Some(error) = error {
                inner.last_error = error;
            } else if matches!(slot, Slot::Up { .. }) {
                inner.last_error.clear();
            }
        }
        self.version.send_modify(|version| *version += 1);
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let inner = self.lock();
        let mut up = 0;
        let (mut serving, mut connecting) = (false, false);
        let mut most_failures = 0;
        let mut next: Option<Instant> = None;
        for slot in &inner.slots {
            match *slot {
                Slot::Connecting => connecting = true,
                Slot::Up { serving: slot_serving } => {
                    up += 1;
                    serving |= slot_serving;
                }
                Slot::Down { failures, until } => {
                    most_failures = most_failures.max(failures);
                    next = Some(next.map_or(until, |next| next.min(until)));
                }
            }
        }
        let state = match (up, serving, connecting) {
            (0, _, true) => State::Connecting,
            (0, _, false) => State::Down,
            (_, true, _) => State::Up,
            (_, false, _) => State::NotServing,
        };
        Snapshot {
            state,
            connections: up,
            failures: most_failures,
            last_error: inner.last_error.clone(),
            next_attempt: next.map(|next| next.saturating_duration_since(Instant::now())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_state_is_that_of_the_best_connection() {
        let slots = Slots::new(2);
        assert_eq!(slots.snapshot().state, State::Connecting);
        let until = Instant::now() + Duration::from_secs(3);
        slots.set(0, Slot::Down { failures: 2, until }, Some("refused".to_owned()));
        assert_eq!(slots.snapshot().state, State::Connecting, "the other one may come about");
        slots.set(
            1,
            Slot::Down { failures: 1, until: until + Duration::from_secs(1) },
            Some("no".to_owned()),
        );
        let down = slots.snapshot();
        assert_eq!((down.state, down.failures), (State::Down, 2));
        assert_eq!((down.last_error.as_str(), down.next_attempt), ("no", Some(Duration::from_secs(3))));
        slots.set(1, Slot::Up { serving: false }, None);
        assert_eq!((slots.snapshot().state, slots.snapshot().connections), (State::NotServing, 1));
        slots.set(0, Slot::Up { serving: true }, None);
        assert_eq!((slots.snapshot().state, slots.snapshot().last_error.as_str()), (State::Up, ""));
    }
}
