//! More messages than a subscriber that does not read can be sent.
//!
//! Between a driver and a client over a socket there are windows of flow control that take some messages too. A flood
//! fills them first, so that it is the driver's buffer that is looked at.

use crate::{
    Context, Failure, Verdict,
    client::{PATIENCE, PubSub, Subscription},
    messages::buffer,
};
use prism_check::{Outcome, delivery::Publish, stamp};

/// More than what the windows between this client and a server hold, in bytes.
const WINDOWS: usize = 5 << 20;

/// The payload of the messages that fill the windows.
const LARGE: usize = 16 << 10;

/// How many messages more than what the windows and the buffer hold are published to overflow them.
const MORE: usize = 64;

/// Publishes numbered messages to a topic, one after the other, without waiting for a subscriber.
pub(crate) struct Flood {
    pubsub: PubSub,
    topic: &'static str,
    /// What was published.
    pub(crate) publishes: Vec<Publish>,
}

impl Flood {
    /// A flood of this topic that has not begun.
    pub(crate) fn new(pubsub: &PubSub, topic: &'static str) -> Self {
        Self { pubsub: pubsub.clone(), topic, publishes: Vec::new() }
    }

    /// Publishes one message that is at least this long.
    pub(crate) async fn publish(&mut self, length: usize) -> Verdict {
        let seq = self.publishes.len() as u64;
        let mut payload = seq.to_le_bytes().to_vec();
        payload.resize(length.max(payload.len()), 0);
        let call = stamp();
        let published = tokio::time::timeout(PATIENCE, self.pubsub.publish(self.topic, payload)).await;
        let id = published.map_err(|_| {
            Failure::violation("Publish did not end while a subscriber was not reading")
                .clause("PSB-12")
                .expected(format!("an answer within {} s", PATIENCE.as_secs()))
                .got(format!("none, after {seq} messages"))
        })??;
        self.publishes.push(Publish {
            publisher: 0,
            seq,
            topic: self.topic.to_owned(),
            payload: 0,
            headers: 0,
            call,
            returned: stamp(),
            outcome: Outcome::Ok(id),
        });
        Ok(())
    }

    /// Publishes what fills the windows and the buffer of a subscriber that does not read, and then some more. Another
    /// subscriber of the topic reads along.
    pub(crate) async fn overflow(
        &mut self,
        context: &Context,
        mut reader: Option<&mut Subscription>,
    ) -> Verdict {
        let length = LARGE.min(max_payload(context));
        let mut lengths = vec![length; WINDOWS / length];
        lengths.resize(lengths.len() + buffer(context) + MORE, 0);
        // So little at a time that a subscriber that reads is never behind by as much as its buffer.
        for chunk in lengths.chunks((buffer(context) / 2).clamp(1, 64)) {
            for &length in chunk {
                self.publish(length).await?;
            }
            if let Some(reader) = &mut reader {
                for _ in chunk {
                    let message = reader.message().await;
                    message
                        .map_err(|failure| failure.during("a subscriber beside one that does not read"))?;
                }
            }
        }
        Ok(())
    }

    /// Publishes what fills the windows of a subscriber that does not read, but not its buffer.
    pub(crate) async fn stall(&mut self, context: &Context) -> Verdict {
        let count = buffer(context).min(WINDOWS / LARGE);
        for _ in 0..count {
            self.publish(WINDOWS.div_ceil(count).min(max_payload(context))).await?;
        }
        Ok(())
    }
}

/// The number of a message of a flood.
pub(crate) fn seq(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

fn max_payload(context: &Context) -> usize {
    (context.traits("pubsub_basic").bytes("max_payload_bytes") as usize).max(1)
}
