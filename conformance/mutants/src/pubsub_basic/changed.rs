//! Messages that are not what was published.

use crate::{
    Mutant,
    aside::Plain,
    events::{Delivers, each_message},
    forward::{Events, PubSubTwist, pubsub},
    mutant::mutant,
};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{Message, PublishRequest, PublishResponse, SubscribeRequest},
};
use std::hash::{DefaultHasher, Hash, Hasher};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("pubsub_basic/headers_dropped", "Headers are not carried along", |next| {
            pubsub(next, Publishes(|request: &mut PublishRequest| request.headers.clear()))
        }),
        mutant("pubsub_basic/header_names_folded", "Header names arrive in lower case", |next| {
            let fold = |request: &mut PublishRequest| {
                request.headers =
                    request.headers.drain().map(|(name, value)| (name.to_lowercase(), value)).collect();
            };
            pubsub(next, Publishes(fold))
        }),
        mutant("pubsub_basic/empty_headers_dropped", "Headers without a value are dropped", |next| {
            pubsub(
                next,
                Publishes(|request: &mut PublishRequest| {
                    request.headers.retain(|_, value| !value.is_empty());
                }),
            )
        }),
        mutant("pubsub_basic/payload_is_text", "Payloads are forced through UTF-8", |next| {
            let lossy = |request: &mut PublishRequest| {
                request.payload = String::from_utf8_lossy(&request.payload).into_owned().into();
            };
            pubsub(next, Publishes(lossy))
        }),
        mutant("pubsub_basic/payload_cut_at_nul", "Payloads end at their first NUL", |next| {
            let cut = |request: &mut PublishRequest| {
                let end = request.payload.iter().position(|byte| *byte == 0).unwrap_or(request.payload.len());
                request.payload.truncate(end);
            };
            pubsub(next, Publishes(cut))
        }),
        mutant(
            "pubsub_basic/empty_payload_dropped",
            "A message with an empty payload is not delivered",
            |next| pubsub(next, EmptyPayloadDropped),
        ),
        mutant("pubsub_basic/payload_cut_short", "Payloads of more than 4 KiB are cut", |next| {
            pubsub(next, Publishes(|request: &mut PublishRequest| request.payload.truncate(4096)))
        }),
        mutant("pubsub_basic/another_id_is_delivered", "Deliveries carry an id of their own", |next| {
            let renamed = |message: &mut Message| message.message_id.insert_str(0, "delivery-");
            pubsub(next, Delivers(move |events| each_message(events, renamed)))
        }),
        mutant("pubsub_basic/ids_from_content", "Messages of the same content have the same id", |next| {
            pubsub(next, IdsFromContent)
        }),
        mutant(
            "pubsub_basic/published_at_in_milliseconds",
            "The seconds of `published_at` are milliseconds",
            |next| {
                let scaled = |message: &mut Message| {
                    if let Some(at) = &mut message.published_at {
                        at.seconds *= 1000;
                    }
                };
                pubsub(next, Delivers(move |events| each_message(events, scaled)))
            },
        ),
        mutant(
            "pubsub_basic/published_at_missing",
            "Deliveries do not say when they were published",
            |next| {
                pubsub(next, Delivers(|events| each_message(events, |message| message.published_at = None)))
            },
        ),
        mutant("pubsub_basic/topic_case_folded", "Topics are folded to lower case", |next| {
            pubsub(next, Topics(str::to_lowercase))
        }),
        mutant("pubsub_basic/topic_trimmed", "White space around topics is trimmed", |next| {
            pubsub(next, Topics(|topic| topic.trim_matches([' ', '\t', '\n']).to_owned()))
        }),
        mutant("pubsub_basic/topic_cut_at_63", "Topics are cut after 63 bytes", |next| {
            pubsub(next, Topics(|topic| topic[..topic.floor_char_boundary(63)].to_owned()))
        }),
        mutant("pubsub_basic/topic_cut_at_4095", "Topics are cut after 4095 bytes", |next| {
            pubsub(next, Topics(|topic| topic[..topic.floor_char_boundary(4095)].to_owned()))
        }),
        mutant("pubsub_basic/topic_characters_replaced", "Some characters of topics become `_`", |next| {
            pubsub(next, Topics(|topic| topic.replace([' ', '-', '/', ':'], "_")))
        }),
    ]
}

/// Changes what is published.
struct Publishes<F>(F);

#[tonic::async_trait]
impl<F: Fn(&mut PublishRequest) + Send + Sync + 'static> PubSubTwist for Publishes<F> {
    async fn publish(
        &self,
        next: &Endpoint,
        mut request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        (self.0)(request.get_mut());
        Plain.publish(next, request).await
    }
}

/// Takes topics for others.
struct Topics(fn(&str) -> String);

impl Topics {
    fn change(&self, topic: &mut String) {
        let changed = (self.0)(topic);
        // What is left of a name that was nothing else would be refused as empty, which is another fault.
        if !changed.is_empty() {
            *topic = changed;
        }
    }
}

#[tonic::async_trait]
impl PubSubTwist for Topics {
    async fn publish(
        &self,
        next: &Endpoint,
        mut request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        self.change(&mut request.get_mut().topic);
        Plain.publish(next, request).await
    }

    async fn subscribe(
        &self,
        next: &Endpoint,
        mut request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        self.change(&mut request.get_mut().topic);
        Plain.subscribe(next, request).await
    }
}

struct EmptyPayloadDropped;

#[tonic::async_trait]
impl PubSubTwist for EmptyPayloadDropped {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        if request.get_ref().payload.is_empty() {
            return Ok(Response::new(PublishResponse { message_id: "dropped".to_owned() }));
        }
        Plain.publish(next, request).await
    }
}

struct IdsFromContent;

fn content_id(topic: &str, payload: &Bytes) -> String {
    let mut hasher = DefaultHasher::new();
    (topic, payload).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[tonic::async_trait]
impl PubSubTwist for IdsFromContent {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let message_id = content_id(&request.get_ref().topic, &request.get_ref().payload);
        Ok(Plain.publish(next, request).await?.map(|_| PublishResponse { message_id }))
    }

    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        Ok(Plain.subscribe(next, request).await?.map(|events| {
            each_message(events, |message| message.message_id = content_id(&message.topic, &message.payload))
        }))
    }
}
