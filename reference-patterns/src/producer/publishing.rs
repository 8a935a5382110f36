//! One message on its way: claimed, tried as often as it may, recorded.

use super::{
    deduplication::Deduplication,
    lanes::{Lanes, Place},
    metrics::Metrics,
};
use crate::{
    Slot,
    retry::{Retry, Tried},
    steps,
};
use prism_driver_kit::check;
use prism_interfaces::{
    Fault, MESSAGE_ID_HEADER, Namespace, ORDERING_KEY_HEADER,
    contract::v1::Reason,
    pattern::producer::v1::{OutgoingMessage, PublishResponse},
    pubsub::v1::{PublishRequest, pub_sub_basic_client::PubSubBasicClient},
};
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Code, Request, Status};
use uuid::Uuid;

/// What the names of the producer's own headers start with.
const OWN_HEADERS: &str = "prism-";

/// The longest id that a caller may give.
const MAX_ID_BYTES: usize = 256;

/// A topic and an ordering key in a namespace.
pub(super) type Lane = (Namespace, String, String);

/// A message that was checked.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) message: OutgoingMessage,
    /// When nobody waits for it any more.
    pub(super) deadline: Option<Instant>,
}

/// Publishes single messages.
#[derive(Debug, Clone)]
pub(super) struct Publishing {
    pub(super) messages: Slot,
    pub(super) retry: Retry,
    pub(super) deduplication: Option<Deduplication>,
    pub(super) lanes: Lanes<Lane>,
}

impl Publishing {
    /// Checks a message against what the slot takes.
    pub(super) fn accept(
        &self,
        message: OutgoingMessage,
        time_left: Option<Duration>,
    ) -> Result<Accepted, Status> {
        let traits = self.messages.declaration().traits("pubsub_basic");
        check::name("topic", &message.topic, traits.bytes("max_topic_bytes") as usize)?;
        check::value("payload", &message.payload, traits.bytes("max_payload_bytes") as usize)?;
        if message.message_id.len() > MAX_ID_BYTES {
            let bytes = message.message_id.len();
            let problem = format!("`message_id` has {bytes} bytes; the most is {MAX_ID_BYTES}");
            return Err(Fault::invalid_argument(Reason::NameTooLong, problem).field("message_id").into());
        }
        if let Some(name) = message.headers.keys().find(|name| name.starts_with(OWN_HEADERS)) {
            let problem =
                format!("the header `{name}` starts with `{OWN_HEADERS}`, as the producer's own do");
            return Err(Fault::invalid_argument(Reason::ArgumentInvalid, problem).field("headers").into());
        }
        Ok(Accepted { message, deadline: time_left.map(|left| Instant::now() + left) })
    }

    /// The place of a message behind others with its topic and ordering key; `None` where it has no key.
    pub(super) fn place(&self, namespace: &Namespace, message: &OutgoingMessage) -> Option<Place<Lane>> {
        let OutgoingMessage { topic, ordering_key, .. } = message;
        (!ordering_key.is_empty())
            .then(|| self.lanes.place((namespace.clone(), topic.clone(), ordering_key.clone())))
    }

    /// Publishes a message whose turn it is.
    pub(super) async fn publish(
        &self,
        namespace: &Namespace,
        accepted: &Accepted,
        metrics: &Metrics,
    ) -> Result<PublishResponse, Status> {
        steps::reached("accepted").await;
        let result = self.publish_once(namespace, accepted, metrics).await;
        match &result {
            Ok(response) if response.duplicate => metrics.duplicate(),
            Ok(_) => metrics.published(accepted.message.payload.len()),
            Err(status) => {
                metrics.failed();
                tracing::warn!(%namespace, topic = accepted.message.topic, %status, "a message was not published");
            }
        }
        result
    }

    async fn publish_once(
        &self,
        namespace: &Namespace,
        accepted: &Accepted,
        metrics: &Metrics,
    ) -> Result<PublishResponse, Status> {
        let Accepted { message, deadline } = accepted;
        let id = match message.message_id.as_str() {
            "" => Uuid::new_v4().to_string(),
            given => given.to_owned(),
        };
        let record = self.deduplication.as_ref().and_then(|deduplication| {
            let key = deduplication.key(&message.message_id, &message.topic, &message.payload)?;
            Some((deduplication, key))
        });
        let claim = match record {
            None => None,
            Some((deduplication, key)) => match deduplication.claim(namespace, key).await? {
                Some(claim) => Some(claim),
                None => {
                    return Ok(PublishResponse { message_id: id, duplicate: true, attempts: 0 });
                }
            },
        };
        // A message that is published after its claim has ended may be published by another as well.
        let until = claim.as_ref().map(|claim| claim.until);
        let deadline = [*deadline, until].into_iter().flatten().min();
        let Tried { result, attempts } =
            self.retry.run(deadline, |limit| self.attempt(namespace, message, &id, limit)).await;
        metrics.attempts(attempts);
        match (result, claim) {
            (Ok(()), claim) => {
                steps::reached("published").await;
                // It is published, whatever is known of it later.
                let recorded = match claim {
                    Some(claim) => claim.published().await,
                    None => true,
                };
                if recorded {
                    steps::reached("recorded").await;
                }
                Ok(PublishResponse { message_id: id, duplicate: false, attempts })
            }
            (Err(status), claim) => {
                if let Some(claim) = claim {
                    claim.give_back().await;
                }
                Err(status)
            }
        }
    }

    async fn attempt(
        &self,
        namespace: &Namespace,
        message: &OutgoingMessage,
        id: &str,
        limit: Duration,
    ) -> Result<(), Status> {
        let mut headers = message.headers.clone();
        headers.insert(MESSAGE_ID_HEADER.to_owned(), id.to_owned());
        if !message.ordering_key.is_empty() {
            headers.insert(ORDERING_KEY_HEADER.to_owned(), message.ordering_key.clone());
        }
        let request =
            PublishRequest { topic: message.topic.clone(), payload: message.payload.clone(), headers };
        let mut request = Request::new(request);
        request.set_timeout(limit);
        let mut client =
            PubSubBasicClient::new(self.messages.at(namespace)).max_encoding_message_size(usize::MAX);
        client.publish(request).await.map(drop)
    }
}

/// What became of a message in a namespace that was dropped while it waited.
pub(super) fn dropped() -> Status {
    Fault::new(Code::Aborted, Reason::LifecycleState, "the namespace was dropped while the message waited")
        .into()
}
