//! Faults in what callers see.

use super::PATTERN;
use crate::PatternMutant;
use prism_interfaces::{
    Endpoint, fault,
    lifecycle::v1::{
        DrainRequest, DrainResponse, InitializeRequest, InitializeResponse, StopRequest,
        lifecycle_client::LifecycleClient,
    },
    pattern::producer::v1::{
        FlushRequest, FlushResponse, GetMetricsRequest, GetMetricsResponse, OutgoingMessage,
        PublishBatchRequest, PublishBatchResponse, PublishError, PublishRequest, PublishResponse,
        PublishResult, producer_client::ProducerClient, publish_result::Result as Outcome,
    },
};
use prism_mutants::forward::{self, LifecycleTwist, ProducerTwist, like};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tonic::{Code, Request, Response, Status};

fn client(next: &Endpoint) -> ProducerClient<Endpoint> {
    ProducerClient::new(next.clone())
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX)
}

type ChangeMessage = fn(&mut OutgoingMessage);

/// Every message is changed on its way in.
struct Changed(ChangeMessage);

#[tonic::async_trait]
impl ProducerTwist for Changed {
    async fn publish(
        &self,
        next: &Endpoint,
        mut request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        if let Some(message) = &mut request.get_mut().message {
            (self.0)(message);
        }
        client(next).publish(request).await
    }
}

/// Every answer to Publish is changed on its way out.
struct Answered(fn(&PublishRequest, Result<PublishResponse, Status>) -> Result<PublishResponse, Status>);

#[tonic::async_trait]
impl ProducerTwist for Answered {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let sent = request.get_ref().clone();
        let answer = client(next).publish(request).await.map(Response::into_inner);
        (self.0)(&sent, answer).map(Response::new)
    }
}

/// Every batch is changed on its way in, and its answer on its way out.
struct Batches {
    sent: fn(&mut Vec<OutgoingMessage>),
    answered: fn(&mut Vec<PublishResult>),
}

#[tonic::async_trait]
impl ProducerTwist for Batches {
    async fn publish_batch(
        &self,
        next: &Endpoint,
        mut request: Request<PublishBatchRequest>,
    ) -> Result<Response<PublishBatchResponse>, Status> {
        (self.sent)(&mut request.get_mut().messages);
        let mut response = client(next).publish_batch(request).await?;
        (self.answered)(&mut response.get_mut().results);
        Ok(response)
    }
}

pub(super) fn mutants() -> Vec<PatternMutant> {
    let face =
        |id, sentence, twist: fn(Endpoint) -> Endpoint| PatternMutant::face(id, PATTERN, sentence, twist);
    vec![
        face(
            "pattern_producer/answers_and_does_nothing",
            "Publish answers OK and publishes nothing",
            |next| forward::producer(next, AnswersAlone),
        ),
        face("pattern_producer/drops_headers", "Headers get lost", |next| {
            forward::producer(next, Changed(|message| message.headers.clear()))
        }),
        face("pattern_producer/answers_another_id", "The answer has another id than the message", |next| {
            forward::producer(
                next,
                Answered(|_, answer| {
                    answer.map(|answer| PublishResponse { message_id: "1".to_owned(), ..answer })
                }),
            )
        }),
        face(
            "pattern_producer/ids_from_the_topic",
            "A message without an id is named after its topic",
            |next| {
                forward::producer(
                    next,
                    Changed(|message| {
                        if message.message_id.is_empty() {
                            message.message_id = format!("of {}", message.topic);
                        }
                    }),
                )
            },
        ),
        face(
            "pattern_producer/takes_headers_of_its_own",
            "A header that starts with prism- is left out in silence",
            |next| {
                forward::producer(
                    next,
                    Changed(|message| message.headers.retain(|name, _| !name.starts_with("prism-"))),
                )
            },
        ),
        face("pattern_producer/cuts_long_ids", "An id that is too long is cut", |next| {
            forward::producer(
                next,
                Changed(|message| {
                    if message.message_id.len() > 256 && message.message_id.is_ascii() {
                        message.message_id.truncate(256);
                    }
                }),
            )
        }),
        face(
            "pattern_producer/swallows_exhaustion",
            "A message that failed as often as it may is answered with OK",
            |next| {
                forward::producer(
                    next,
                    Answered(|_, answer| match answer {
                        Err(status) if fault::reason(&status).as_deref() == Some("RETRIES_EXHAUSTED") => {
                            Ok(PublishResponse { message_id: "1".to_owned(), ..Default::default() })
                        }
                        other => other,
                    }),
                )
            },
        ),
        face(
            "pattern_producer/goes_on_after_the_deadline",
            "A message is tried on after its caller has given up",
            |next| forward::producer(next, GoesOn),
        ),
        face("pattern_producer/no_order", "The ordering key is carried along and not kept", |next| {
            forward::producer(next, Changed(|message| message.ordering_key.clear()))
        }),
        face("pattern_producer/one_lane_for_all", "One message is published at a time", |next| {
            forward::producer(
                next,
                Changed(|message| {
                    "all".clone_into(&mut message.ordering_key);
                    "t".clone_into(&mut message.topic);
                }),
            )
        }),
        face(
            "pattern_producer/stops_after_a_failure",
            "After a failure nothing with its ordering key is published any more",
            |next| forward::producer(next, Stops::default()),
        ),
        face(
            "pattern_producer/batches_end_at_a_failure",
            "An error in a batch drops what comes after it",
            |next| {
                let answered = |results: &mut Vec<PublishResult>| {
                    let failed =
                        results.iter().position(|result| matches!(result.result, Some(Outcome::Failed(_))));
                    for result in results.iter_mut().skip(failed.map_or(usize::MAX, |index| index + 1)) {
                        let code = Code::Aborted.into();
                        result.result = Some(Outcome::Failed(PublishError { code, ..Default::default() }));
                    }
                };
                forward::producer(next, Batches { sent: |_| {}, answered })
            },
        ),
        face("pattern_producer/results_without_the_bad_ones", "Results of failures are left out", |next| {
            let answered = |results: &mut Vec<PublishResult>| {
                results.retain(|result| matches!(result.result, Some(Outcome::Published(_))));
            };
            forward::producer(next, Batches { sent: |_| {}, answered })
        }),
        face("pattern_producer/batches_backwards", "A batch is published from its end", |next| {
            let twist =
                Batches { sent: |messages| messages.reverse(), answered: |results| results.reverse() };
            forward::producer(next, twist)
        }),
        face("pattern_producer/batches_without_a_limit", "A batch of any size is taken", |next| {
            forward::producer(next, Splits)
        }),
        face(
            "pattern_producer/batches_without_deduplication",
            "Duplicates inside a batch are all published",
            |next| {
                let sent = |messages: &mut Vec<OutgoingMessage>| {
                    for message in messages {
                        message.message_id.clear();
                    }
                };
                forward::producer(next, Batches { sent, answered: |_| {} })
            },
        ),
        face("pattern_producer/flush_does_nothing", "Flush leaves what is waiting", |next| {
            forward::producer(next, FlushesNothing)
        }),
        face("pattern_producer/flush_does_not_wait", "Flush answers before anything is published", |next| {
            forward::producer(next, FlushesLater)
        }),
        face("pattern_producer/drain_leaves_the_batch", "Drain gives up what is waiting", |next| {
            forward::lifecycle(next, DrainsNothing)
        }),
        face(
            "pattern_producer/publishes_for_nobody",
            "A message that waits is published also where its caller has gone",
            |next| forward::producer(next, GoesOn),
        ),
        face("pattern_producer/hides_duplicates", "A duplicate is answered like any message", |next| {
            forward::producer(
                next,
                Answered(|_, answer| answer.map(|answer| PublishResponse { duplicate: false, ..answer })),
            )
        }),
        face(
            "pattern_producer/content_without_lengths",
            "Topic and payload are put together without a mark between them",
            |next| {
                forward::producer(
                    next,
                    Changed(|message| {
                        if message.message_id.is_empty() {
                            let payload = String::from_utf8_lossy(&message.payload).into_owned();
                            message.message_id = message.topic.clone() + &payload;
                        }
                    }),
                )
            },
        ),
        face(
            "pattern_producer/deduplication_over_nothing",
            "Deduplication without a store is accepted and not done",
            |next| forward::lifecycle(next, DeduplicatesNothing),
        ),
        face("pattern_producer/failures_are_not_counted", "Metrics count failures as published", |next| {
            forward::producer(next, CountsFailures)
        }),
    ]
}

struct AnswersAlone;

#[tonic::async_trait]
impl ProducerTwist for AnswersAlone {
    async fn publish(
        &self,
        _: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let message_id = request.into_inner().message.unwrap_or_default().message_id;
        Ok(Response::new(PublishResponse { message_id, duplicate: false, attempts: 1 }))
    }
}

/// The call goes on without its caller and without its deadline.
struct GoesOn;

#[tonic::async_trait]
impl ProducerTwist for GoesOn {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let mut alone = like(&request, request.get_ref().clone());
        alone.metadata_mut().remove("grpc-timeout");
        let mut client = client(next);
        let call = tokio::spawn(async move { client.publish(alone).await });
        let limit = timeout_of(&request).unwrap_or(Duration::from_secs(10));
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Err(Status::internal(error.to_string())),
            Err(_) => Err(Status::deadline_exceeded("the deadline has passed")),
        }
    }
}

/// The deadline of a request of a case, which tonic writes in milliseconds or less.
fn timeout_of<T>(request: &Request<T>) -> Option<Duration> {
    let text = request.metadata().get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[derive(Default)]
struct Stops(Mutex<HashMap<String, Status>>);

#[tonic::async_trait]
impl ProducerTwist for Stops {
    async fn publish(
        &self,
        next: &Endpoint,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let key = request.get_ref().message.as_ref().map(|message| message.ordering_key.clone());
        let key = key.filter(|key| !key.is_empty());
        let failed = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = key.as_ref().and_then(|key| failed().get(key).cloned()) {
            return Err(status);
        }
        let answer = client(next).publish(request).await;
        if let (Some(key), Err(status)) = (key, &answer) {
            failed().insert(key, status.clone());
        }
        answer
    }
}

struct Splits;

#[tonic::async_trait]
impl ProducerTwist for Splits {
    async fn publish_batch(
        &self,
        next: &Endpoint,
        request: Request<PublishBatchRequest>,
    ) -> Result<Response<PublishBatchResponse>, Status> {
        let mut results = Vec::new();
        for messages in request.get_ref().messages.chunks(500) {
            let part = like(&request, PublishBatchRequest { messages: messages.to_vec() });
            results.extend(client(next).publish_batch(part).await?.into_inner().results);
        }
        Ok(Response::new(PublishBatchResponse { results }))
    }
}

struct FlushesNothing;

#[tonic::async_trait]
impl ProducerTwist for FlushesNothing {
    async fn flush(
        &self,
        next: &Endpoint,
        request: Request<FlushRequest>,
    ) -> Result<Response<FlushResponse>, Status> {
        let metrics = client(next).get_metrics(like(&request, GetMetricsRequest {})).await?;
        Ok(Response::new(FlushResponse { messages: metrics.get_ref().waiting }))
    }
}

struct FlushesLater;

#[tonic::async_trait]
impl ProducerTwist for FlushesLater {
    async fn flush(
        &self,
        next: &Endpoint,
        request: Request<FlushRequest>,
    ) -> Result<Response<FlushResponse>, Status> {
        let metrics = client(next).get_metrics(like(&request, GetMetricsRequest {})).await?;
        let mut client = client(next);
        tokio::spawn(async move { client.flush(request).await });
        Ok(Response::new(FlushResponse { messages: metrics.get_ref().waiting }))
    }
}

struct DrainsNothing;

#[tonic::async_trait]
impl LifecycleTwist for DrainsNothing {
    async fn drain(
        &self,
        next: &Endpoint,
        request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        let stop = like(&request, StopRequest {});
        LifecycleClient::new(next.clone()).stop(stop).await?;
        Ok(Response::new(DrainResponse { drained: 0, aborted: 0 }))
    }
}

struct DeduplicatesNothing;

#[tonic::async_trait]
impl LifecycleTwist for DeduplicatesNothing {
    async fn initialize(
        &self,
        next: &Endpoint,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        let mut settings = request.get_ref().settings.clone();
        let mut client = LifecycleClient::new(next.clone());
        match client.initialize(request).await {
            Err(status)
                if status.code() == Code::FailedPrecondition
                    && settings.remove("deduplication").is_some() =>
            {
                client.initialize(InitializeRequest { settings }).await
            }
            other => other,
        }
    }
}

struct CountsFailures;

#[tonic::async_trait]
impl ProducerTwist for CountsFailures {
    async fn get_metrics(
        &self,
        next: &Endpoint,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let mut response = client(next).get_metrics(request).await?;
        let metrics = response.get_mut();
        metrics.published += std::mem::take(&mut metrics.failed);
        Ok(response)
    }
}
