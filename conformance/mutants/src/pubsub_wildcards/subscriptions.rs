//! Pattern subscriptions that do not behave.

use crate::{
    Mutant,
    aside::{Notes, Plain},
    events::{
        Delivers, again, deaf_at_first, each_message, elsewhere, event, instead, keeps_few, message,
        overtaken, ready,
    },
    forward::{Events, PubSubTwist, WildcardsTwist, like, pubsub, wildcards},
    mutant::{mutant, mutant_with},
    pubsub_basic::Spaces,
};
use futures::{StreamExt, stream};
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{
        Message, PublishRequest, PublishResponse, SubscribeEvent, SubscribePatternRequest,
        UnsubscribeRequest, UnsubscribeResponse,
    },
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("pubsub_wildcards/ready_too_early", "What is published right after `ready` is lost", |next| {
            wildcards(next, Delivers(deaf_at_first))
        }),
        mutant(
            "pubsub_wildcards/ready_again",
            "Each message of a pattern subscription comes with another `ready`",
            |next| wildcards(next, ReadyAgain),
        ),
        mutant(
            "pubsub_wildcards/overtakes",
            "Every fifth message comes after the one that follows it",
            |next| {
                let is_held = |n: usize, event: &SubscribeEvent| n % 5 == 3 && message(event).is_some();
                wildcards(next, Delivers(move |events| overtaken(events, is_held)))
            },
        ),
        mutant(
            "pubsub_wildcards/keeps_only_few",
            "Of what waits for a subscriber the oldest messages are dropped",
            |next| wildcards(next, Delivers(|events| keeps_few(events, 64))),
        ),
        mutant(
            "pubsub_wildcards/topic_is_the_pattern",
            "A message comes with the pattern for a topic",
            |next| wildcards(next, TopicIsThePattern),
        ),
        mutant(
            "pubsub_wildcards/headers_dropped",
            "Messages come without headers to pattern subscribers",
            |next| {
                wildcards(next, Delivers(|events| each_message(events, |message| message.headers.clear())))
            },
        ),
        mutant_with(
            "pubsub_wildcards/overlaps_deliver_twice",
            "A message comes once for each pattern of the namespace that is open",
            || {
                let count = Notes::default();
                move |next| wildcards(next, OverlapsDeliverTwice(count.clone()))
            },
        ),
        mutant_with(
            "pubsub_wildcards/overlaps_deliver_once",
            "Of several patterns that match a message one gets it",
            || {
                let delivered = Notes::default();
                move |next| wildcards(next, OverlapsDeliverOnce(delivered.clone()))
            },
        ),
        mutant_with(
            "pubsub_wildcards/replays",
            "A pattern subscription gets the last message of the namespace",
            || {
                let last = Notes::default();
                move |next| wildcards(pubsub(next, Replays(last.clone())), Replays(last.clone()))
            },
        ),
        mutant_with(
            "pubsub_wildcards/unsubscribe_spares_patterns",
            "Unsubscribe does not end pattern subscriptions",
            || {
                let ids = Notes::default();
                let twist = move |take| Unsubscribed { ids: ids.clone(), take };
                move |next| wildcards(pubsub(next, twist(false)), twist(false))
            },
        ),
        mutant_with(
            "pubsub_wildcards/unsubscribe_takes_all",
            "Unsubscribe of a pattern subscription ends all those of the same pattern",
            || {
                let ids = Notes::default();
                let twist = move |take| Unsubscribed { ids: ids.clone(), take };
                move |next| wildcards(pubsub(next, twist(true)), twist(true))
            },
        ),
        mutant(
            "pubsub_wildcards/namespaces_are_one",
            "Pattern subscriptions get messages of every namespace",
            |next| wildcards(pubsub(next, CopiesToAll), Spaces(|_| EVERYWHERE.to_owned())),
        ),
        mutant_with(
            "pubsub_wildcards/instances_are_islands",
            "Patterns do not match messages of another instance on the same server",
            || {
                let count = Arc::new(AtomicUsize::new(0));
                move |next| match count.fetch_add(1, Ordering::SeqCst) {
                    0 => next,
                    _ => wildcards(next, Spaces(|namespace| format!("{namespace}-i"))),
                }
            },
        ),
    ]
}

struct ReadyAgain;

#[tonic::async_trait]
impl WildcardsTwist for ReadyAgain {
    async fn subscribe_pattern(
        &self,
        next: &Endpoint,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        Ok(Plain.subscribe_pattern(next, request).await?.map(|events| {
            let mut first: Option<SubscribeEvent> = None;
            let noted = events.map(move |event| {
                if let Ok(event) = &event
                    && ready(event).is_some()
                {
                    first = Some(event.clone());
                }
                let again = event.as_ref().is_ok_and(|event| message(event).is_some()).then(|| first.clone());
                stream::iter([again.flatten().map(Ok), Some(event)].into_iter().flatten())
            });
            noted.flatten().boxed()
        }))
    }
}

struct TopicIsThePattern;

#[tonic::async_trait]
impl WildcardsTwist for TopicIsThePattern {
    async fn subscribe_pattern(
        &self,
        next: &Endpoint,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        let pattern = request.get_ref().pattern.clone();
        let renamed = move |message: &mut Message| message.topic.clone_from(&pattern);
        Ok(Plain.subscribe_pattern(next, request).await?.map(|events| each_message(events, renamed)))
    }
}

/// How many pattern subscriptions a namespace has seen.
struct OverlapsDeliverTwice(Notes<usize>);

#[tonic::async_trait]
impl WildcardsTwist for OverlapsDeliverTwice {
    async fn subscribe_pattern(
        &self,
        next: &Endpoint,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        let (count, space) = (self.0.clone(), like(&request, ()));
        count.put(&space, "", count.get(&space, "").unwrap_or_default() + 1);
        let repeated = move |_, event: SubscribeEvent| vec![event; count.get(&space, "").unwrap_or(1)];
        Ok(Plain.subscribe_pattern(next, request).await?.map(|events| instead(events, repeated)))
    }
}

/// The ids of messages that were delivered to a pattern subscription.
struct OverlapsDeliverOnce(Notes<()>);

#[tonic::async_trait]
impl WildcardsTwist for OverlapsDeliverOnce {
    async fn subscribe_pattern(
        &self,
        next: &Endpoint,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        let (delivered, space) = (self.0.clone(), like(&request, ()));
        let first = move |_, event: SubscribeEvent| {
            let id = message(&event).map(|message| message.message_id.clone()).unwrap_or_default();
            let seen = delivered.get(&space, &id).is_some();
            delivered.put(&space, &id, ());
            if seen { vec![] } else { vec![event] }
        };
        Ok(Plain.subscribe_pattern(next, request).await?.map(|events| instead(events, first)))
    }
}

/// The last message of a namespace.
struct Replays(Notes<Message>);

#[tonic::async_trait]
impl PubSubTwist for Replays {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let PublishRequest { topic, payload, headers } = request.get_ref().clone();
        let space = like(&request, ());
        let answer = Plain.publish(next, request).await?;
        let message_id = answer.get_ref().message_id.clone();
        self.0.put(&space, "", Message { topic, payload, headers, message_id, published_at: None });
        Ok(answer)
    }
}

#[tonic::async_trait]
impl WildcardsTwist for Replays {
    async fn subscribe_pattern(
        &self,
        next: &Endpoint,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        let mut last = self.0.get(&request, "").map(|last| Ok(event(last)));
        Ok(Plain.subscribe_pattern(next, request).await?.map(|events| {
            let replayed =
                events.flat_map(move |event| stream::iter([Some(event), last.take()].into_iter().flatten()));
            replayed.boxed()
        }))
    }
}

/// The ids of pattern subscriptions by their patterns.
struct Unsubscribed {
    ids: Notes<Vec<String>>,
    /// Whether Unsubscribe ends all of a pattern, or none.
    take: bool,
}

#[tonic::async_trait]
impl PubSubTwist for Unsubscribed {
    async fn unsubscribe(
        &self,
        next: &Endpoint,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        let id = &request.get_ref().subscription_id;
        let patterns = self.ids.keys(&request).into_iter();
        let same =
            patterns.filter_map(|pattern| self.ids.get(&request, &pattern)).find(|ids| ids.contains(id));
        match same {
            Some(_) if !self.take => return Ok(Response::new(UnsubscribeResponse { existed: true })),
            Some(same) => {
                for subscription_id in same.into_iter().filter(|other| other != id) {
                    Plain.unsubscribe(next, like(&request, UnsubscribeRequest { subscription_id })).await?;
                }
            }
            None => {}
        }
        Plain.unsubscribe(next, request).await
    }
}

#[tonic::async_trait]
impl WildcardsTwist for Unsubscribed {
    async fn subscribe_pattern(
        &self,
        next: &Endpoint,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        let (ids, space, pattern) = (self.ids.clone(), like(&request, ()), request.get_ref().pattern.clone());
        Ok(Plain.subscribe_pattern(next, request).await?.map(|events| {
            let noting = move |event: &Result<_, _>| {
                if let Some(id) = event.as_ref().ok().and_then(ready) {
                    let mut all = ids.get(&space, &pattern).unwrap_or_default();
                    all.push(id.to_owned());
                    ids.put(&space, &pattern, all);
                }
            };
            events.inspect(noting).boxed()
        }))
    }
}

/// Where pattern subscriptions listen that know no namespaces.
const EVERYWHERE: &str = "everywhere";

struct CopiesToAll;

#[tonic::async_trait]
impl PubSubTwist for CopiesToAll {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        Plain.publish(next, elsewhere(again(&request), EVERYWHERE)).await?;
        Plain.publish(next, request).await
    }
}
