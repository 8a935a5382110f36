//! SubscribePattern.

use crate::{
    declaration::MAX_TOPIC_BYTES,
    driver::Store,
    subscription::{Events, Interest},
};
use prism_driver_kit::{check, namespace, wildcard::Pattern};
use prism_interfaces::pubsub::v1::{SubscribePatternRequest, pub_sub_wildcards_server::PubSubWildcards};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PubSubWildcards for Store {
    type SubscribePatternStream = Events;

    async fn subscribe_pattern(
        &self,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        let namespace = namespace(&request)?;
        let SubscribePatternRequest { pattern } = request.into_inner();
        check::name("pattern", &pattern, MAX_TOPIC_BYTES)?;
        let pattern = Pattern::parse(&pattern)?;
        Ok(Response::new(self.subscribe_to(&namespace, Interest::Pattern(pattern)).await?))
    }
}
