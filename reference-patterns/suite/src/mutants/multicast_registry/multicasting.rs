//! Mutants of Multicast.

use super::{PATTERN, client, face, parameter};
use crate::PatternMutant;
use prism_interfaces::{
    Endpoint, fault,
    pattern::multicast_registry::v1::{
        DeliveryStatus, EnumerateRequest, MulticastRequest, MulticastResponse,
    },
    pubsub::v1::{PublishRequest, PublishResponse, pub_sub_basic_client::PubSubBasicClient},
};
use prism_mutants::forward::{self, PubSubTwist, RegistryTwist, like};
use tonic::{Code, Request, Response, Status};

pub(super) fn mutants() -> Vec<PatternMutant> {
    let publishes = |id, sentence, change: fn(&mut PublishRequest)| {
        PatternMutant::slot(id, PATTERN, sentence, "messaging", move |endpoint| {
            forward::pubsub(endpoint, Publishes(change))
        })
    };
    let asks = |id, sentence, change: fn(&mut MulticastRequest)| {
        face(id, sentence, move |endpoint| forward::multicast_registry(endpoint, Asks(change)))
    };
    let answers = |id, sentence, change: fn(&mut MulticastResponse)| {
        face(id, sentence, move |endpoint| forward::multicast_registry(endpoint, Answers(change)))
    };
    vec![
        asks(
            "pattern_multicast_registry/sends_to_everybody",
            "The filter of a multicast is ignored",
            |request| {
                if request.filter.as_ref().is_some_and(|filter| filter.condition.is_some()) {
                    request.filter = None;
                }
            },
        ),
        asks(
            "pattern_multicast_registry/cuts_the_payload",
            "A payload that is too large is cut",
            |request| {
                request.payload.truncate(1 << 20);
            },
        ),
        publishes("pattern_multicast_registry/loses_headers", "Headers get lost", |request| {
            request.headers.clear();
        }),
        publishes(
            "pattern_multicast_registry/payload_is_text",
            "A payload that is no UTF-8 is changed",
            |request| {
                let text = String::from_utf8_lossy(&request.payload).into_owned();
                request.payload = text.into();
            },
        ),
        publishes(
            "pattern_multicast_registry/publishes_to_the_parent",
            "Messages go to the first part of the topic",
            |request| {
                if let Some((parent, _)) = request.topic.split_once('.') {
                    request.topic = parent.to_owned();
                }
            },
        ),
        PatternMutant::slot(
            "pattern_multicast_registry/publishes_twice",
            PATTERN,
            "Every message is published twice",
            "messaging",
            |endpoint| forward::pubsub(endpoint, Twice),
        ),
        answers(
            "pattern_multicast_registry/everything_is_delivered",
            "Failures count as delivered",
            |response| {
                response.delivered = response.targets;
                for delivery in &mut response.deliveries {
                    delivery.set_status(DeliveryStatus::Delivered);
                }
            },
        ),
        answers(
            "pattern_multicast_registry/counts_the_failed",
            "`delivered` counts every target",
            |response| {
                response.delivered = response.targets;
            },
        ),
        answers("pattern_multicast_registry/leaves_out_failures", "What failed is not told", |response| {
            response.deliveries.retain(|delivery| delivery.status() == DeliveryStatus::Delivered);
            response.targets = response.deliveries.len() as u32;
        }),
        answers("pattern_multicast_registry/gives_no_reason", "A failure has no reason", |response| {
            for delivery in &mut response.deliveries {
                delivery.reason.clear();
                delivery.message.clear();
            }
        }),
        answers(
            "pattern_multicast_registry/time_out_is_failure",
            "A time-out counts as refused",
            |response| {
                for delivery in &mut response.deliveries {
                    if delivery.status() == DeliveryStatus::TimedOut {
                        delivery.set_status(DeliveryStatus::Failed);
                    }
                }
            },
        ),
        answers(
            "pattern_multicast_registry/deliveries_as_they_come",
            "Deliveries are in any order",
            |response| {
                response.deliveries.reverse();
            },
        ),
        answers("pattern_multicast_registry/loses_message_ids", "The ids of messages get lost", |response| {
            response.deliveries.iter_mut().for_each(|delivery| delivery.message_id.clear());
        }),
        answers(
            "pattern_multicast_registry/stops_at_a_hundred",
            "More targets than fit are forgotten",
            |response| {
                response.deliveries.truncate(100);
                response.targets = response.deliveries.len() as u32;
                response.delivered = response.delivered.min(100);
            },
        ),
        face(
            "pattern_multicast_registry/one_failure_ends_it",
            "The first target that fails fails the call",
            |endpoint| forward::multicast_registry(endpoint, AllOrNothing),
        ),
        face(
            "pattern_multicast_registry/nobody_is_an_error",
            "A multicast to nobody is refused",
            |endpoint| forward::multicast_registry(endpoint, WantsSomebody),
        ),
        face(
            "pattern_multicast_registry/counts_at_the_end",
            "The targets are counted when the multicast is over",
            |endpoint| forward::multicast_registry(endpoint, CountsLate),
        ),
        face(
            "pattern_multicast_registry/dead_registry_is_empty",
            "Where the registry's slot fails there is nobody to send to",
            |endpoint| forward::multicast_registry(endpoint, Empty),
        ),
        face(
            "pattern_multicast_registry/ignores_the_deadline",
            "A multicast takes as long as its targets, whatever its deadline is",
            |endpoint| forward::multicast_registry(endpoint, NoDeadline),
        ),
        parameter(
            "pattern_multicast_registry/sends_all_at_once",
            "There is no bound to the messages on their way",
            "fan_out",
            Some("1000"),
        ),
        parameter(
            "pattern_multicast_registry/one_after_the_other",
            "A message is sent when the one before has arrived",
            "fan_out",
            Some("1"),
        ),
        parameter(
            "pattern_multicast_registry/waits_for_every_target",
            "A target that does not answer is waited for",
            "target_timeout",
            Some("5m"),
        ),
        parameter(
            "pattern_multicast_registry/waits_for_the_slot",
            "A slot that does not answer is waited for",
            "slot_timeout",
            Some("5m"),
        ),
    ]
}

struct Publishes(fn(&mut PublishRequest));

#[tonic::async_trait]
impl PubSubTwist for Publishes {
    async fn publish(
        &self,
        next: &Endpoint,
        mut request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        (self.0)(request.get_mut());
        PubSubBasicClient::new(next.clone()).publish(request).await
    }
}

struct Twice;

#[tonic::async_trait]
impl PubSubTwist for Twice {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let again = like(&request, request.get_ref().clone());
        PubSubBasicClient::new(next.clone()).publish(request).await?;
        PubSubBasicClient::new(next.clone()).publish(again).await
    }
}

struct Asks(fn(&mut MulticastRequest));

#[tonic::async_trait]
impl RegistryTwist for Asks {
    async fn multicast(
        &self,
        next: &Endpoint,
        mut request: Request<MulticastRequest>,
    ) -> Result<Response<MulticastResponse>, Status> {
        (self.0)(request.get_mut());
        client(next).multicast(request).await
    }
}

struct Answers(fn(&mut MulticastResponse));

#[tonic::async_trait]
impl RegistryTwist for Answers {
    async fn multicast(
        &self,
        next: &Endpoint,
        request: Request<MulticastRequest>,
    ) -> Result<Response<MulticastResponse>, Status> {
        let mut response = client(next).multicast(request).await?;
        (self.0)(response.get_mut());
        Ok(response)
    }
}

struct AllOrNothing;

#[tonic::async_trait]
impl RegistryTwist for AllOrNothing {
    async fn multicast(
        &self,
        next: &Endpoint,
        request: Request<MulticastRequest>,
    ) -> Result<Response<MulticastResponse>, Status> {
        let response = client(next).multicast(request).await?;
        match response.get_ref().deliveries.iter().find(|one| one.status() == DeliveryStatus::Failed) {
            Some(failed) => Err(Status::internal(failed.message.clone())),
            None => Ok(response),
        }
    }
}

struct WantsSomebody;

#[tonic::async_trait]
impl RegistryTwist for WantsSomebody {
    async fn multicast(
        &self,
        next: &Endpoint,
        request: Request<MulticastRequest>,
    ) -> Result<Response<MulticastResponse>, Status> {
        let response = client(next).multicast(request).await?;
        if response.get_ref().targets == 0 {
            return Err(Status::not_found("nobody matches"));
        }
        Ok(response)
    }
}

struct CountsLate;

#[tonic::async_trait]
impl RegistryTwist for CountsLate {
    async fn multicast(
        &self,
        next: &Endpoint,
        request: Request<MulticastRequest>,
    ) -> Result<Response<MulticastResponse>, Status> {
        let all = EnumerateRequest {
            filter: request.get_ref().filter.clone(),
            limit: 1000,
            ..EnumerateRequest::default()
        };
        let all = like(&request, all);
        let mut response = client(next).multicast(request).await?;
        let listed = client(next).enumerate(all).await?.into_inner().identities;
        let deliveries = &mut response.get_mut().deliveries;
        deliveries.retain(|one| listed.iter().any(|identity| identity.identity == one.identity));
        response.get_mut().targets = listed.len() as u32;
        Ok(response)
    }
}

struct Empty;

#[tonic::async_trait]
impl RegistryTwist for Empty {
    async fn multicast(
        &self,
        next: &Endpoint,
        request: Request<MulticastRequest>,
    ) -> Result<Response<MulticastResponse>, Status> {
        match client(next).multicast(request).await {
            Err(status) if fault::reason(&status).as_deref() == Some("BACKEND_UNAVAILABLE") => {
                Ok(Response::new(MulticastResponse::default()))
            }
            other => other,
        }
    }
}

struct NoDeadline;

#[tonic::async_trait]
impl RegistryTwist for NoDeadline {
    async fn multicast(
        &self,
        next: &Endpoint,
        request: Request<MulticastRequest>,
    ) -> Result<Response<MulticastResponse>, Status> {
        let timeout = request.metadata().get("grpc-timeout").cloned();
        let response = client(next).multicast(request).await?;
        // The host of a driver that goes on until its deadline ends the call there.
        let late =
            response.get_ref().deliveries.iter().any(|one| one.message.contains("deadline of the call"));
        if late && timeout.is_some() {
            return Err(Status::new(Code::DeadlineExceeded, "the deadline has passed"));
        }
        Ok(response)
    }
}
