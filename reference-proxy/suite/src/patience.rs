//! Waiting for what must happen.

use std::{cell::Cell, future::Future, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// How long a correct proxy has for anything that must happen. Nothing takes that long unless it is broken: the machine
/// may be very busy.
pub(crate) const USUAL: Duration = Duration::from_secs(30);

thread_local! {
    // Each case has a thread for itself.
    static PATIENCE: Cell<Duration> = const { Cell::new(USUAL) };
}

/// How long anything may take that must happen.
pub fn patience() -> Duration {
    PATIENCE.get()
}

/// Chooses the patience of what happens on this thread.
pub(crate) fn set_patience(patience: Duration) {
    PATIENCE.set(patience);
}

/// Waits for something that must happen.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(patience(), future).await.unwrap_or_else(|_| panic!("{what}: not within {:?}", patience()))
}

/// Waits until a condition holds that nobody announces.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < patience(), "{what}: not within {:?}", patience());
        sleep(Duration::from_millis(2)).await;
    }
}
