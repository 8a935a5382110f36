//! The smoke stage: whether a driver can be spoken with at all, found out before hundreds of cases say that it cannot.

use crate::driver::bring_up::explain;
use prism_interfaces::{Endpoint, RpcSpec, catalogue, traits::Declaration};
use prism_suites::{Seam, client::Lifecycle, sample};
use std::time::Duration;
use tonic::{Code, Status, metadata::MetadataMap};

/// How long the round trip may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Makes one round trip in a namespace that is dropped afterwards: the first unary rpc of the first declared interface
/// that answers to it. The health and `Describe` have been asked for before, when the driver was started.
///
/// Any answer of the driver's own will do, also a refusal: what it is worth is for the suites. The error says how each
/// declared interface failed to answer.
pub(crate) async fn smoke(
    endpoint: &Endpoint,
    declaration: &Declaration,
    namespace: &str,
) -> Result<(), String> {
    let endpoint = endpoint.layer(Seam::namespace(namespace));
    let mut mute = Vec::new();
    for rpc in declaration.interfaces.keys().filter_map(|id| cheapest(id)) {
        let body = sample::request(rpc, "smoke", b"smoke");
        match sample::call(&endpoint, rpc, body, MetadataMap::new(), ANSWER_WITHIN).await {
            Err(status) if cannot_speak(&status) => {
                mute.push(format!("{}: {}", rpc.path.trim_start_matches('/'), explain(&status)));
            }
            Ok(_) | Err(_) => {
                // What the namespace holds is gone with the driver at the latest; the suites find out whether it can.
                let _ = Lifecycle::new(endpoint).drop_namespace().await;
                return Ok(());
            }
        }
    }
    match mute.split_first() {
        None => Ok(()),
        Some((first, [])) => Err(format!("it answers no call to what it declares: {first}")),
        Some((first, others)) => {
            let count = others.len();
            Err(format!(
                "it answers no call to what it declares: {first} (and {count} more interfaces alike)"
            ))
        }
    }
}

fn cheapest(interface: &str) -> Option<&'static RpcSpec> {
    catalogue::interface(interface)?.rpcs.iter().find(|rpc| !rpc.server_streaming)
}

/// Whether the call got nowhere, so that every other call would get nowhere for the same reason.
fn cannot_speak(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unimplemented
            | Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Unauthenticated
            | Code::PermissionDenied
    ) || std::error::Error::source(status).is_some()
}
