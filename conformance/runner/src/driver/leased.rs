//! Instances of a case's own, which end when nobody holds them any more.

use async_trait::async_trait;
use prism_interfaces::{Endpoint, EndpointError};
use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::{runtime::Handle, task::JoinSet};
use tonic::body::Body;
use tower::Service;

/// Something behind an endpoint that can be asked to end.
#[async_trait]
pub(crate) trait Ending: Send + Sync + 'static {
    /// Where it answers.
    fn endpoint(&self) -> Endpoint;

    /// Asks it to end, and waits until it has.
    async fn end(&self);
}

/// Processes that are being asked to end; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopping(Arc<Mutex<JoinSet<()>>>);

impl Stopping {
    /// Asks a process to end, meanwhile.
    fn begin(&self, process: Arc<dyn Ending>) {
        // Without a runtime, everything is over, and dropping the process kills it.
        let Ok(runtime) = Handle::try_current() else { return };
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(async move { process.end().await }, &runtime);
    }

    /// Waits until all have ended.
    pub(crate) async fn finish(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.join_all().await;
    }

    /// The endpoint of something that is asked to end when the last clone of the endpoint is gone.
    pub(crate) fn lease(&self, process: Arc<dyn Ending>) -> Endpoint {
        let inner = process.endpoint();
        Endpoint::new(Leased { inner, _lease: Arc::new(Lease { process, stopping: self.clone() }) })
    }
}

struct Lease {
    process: Arc<dyn Ending>,
    stopping: Stopping,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stopping.begin(Arc::clone(&self.process));
    }
}

#[derive(Clone)]
struct Leased {
    inner: Endpoint,
    _lease: Arc<Lease>,
}

impl Service<http::Request<Body>> for Leased {
    type Response = http::Response<Body>;
    type Error = EndpointError;
    type Future = <Endpoint as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.inner.call(request)
    }
}
