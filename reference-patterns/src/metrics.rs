//! How often each rpc of a pattern and of its slots was called in a namespace, and how long that took.

use async_trait::async_trait;
use http::{HeaderMap, Request};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prism_driver_kit::{Running, RunningDriver, namespace};
use prism_interfaces::{
    Endpoint, Namespace, catalogue,
    pattern::slots::v1::{
        CallMetrics, GetMetricsRequest, GetMetricsResponse,
        pattern_slots_server::{PatternSlots, PatternSlotsServer},
    },
    time,
};
use std::{
    collections::{BTreeMap, HashMap},
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tonic::{Code, Status, body::Body, service::Routes};
use tower::{ServiceExt, service_fn};

/// The interface that the numbers are asked through.
const OWN: &str = "pattern_slots";

/// The rpcs that count, by path. Paths that are not in the catalogue do not, because clients can make them up without
/// end.
static RPCS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let counted = catalogue::services().filter(|service| {
        service.id != OWN
            && ![&catalogue::LIFECYCLE, &catalogue::CLOCK].iter().any(|other| other.id == service.id)
    });
    counted.flat_map(|service| service.rpcs).map(|rpc| (rpc.path, rpc.path.trim_start_matches('/'))).collect()
});

/// What was counted in all namespaces; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics(Arc<Mutex<HashMap<Namespace, BTreeMap<Which, Total>>>>);

/// In the order in which they are told. The slot is empty for the pattern itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Which {
    slot: Arc<str>,
    rpc: &'static str,
    code: i32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Total {
    calls: u64,
    time: Duration,
}

impl Metrics {
    /// An endpoint whose calls are counted: as those of a slot, or of the pattern itself where that is empty.
    pub(crate) fn counting(&self, slot: &str, endpoint: Endpoint) -> Endpoint {
        let (metrics, slot) = (self.clone(), Arc::<str>::from(slot));
        Endpoint::new(service_fn(move |request: Request<Body>| {
            let call = metrics.begin(&slot, &request);
            let endpoint = endpoint.clone();
            async move {
                let answer = endpoint.oneshot(request).await;
                let Some(mut call) = call else { return answer };
                match answer {
                    Ok(response) => {
                        call.read(response.headers());
                        Ok(response.map(|inner| Body::new(Counted { inner, call })))
                    }
                    Err(error) => {
                        call.end(Code::Unavailable);
                        Err(error)
                    }
                }
            }
        }))
    }

    /// The driver, with the rpc that tells the numbers.
    pub(crate) fn serving(&self, inner: RunningDriver) -> RunningDriver {
        Box::new(Serving { inner, metrics: self.clone() })
    }

    fn begin(&self, slot: &Arc<str>, request: &Request<Body>) -> Option<Call> {
        let rpc = *RPCS.get(request.uri().path())?;
        let namespace = Namespace::from_headers(request.headers()).ok()?;
        Some(Call {
            metrics: self.clone(),
            namespace,
            slot: Arc::clone(slot),
            rpc,
            began: Instant::now(),
            ended: false,
        })
    }

    fn namespaces(&self) -> MutexGuard<'_, HashMap<Namespace, BTreeMap<Which, Total>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, namespace: &Namespace) {
        self.namespaces().remove(namespace);
    }

    fn told(&self, namespace: &Namespace) -> Vec<CallMetrics> {
        let namespaces = self.namespaces();
        let totals = namespaces.get(namespace).into_iter().flatten();
        totals
            .map(|(which, total)| CallMetrics {
                slot: which.slot.to_string(),
                rpc: which.rpc.to_owned(),
                code: which.code,
                calls: total.calls,
                time: Some(time::from_std(total.time)),
            })
            .collect()
    }
}

/// A call that has begun. Where it goes without an answer it was given up.
struct Call {
    metrics: Metrics,
    namespace: Namespace,
    slot: Arc<str>,
    rpc: &'static str,
    began: Instant,
    ended: bool,
}

impl Call {
    /// Ends it where these headers or trailers have the status, before whoever called can know.
    fn read(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.end(Code::from_bytes(status.as_bytes()));
        }
    }

    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let which = Which { slot: Arc::clone(&self.slot), rpc: self.rpc, code: code.into() };
        let mut namespaces = self.metrics.namespaces();
        let total = namespaces.entry(self.namespace.clone()).or_default().entry(which).or_default();
        total.calls += 1;
        total.time += self.began.elapsed();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// A body that looks for the status as it passes.
struct Counted {
    inner: Body,
    call: Call,
}

impl HttpBody for Counted {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.read(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A pattern with its numbers beside it.
struct Serving {
    inner: RunningDriver,
    metrics: Metrics,
}

#[async_trait]
impl Running for Serving {
    fn routes(&self) -> Routes {
        self.inner.routes().add_service(PatternSlotsServer::new(self.metrics.clone()))
    }

    fn server_version(&self) -> String {
        self.inner.server_version()
    }

    async fn health(&self) -> Result<(), String> {
        self.inner.health().await
    }

    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), Status> {
        self.inner.drop_namespace(namespace).await?;
        self.metrics.forget(namespace);
        Ok(())
    }

    async fn drain(&self, timeout: Duration) -> (u64, u64) {
        self.inner.drain(timeout).await
    }

    async fn stop(&self) {
        self.inner.stop().await;
    }
}

#[async_trait]
impl PatternSlots for Metrics {
    async fn get_metrics(
        &self,
        request: tonic::Request<GetMetricsRequest>,
    ) -> Result<tonic::Response<GetMetricsResponse>, Status> {
        let calls = self.told(&namespace(&request)?);
        Ok(tonic::Response::new(GetMetricsResponse { calls }))
    }
}
