//! Publish, Subscribe, Unsubscribe.

use crate::{
    declaration::{MAX_PAYLOAD_BYTES, MAX_TOPIC_BYTES},
    driver::Store,
    names::Names,
    scripts,
    subscription::{Events, Interest},
};
use prism_driver_kit::{check, namespace};
use prism_interfaces::{
    pubsub::v1::{
        Message, PublishRequest, PublishResponse, SubscribeRequest, UnsubscribeRequest, UnsubscribeResponse,
        pub_sub_basic_server::PubSubBasic,
    },
    time,
};
use prost::Message as _;
use redis::cmd;
use std::time::{SystemTime, UNIX_EPOCH};
use tonic::{Request, Response, Status};
use uuid::Uuid;

#[tonic::async_trait]
impl PubSubBasic for Store {
    type SubscribeStream = Events;

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let PublishRequest { topic, payload, headers } = request.into_inner();
        check::name("topic", &topic, MAX_TOPIC_BYTES)?;
        check::value("payload", &payload, MAX_PAYLOAD_BYTES)?;
        let message_id = Uuid::new_v4().to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let channel = names.channel(self.client.database(), &topic);
        let published_at = Some(time::timestamp(now));
        let message = Message { topic, payload, headers, message_id: message_id.clone(), published_at };
        self.client.write::<()>(cmd("PUBLISH").arg(channel).arg(message.encode_to_vec())).await?;
        Ok(Response::new(PublishResponse { message_id }))
    }

    async fn subscribe(&self, request: Request<SubscribeRequest>) -> Result<Response<Events>, Status> {
        let namespace = namespace(&request)?;
        let SubscribeRequest { topic } = request.into_inner();
        check::name("topic", &topic, MAX_TOPIC_BYTES)?;
        Ok(Response::new(self.subscribe_to(&namespace, Interest::Topic(topic)).await?))
    }

    async fn unsubscribe(
        &self,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let id = &request.get_ref().subscription_id;
        // Ids are given out in one form; anything else, however long, is none.
        let is_id = Uuid::try_parse(id).is_ok_and(|parsed| parsed.to_string() == *id);
        let existed = is_id && {
            let arguments = [names.control(self.client.database(), id), id.clone()];
            self.client.run(&scripts::UNSUBSCRIBE, &names, &[names.ended()], &arguments).await?
        };
        Ok(Response::new(UnsubscribeResponse { existed }))
    }
}
