//! The time of a case on one axis, as the judges of expiry want it: exact where the clock is virtual, else spans of real
//! time.

use crate::{Context, Failure, Verdict};
use prism_check::ttl::{Slack, Span};
use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// By how much the real clocks of the case and of a driver may drift apart in a case. Far less than that would be a
/// reason to call a correct driver wrong; far more would hide nothing that a case looks for.
const DRIFT: Duration = Duration::from_millis(2);

/// The time since a case began.
pub(crate) struct Timeline {
    context: Context,
    began: Instant,
    /// What has passed on the virtual clock.
    passed: Mutex<Duration>,
    slack: Slack,
}

impl Timeline {
    /// The time of this case's namespace, from now on.
    pub(crate) fn new(context: &Context) -> Self {
        let traits = context.traits("keyvalue_ttl");
        let slack = Slack { granularity: traits.duration("granularity"), sweep: traits.duration("sweep") };
        Self { context: context.clone(), began: Instant::now(), passed: Mutex::default(), slack }
    }

    /// How exactly the driver says that it keeps expiry.
    pub(crate) fn slack(&self) -> Slack {
        self.slack
    }

    /// What has passed since the beginning.
    pub(crate) fn now(&self) -> Duration {
        if self.context.is_time_virtual() {
            *self.passed.lock().unwrap_or_else(PoisonError::into_inner)
        } else {
            self.began.elapsed()
        }
    }

    /// Carries out a call and says when it can have taken effect.
    pub(crate) async fn timed<T>(&self, call: impl Future<Output = T>) -> (Span, T) {
        let from = self.now();
        let answer = call.await;
        let to = self.now();
        let drift = if self.context.is_time_virtual() { Duration::ZERO } else { DRIFT };
        (Span::new(from.saturating_sub(drift), to + drift), answer)
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, time: Duration) -> Verdict {
        self.context.pass(time).await?;
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner) += time;
        Ok(())
    }

    /// Lets so much time pass that everything which was given this TTL until now must be gone.
    pub(crate) async fn outlive(&self, ttl: Duration) -> Verdict {
        let drift = if self.context.is_time_virtual() { Duration::ZERO } else { DRIFT * 4 };
        self.pass(ttl + self.slack.granularity + self.slack.sweep + drift).await
    }

    /// A TTL that does not run out during a few calls and that can be waited for.
    pub(crate) fn life(&self) -> Duration {
        if self.context.is_time_virtual() {
            Duration::from_hours(1)
        } else {
            Duration::from_millis(700).max(self.slack.granularity * 3)
        }
    }

    /// Demands that a TTL given at `since` or later cannot have run out yet; where the machine was too slow for that,
    /// what was seen says nothing.
    pub(crate) fn demand_younger(&self, since: Duration, ttl: Duration) -> Verdict {
        if self.now() + DRIFT < since + ttl {
            return Ok(());
        }
        Err(Failure::inconclusive(format!("a few calls took longer than {} ms", ttl.as_millis())))
    }
}
