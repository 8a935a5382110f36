//! Notices when the machine was asleep, so that nobody is judged by a clock that nobody could have kept.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often the watchdog looks at the clock.
const TICK: Duration = Duration::from_millis(10);

/// Delays shorter than this are not remembered.
const NOTICED: Duration = Duration::from_millis(5);

/// Remembers by how much timers of this process were late, and when.
#[derive(Debug, Clone, Default)]
pub struct Watchdog(Arc<Mutex<Vec<(Instant, Duration)>>>);

impl Watchdog {
    /// Starts watching; ends when the last copy is dropped. Must be called inside a tokio runtime.
    pub fn start() -> Self {
        let watchdog = Self::default();
        let lags = Arc::downgrade(&watchdog.0);
        tokio::spawn(async move {
            loop {
                let before = Instant::now();
                tokio::time::sleep(TICK).await;
                let lag = before.elapsed().saturating_sub(TICK);
                let Some(lags) = lags.upgrade() else { return };
                if lag >= NOTICED {
                    lags.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), lag));
                }
            }
        });
        watchdog
    }

    /// The longest delay noticed since `start`.
    pub fn lag_since(&self, start: Instant) -> Duration {
        let lags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lags.iter().rev().take_while(|(at, _)| *at >= start).map(|(_, lag)| *lag).max().unwrap_or_default()
    }
}
