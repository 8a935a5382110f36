//! Messages that are lost, doubled, or out of order.

use crate::{
    Mutant,
    aside::{Notes, Plain},
    events::{Delivers, deaf_at_first, event, instead, message, overtaken, ready},
    forward::{Events, PubSubTwist, like, pubsub},
    mutant::{mutant, mutant_with},
};
use futures::StreamExt;
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{Message, PublishRequest, PublishResponse, SubscribeEvent, SubscribeRequest},
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "pubsub_basic/loses_every_seventh",
            "Every seventh message of a subscription is lost",
            |next| {
                let lossy = |n, event| if n % 7 == 0 { vec![] } else { vec![event] };
                pubsub(next, Delivers(move |events| instead(events, lossy)))
            },
        ),
        mutant(
            "pubsub_basic/doubles_every_fifth",
            "Every fifth message of a subscription comes twice",
            |next| {
                let doubling = |n, event: SubscribeEvent| {
                    if n % 5 == 0 { vec![event.clone(), event] } else { vec![event] }
                };
                pubsub(next, Delivers(move |events| instead(events, doubling)))
            },
        ),
        mutant("pubsub_basic/overtakes", "Every fifth message comes after the one that follows it", |next| {
            let is_held = |n: usize, event: &SubscribeEvent| n % 5 == 3 && message(event).is_some();
            pubsub(next, Delivers(move |events| overtaken(events, is_held)))
        }),
        mutant("pubsub_basic/ready_too_early", "What is published right after `ready` is lost", |next| {
            pubsub(next, Delivers(deaf_at_first))
        }),
        mutant(
            "pubsub_basic/ready_too_late",
            "A message that comes at once is delivered before `ready`",
            |next| pubsub(next, Delivers(|events| overtaken(events, |_, event| ready(event).is_some()))),
        ),
        mutant(
            "pubsub_basic/ready_again",
            "After three messages a subscription says `ready` once more",
            |next| pubsub(next, Delivers(ready_again)),
        ),
        mutant("pubsub_basic/loses_when_busy", "Of two Publish calls at once one is lost", |next| {
            pubsub(next, LosesWhenBusy::default())
        }),
        mutant_with(
            "pubsub_basic/keeps_the_last",
            "A new subscriber gets the last message of the topic",
            || {
                let last = Notes::default();
                move |next| pubsub(next, KeepsTheLast(last.clone()))
            },
        ),
        mutant_with(
            "pubsub_basic/nobody_listens_is_an_error",
            "Publish to a topic that nobody has subscribed to is NOT_FOUND",
            || {
                let topics = Notes::default();
                move |next| pubsub(next, NobodyListensIsAnError(topics.clone()))
            },
        ),
    ]
}

fn ready_again(events: Events) -> Events {
    let mut first = None;
    let noted = events.map(move |event| {
        if let Ok(event) = &event
            && ready(event).is_some()
        {
            first = Some(event.clone());
        }
        (event, first.clone())
    });
    let mut count = 0;
    let repeated = noted.flat_map(move |(event, first)| {
        count += usize::from(event.as_ref().is_ok_and(|event| message(event).is_some()));
        let again = if count == 3 { first } else { None };
        count += usize::from(again.is_some());
        futures::stream::iter([Some(event), again.map(Ok)].into_iter().flatten())
    });
    repeated.boxed()
}

#[derive(Default)]
struct LosesWhenBusy {
    busy: AtomicBool,
    lost: AtomicUsize,
}

#[tonic::async_trait]
impl PubSubTwist for LosesWhenBusy {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        if self.busy.swap(true, Ordering::SeqCst) {
            let message_id = format!("lost-{}", self.lost.fetch_add(1, Ordering::SeqCst));
            return Ok(Response::new(PublishResponse { message_id }));
        }
        tokio::task::yield_now().await;
        let answer = Plain.publish(next, request).await;
        self.busy.store(false, Ordering::SeqCst);
        answer
    }
}

struct KeepsTheLast(Notes<Message>);

#[tonic::async_trait]
impl PubSubTwist for KeepsTheLast {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let PublishRequest { topic, payload, headers } = request.get_ref().clone();
        let space = like(&request, ());
        let answer = Plain.publish(next, request).await?;
        let message_id = answer.get_ref().message_id.clone();
        self.0.put(
            &space,
            &topic,
            Message { topic: topic.clone(), payload, headers, message_id, published_at: None },
        );
        Ok(answer)
    }

    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let last = self.0.get(&request, &request.get_ref().topic);
        let events = Plain.subscribe(next, request).await?;
        Ok(events.map(|events| {
            let mut last = last;
            let replayed = events.flat_map(move |first| {
                futures::stream::iter(
                    [Some(first), last.take().map(|last| Ok(event(last)))].into_iter().flatten(),
                )
            });
            replayed.boxed()
        }))
    }
}

struct NobodyListensIsAnError(Notes<()>);

#[tonic::async_trait]
impl PubSubTwist for NobodyListensIsAnError {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        if self.0.get(&request, &request.get_ref().topic).is_none() {
            return Err(Status::not_found("nobody listens"));
        }
        Plain.publish(next, request).await
    }

    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        self.0.put(&request, &request.get_ref().topic, ());
        Plain.subscribe(next, request).await
    }
}
