//! Subscribers that do not read.

use crate::{
    Mutant,
    aside::{Notes, Plain},
    events::{Delivers, Ending, again, ends, keeps_few, ready},
    forward::{Events, PubSubTwist, like, pubsub},
    mutant::{mutant, mutant_with},
};
use futures::{StreamExt, stream};
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{PublishRequest, PublishResponse, SubscribeRequest},
};
use std::sync::{
    Arc, Weak,
    atomic::{AtomicUsize, Ordering},
};
use tonic::{Code, Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant_with(
            "pubsub_basic/a_slow_subscriber_blocks_publishers",
            "Publish waits while a subscriber has not read 512 messages",
            || {
                let backlogs = Notes::default();
                move |next| pubsub(next, SlowSubscriberBlocks(backlogs.clone()))
            },
        ),
        mutant(
            "pubsub_basic/keeps_only_few",
            "Of what waits for a subscriber the oldest messages are dropped",
            |next| pubsub(next, Delivers(|events| keeps_few(events, 64))),
        ),
        mutant(
            "pubsub_basic/overflow_is_silent",
            "A subscriber that fell behind is resubscribed and not told",
            |next| pubsub(next, OverflowIsSilent),
        ),
        mutant(
            "pubsub_basic/overflow_ends_with_ok",
            "The stream of a subscriber that fell behind ends with OK",
            |next| {
                let end = |status: Option<Status>| {
                    if Ending::has(status.as_ref(), Code::ResourceExhausted) {
                        Ending::Ok
                    } else {
                        Ending::as_it_was(status)
                    }
                };
                pubsub(next, Delivers(move |events| ends(events, end)))
            },
        ),
    ]
}

/// How many messages each open subscription of a topic has not read.
type Backlogs = Vec<Weak<AtomicUsize>>;

struct SlowSubscriberBlocks(Notes<Backlogs>);

/// How many unread messages a publisher puts up with.
const MOST: usize = 512;

#[tonic::async_trait]
impl PubSubTwist for SlowSubscriberBlocks {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let topic = &request.get_ref().topic;
        let backlogs = self.0.get(&request, topic).unwrap_or_default();
        let is_full = |backlog: &Weak<AtomicUsize>| {
            backlog.upgrade().is_some_and(|backlog| backlog.load(Ordering::SeqCst) >= MOST)
        };
        while backlogs.iter().any(is_full) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        for backlog in backlogs.iter().filter_map(Weak::upgrade) {
            backlog.fetch_add(1, Ordering::SeqCst);
        }
        Plain.publish(next, request).await
    }

    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let (space, topic) = (like(&request, ()), request.get_ref().topic.clone());
        let events = Plain.subscribe(next, request).await?;
        let backlog = Arc::new(AtomicUsize::new(0));
        let mut backlogs = self.0.get(&space, &topic).unwrap_or_default();
        backlogs.push(Arc::downgrade(&backlog));
        self.0.put(&space, &topic, backlogs);
        Ok(events.map(|events| {
            let read = move |event: &Result<_, _>| {
                if event.as_ref().is_ok_and(|event| ready(event).is_none()) {
                    let less = |unread: usize| Some(unread.saturating_sub(1));
                    let _ = backlog.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
                }
            };
            events.inspect(read).boxed()
        }))
    }
}

struct OverflowIsSilent;

#[tonic::async_trait]
impl PubSubTwist for OverflowIsSilent {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let (next, once_more) = (next.clone(), again(&request));
        let events = Plain.subscribe(&next, request).await?;
        Ok(events.map(|events| {
            let state = (events, next, once_more, true);
            let patched = stream::unfold(state, |(mut events, next, once_more, first)| async move {
                loop {
                    let event = events.next().await?;
                    match event {
                        Err(status) if status.code() == Code::ResourceExhausted => {
                            match Plain.subscribe(&next, again(&once_more)).await {
                                Ok(more) => events = more.into_inner(),
                                Err(status) => return Some((Err(status), (events, next, once_more, first))),
                            }
                        }
                        Ok(event) if ready(&event).is_some() && !first => {}
                        event => return Some((event, (events, next, once_more, false))),
                    }
                }
            });
            patched.boxed()
        }))
    }
}
