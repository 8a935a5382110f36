//! Rpcs of a slot that fail, do not answer, or answer late, while the case wants them to.

use prism_interfaces::Endpoint;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tonic::{Code, Status, body::Body};
use tower::{ServiceExt, service_fn};

/// What one rpc of a slot does while the case wants it to fail; cheap to clone.
#[derive(Debug, Clone)]
pub struct Fault {
    rpc: &'static str,
    kind: Kind,
    on: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Nothing happens, and this is the answer.
    Code(Code),
    /// Nothing happens, and there is no answer.
    Silence,
    /// It happens, and the answer takes this long.
    Late(Duration),
}

impl Fault {
    /// An rpc, such as `KeyValueBasic/Set`, that answers with this code.
    pub fn new(rpc: &'static str, code: Code) -> Self {
        Self::of(rpc, Kind::Code(code))
    }

    /// An rpc that does not answer.
    pub fn stall(rpc: &'static str) -> Self {
        Self::of(rpc, Kind::Silence)
    }

    /// An rpc that does what it is told, and answers so much later.
    pub fn late(rpc: &'static str, delay: Duration) -> Self {
        Self::of(rpc, Kind::Late(delay))
    }

    fn of(rpc: &'static str, kind: Kind) -> Self {
        Self { rpc, kind, on: Arc::default(), calls: Arc::default() }
    }

    /// From now on it fails.
    pub fn begin(&self) {
        self.on.store(true, Ordering::SeqCst);
    }

    /// From now on it works.
    pub fn end(&self) {
        self.on.store(false, Ordering::SeqCst);
    }

    /// How many calls it has met.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// The endpoint, with this fault.
    pub fn on(&self, endpoint: Endpoint) -> Endpoint {
        let fault = self.clone();
        Endpoint::new(service_fn(move |request: http::Request<Body>| {
            let (endpoint, fault) = (endpoint.clone(), fault.clone());
            async move {
                let rpc = request.uri().path().rsplit_once('.').map_or("", |(_, rpc)| rpc);
                if rpc != fault.rpc || !fault.on.load(Ordering::SeqCst) {
                    return endpoint.oneshot(request).await;
                }
                fault.calls.fetch_add(1, Ordering::SeqCst);
                match fault.kind {
                    Kind::Code(code) => Ok(Status::new(code, "the case wants it so").into_http()),
                    Kind::Silence => std::future::pending().await,
                    Kind::Late(delay) => {
                        let response = endpoint.oneshot(request).await;
                        tokio::time::sleep(delay).await;
                        response
                    }
                }
            }
        }))
    }
}
