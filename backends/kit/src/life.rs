//! One life of a driver, from Start to Stop: what is in flight, and how it is brought to an end.

use prism_interfaces::{Fault, contract::v1::Reason};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tonic::{Code, Status};

/// How far the end of a life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// Calls are taken.
    None,
    /// Calls in flight may end, new ones are refused.
    Draining,
    /// What is still in flight is cut off.
    Cut,
}

/// Counts calls in flight and tells them when to end.
#[derive(Debug)]
pub(crate) struct Life {
    in_flight: Mutex<u64>,
    ending: watch::Sender<Ending>,
    /// Changes whenever a call ends.
    ended: watch::Sender<()>,
}

/// Proof that a call was admitted; dropping it says that the call has ended.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<Life>);

impl Life {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            in_flight: Mutex::new(0),
            ending: watch::Sender::new(Ending::None),
            ended: watch::Sender::new(()),
        })
    }

    fn in_flight(&self) -> MutexGuard<'_, u64> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a call, unless the end has begun.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Ticket, Status> {
        let mut in_flight = self.in_flight();
        if *self.ending.borrow() != Ending::None {
            return Err(draining());
        }
        *in_flight += 1;
        Ok(Ticket(Arc::clone(self)))
    }

    /// Refuses new calls, waits for those in flight, cuts off what is left after `timeout`. Returns how many ended
    /// and how many were cut off.
    pub(crate) async fn drain(&self, timeout: Duration) -> (u64, u64) {
        let at_start = {
            let in_flight = self.in_flight();
            self.ending.send_replace(Ending::Draining);
            *in_flight
        };
        let mut ended = self.ended.subscribe();
        let all_ended = async {
            while *self.in_flight() > 0 {
                // The sender lives as long as `self`.
                let _ = ended.changed().await;
            }
        };
        let _ = tokio::time::timeout(timeout, all_ended).await;
        let left = {
            let in_flight = self.in_flight();
            self.ending.send_replace(Ending::Cut);
            *in_flight
        };
        (at_start - left, left)
    }

    /// Cuts off whatever is in flight.
    pub(crate) fn cut(&self) {
        let _in_flight = self.in_flight();
        self.ending.send_replace(Ending::Cut);
    }
}

impl Ticket {
    /// Waits until the end of the life has come this far.
    pub(crate) async fn reached(&self, ending: Ending) {
        let mut seen = self.0.ending.subscribe();
        // The sender lives as long as `self`.
        let _ = seen.wait_for(|now| *now >= ending).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        *self.0.in_flight() -= 1;
        self.0.ended.send_replace(());
    }
}

/// What a call is told that comes too late, or that is brought to an end by Drain.
pub(crate) fn draining() -> Status {
    Fault::unavailable(Reason::Draining, "the driver is draining and takes no new calls")
        .retry_after(Duration::from_secs(1))
        .into()
}

/// What a call is told that did not end in time.
pub(crate) fn cut_off() -> Status {
    Fault::new(Code::Unavailable, Reason::Draining, "the driver stopped before the call had ended")
        .unknown_outcome()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drain_counts_what_ended_and_what_was_cut_off() {
        let life = Life::new();
        let (ends, stays) = (life.admit().unwrap(), life.admit().unwrap());
        let draining = tokio::spawn({
            let life = Arc::clone(&life);
            async move { life.drain(Duration::from_millis(50)).await }
        });
        ends.reached(Ending::Draining).await;
        assert_eq!(life.admit().unwrap_err().code(), Code::Unavailable);
        drop(ends);
        stays.reached(Ending::Cut).await;
        assert_eq!(draining.await.unwrap(), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn drain_does_not_wait_when_nothing_is_in_flight() {
        let life = Life::new();
        drop(life.admit().unwrap());
        let before = tokio::time::Instant::now();
        assert_eq!(life.drain(Duration::from_secs(10)).await, (0, 0));
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
