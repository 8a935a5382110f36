//! The publish-subscribe clients.

use crate::{Failure, verdict::describe};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{
        Message, PublishRequest, SubscribeEvent, SubscribePatternRequest, SubscribeRequest,
        UnsubscribeRequest, pub_sub_basic_client::PubSubBasicClient,
        pub_sub_wildcards_client::PubSubWildcardsClient, subscribe_event::Event as WireEvent,
    },
};
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Request, Status, Streaming};

/// How long a subscription may take to become ready, and a message to arrive, before it counts as not coming.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Both publish-subscribe interfaces of one endpoint.
#[derive(Debug, Clone)]
pub struct PubSub {
    endpoint: Endpoint,
}

/// What a subscription delivers.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The subscription is in force.
    Ready(String),
    /// A message.
    Message(Message),
    /// An event that the contract does not know.
    Unknown,
    /// The stream has ended with OK.
    End,
    /// The stream has ended with another status.
    Broken(Code, String),
    /// Nothing came within the time that was given.
    Silence,
}

/// An open subscription that is ready.
#[derive(Debug)]
pub struct Subscription {
    /// Names it for Unsubscribe.
    pub id: String,
    stream: Streaming<SubscribeEvent>,
}

impl PubSub {
    /// Clients of this endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    fn basic(&self) -> PubSubBasicClient<Endpoint> {
        PubSubBasicClient::new(self.endpoint.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
    }

    fn wildcards(&self) -> PubSubWildcardsClient<Endpoint> {
        PubSubWildcardsClient::new(self.endpoint.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
    }

    /// `PubSubBasic.Publish` without headers; the message id.
    pub async fn publish(&self, topic: &str, payload: impl Into<Bytes>) -> Result<String, Status> {
        self.publish_with(topic, payload, HashMap::new()).await
    }

    /// `PubSubBasic.Publish`; the message id.
    pub async fn publish_with(
        &self,
        topic: &str,
        payload: impl Into<Bytes>,
        headers: HashMap<String, String>,
    ) -> Result<String, Status> {
        let request = PublishRequest { topic: topic.into(), payload: payload.into(), headers };
        Ok(self.basic().publish(request).await?.into_inner().message_id)
    }

    /// `PubSubBasic.Subscribe`, waiting for `ready`.
    pub async fn subscribe(&self, topic: &str) -> Result<Subscription, Failure> {
        let stream = self.open(topic, None).await?;
        Subscription::ready(stream).await.map_err(|failure| failure.during(format!("Subscribe({topic:?})")))
    }

    /// `PubSubWildcards.SubscribePattern`, waiting for `ready`.
    pub async fn subscribe_pattern(&self, pattern: &str) -> Result<Subscription, Failure> {
        let stream = self.open_pattern(pattern).await?;
        Subscription::ready(stream)
            .await
            .map_err(|failure| failure.during(format!("SubscribePattern({pattern:?})")))
    }

    /// `PubSubBasic.Subscribe` without waiting for anything; `timeout` is the deadline of the whole stream.
    pub async fn open(
        &self,
        topic: &str,
        timeout: Option<Duration>,
    ) -> Result<Streaming<SubscribeEvent>, Status> {
        let mut request = Request::new(SubscribeRequest { topic: topic.into() });
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        Ok(self.basic().subscribe(request).await?.into_inner())
    }

    /// `PubSubWildcards.SubscribePattern` without waiting for anything.
    pub async fn open_pattern(&self, pattern: &str) -> Result<Streaming<SubscribeEvent>, Status> {
        let request = SubscribePatternRequest { pattern: pattern.into() };
        Ok(self.wildcards().subscribe_pattern(request).await?.into_inner())
    }

    /// `PubSubBasic.Unsubscribe`; whether the subscription existed.
    pub async fn unsubscribe(&self, id: &str) -> Result<bool, Status> {
        let request = UnsubscribeRequest { subscription_id: id.into() };
        Ok(self.basic().unsubscribe(request).await?.into_inner().existed)
    }
}

/// The next event of a stream, or what came instead, within `limit`.
pub async fn next_event(stream: &mut Streaming<SubscribeEvent>, limit: Duration) -> Event {
    match tokio::time::timeout(limit, stream.message()).await {
        Err(_) => Event::Silence,
        Ok(Ok(None)) => Event::End,
        Ok(Err(status)) => Event::Broken(status.code(), describe(&status)),
        Ok(Ok(Some(SubscribeEvent { event }))) => match event {
            Some(WireEvent::Ready(ready)) => Event::Ready(ready.subscription_id),
            Some(WireEvent::Message(message)) => Event::Message(message),
            None => Event::Unknown,
        },
    }
}

impl Subscription {
    async fn ready(mut stream: Streaming<SubscribeEvent>) -> Result<Self, Failure> {
        match next_event(&mut stream, PATIENCE).await {
            Event::Ready(id) if !id.is_empty() => Ok(Self { id, stream }),
            Event::Broken(Code::Unavailable, what) => Err(Status::unavailable(what).into()),
            other => Err(Failure::violation("the first event is not `ready` with an id")
                .clause("PSB-07")
                .expected("Ready(id)")
                .got(format!("{other:?}"))),
        }
    }

    /// The next event, or what came instead, within `limit`.
    pub async fn next(&mut self, limit: Duration) -> Event {
        next_event(&mut self.stream, limit).await
    }

    /// The next message; anything else is a violation.
    pub async fn message(&mut self) -> Result<Message, Failure> {
        match self.next(PATIENCE).await {
            Event::Message(message) => Ok(message),
            Event::Silence => {
                Err(Failure::violation("a message was not delivered").expected("a message").got("silence"))
            }
            other => Err(Failure::violation("something else came instead of a message")
                .expected("a message")
                .got(format!("{other:?}"))),
        }
    }

    /// Every message until one with this payload has come, that one included.
    pub async fn messages_until(&mut self, sentinel: &[u8]) -> Result<Vec<Message>, Failure> {
        let mut messages = Vec::new();
        loop {
            let message = self.message().await.map_err(|failure| {
                failure.during(format!("after {} messages, waiting for the last one", messages.len()))
            })?;
            let last = message.payload == sentinel;
            messages.push(message);
            if last {
                return Ok(messages);
            }
        }
    }
}
