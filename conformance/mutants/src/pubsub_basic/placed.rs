//! Messages that go elsewhere: to other topics, namespaces, instances.

use crate::{
    Mutant, Subject,
    aside::{Plain, namespace},
    events::{elsewhere, only, ready},
    forward::{Events, PubSubTwist, WildcardsTwist, like, pubsub, wildcards},
    mutant::{mutant, mutant_with},
};
use futures::{StreamExt, stream};
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{
        PublishRequest, PublishResponse, SubscribePatternRequest, SubscribeRequest, UnsubscribeRequest,
        UnsubscribeResponse,
    },
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    let mut mutants = vec![
        mutant(
            "pubsub_basic/topics_are_patterns",
            "`*` and `>` in the topic of Subscribe are wildcards",
            |next| pubsub(next, TopicsArePatterns),
        ),
        mutant(
            "pubsub_basic/topics_are_prefixes",
            "A subscription also gets what lies below its topic",
            |next| pubsub(next, TopicsArePrefixes),
        ),
        mutant("pubsub_basic/namespaces_are_one", "Messages of all namespaces mix", |next| {
            pubsub(next, Spaces(|_| "one-for-all".to_owned()))
        }),
        mutant_with(
            "pubsub_basic/instances_are_islands",
            "Instances on the same server do not see each other's messages",
            || {
                let count = Arc::new(AtomicUsize::new(0));
                move |next| {
                    if count.fetch_add(1, Ordering::SeqCst) == 0 {
                        return next;
                    }
                    let island = || Spaces(|namespace| format!("{namespace}-i"));
                    wildcards(pubsub(next, island()), island())
                }
            },
        ),
    ];
    for (id, sentence, name, value) in [
        (
            "pubsub_basic/payload_limit_is_too_low",
            "A payload of exactly the limit is refused",
            "max_payload_bytes",
            "1048577",
        ),
        (
            "pubsub_basic/payload_limit_is_too_high",
            "A payload that is a byte too long is accepted",
            "max_payload_bytes",
            "1048575",
        ),
        (
            "pubsub_basic/topic_limit_is_too_low",
            "A topic of exactly the limit is refused",
            "max_topic_bytes",
            "4097",
        ),
        (
            "pubsub_basic/topic_limit_is_too_high",
            "A topic that is a byte too long is accepted",
            "max_topic_bytes",
            "4095",
        ),
        (
            "pubsub_basic/buffer_is_smaller",
            "Fewer messages than declared are kept for who does not read",
            "buffer",
            "1100",
        ),
        (
            "pubsub_basic/drops_only_in_name",
            "A slow subscriber is disconnected where dropping is declared",
            "overflow",
            "drop",
        ),
    ] {
        mutants.push(Mutant {
            id,
            sentence,
            subject: Subject::Declares { interface: "pubsub_basic", name, value },
        });
    }
    mutants
}

/// Keeps the messages of a namespace in another one.
pub(crate) struct Spaces(pub(crate) fn(&str) -> String);

impl Spaces {
    fn moved<T>(&self, request: Request<T>) -> Request<T> {
        let namespace = namespace(&request);
        // A malformed one is refused as ever.
        if prism_interfaces::Namespace::new(namespace.as_str()).is_err() {
            return request;
        }
        elsewhere(request, &(self.0)(&namespace))
    }
}

#[tonic::async_trait]
impl PubSubTwist for Spaces {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        Plain.publish(next, self.moved(request)).await
    }

    async fn unsubscribe(
        &self,
        next: &Endpoint,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        Plain.unsubscribe(next, self.moved(request)).await
    }

    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        Plain.subscribe(next, self.moved(request)).await
    }
}

#[tonic::async_trait]
impl WildcardsTwist for Spaces {
    async fn subscribe_pattern(
        &self,
        next: &Endpoint,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        Plain.subscribe_pattern(next, self.moved(request)).await
    }
}

struct TopicsArePatterns;

#[tonic::async_trait]
impl PubSubTwist for TopicsArePatterns {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let pattern = request.get_ref().topic.clone();
        if pattern.contains(['*', '>'])
            && let Ok(events) =
                Plain.subscribe_pattern(next, like(&request, SubscribePatternRequest { pattern })).await
        {
            return Ok(events);
        }
        Plain.subscribe(next, request).await
    }
}

struct TopicsArePrefixes;

#[tonic::async_trait]
impl PubSubTwist for TopicsArePrefixes {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let topic = request.get_ref().topic.clone();
        let everything = like(&request, SubscribePatternRequest { pattern: ">".to_owned() });
        let below = Plain.subscribe_pattern(next, everything).await?.into_inner();
        let below = only(below, move |message| message.topic != topic && message.topic.starts_with(&topic));
        let below = below.filter(|event| {
            let is_ready = event.as_ref().is_ok_and(|event| ready(event).is_some());
            std::future::ready(event.is_ok() && !is_ready)
        });
        let own = Plain.subscribe(next, request).await?;
        Ok(own.map(|own| {
            let end = own.map(Some).chain(stream::iter([None]));
            // The end of the subscription is the end of both.
            let both = stream::select(end, below.map(Some));
            both.take_while(|event| std::future::ready(event.is_some()))
                .filter_map(std::future::ready)
                .boxed()
        }))
    }
}
