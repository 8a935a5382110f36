//! What listens: a connection of its own for each subscription, and a task that moves its messages into a buffer.

use crate::{
    declaration::BUFFER,
    driver::Store,
    error::{Effect, Error},
    glob,
    names::Names,
};
use prism_driver_kit::{Refusal, wildcard::Pattern};
use prism_interfaces::{
    Namespace,
    pubsub::v1::{Message, Ready, SubscribeEvent, subscribe_event::Event},
};
use prost::Message as _;
use redis::aio::PubSubStream;
use std::{io, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::Status;
use uuid::Uuid;

/// How long Redis may take to confirm a subscription.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);

/// What a subscription delivers.
pub(crate) type Events = ReceiverStream<Result<SubscribeEvent, Status>>;

type Sender = mpsc::Sender<Result<SubscribeEvent, Status>>;

/// What a subscription is for.
pub(crate) enum Interest {
    /// Exactly this topic.
    Topic(String),
    /// Every topic that matches.
    Pattern(Pattern),
}

impl Interest {
    fn accepts(&self, topic: &str) -> bool {
        match self {
            Self::Topic(wanted) => topic == wanted,
            Self::Pattern(pattern) => pattern.matches(topic),
        }
    }
}

/// Why a subscription is over.
enum End {
    /// It was told to end.
    Unsubscribed,
    /// There is nobody to deliver to.
    Abandoned,
    /// It cannot go on.
    Failed(Error),
}

impl Store {
    /// Subscribes; what is published from now on is in the stream, behind `ready`.
    pub(crate) async fn subscribe_to(
        &self,
        namespace: &Namespace,
        interest: Interest,
    ) -> Result<Events, Error> {
        let id = Uuid::new_v4().to_string();
        let (names, database) = (Names::new(namespace), self.client.database());
        let control = names.control(database, &id);
        let (mut sink, messages) = self.client.pubsub().await?.split();
        let confirmed = async {
            match &interest {
                Interest::Topic(topic) => {
                    sink.subscribe(&[control.clone(), names.channel(database, topic)]).await
                }
                Interest::Pattern(pattern) => {
                    sink.subscribe(&control).await?;
                    sink.psubscribe(glob::glob(&names.channel(database, ""), pattern)).await
                }
            }
        };
        match timeout(CONFIRM_TIMEOUT, confirmed).await {
            Ok(confirmed) => confirmed.map_err(|error| Error::Command(error, Effect::None))?,
            Err(_) => return Err(Error::Connect(io::Error::from(io::ErrorKind::TimedOut).into())),
        }
        // Room for `ready`, which takes none away from messages. What the stream ends with has its own.
        let (sender, receiver) = mpsc::channel(BUFFER + 2);
        let ready = SubscribeEvent { event: Some(Event::Ready(Ready { subscription_id: id })) };
        let end = sender.clone().try_reserve_owned();
        if let (Ok(end), Ok(())) = (end, sender.try_send(Ok(ready))) {
            let stopping = self.stopping.subscribe();
            tokio::spawn(async move {
                if let End::Failed(error) = deliver(messages, &interest, &control, &sender, stopping).await {
                    end.send(Err(error.into()));
                }
            });
        }
        Ok(ReceiverStream::new(receiver))
    }
}

/// Moves messages from the connection to the subscriber, without ever waiting for the latter.
async fn deliver(
    mut messages: PubSubStream,
    interest: &Interest,
    control: &str,
    sender: &Sender,
    mut stopping: watch::Receiver<bool>,
) -> End {
    loop {
        let message = tokio::select! {
            () = sender.closed() => return End::Abandoned,
            // The driver cuts off the stream itself.
            _ = stopping.wait_for(|stopping| *stopping) => return End::Abandoned,
            message = messages.next() => message,
        };
        let Some(message) = message else { return End::Failed(Error::SubscriptionLost) };
        if message.get_channel_name() == control {
            return End::Unsubscribed;
        }
        let Ok(message) = Message::decode(message.get_payload_bytes()) else {
            tracing::warn!("something that is not a message was published to a channel of the driver's");
            continue;
        };
        if !interest.accepts(&message.topic) {
            continue;
        }
        match sender.try_send(Ok(SubscribeEvent { event: Some(Event::Message(message)) })) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                return End::Failed(Refusal::SubscriberOverflow.into());
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return End::Abandoned,
        }
    }
}
