//! Subscriptions that do not end as they should.

use crate::{
    Mutant,
    aside::{Notes, Plain, namespace},
    events::{Delivers, Ending, elsewhere, ends, ready},
    forward::{Events, PubSubTwist, like, pubsub},
    mutant::{mutant, mutant_with},
};
use futures::StreamExt;
use prism_interfaces::{
    Endpoint,
    pubsub::v1::{
        PublishRequest, PublishResponse, SubscribeRequest, UnsubscribeRequest, UnsubscribeResponse,
    },
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "pubsub_basic/unsubscribe_does_nothing",
            "Unsubscribe answers, and messages go on coming",
            |next| pubsub(next, UnsubscribeDoesNothing),
        ),
        mutant(
            "pubsub_basic/unsubscribe_always_existed",
            "Unsubscribe says of every id that it existed",
            |next| pubsub(next, Answers(|_| Ok(true))),
        ),
        mutant(
            "pubsub_basic/unsubscribe_unknown_is_an_error",
            "Unsubscribe of an unknown id is NOT_FOUND",
            |next| {
                let answer =
                    |existed: bool| existed.then_some(true).ok_or_else(|| Status::not_found("no such id"));
                pubsub(next, Answers(answer))
            },
        ),
        mutant(
            "pubsub_basic/unsubscribe_trims_ids",
            "Unsubscribe does not look at the last character",
            |next| pubsub(next, ById::default()),
        ),
        mutant(
            "pubsub_basic/unsubscribe_leaves_the_stream_open",
            "After Unsubscribe the stream says nothing",
            |next| {
                let end = |status: Option<Status>| status.map_or(Ending::Never, Ending::With);
                pubsub(next, Delivers(move |events| ends(events, end)))
            },
        ),
        mutant(
            "pubsub_basic/unsubscribe_ends_with_an_error",
            "After Unsubscribe the stream ends with CANCELLED",
            |next| {
                let end = |status: Option<Status>| {
                    Ending::With(status.unwrap_or_else(|| Status::cancelled("unsubscribed")))
                };
                pubsub(next, Delivers(move |events| ends(events, end)))
            },
        ),
        mutant_with(
            "pubsub_basic/unsubscribe_forgets_what_waits",
            "Unsubscribe throws away what was published before it and not read yet",
            || {
                let ended = Arc::new(Mutex::new(HashSet::new()));
                move |next| pubsub(next, ForgetsWhatWaits(Arc::clone(&ended)))
            },
        ),
        mutant_with(
            "pubsub_basic/unsubscribe_takes_siblings",
            "Unsubscribe ends every subscription of the topic",
            || {
                let subscriptions = Notes::default();
                move |next| pubsub(next, TakesSiblings(subscriptions.clone()))
            },
        ),
        mutant_with(
            "pubsub_basic/unsubscribe_reaches_other_namespaces",
            "Unsubscribe ends subscriptions of other namespaces",
            || {
                let places = Arc::new(Mutex::new(HashMap::new()));
                move |next| pubsub(next, ReachesOtherNamespaces(Arc::clone(&places)))
            },
        ),
        mutant_with(
            "pubsub_basic/a_lost_subscriber_breaks_the_topic",
            "When a subscriber is gone, the next Publish to its topic fails",
            || {
                let gone = Notes::default();
                move |next| pubsub(next, LostSubscriberBreaksTheTopic(gone.clone()))
            },
        ),
    ]
}

struct UnsubscribeDoesNothing;

#[tonic::async_trait]
impl PubSubTwist for UnsubscribeDoesNothing {
    async fn unsubscribe(
        &self,
        _: &Endpoint,
        _: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        Ok(Response::new(UnsubscribeResponse { existed: true }))
    }
}

/// Changes the answer.
struct Answers(fn(bool) -> Result<bool, Status>);

#[tonic::async_trait]
impl PubSubTwist for Answers {
    async fn unsubscribe(
        &self,
        next: &Endpoint,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        let answer = Plain.unsubscribe(next, request).await?;
        let existed = (self.0)(answer.get_ref().existed)?;
        Ok(answer.map(|_| UnsubscribeResponse { existed }))
    }
}

/// Does something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The ids of subscriptions without their last characters, by the namespace.
#[derive(Default)]
struct ById(Notes<String>);

#[tonic::async_trait]
impl PubSubTwist for ById {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let (ids, space) = (self.0.clone(), like(&request, ()));
        Ok(Plain.subscribe(next, request).await?.map(|events| {
            let noting = move |event: &Result<_, _>| {
                if let Some(id) = event.as_ref().ok().and_then(ready) {
                    ids.put(&space, &without_the_last(id), id.to_owned());
                }
            };
            events.inspect(noting).boxed()
        }))
    }

    async fn unsubscribe(
        &self,
        next: &Endpoint,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        let asked = &request.get_ref().subscription_id;
        let meant = self.0.get(&request, &without_the_last(asked)).or_else(|| self.0.get(&request, asked));
        let subscription_id = meant.unwrap_or_else(|| asked.clone());
        Plain.unsubscribe(next, like(&request, UnsubscribeRequest { subscription_id })).await
    }
}

fn without_the_last(id: &str) -> String {
    id.chars().take(id.chars().count().saturating_sub(1)).collect()
}

/// The ids of subscriptions that have ended.
struct ForgetsWhatWaits(Arc<Mutex<HashSet<String>>>);

#[tonic::async_trait]
impl PubSubTwist for ForgetsWhatWaits {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let ended = Arc::clone(&self.0);
        Ok(Plain.subscribe(next, request).await?.map(|events| {
            let mut own = None;
            let goes_on = move |event: &Result<_, _>| {
                if let Some(id) = event.as_ref().ok().and_then(ready) {
                    own = Some(id.to_owned());
                }
                let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                let over = own.as_ref().is_some_and(|own| ended.contains(own));
                std::future::ready(!over)
            };
            events.take_while(goes_on).boxed()
        }))
    }

    async fn unsubscribe(
        &self,
        next: &Endpoint,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        let id = request.get_ref().subscription_id.clone();
        let answer = Plain.unsubscribe(next, request).await?;
        if answer.get_ref().existed {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        }
        Ok(answer)
    }
}

/// The ids of the subscriptions of each topic.
struct TakesSiblings(Notes<Vec<String>>);

#[tonic::async_trait]
impl PubSubTwist for TakesSiblings {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let (siblings, space, topic) = (self.0.clone(), like(&request, ()), request.get_ref().topic.clone());
        Ok(Plain.subscribe(next, request).await?.map(|events| {
            let noting = move |event: &Result<_, _>| {
                if let Some(id) = event.as_ref().ok().and_then(ready) {
                    let mut ids = siblings.get(&space, &topic).unwrap_or_default();
                    ids.push(id.to_owned());
                    siblings.put(&space, &topic, ids);
                }
            };
            events.inspect(noting).boxed()
        }))
    }

    async fn unsubscribe(
        &self,
        next: &Endpoint,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        let id = &request.get_ref().subscription_id;
        let topics = self.0.keys(&request).into_iter();
        let siblings = topics.filter_map(|topic| self.0.get(&request, &topic)).find(|ids| ids.contains(id));
        for subscription_id in siblings.into_iter().flatten().filter(|sibling| sibling != id) {
            Plain.unsubscribe(next, like(&request, UnsubscribeRequest { subscription_id })).await?;
        }
        Plain.unsubscribe(next, request).await
    }
}

/// The namespaces of subscriptions by their ids.
struct ReachesOtherNamespaces(Arc<Mutex<HashMap<String, String>>>);

#[tonic::async_trait]
impl PubSubTwist for ReachesOtherNamespaces {
    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let (places, space) = (Arc::clone(&self.0), namespace(&request));
        Ok(Plain.subscribe(next, request).await?.map(|events| {
            let noting = move |event: &Result<_, _>| {
                if let Some(id) = event.as_ref().ok().and_then(ready) {
                    let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
                    places.insert(id.to_owned(), space.clone());
                }
            };
            events.inspect(noting).boxed()
        }))
    }

    async fn unsubscribe(
        &self,
        next: &Endpoint,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = match places.get(&request.get_ref().subscription_id) {
            Some(place) => elsewhere(request, place),
            None => request,
        };
        Plain.unsubscribe(next, request).await
    }
}

/// The topics whose subscriber is gone.
struct LostSubscriberBreaksTheTopic(Notes<()>);

#[tonic::async_trait]
impl PubSubTwist for LostSubscriberBreaksTheTopic {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        if self.0.take(&request, &request.get_ref().topic).is_some() {
            return Err(Status::internal("sending on a closed channel"));
        }
        Plain.publish(next, request).await
    }

    async fn subscribe(
        &self,
        next: &Endpoint,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        let (gone, space, topic) = (self.0.clone(), like(&request, ()), request.get_ref().topic.clone());
        Ok(Plain.subscribe(next, request).await?.map(|events| {
            let guard = OnDrop(move || gone.put(&space, &topic, ()));
            events.inspect(move |_| _ = &guard).boxed()
        }))
    }
}
