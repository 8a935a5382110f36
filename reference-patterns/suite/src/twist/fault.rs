//! Rpcs of a slot that fail, or do not answer, while the case wants them to.

use prism_interfaces::Endpoint;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tonic::{Code, Status, body::Body};
use tower::{ServiceExt, service_fn};

/// What one rpc of a slot does while the case wants it to fail; cheap to clone.
#[derive(Debug, Clone)]
pub struct Fault {
    rpc: &'static str,
    /// `None` for no answer at all.
    code: Option<Code>,
    on: Arc<AtomicBool>,
}

impl Fault {
    /// An rpc, such as `KeyValueBasic/Set`, that answers with this code.
    pub fn new(rpc: &'static str, code: Code) -> Self {
        Self { rpc, code: Some(code), on: Arc::default() }
    }

    /// An rpc that does not answer.
    pub fn stall(rpc: &'static str) -> Self {
        Self { rpc, code: None, on: Arc::default() }
    }

    /// From now on it fails.
    pub fn begin(&self) {
        self.on.store(true, Ordering::SeqCst);
    }

    /// From now on it works.
    pub fn end(&self) {
        self.on.store(false, Ordering::SeqCst);
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
                match fault.code {
                    Some(code) => Ok(Status::new(code, "the case wants it so").into_http()),
                    None => std::future::pending().await,
                }
            }
        }))
    }
}
