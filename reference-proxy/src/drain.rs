//! Draining: nothing new, what is in flight finishes, and true counts of both.

use crate::refusal::{Refusal, reason};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::Code;

/// When clients of a draining proxy try again; they reach another one, or this one's successor.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What became of the calls when the proxy drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Calls that were in flight when draining began and came to their own end.
    pub finished: usize,
    /// Calls that were in flight when the time was over; their clients got UNAVAILABLE.
    pub cut_off: usize,
    /// New calls that were refused.
    pub refused: usize,
}

/// The state of the proxy's calls.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    /// Under one lock, so that the counts are true: no call slips in between the flag and the count.
    calls: Mutex<Calls>,
    /// Told when the last call ends.
    idle: Notify,
    begun: CancellationToken,
    cut_off: CancellationToken,
}

#[derive(Debug, Default)]
struct Calls {
    in_flight: usize,
    refused: usize,
    /// How many were in flight when draining began; `None` until then.
    at_start: Option<usize>,
}

/// A call in flight; counted until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Drain>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let left = {
            let mut calls = self.0.calls();
            calls.in_flight -= 1;
            calls.in_flight
        };
        if left == 0 {
            self.0.idle.notify_waiters();
        }
    }
}

impl Drain {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, or refuses it where the proxy drains.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<InFlight, Refusal> {
        let mut calls = self.calls();
        if calls.at_start.is_some() {
            calls.refused += 1;
            return Err(Refusal::new(Code::Unavailable, reason::DRAINING, "the proxy drains")
                .retry_after(RETRY_AFTER));
        }
        calls.in_flight += 1;
        Ok(InFlight(Arc::clone(self)))
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.calls().in_flight
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// From now on new calls are refused.
    pub(crate) fn begin(&self) {
        {
            let mut calls = self.calls();
            let in_flight = calls.in_flight;
            calls.at_start.get_or_insert(in_flight);
        }
        self.begun.cancel();
    }

    /// Cancelled when draining begins.
    pub(crate) fn begun(&self) -> &CancellationToken {
        &self.begun
    }

    /// Cancelled when the calls that are left are ended by the proxy.
    pub(crate) fn cut_off(&self) -> &CancellationToken {
        &self.cut_off
    }

    /// Drains: begins if nobody has, waits, and cuts off what is left after `patience`.
    pub(crate) async fn finish(&self, patience: Duration) -> Counts {
        self.begin();
        tracing::info!(in_flight = self.in_flight(), ?patience, "draining");
        // Whether the time was over does not matter, only what is left.
        let _ = timeout(patience, self.wait_until_idle()).await;
        let counts = {
            let calls = self.calls();
            Counts {
                finished: calls.at_start.unwrap_or_default().saturating_sub(calls.in_flight),
                cut_off: calls.in_flight,
                refused: calls.refused,
            }
        };
        self.cut_off.cancel();
        let Counts { finished, cut_off, refused } = counts;
        tracing::info!(finished, cut_off, refused, "drained");
        counts
    }

    async fn wait_until_idle(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            idle.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_in_flight_finishes_and_what_does_not_is_counted() {
        let drain = Arc::new(Drain::default());
        let (first, second) = (drain.enter().expect("the first"), drain.enter().expect("the second"));
        let draining = tokio::spawn({
            let drain = Arc::clone(&drain);
            async move { drain.finish(Duration::from_secs(3)).await }
        });
        drain.begun().cancelled().await;
        assert!(drain.enter().is_err() && drain.enter().is_err());
        drop(first);
        let counts = draining.await.expect("no panic");
        assert_eq!(counts, Counts { finished: 1, cut_off: 1, refused: 2 });
        assert!(drain.cut_off().is_cancelled());
        drop(second);
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_without_calls_is_drained_at_once() {
        let started = tokio::time::Instant::now();
        let counts = Arc::new(Drain::default()).finish(Duration::from_secs(30)).await;
        assert_eq!(counts, Counts { finished: 0, cut_off: 0, refused: 0 });
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
