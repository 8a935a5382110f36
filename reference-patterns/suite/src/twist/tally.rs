//! Counts calls by rpc and by the code of their answers.

use prism_interfaces::{Endpoint, catalogue};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tonic::{Code, body::Body};
use tower::{ServiceExt, service_fn};

/// An rpc, such as `prism.keyvalue.v1.KeyValueBasic/Set`, and the number of a code.
pub type Answered = (String, i32);

/// Counts the answered calls of everything but lifecycle and clock, where there is one answer to a call; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<BTreeMap<Answered, u64>>>);

impl Tally {
    /// What was answered so far.
    pub fn so_far(&self) -> BTreeMap<Answered, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The endpoint with its calls counted, each of which takes so much longer.
    pub fn on(&self, endpoint: Endpoint, longer: Duration) -> Endpoint {
        let tally = self.clone();
        Endpoint::new(service_fn(move |request: http::Request<Body>| {
            let (endpoint, tally) = (endpoint.clone(), tally.clone());
            async move {
                let rpc = counted(request.uri().path());
                if rpc.is_some() {
                    tokio::time::sleep(longer).await;
                }
                let answer = endpoint.oneshot(request).await;
                if let (Some(rpc), Ok(response)) = (rpc, &answer) {
                    // One answer that is OK says so in its trailers, which nothing precedes but the answer.
                    let status = response.headers().get("grpc-status");
                    let code = status.map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes()));
                    let mut answers = tally.0.lock().unwrap_or_else(PoisonError::into_inner);
                    *answers.entry((rpc, code.into())).or_default() += 1;
                }
                answer
            }
        }))
    }
}

fn counted(path: &str) -> Option<String> {
    let mut counts = catalogue::services()
        .filter(|service| !["pattern_slots", "lifecycle", "clock"].contains(&service.id))
        .flat_map(|service| service.rpcs);
    let rpc = counts.find(|rpc| rpc.path == path && !rpc.server_streaming)?;
    Some(rpc.path.trim_start_matches('/').to_owned())
}
