//! Instances over the slots of the target with something in between.

use super::Registry;
use crate::instance::{Given, Instance};
use async_trait::async_trait;
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{PublishRequest, PublishResponse, pub_sub_basic_client::PubSubBasicClient},
};
use prism_mutants::forward::{self, PubSubTwist};
use prism_suites::{Context, Failure};
use tonic::{Request, Response, Status};

/// An instance with these parameters.
pub(super) async fn registry(context: &Context, given: Given<'_>) -> Result<Registry, Failure> {
    Ok(Registry::new(Instance::start(context, given).await?.endpoint()))
}

/// The same with something between it and one of its slots.
pub(super) async fn registry_over(
    context: &Context,
    given: Given<'_>,
    slot: &str,
    twist: impl FnOnce(Endpoint) -> Endpoint,
) -> Result<Registry, Failure> {
    let mut slots = context.bench()?.slots();
    if let Some(endpoint) = slots.remove(slot) {
        slots.insert(slot.to_owned(), twist(endpoint));
    }
    Ok(Registry::new(Instance::over(context, slots, given).await?.endpoint()))
}

/// What a messaging slot makes of a message.
pub(super) enum Reception {
    /// It is published.
    Accepted,
    /// It is refused.
    Refused(Status),
    /// There is no answer.
    Silence,
}

/// A messaging slot that receives messages by their topics.
pub(super) fn receiving(
    endpoint: Endpoint,
    receive: impl Fn(&str) -> Reception + Send + Sync + 'static,
) -> Endpoint {
    forward::pubsub(endpoint, Receiving(receive))
}

struct Receiving<F>(F);

#[async_trait]
impl<F: Fn(&str) -> Reception + Send + Sync + 'static> PubSubTwist for Receiving<F> {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        match (self.0)(&request.get_ref().topic) {
            Reception::Accepted => PubSubBasicClient::new(next.clone()).publish(request).await,
            Reception::Refused(status) => Err(status),
            Reception::Silence => std::future::pending().await,
        }
    }
}
