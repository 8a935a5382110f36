//! Subscriptions to many topics at once.

use crate::{
    broker::{Events, Filter},
    declaration::MAX_TOPIC_BYTES,
    driver::Service,
};
use prism_driver_kit::{check, wildcard::Pattern};
use prism_interfaces::pubsub::v1::{SubscribePatternRequest, pub_sub_wildcards_server::PubSubWildcards};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PubSubWildcards for Service {
    type SubscribePatternStream = Events;

    async fn subscribe_pattern(
        &self,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        let space = self.space(&request)?;
        let SubscribePatternRequest { pattern } = request.into_inner();
        check::name("pattern", &pattern, MAX_TOPIC_BYTES)?;
        let pattern = Pattern::parse(&pattern)?;
        Ok(Response::new(space.broker().subscribe(Filter::Pattern(pattern))))
    }
}
