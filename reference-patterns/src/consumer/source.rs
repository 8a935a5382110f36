//! The subscription, and the next one where it ends.

use super::{MESSAGES, behaviour::Behaviour, hand::Hand};
use crate::slots::within;
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{
        SubscribeEvent, SubscribeRequest, UnsubscribeRequest, pub_sub_basic_client::PubSubBasicClient,
        subscribe_event::Event,
    },
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, Streaming};

/// The topic.
pub(super) struct Source {
    endpoint: Endpoint,
    topic: String,
    timeout: Duration,
}

/// A subscription that is in force.
pub(super) struct Subscription {
    id: String,
    stream: Streaming<SubscribeEvent>,
}

impl Source {
    pub(super) fn new(endpoint: Endpoint, behaviour: &Behaviour) -> Self {
        Self { endpoint, topic: behaviour.topic.clone(), timeout: behaviour.slot_timeout }
    }

    fn client(&self) -> PubSubBasicClient<Endpoint> {
        PubSubBasicClient::new(self.endpoint.clone()).max_decoding_message_size(usize::MAX)
    }

    /// Subscribes, and waits until it counts.
    pub(super) async fn subscribe(&self) -> Result<Subscription, Status> {
        let request = SubscribeRequest { topic: self.topic.clone() };
        let mut client = self.client();
        within(self.timeout, async {
            let mut stream = client.subscribe(request).await?.into_inner();
            match stream.message().await? {
                Some(SubscribeEvent { event: Some(Event::Ready(ready)) }) => {
                    Ok(Subscription { id: ready.subscription_id, stream })
                }
                _ => Err(Status::unavailable("the subscription did not begin with `ready`")),
            }
        })
        .await
    }

    /// Hands on what is delivered until `ending`, then what was delivered before the subscription has ended.
    pub(super) async fn run(self, first: Subscription, hand: Arc<Hand>, ending: CancellationToken) {
        let mut subscription = first;
        loop {
            let Some(why) = deliver(&mut subscription.stream, &hand, &ending).await else {
                return self.leave(subscription, &hand).await;
            };
            hand.book.change(|page| {
                page.subscribed = false;
                page.counts.subscriptions_lost += 1;
            });
            hand.book.trouble(MESSAGES, why);
            let Some(next) = self.again(&hand, &ending).await else { return };
            hand.book.no_trouble(MESSAGES);
            hand.book.change(|page| page.subscribed = true);
            subscription = next;
        }
    }

    /// Another subscription, asked for until there is one; none at the end.
    async fn again(&self, hand: &Hand, ending: &CancellationToken) -> Option<Subscription> {
        let mut failures = 0;
        loop {
            let subscribed = tokio::select! {
                subscribed = self.subscribe() => subscribed,
                () = ending.cancelled() => return None,
            };
            match subscribed {
                Ok(subscription) => return Some(subscription),
                Err(status) => hand.book.trouble(MESSAGES, told(&status)),
            }
            failures += 1;
            tokio::select! {
                () = tokio::time::sleep(hand.behaviour.pause(failures)) => {}
                () = ending.cancelled() => return None,
            }
        }
    }

    /// Ends the subscription, and takes what was delivered till then.
    async fn leave(&self, mut subscription: Subscription, hand: &Arc<Hand>) {
        let mut request = Request::new(UnsubscribeRequest { subscription_id: subscription.id });
        request.set_timeout(self.timeout);
        let mut client = self.client();
        let left = within(self.timeout, client.unsubscribe(request)).await;
        if left.is_ok() {
            deliver(&mut subscription.stream, hand, &hand.cut).await;
        }
        hand.book.change(|page| page.subscribed = false);
    }
}

/// Hands on what is delivered; why there is no more of it, or nothing where it was ended.
async fn deliver(
    stream: &mut Streaming<SubscribeEvent>,
    hand: &Arc<Hand>,
    ending: &CancellationToken,
) -> Option<String> {
    loop {
        let event = tokio::select! {
            event = stream.message() => event,
            () = ending.cancelled() => return None,
        };
        match event {
            Ok(Some(SubscribeEvent { event: Some(Event::Message(message)) })) => hand.take(message).await,
            // There is one `ready`, and what else there may be is not for us.
            Ok(Some(_)) => {}
            Ok(None) => return Some("the subscription has ended".to_owned()),
            Err(status) => return Some(told(&status)),
        }
    }
}

fn told(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}
