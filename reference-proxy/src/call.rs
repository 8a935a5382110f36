//! One call on its way through the layers.

use crate::{
    refusal::{Refusal, reason},
    routes::Route,
};
use http::HeaderValue;
use prism_interfaces::{Namespace, WriteOutcome};
use std::{
    any::Any,
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Code;

/// What the layers know of a call; a cheap handle, in the extensions of the request.
#[derive(Clone)]
pub(crate) struct Call(Arc<Inner>);

struct Inner {
    id: HeaderValue,
    started: Instant,
    /// Cancelled when the call has ended, for whatever reason; both bodies listen to it.
    over: CancellationToken,
    ended_with: OnceLock<Refusal>,
    sent: AtomicBool,
    deadline: OnceLock<Instant>,
    target: OnceLock<Target>,
    message_limit: OnceLock<u32>,
    /// Permits that are given back when the call has ended.
    held: Mutex<Vec<Box<dyn Any + Send>>>,
}

/// Where a call goes.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) namespace: Namespace,
    pub(crate) route: Arc<Route>,
}

impl Call {
    /// A call that ends when `cut_off` is cancelled, if it has not ended before.
    pub(crate) fn new(id: HeaderValue, cut_off: &CancellationToken) -> Self {
        Self(Arc::new(Inner {
            id,
            started: Instant::now(),
            over: cut_off.child_token(),
            ended_with: OnceLock::new(),
            sent: AtomicBool::new(false),
            deadline: OnceLock::new(),
            target: OnceLock::new(),
            message_limit: OnceLock::new(),
            held: Mutex::new(Vec::new()),
        }))
    }

    pub(crate) fn id(&self) -> &HeaderValue {
        &self.0.id
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// The client waits this long, counted from when the call came in.
    pub(crate) fn set_timeout(&self, timeout: Duration) {
        // A timeout beyond what the clock can say is none.
        if let Some(deadline) = self.0.started.checked_add(timeout) {
            let _ = self.0.deadline.set(deadline);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.deadline.get().copied()
    }

    pub(crate) fn set_target(&self, namespace: Namespace, route: Arc<Route>) {
        let _ = self.0.target.set(Target { namespace, route });
    }

    pub(crate) fn target(&self) -> Option<&Target> {
        self.0.target.get()
    }

    /// No message may be longer, in either direction.
    pub(crate) fn set_message_limit(&self, bytes: u32) {
        let _ = self.0.message_limit.set(bytes);
    }

    pub(crate) fn message_limit(&self) -> Option<u32> {
        self.0.message_limit.get().copied()
    }

    /// Keeps a permit until the call is released.
    pub(crate) fn hold(&self, permit: impl Any + Send) {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(permit));
    }

    /// From now on the upstream may have seen the call.
    pub(crate) fn set_sent(&self, sent: bool) {
        self.0.sent.store(sent, Ordering::Relaxed);
    }

    /// What became of a write if the call ended now.
    pub(crate) fn outcome(&self) -> WriteOutcome {
        if self.0.sent.load(Ordering::Relaxed) { WriteOutcome::Unknown } else { WriteOutcome::NotApplied }
    }

    /// Ends the call early; the first reason counts.
    pub(crate) fn end(&self, refusal: Refusal) {
        let _ = self.0.ended_with.set(refusal);
        self.0.over.cancel();
    }

    /// Nothing further passes in either direction.
    pub(crate) fn close(&self) {
        self.0.over.cancel();
    }

    /// The client has its answer, or has gone: the permits are given back, even where the upstream is so slow to read
    /// the request that its body cannot be let go yet.
    pub(crate) fn release(&self) {
        self.close();
        let held = std::mem::take(&mut *self.0.held.lock().unwrap_or_else(PoisonError::into_inner));
        drop(held);
    }

    pub(crate) fn over(&self) -> &CancellationToken {
        &self.0.over
    }

    /// Why the call ended early; asked when it has.
    pub(crate) fn ending(&self) -> Refusal {
        self.0.ended_with.get().cloned().unwrap_or_else(|| {
            Refusal::new(Code::Unavailable, reason::DRAINING, "the proxy stops, and the call took too long")
                .outcome(self.outcome())
                .retry_after(crate::drain::RETRY_AFTER)
        })
    }

    /// What the client is told at the deadline.
    pub(crate) fn deadline_passed(&self) -> Refusal {
        Refusal::new(Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED, "the deadline of the call has passed")
            .outcome(self.outcome())
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("id", &self.0.id).finish_non_exhaustive()
    }
}
