//! The subscriptions of a namespace, and what is published to them.

use crate::{
    buffer::{Buffer, Overflow},
    declaration::BUFFER,
    error::Error,
    store::Ids,
    sync::{Mutex, lock},
};
use futures::Stream;
use prism_driver_kit::wildcard::Pattern;
use prism_interfaces::pubsub::v1::{Message, Ready, SubscribeEvent, subscribe_event::Event};
use std::{
    collections::HashMap,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::Status;

/// Hands every message to the buffer of every subscription that it is for.
pub(crate) struct Broker {
    ids: Arc<Ids>,
    subscriptions: Mutex<Subscriptions>,
}

/// What a subscription listens to.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    /// One topic, taken literally.
    Topic(String),
    /// Every topic that matches.
    Pattern(Pattern),
}

/// The subscriptions by what they listen to.
#[derive(Default)]
struct Subscriptions {
    topics: HashMap<String, Vec<Subscription>>,
    patterns: Vec<(Pattern, Subscription)>,
    /// What each id listens to, which says where it is.
    filters: HashMap<String, Filter>,
}

struct Subscription {
    id: String,
    buffer: Arc<Buffer<Arc<Message>>>,
}

impl Broker {
    pub(crate) fn new(ids: Arc<Ids>) -> Self {
        Self { ids, subscriptions: Mutex::default() }
    }

    /// Whether nobody is subscribed.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.subscriptions).filters.is_empty()
    }

    /// Subscribes: what is published from now on is delivered.
    pub(crate) fn subscribe(self: &Arc<Self>, filter: Filter) -> Events {
        self.subscribe_with(filter, BUFFER)
    }

    /// Subscribes with a buffer of another length.
    pub(crate) fn subscribe_with(self: &Arc<Self>, filter: Filter, capacity: usize) -> Events {
        let id = self.ids.next();
        let buffer = Arc::new(Buffer::new(capacity));
        let subscription = Subscription { id: id.clone(), buffer: Arc::clone(&buffer) };
        lock(&self.subscriptions).insert(subscription, filter);
        Events { id, ready: false, buffer, broker: Arc::clone(self) }
    }

    /// Ends a subscription after what was published before; says whether it was in force.
    pub(crate) fn unsubscribe(&self, id: &str) -> bool {
        let Some(subscription) = lock(&self.subscriptions).remove(id) else { return false };
        if let Some(reader) = subscription.buffer.close() {
            reader.wake();
        }
        true
    }

    /// Publishes a message and returns its id. Never waits for a subscriber.
    pub(crate) fn publish(&self, mut message: Message) -> String {
        let mut readers = Vec::new();
        let mut subscriptions = lock(&self.subscriptions);
        // Under the lock, so that the order of ids is the order of delivery, the same for all.
        let id = self.ids.next();
        message.message_id.clone_from(&id);
        let message = Arc::new(message);
        let mut ended = Vec::new();
        for subscription in subscriptions.of(&message.topic) {
            let pushed = subscription.buffer.push(Arc::clone(&message));
            readers.extend(pushed.reader);
            if !pushed.open {
                ended.push(subscription.id.clone());
            }
        }
        for id in ended {
            subscriptions.remove(&id);
        }
        drop(subscriptions);
        for reader in readers {
            reader.wake();
        }
        id
    }

    /// Ends every subscription.
    pub(crate) fn close(&self) {
        let old = mem::take(&mut *lock(&self.subscriptions));
        let by_pattern = old.patterns.into_iter().map(|(_, subscription)| subscription);
        for subscription in old.topics.into_values().flatten().chain(by_pattern) {
            if let Some(reader) = subscription.buffer.close() {
                reader.wake();
            }
        }
    }
}

impl Subscriptions {
    fn insert(&mut self, subscription: Subscription, filter: Filter) {
        self.filters.insert(subscription.id.clone(), filter.clone());
        match filter {
            Filter::Topic(topic) => self.topics.entry(topic).or_default().push(subscription),
            Filter::Pattern(pattern) => self.patterns.push((pattern, subscription)),
        }
    }

    fn remove(&mut self, id: &str) -> Option<Subscription> {
        match self.filters.remove(id)? {
            Filter::Topic(topic) => {
                let listeners = self.topics.get_mut(&topic)?;
                let at = listeners.iter().position(|subscription| subscription.id == id)?;
                let subscription = listeners.remove(at);
                if listeners.is_empty() {
                    self.topics.remove(&topic);
                }
                Some(subscription)
            }
            Filter::Pattern(_) => {
                let at = self.patterns.iter().position(|(_, subscription)| subscription.id == id)?;
                Some(self.patterns.remove(at).1)
            }
        }
    }

    /// Those that a topic is for, each once.
    fn of<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Subscription> {
        let by_pattern = self.patterns.iter().filter(|(pattern, _)| pattern.matches(topic));
        self.topics.get(topic).into_iter().flatten().chain(by_pattern.map(|(_, subscription)| subscription))
    }
}

/// What a subscriber gets: `ready`, the messages, and an end. Dropping it ends the subscription.
pub(crate) struct Events {
    id: String,
    /// Whether `ready` was delivered.
    ready: bool,
    buffer: Arc<Buffer<Arc<Message>>>,
    broker: Arc<Broker>,
}

impl Stream for Events {
    type Item = Result<SubscribeEvent, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = if self.ready {
            match self.buffer.poll_next(context) {
                Poll::Ready(Some(Ok(message))) => Event::Message(Arc::unwrap_or_clone(message)),
                Poll::Ready(Some(Err(Overflow))) => {
                    return Poll::Ready(Some(Err(Error::SubscriberOverflow.into())));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        } else {
            self.ready = true;
            Event::Ready(Ready { subscription_id: self.id.clone() })
        };
        Poll::Ready(Some(Ok(SubscribeEvent { event: Some(event) })))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.broker.unsubscribe(&self.id);
    }
}
