//! Twists of what a subscription delivers, for both publish-subscribe interfaces.

use crate::{
    aside::Plain,
    forward::{Events, LifecycleTwist, PubSubTwist, WildcardsTwist, like},
};
use futures::{FutureExt, StreamExt, stream};
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    pubsub::v1::{
        Message, SubscribeEvent, SubscribePatternRequest, SubscribeRequest, subscribe_event::Event,
    },
};
use std::{collections::VecDeque, time::Duration};
use tonic::{Code, Request, Response, Status};

impl PubSubTwist for Plain {}
impl WildcardsTwist for Plain {}
impl LifecycleTwist for Plain {}

/// How long an event is held back for another one to overtake it, and how long a subscription is deaf.
const HELD: Duration = Duration::from_millis(30);

/// Changes what every subscription of the interface delivers.
pub(crate) struct Delivers<F>(pub(crate) F);

#[tonic::async_trait]
impl<F: Fn(Events) -> Events + Send + Sync + 'static> PubSubTwist for Delivers<F> {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        Ok(Plain.subscribe(next, request).await?.map(&self.0))
    }
}

#[tonic::async_trait]
impl<F: Fn(Events) -> Events + Send + Sync + 'static> WildcardsTwist for Delivers<F> {
    async fn subscribe_pattern(
        &self,
        next: &Endpoint,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        Ok(Plain.subscribe_pattern(next, request).await?.map(&self.0))
    }
}

/// The message of an event.
pub(crate) fn message(event: &SubscribeEvent) -> Option<&Message> {
    match &event.event {
        Some(Event::Message(message)) => Some(message),
        _ => None,
    }
}

/// The id that an event says a subscription has.
pub(crate) fn ready(event: &SubscribeEvent) -> Option<&str> {
    match &event.event {
        Some(Event::Ready(ready)) => Some(&ready.subscription_id),
        _ => None,
    }
}

/// An event with this message.
pub(crate) fn event(message: Message) -> SubscribeEvent {
    SubscribeEvent { event: Some(Event::Message(message)) }
}

/// Changes every message.
pub(crate) fn each_message(events: Events, mut change: impl FnMut(&mut Message) + Send + 'static) -> Events {
    let changed = events.map(move |mut event| {
        if let Ok(SubscribeEvent { event: Some(Event::Message(message)) }) = &mut event {
            change(message);
        }
        event
    });
    changed.boxed()
}

/// Delivers what `instead` makes of each message, which are counted from 1.
pub(crate) fn instead(
    events: Events,
    mut instead: impl FnMut(usize, SubscribeEvent) -> Vec<SubscribeEvent> + Send + 'static,
) -> Events {
    let mut count = 0;
    let changed = events.flat_map(move |event| {
        let events = match event {
            Ok(event) if message(&event).is_some() => {
                count += 1;
                instead(count, event).into_iter().map(Ok).collect()
            }
            other => vec![other],
        };
        stream::iter(events)
    });
    changed.boxed()
}

/// Keeps the messages of which this holds.
pub(crate) fn only(events: Events, mut holds: impl FnMut(&Message) -> bool + Send + 'static) -> Events {
    instead(events, move |_, event| {
        let keep = message(&event).is_some_and(&mut holds);
        keep.then_some(event).into_iter().collect()
    })
}

/// Delivers an event that `is_held` after the one that follows it, if that comes soon.
pub(crate) fn overtaken(
    events: Events,
    is_held: impl Fn(usize, &SubscribeEvent) -> bool + Send + 'static,
) -> Events {
    let state = (events, VecDeque::new(), 0, is_held);
    let changed = stream::unfold(state, |(mut events, mut waiting, count, is_held)| async move {
        if let Some(event) = waiting.pop_front() {
            return Some((event, (events, waiting, count, is_held)));
        }
        let first = events.next().await?;
        let held = matches!(&first, Ok(event) if is_held(count, event));
        if held && let Ok(Some(second)) = tokio::time::timeout(HELD, events.next()).await {
            waiting.push_back(first);
            return Some((second, (events, waiting, count + 2, is_held)));
        }
        Some((first, (events, waiting, count + 1, is_held)))
    });
    changed.boxed()
}

/// Loses what comes soon after `ready`.
pub(crate) fn deaf_at_first(events: Events) -> Events {
    let changed = stream::unfold((events, 0), |(mut events, reads)| async move {
        if reads == 1 {
            let hearing = tokio::time::Instant::now() + HELD;
            while let Ok(lost) = tokio::time::timeout_at(hearing, events.next()).await {
                match lost {
                    Some(Ok(_)) => {}
                    end => return end.map(|end| (end, (events, 2))),
                }
            }
        }
        events.next().await.map(|event| (event, (events, reads + 1)))
    });
    changed.boxed()
}

/// Loses the oldest of more than `most` messages that wait to be read.
pub(crate) fn keeps_few(events: Events, most: usize) -> Events {
    let changed =
        stream::unfold((events.fuse(), VecDeque::new()), move |(mut events, mut waiting)| async move {
            if waiting.is_empty() {
                waiting.push_back(events.next().await?);
            }
            while let Some(Some(event)) = events.next().now_or_never() {
                waiting.push_back(event);
            }
            waiting.drain(..waiting.len().saturating_sub(most));
            waiting.pop_front().map(|event| (event, (events, waiting)))
        });
    changed.boxed()
}

/// Ends otherwise: `end` says what becomes of the end of a stream, which is told as `None` where it is OK.
pub(crate) fn ends(events: Events, end: impl Fn(Option<Status>) -> Ending + Send + 'static) -> Events {
    let changed = stream::unfold(Some((events, end)), |state| async move {
        let (mut events, end) = state?;
        let ended = match events.next().await {
            Some(Ok(event)) => return Some((Ok(event), Some((events, end)))),
            Some(Err(status)) => end(Some(status)),
            None => end(None),
        };
        match ended {
            Ending::Ok => None,
            Ending::With(status) => Some((Err(status), None)),
            Ending::Never => std::future::pending().await,
        }
    });
    changed.boxed()
}

/// How a stream ends.
pub(crate) enum Ending {
    Ok,
    With(Status),
    Never,
}

impl Ending {
    /// As it was.
    pub(crate) fn as_it_was(status: Option<Status>) -> Self {
        status.map_or(Self::Ok, Self::With)
    }

    /// Whether a status has this code.
    pub(crate) fn has(status: Option<&Status>, code: Code) -> bool {
        status.is_some_and(|status| status.code() == code)
    }
}

/// A request for another namespace.
pub(crate) fn elsewhere<T>(mut request: Request<T>, namespace: &str) -> Request<T> {
    if let Ok(namespace) = namespace.parse() {
        request.metadata_mut().insert(NAMESPACE_HEADER, namespace);
    }
    request
}

/// The same request once more.
pub(crate) fn again<T: Clone>(request: &Request<T>) -> Request<T> {
    like(request, request.get_ref().clone())
}
