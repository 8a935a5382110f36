//! Messages to whoever listens now.

use crate::{
    broker::{Events, Filter},
    declaration::{MAX_PAYLOAD_BYTES, MAX_TOPIC_BYTES},
    driver::Service,
    value::Value,
};
use prism_driver_kit::check;
use prism_interfaces::{
    pubsub::v1::{
        Message, PublishRequest, PublishResponse, SubscribeRequest, UnsubscribeRequest, UnsubscribeResponse,
        pub_sub_basic_server::PubSubBasic,
    },
    time,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PubSubBasic for Service {
    type SubscribeStream = Events;

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let space = self.space(&request)?;
        let PublishRequest { topic, payload, headers } = request.into_inner();
        check::name("topic", &topic, MAX_TOPIC_BYTES)?;
        check::value("payload", &payload, MAX_PAYLOAD_BYTES)?;
        let message_id = space.broker().publish(Message {
            topic,
            payload: Value::copy(&payload).to_bytes(),
            headers,
            message_id: String::new(),
            published_at: Some(time::timestamp(space.now())),
        });
        Ok(Response::new(PublishResponse { message_id }))
    }

    async fn subscribe(&self, request: Request<SubscribeRequest>) -> Result<Response<Events>, Status> {
        let space = self.space(&request)?;
        let SubscribeRequest { topic } = request.into_inner();
        check::name("topic", &topic, MAX_TOPIC_BYTES)?;
        Ok(Response::new(space.broker().subscribe(Filter::Topic(topic))))
    }

    async fn unsubscribe(
        &self,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        let space = self.space(&request)?;
        let existed = space.broker().unsubscribe(&request.get_ref().subscription_id);
        Ok(Response::new(UnsubscribeResponse { existed }))
    }
}
