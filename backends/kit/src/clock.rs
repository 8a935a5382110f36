//! Real time, or the clock of tests.

use prism_interfaces::{
    Fault, Namespace,
    contract::v1::Reason,
    testing::v1::{
        AdvanceRequest, AdvanceResponse, NowRequest, NowResponse,
        clock_server::{Clock as ClockApi, ClockServer},
    },
    time,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tonic::{Request, Response, Status};

/// The last second that a protobuf timestamp can say: 9999-12-31T23:59:59Z.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// Tells a driver what time it is in a namespace.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The time of this machine, the same in every namespace.
    #[default]
    System,
    /// Each namespace's own time, which stands still but for Advance.
    Virtual(VirtualClock),
}

/// The times of namespaces, by namespace.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Arc<Mutex<HashMap<Namespace, Duration>>>);

impl Clock {
    /// A clock that can be set.
    pub fn new_virtual() -> Self {
        Self::Virtual(VirtualClock::default())
    }

    /// The time since the Unix epoch.
    pub fn now(&self, namespace: &Namespace) -> Duration {
        match self {
            Self::System => real_now(),
            Self::Virtual(clock) => clock.now(namespace),
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self, namespace: &Namespace) -> u64 {
        self.now(namespace).as_millis() as u64
    }

    /// Lets go of the time of a namespace that is dropped.
    pub fn forget(&self, namespace: &Namespace) {
        if let Self::Virtual(VirtualClock(times)) = self {
            times.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace);
        }
    }

    /// The service that sets this clock; `None` for real time.
    pub fn service(&self) -> Option<ClockServer<impl ClockApi + use<>>> {
        match self {
            Self::System => None,
            Self::Virtual(clock) => Some(ClockServer::new(clock.clone())),
        }
    }
}

fn real_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl VirtualClock {
    fn now(&self, namespace: &Namespace) -> Duration {
        *self.times().entry(namespace.clone()).or_insert_with(start)
    }

    /// Moves the time of a namespace; `None` where it would leave what a protobuf timestamp can say.
    fn advance(&self, namespace: &Namespace, by: Duration) -> Option<Duration> {
        // One lock for both, or concurrent moves would be lost.
        let mut times = self.times();
        let now = times.entry(namespace.clone()).or_insert_with(start);
        *now = now.checked_add(by).filter(|next| *next <= LATEST)?;
        Some(*now)
    }

    fn times(&self) -> MutexGuard<'_, HashMap<Namespace, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a clock starts: at the real time, in whole milliseconds, so that drivers which keep time in them lose nothing.
fn start() -> Duration {
    Duration::from_millis(real_now().as_millis() as u64)
}

#[tonic::async_trait]
impl ClockApi for VirtualClock {
    async fn now(&self, request: Request<NowRequest>) -> Result<Response<NowResponse>, Status> {
        let now = Self::now(self, &crate::namespace(&request)?);
        Ok(Response::new(NowResponse { now: Some(time::timestamp(now)) }))
    }

    async fn advance(&self, request: Request<AdvanceRequest>) -> Result<Response<AdvanceResponse>, Status> {
        let namespace = crate::namespace(&request)?;
        let refuse = |problem| Fault::invalid_argument(Reason::ArgumentInvalid, problem).field("by");
        let by = request.get_ref().by.as_ref().and_then(time::to_std).filter(|by| !by.is_zero());
        let by = by.ok_or_else(|| refuse("`by` must be more than zero"))?;
        let now =
            Self::advance(self, &namespace, by).ok_or_else(|| refuse("`by` leads beyond the year 9999"))?;
        Ok(Response::new(AdvanceResponse { now: Some(time::timestamp(now)) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_stands_still_and_is_per_namespace() {
        let (a, b) = (Namespace::new("a").unwrap(), Namespace::new("b").unwrap());
        let clock = Clock::new_virtual();
        let (start_a, start_b) = (clock.now(&a), clock.now(&b));
        let Clock::Virtual(inner) = &clock else { unreachable!() };
        inner.advance(&a, Duration::from_secs(5)).unwrap();
        assert_eq!(inner.advance(&a, Duration::from_secs(i64::MAX as u64)), None);
        assert_eq!(clock.now(&a), start_a + Duration::from_secs(5));
        assert_eq!(clock.now(&b), start_b);
        clock.forget(&a);
        assert!(clock.now(&a) < start_a + Duration::from_secs(5));
    }
}
