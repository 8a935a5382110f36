//! The calls of the producer with less to type.

use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    pattern::producer::v1::{
        FlushRequest, GetMetricsRequest, GetMetricsResponse, OutgoingMessage, PublishBatchRequest,
        PublishRequest, PublishResponse, PublishResult, producer_client::ProducerClient,
    },
};
use prism_suites::{Failure, describe};
use std::time::Duration;
use tonic::{Request, Status};

/// The producer at an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Producer {
    client: ProducerClient<Endpoint>,
}

/// A message for `topic`.
pub(crate) fn message(topic: &str, payload: impl Into<Bytes>) -> OutgoingMessage {
    OutgoingMessage { topic: topic.to_owned(), payload: payload.into(), ..OutgoingMessage::default() }
}

/// A message with an id.
pub(crate) fn named(topic: &str, payload: impl Into<Bytes>, id: &str) -> OutgoingMessage {
    OutgoingMessage { message_id: id.to_owned(), ..message(topic, payload) }
}

/// A message with an ordering key.
pub(crate) fn keyed(topic: &str, payload: impl Into<Bytes>, key: &str) -> OutgoingMessage {
    OutgoingMessage { ordering_key: key.to_owned(), ..message(topic, payload) }
}

/// What a message that should be published was answered; whatever else came is a violation.
pub(crate) fn published<T>(what: &str, answer: Result<T, Status>) -> Result<T, Failure> {
    answer.map_err(|status| {
        Failure::violation(format!("{what} was not published")).expected("OK").got(describe(&status))
    })
}

impl Producer {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        let client = ProducerClient::new(endpoint)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        Self { client }
    }

    /// `Producer.Publish`.
    pub(crate) async fn publish(&self, message: OutgoingMessage) -> Result<PublishResponse, Status> {
        let request = PublishRequest { message: Some(message) };
        Ok(self.client.clone().publish(request).await?.into_inner())
    }

    /// `Producer.Publish` with this deadline.
    pub(crate) async fn publish_within(
        &self,
        message: OutgoingMessage,
        limit: Duration,
    ) -> Result<PublishResponse, Status> {
        let mut request = Request::new(PublishRequest { message: Some(message) });
        request.set_timeout(limit);
        Ok(self.client.clone().publish(request).await?.into_inner())
    }

    /// `Producer.Publish`, begun and not waited for.
    pub(crate) fn begin(
        &self,
        message: OutgoingMessage,
    ) -> tokio::task::JoinHandle<Result<PublishResponse, Status>> {
        let producer = self.clone();
        tokio::spawn(async move { producer.publish(message).await })
    }

    /// `Producer.PublishBatch`.
    pub(crate) async fn batch(&self, messages: Vec<OutgoingMessage>) -> Result<Vec<PublishResult>, Status> {
        let mut request = Request::new(PublishBatchRequest { messages });
        // A large batch is many calls to the slot.
        request.set_timeout(Duration::from_secs(45));
        Ok(self.client.clone().publish_batch(request).await?.into_inner().results)
    }

    /// `Producer.Flush`; how many messages were waiting.
    pub(crate) async fn flush(&self) -> Result<u64, Status> {
        Ok(self.client.clone().flush(FlushRequest {}).await?.into_inner().messages)
    }

    /// `Producer.GetMetrics`.
    pub(crate) async fn metrics(&self) -> Result<GetMetricsResponse, Status> {
        Ok(self.client.clone().get_metrics(GetMetricsRequest {}).await?.into_inner())
    }
}
