//! What it makes of the backends in its slots.

use super::PATTERN;
use crate::{
    PatternMutant,
    consumer::{DEAD_LETTERS, MESSAGES, STATE},
};
use futures::StreamExt;
use prism_interfaces::{
    Endpoint, ORDERING_KEY_HEADER,
    keyvalue::v1::{
        DeleteRequest, DeleteResponse, GetRequest, GetResponse, ScanRequest, ScanResponse, SetRequest,
        SetResponse, key_value_basic_client::KeyValueBasicClient,
    },
    pubsub::v1::{
        PublishRequest, PublishResponse, SubscribeRequest, UnsubscribeRequest, UnsubscribeResponse,
        pub_sub_basic_client::PubSubBasicClient, subscribe_event::Event,
    },
};
use prism_mutants::forward::{self, BasicTwist, Events, PubSubTwist, ScanTwist, like};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tonic::{Code, Request, Response, Status};

pub(super) fn mutants() -> Vec<PatternMutant> {
    [of_messages(), of_state(), of_dead_letters()].into_iter().flatten().collect()
}

fn mutant(
    slot: &'static str,
    id: &'static str,
    sentence: &'static str,
    twist: fn(Endpoint) -> Endpoint,
) -> PatternMutant {
    PatternMutant::slot(id, PATTERN, sentence, slot, twist)
}

fn of_messages() -> Vec<PatternMutant> {
    vec![
        mutant(
            MESSAGES,
            "pattern_consumer/overhears_now_and_then",
            "Every seventh message is not handed over",
            |next| forward::pubsub(next, Overhears { heard: Arc::default(), one_of: 7 }),
        ),
        mutant(
            MESSAGES,
            "pattern_consumer/loses_one_of_many",
            "One message of a hundred is not handed over",
            |next| forward::pubsub(next, Overhears { heard: Arc::default(), one_of: 100 }),
        ),
        mutant(
            MESSAGES,
            "pattern_consumer/forgets_the_key",
            "The ordering key of messages is ignored",
            |next| {
                forward::pubsub(
                    next,
                    Headers(|headers| {
                        headers.remove(ORDERING_KEY_HEADER);
                    }),
                )
            },
        ),
        mutant(
            MESSAGES,
            "pattern_consumer/has_one_key_for_all",
            "All messages wait for those before them, whatever their keys",
            |next| {
                forward::pubsub(
                    next,
                    Headers(|headers| {
                        headers.insert(ORDERING_KEY_HEADER.to_owned(), "all".to_owned());
                    }),
                )
            },
        ),
        mutant(
            MESSAGES,
            "pattern_consumer/subscribes_once",
            "Where the subscription ends there is never another one",
            |next| forward::pubsub(next, SubscribesOnce::default()),
        ),
        mutant(
            MESSAGES,
            "pattern_consumer/drops_what_was_delivered",
            "What was delivered before the subscription is ended is dropped",
            |next| forward::pubsub(next, DropsAtTheEnd::default()),
        ),
    ]
}

fn of_state() -> Vec<PatternMutant> {
    vec![
        mutant(
            STATE,
            "pattern_consumer/writes_nothing_down",
            "What is in hand is kept in memory alone",
            |next| forward::basic(next, WritesNothing),
        ),
        mutant(
            STATE,
            "pattern_consumer/removes_nothing",
            "What has come to its end stays written down",
            |next| forward::basic(next, RemovesNothing),
        ),
        mutant(
            STATE,
            "pattern_consumer/begins_with_empty_hands",
            "What an earlier life has left is not looked for",
            |next| forward::scan(next, FindsNothing),
        ),
        mutant(
            STATE,
            "pattern_consumer/writes_down_if_it_can",
            "A message that cannot be written down now is handed over all the same",
            |next| {
                forward::basic(
                    next,
                    SetErrors(
                        |status| {
                            if status.code() == Code::InvalidArgument { Err(status) } else { Ok(()) }
                        },
                    ),
                )
            },
        ),
        mutant(
            STATE,
            "pattern_consumer/insists_on_what_is_refused",
            "A message whose record is refused for good waits for ever",
            |next| forward::basic(next, SetErrors(|status| Err(Status::unavailable(status.message())))),
        ),
        mutant(STATE, "pattern_consumer/counts_from_zero", "The counts begin anew in every life", |next| {
            forward::basic(next, Forgets("/counts"))
        }),
        mutant(
            STATE,
            "pattern_consumer/remembers_nothing",
            "The names of what was handled are looked for in memory alone",
            |next| forward::basic(next, Forgets("/handled/")),
        ),
    ]
}

fn of_dead_letters() -> Vec<PatternMutant> {
    vec![
        mutant(
            DEAD_LETTERS,
            "pattern_consumer/dead_letters_vanish",
            "Dead letters are counted and not published",
            |next| forward::pubsub(next, Publishes(0, |_| {})),
        ),
        mutant(
            DEAD_LETTERS,
            "pattern_consumer/dead_letters_come_twice",
            "Dead letters are published twice",
            |next| forward::pubsub(next, Publishes(2, |_| {})),
        ),
        mutant(
            DEAD_LETTERS,
            "pattern_consumer/dead_letters_are_empty",
            "Dead letters have no payload",
            |next| forward::pubsub(next, Publishes(1, |letter| letter.payload.clear())),
        ),
        mutant(
            DEAD_LETTERS,
            "pattern_consumer/dead_letters_lose_their_headers",
            "Dead letters do not have the headers of the message",
            |next| {
                forward::pubsub(
                    next,
                    Publishes(1, |letter| {
                        letter.headers.retain(|name, _| name.starts_with("prism-dead-letter-"));
                    }),
                )
            },
        ),
        mutant(
            DEAD_LETTERS,
            "pattern_consumer/dead_letters_say_nothing",
            "Dead letters do not say what became of them",
            |next| {
                forward::pubsub(
                    next,
                    Publishes(1, |letter| {
                        letter.headers.retain(|name, _| !name.starts_with("prism-dead-letter-"));
                    }),
                )
            },
        ),
        mutant(
            DEAD_LETTERS,
            "pattern_consumer/dead_letters_are_tried_once",
            "A dead letter that cannot be published is forgotten",
            |next| forward::pubsub(next, PublishesIfItCan),
        ),
    ]
}

/// Leaves messages out.
#[derive(Default)]
struct Overhears {
    heard: Arc<AtomicU64>,
    one_of: u64,
}

#[tonic::async_trait]
impl PubSubTwist for Overhears {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let response = PubSubBasicClient::new(next.clone()).subscribe(request).await?;
        let (count, one_of) = (Arc::clone(&self.heard), self.one_of);
        let heard = move |event: &Result<prism_interfaces::pubsub::v1::SubscribeEvent, Status>| {
            let message = matches!(event, Ok(event) if matches!(event.event, Some(Event::Message(_))));
            std::future::ready(!message || count.fetch_add(1, Ordering::SeqCst) % one_of != one_of - 1)
        };
        Ok(response.map(|stream| stream.filter(heard).boxed()))
    }
}

/// Changes the headers of what is delivered.
struct Headers(fn(&mut HashMap<String, String>));

#[tonic::async_trait]
impl PubSubTwist for Headers {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let response = PubSubBasicClient::new(next.clone()).subscribe(request).await?;
        let change = self.0;
        Ok(response.map(|stream| {
            stream
                .map(move |mut event| {
                    if let Ok(event) = &mut event
                        && let Some(Event::Message(message)) = &mut event.event
                    {
                        change(&mut message.headers);
                    }
                    event
                })
                .boxed()
        }))
    }
}

#[derive(Default)]
struct SubscribesOnce(AtomicBool);

#[tonic::async_trait]
impl PubSubTwist for SubscribesOnce {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        if self.0.swap(true, Ordering::SeqCst) {
            return std::future::pending().await;
        }
        let response = PubSubBasicClient::new(next.clone()).subscribe(request).await?;
        Ok(response.map(StreamExt::boxed))
    }
}

/// Ends the stream before what is still in it, when it is asked to unsubscribe.
#[derive(Default)]
struct DropsAtTheEnd(Arc<AtomicBool>);

#[tonic::async_trait]
impl PubSubTwist for DropsAtTheEnd {
    async fn unsubscribe(
        &self,
        next: &Endpoint,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        self.0.store(true, Ordering::SeqCst);
        PubSubBasicClient::new(next.clone()).unsubscribe(request).await
    }

    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let response = PubSubBasicClient::new(next.clone()).subscribe(request).await?;
        let over = Arc::clone(&self.0);
        let goes_on = move |_: &_| std::future::ready(!over.load(Ordering::SeqCst));
        Ok(response.map(|stream| stream.take_while(goes_on).boxed()))
    }
}

fn is_record(key: &str) -> bool {
    key.contains("/in-hand/")
}

struct WritesNothing;

#[tonic::async_trait]
impl BasicTwist for WritesNothing {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        if is_record(&request.get_ref().key) {
            return Ok(Response::new(SetResponse {}));
        }
        KeyValueBasicClient::new(next.clone()).set(request).await
    }
}

struct RemovesNothing;

#[tonic::async_trait]
impl BasicTwist for RemovesNothing {
    async fn delete(
        &self,
        _: &Endpoint,
        _: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        Ok(Response::new(DeleteResponse { existed: true }))
    }
}

struct FindsNothing;

#[tonic::async_trait]
impl ScanTwist for FindsNothing {
    async fn scan(&self, _: &Endpoint, _: Request<ScanRequest>) -> Result<Response<ScanResponse>, Status> {
        Ok(Response::new(ScanResponse::default()))
    }
}

/// Makes something else of what Set is refused with.
struct SetErrors(fn(Status) -> Result<(), Status>);

#[tonic::async_trait]
impl BasicTwist for SetErrors {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        match KeyValueBasicClient::new(next.clone()).set(request).await {
            Err(status) => (self.0)(status).map(|()| Response::new(SetResponse {})),
            set => set,
        }
    }
}

/// Finds no key with this in it.
struct Forgets(&'static str);

#[tonic::async_trait]
impl BasicTwist for Forgets {
    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        if request.get_ref().key.contains(self.0) {
            return Ok(Response::new(GetResponse::default()));
        }
        KeyValueBasicClient::new(next.clone()).get(request).await
    }
}

/// Publishes something else, and so often.
struct Publishes(usize, fn(&mut PublishRequest));

#[tonic::async_trait]
impl PubSubTwist for Publishes {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let mut letter = request.get_ref().clone();
        (self.1)(&mut letter);
        let mut answer = Response::new(PublishResponse { message_id: "a dead letter".to_owned() });
        for _ in 0..self.0 {
            answer = PubSubBasicClient::new(next.clone()).publish(like(&request, letter.clone())).await?;
        }
        Ok(answer)
    }
}

struct PublishesIfItCan;

#[tonic::async_trait]
impl PubSubTwist for PublishesIfItCan {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let answer = PubSubBasicClient::new(next.clone()).publish(request).await;
        Ok(answer.unwrap_or_else(|_| Response::new(PublishResponse::default())))
    }
}
