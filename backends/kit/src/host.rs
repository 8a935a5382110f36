//! The endpoint around a driver.

use crate::{
    Driver, deadline,
    delivery::{Delivery, deadline_of},
    life::{Ending, cut_off},
    lifecycle::{Machine, header_namespace},
};
use prism_interfaces::{
    Endpoint, Fault, Namespace, NamespaceError, catalogue, contract::v1::Reason,
    lifecycle::v1::lifecycle_server::LifecycleServer,
};
use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::{Code, Request, Status, body::Body};
use tower::{Service, ServiceExt};

/// The largest message that a driver takes or sends, in bytes; limits of values are checked by drivers.
pub const MAX_MESSAGE_BYTES: usize = 256 << 20;

/// How prost begins to say that bytes are no message.
const UNREADABLE: &str = "failed to decode Protobuf message";

/// A driver with everything around it that every driver needs.
#[derive(Clone)]
pub struct Host {
    machine: Arc<Machine>,
    lifecycle: LifecycleServer<Machine>,
    /// Every path that is served, and whether it delivers a stream.
    paths: Arc<HashMap<&'static str, bool>>,
}

impl Host {
    /// Puts the lifecycle, the namespace check, deadlines and draining around a driver, which is in state *created*.
    pub fn new(driver: impl Driver) -> Self {
        let machine = Arc::new(Machine::new(Box::new(driver)));
        let info = machine.info();
        let declared = info.interfaces.iter().filter_map(|interface| catalogue::interface(interface.id));
        let paths = declared
            .chain(info.clock.then_some(&catalogue::CLOCK))
            .flat_map(|interface| interface.rpcs)
            .map(|rpc| (rpc.path, rpc.server_streaming))
            .collect();
        Self { lifecycle: LifecycleServer::from_arc(Arc::clone(&machine)), machine, paths: Arc::new(paths) }
    }

    /// The seam: usable in process, or to be served on an address.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.clone())
    }
}

/// The namespace of a call, for implementations of the generated services.
///
/// [`Host`] has checked the header of every data call before; where a service runs without a host, this checks it.
pub fn namespace<T>(request: &Request<T>) -> Result<Namespace, Status> {
    match request.extensions().get::<Namespace>() {
        Some(namespace) => Ok(namespace.clone()),
        None => header_namespace(request),
    }
}

pub(crate) fn namespace_fault(error: NamespaceError) -> Fault {
    let reason = match error {
        NamespaceError::Missing => Reason::NamespaceMissing,
        NamespaceError::Malformed => Reason::NamespaceMalformed,
    };
    Fault::invalid_argument(reason, error.to_string())
}

/// What tonic answers to a message that it cannot decode, in the words of the contract.
fn unreadable(response: &http::Response<Body>) -> Option<Status> {
    let status = Status::from_header_map(response.headers())?;
    let is_decoding = status.code() == Code::Internal
        && status.details().is_empty()
        && status.message().starts_with(UNREADABLE);
    is_decoding.then(|| {
        let message = format!("the request cannot be read: {}", status.message());
        Fault::invalid_argument(Reason::ArgumentInvalid, message).into()
    })
}

impl Service<http::Request<Body>> for Host {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request
            .uri()
            .path()
            .strip_prefix('/')
            .and_then(|path| path.split_once('/'))
            .map(|(service, _)| service)
            == Some(catalogue::LIFECYCLE.service)
        {
            let mut lifecycle = self.lifecycle.clone();
            return Box::pin(async move { lifecycle.call(request).await });
        }
        let (machine, paths) = (Arc::clone(&self.machine), Arc::clone(&self.paths));
        Box::pin(async move {
            Ok(match data_call(&machine, &paths, request).await {
                Ok(response) => response,
                Err(status) => status.into_http(),
            })
        })
    }
}

async fn data_call(
    machine: &Machine,
    paths: &HashMap<&'static str, bool>,
    mut request: http::Request<Body>,
) -> Result<http::Response<Body>, Status> {
    let Some(streaming) = paths.get(request.uri().path()).copied() else {
        let message = format!("{} is not served", request.uri().path());
        return Err(Fault::new(Code::Unimplemented, Reason::NotServed, message).into());
    };
    let started = machine.started()?;
    let ticket = started.life.admit()?;
    let namespace = Namespace::from_headers(request.headers()).map_err(namespace_fault)?;
    request.extensions_mut().insert(namespace);
    let deadline = deadline_of(deadline::timeout(request.headers()));

    let expired = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let response = tokio::select! {
        // The call first: an answer that is there counts, however late it is looked at.
        biased;
        response = started.routes.clone().oneshot(request) => response,
        () = ticket.reached(Ending::Cut) => return Err(cut_off()),
        () = expired => return Err(deadline::exceeded()),
    };
    let Ok(response) = response;
    if let Some(status) = unreadable(&response) {
        return Err(status);
    }
    // A unary answer is complete; a stream is in flight until it has ended.
    if streaming && !response.headers().contains_key("grpc-status") {
        return Ok(response.map(|body| Body::new(Delivery::new(body, ticket, deadline))));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::fault::reason;
    use prost::Message;

    #[test]
    fn a_message_that_cannot_be_decoded_is_an_invalid_argument() {
        let error = prost_types::Timestamp::decode(&b"\xff"[..]).unwrap_err();
        let status = unreadable(&Status::internal(error.to_string()).into_http()).unwrap();
        assert_eq!(
            (status.code(), reason(&status).as_deref()),
            (Code::InvalidArgument, Some("ARGUMENT_INVALID"))
        );
        for other in [Status::internal("disk"), Status::invalid_argument(error.to_string())] {
            assert!(unreadable(&other.into_http()).is_none());
        }
    }
}
