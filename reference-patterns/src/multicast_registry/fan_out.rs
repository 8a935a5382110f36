//! One message to many targets, some at a time.

use crate::{slots::within, steps};
use bytes::Bytes;
use futures::{StreamExt, stream};
use prism_driver_kit::time_left;
use prism_interfaces::{
    Endpoint, fault,
    pattern::multicast_registry::v1::{Delivery, DeliveryStatus, Identity},
    pubsub::v1::{PublishRequest, pub_sub_basic_client::PubSubBasicClient},
};
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;
use tonic::{Code, Request, Status};

/// A message on its way.
pub(super) struct FanOut {
    pub(super) messaging: Endpoint,
    pub(super) payload: Bytes,
    pub(super) headers: HashMap<String, String>,
    /// The most publishes at the same time.
    pub(super) width: usize,
    /// How long one may take.
    pub(super) patience: Duration,
    /// When the last one must have ended.
    pub(super) deadline: Option<Instant>,
}

impl FanOut {
    /// Publishes to every target; what became of each, in the order of the targets.
    pub(super) async fn to(&self, targets: Vec<Identity>) -> Vec<Delivery> {
        let publishing = targets.into_iter().enumerate().map(|(place, target)| async move {
            let Identity { identity, topic, .. } = target;
            (place, self.deliver(identity, topic).await)
        });
        // Not in their order: one that takes long would keep its successors from beginning.
        let mut done: Vec<(usize, Delivery)> =
            stream::iter(publishing).buffer_unordered(self.width.max(1)).collect().await;
        done.sort_unstable_by_key(|(place, _)| *place);
        done.into_iter().map(|(_, delivery)| delivery).collect()
    }

    async fn deliver(&self, identity: String, topic: String) -> Delivery {
        let mut delivery = Delivery { identity, topic, ..Delivery::default() };
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            let late = Status::deadline_exceeded("not sent, because the deadline of the call is near");
            return failed(delivery, DeliveryStatus::Failed, &late);
        }
        let limit = left.map_or(self.patience, |left| left.min(self.patience));
        let request = PublishRequest {
            topic: delivery.topic.clone(),
            payload: self.payload.clone(),
            headers: self.headers.clone(),
        };
        let mut client = PubSubBasicClient::new(self.messaging.clone()).max_encoding_message_size(usize::MAX);
        match within(limit, client.publish(request)).await {
            Ok(answer) => {
                delivery.message_id = answer.into_inner().message_id;
                delivery.set_status(DeliveryStatus::Delivered);
                steps::reached("delivered").await;
                delivery
            }
            Err(status) if status.code() == Code::DeadlineExceeded => {
                failed(delivery, DeliveryStatus::TimedOut, &status)
            }
            Err(status) => failed(delivery, DeliveryStatus::Failed, &status),
        }
    }
}

fn failed(mut delivery: Delivery, status: DeliveryStatus, why: &Status) -> Delivery {
    delivery.set_status(status);
    delivery.reason = fault::reason(why).unwrap_or_else(|| match why.code() {
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED".to_owned(),
        _ => "BACKEND_FAILED".to_owned(),
    });
    delivery.message = format!("{:?}: {}", why.code(), why.message());
    delivery
}

/// When a call has to end so that its answer is there before its deadline: after nine tenths of the time.
pub(super) fn before_deadline<T>(request: &Request<T>) -> Option<Instant> {
    Instant::now().checked_add(time_left(request)? / 10 * 9)
}

/// How a multicast went, for the log.
pub(super) fn count(deliveries: &[Delivery], status: DeliveryStatus) -> usize {
    deliveries.iter().filter(|delivery| delivery.status() == status).count()
}
