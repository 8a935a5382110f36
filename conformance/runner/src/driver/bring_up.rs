//! Leading a driver from wherever it is to running.

use prism_interfaces::{Endpoint, fault, lifecycle::v1::Health};
use prism_suites::{Seam, client::Lifecycle};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tonic::{Code, Status};

/// The first pause between two attempts to start a driver, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(500)];

/// The namespace of what is asked before any case, where it needs one.
pub(crate) const PROBE: &str = "prism-probe";

/// Whether an instance is known to be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nobody has called it yet.
    New,
    /// It may run already; whatever state it is in, it has to end up healthy.
    Anything,
}

/// Initializes and starts a driver, and asks for its health.
pub(crate) async fn bring_up(
    endpoint: &Endpoint,
    settings: &BTreeMap<String, String>,
    before: Before,
) -> Result<(), Status> {
    // What somebody else runs may be behind a proxy, which routes by the namespace.
    let seam = if before == Before::Anything { Seam::namespace(PROBE) } else { Seam::bare() };
    let lifecycle = Lifecycle::new(endpoint.layer(seam));
    let tolerate = |result: Result<(), Status>| match result {
        Err(status) if before == Before::Anything && status.code() == Code::FailedPrecondition => Ok(()),
        other => other,
    };
    tolerate(lifecycle.initialize(settings).await)?;
    tolerate(lifecycle.start().await)?;
    let (health, message) = lifecycle.health().await?;
    if health != Health::Healthy {
        return Err(Status::unavailable(format!("the driver is not healthy: {message}")));
    }
    Ok(())
}

/// Tries again until `patience` has passed, because a server that was just started may not be ready; an error that
/// trying again cannot help ends it at once. Every attempt is on what `instance` gives.
pub(crate) async fn bring_up_patiently(
    mut instance: impl FnMut() -> Endpoint,
    settings: &BTreeMap<String, String>,
    first: Before,
    again: Before,
    patience: Duration,
) -> Result<Endpoint, String> {
    let began = Instant::now();
    let [mut pause, longest] = PAUSES;
    let mut before = first;
    loop {
        let endpoint = instance();
        match bring_up(&endpoint, settings, before).await {
            Ok(()) => return Ok(endpoint),
            Err(status) if worth_trying_again(&status) && began.elapsed() < patience => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(longest);
                before = again;
            }
            Err(status) => return Err(explain(&status)),
        }
    }
}

fn worth_trying_again(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Aborted | Code::ResourceExhausted
    )
}

/// A status with the reasons behind it, in one line.
pub(crate) fn explain(status: &Status) -> String {
    fault::with_sources(prism_suites::verdict::describe(status), status)
}
