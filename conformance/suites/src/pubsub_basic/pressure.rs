//! Subscribers that do not read.
//!
//! Between a driver and a client over a socket there are windows of flow control that take some messages too. What is
//! published here fills them first, so that it is the driver's buffer that is looked at.

use crate::{
    Context, Failure, Verdict,
    client::{Event, PATIENCE, PubSub, Subscription},
    messages::{SENTINEL, buffer, expect_next, show_event},
};
use bytes::Bytes;
use prism_check::{
    delivery::{self, Delivery, Filter, Publish, judge_overflow},
    stamp,
};
use tonic::Code;

/// More than what the windows between this client and a server hold.
const WINDOWS: usize = 5 << 20;

/// The payload of the messages that fill the windows.
const LARGE: usize = 16 << 10;

/// How many messages more than what the windows and the buffer hold are published to overflow it.
const MORE: usize = 64;

/// How many sentinels are published before a subscriber counts as deaf.
const SENTINELS: u32 = 20;

/// Publishes messages without waiting for a certain subscriber.
pub(crate) struct Flood {
    pubsub: PubSub,
    pub(crate) publishes: Vec<Publish>,
}

impl Flood {
    pub(crate) fn new(pubsub: PubSub) -> Self {
        Self { pubsub, publishes: Vec::new() }
    }

    /// Publishes `count` messages of a certain length.
    pub(crate) async fn publish(&mut self, count: usize, length: usize) -> Verdict {
        for _ in 0..count {
            let seq = self.publishes.len() as u64;
            let mut payload = seq.to_le_bytes().to_vec();
            payload.resize(length.max(payload.len()), 0);
            let call = stamp();
            let published = tokio::time::timeout(PATIENCE, self.pubsub.publish("topic", payload)).await;
            let id = published.map_err(|_| {
                Failure::violation("Publish did not end while a subscriber was not reading").clause("PSB-12").got(
                    format!("{} messages were published before, none within {} s", seq, PATIENCE.as_secs()),
                )
            })??;
            self.publishes.push(Publish {
                publisher: 0,
                seq,
                topic: "topic".to_owned(),
                payload: 0,
                headers: 0,
                call,
                returned: stamp(),
                outcome: prism_check::Outcome::Ok(id),
            });
        }
        Ok(())
    }
}

/// The number of a message of a flood.
fn seq(payload: &Bytes) -> Option<u64> {
    payload.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// How many messages of which length fill the windows of a subscription that is not read.
fn filling(context: &Context) -> (usize, usize) {
    let length = LARGE.min(context.traits("pubsub_basic").bytes("max_payload_bytes") as usize).max(1);
    (WINDOWS / length, length)
}

/// What fills the windows, then the buffer, and then some more.
async fn overflow(context: &Context, flood: &mut Flood, mut reader: Option<&mut Subscription>) -> Verdict {
    // So little at a time that a subscriber that reads is never behind by as much as its buffer.
    let step = (buffer(context) / 2).clamp(1, 64);
    let (large, length) = filling(context);
    let mut lengths = vec![length; large];
    lengths.resize(large + buffer(context) + MORE, 8);
    for chunk in lengths.chunks(step) {
        for &length in chunk {
            flood.publish(1, length).await?;
        }
        if let Some(reader) = &mut reader {
            for _ in chunk {
                reader.message().await.map_err(|failure| failure.during("a subscriber beside a stalled one"))?;
            }
        }
    }
    Ok(())
}

pub(super) async fn holds_up_nobody(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let _stalled = pubsub.subscribe("topic").await?;
    let (mut same, mut other) = (pubsub.subscribe("topic").await?, pubsub.subscribe("other topic").await?);
    let mut flood = Flood::new(pubsub.clone());
    overflow(&context, &mut flood, Some(&mut same)).await?;
    pubsub.publish("other topic", SENTINEL).await?;
    expect_next("a subscriber of another topic", &mut other, SENTINEL).await?;
    pubsub.publish("topic", SENTINEL).await?;
    expect_next("another subscriber of the topic", &mut same, SENTINEL).await?;
    Ok(())
}

pub(super) async fn finds_its_buffer(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let mut stalled = pubsub.subscribe("topic").await?;
    let mut flood = Flood::new(pubsub.clone());
    flood.publish(buffer(&context), 64).await?;
    for publish in &flood.publishes {
        let what = format!("message {} of the {} that its buffer holds", publish.seq + 1, buffer(&context));
        let message = stalled.message().await.map_err(|failure| failure.during(&what))?;
        crate::expect::expect_eq(what, seq(&message.payload), Some(publish.seq))?;
    }
    // It is a subscriber like any other again.
    pubsub.publish("topic", SENTINEL).await?;
    expect_next("a subscriber that has caught up", &mut stalled, SENTINEL).await?;
    Ok(())
}

pub(super) async fn overflow_disconnects(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let called = stamp();
    let mut stalled = pubsub.subscribe("topic").await?;
    let ready = stamp();
    let mut flood = Flood::new(pubsub.clone());
    overflow(&context, &mut flood, None).await?;
    let mut deliveries = Vec::new();
    let end = loop {
        match stalled.next(PATIENCE).await {
            Event::Message(message) => {
                let all = deliveries.len() + 1 == flood.publishes.len();
                deliveries.push(Delivery {
                    stamp: seq(&message.payload).map(|seq| (0, seq)),
                    id: message.message_id,
                    topic: message.topic,
                    payload: 0,
                    headers: 0,
                });
                if all {
                    context.note("the subscriber got everything: its buffer could not be overflowed");
                    break None;
                }
            }
            other => break Some(other),
        }
    };
    let subscription = delivery::Subscription {
        name: "the stalled subscriber".to_owned(),
        filter: Filter::Topic("topic".to_owned()),
        called,
        ready,
        closing: None,
        closed: None,
        deliveries,
    };
    judge_overflow(&flood.publishes, &subscription, buffer(&context)).map_err(|fault| {
        Failure::violation(format!("what a subscriber got that fell behind has a fault: {fault}"))
    })?;
    match end {
        None | Some(Event::Broken(Code::ResourceExhausted, _)) => Ok(()),
        Some(other) => Err(Failure::violation("a subscriber that fell behind was not told so")
            .expected("the end of the stream, with RESOURCE_EXHAUSTED")
            .got(show_event(&other))),
    }
}

pub(super) async fn overflow_drops(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let mut stalled = pubsub.subscribe("topic").await?;
    let mut flood = Flood::new(pubsub.clone());
    overflow(&context, &mut flood, None).await?;
    let mut lossy = Lossy { kept: buffer(&context) as u64, next: 0 };
    while lossy.next < lossy.kept {
        lossy.read(stalled.next(PATIENCE).await)?;
    }
    // There may still be too little room for the sentinel, which is dropped then.
    for _ in 0..SENTINELS {
        pubsub.publish("topic", SENTINEL).await?;
        loop {
            match stalled.next(PATIENCE / SENTINELS).await {
                Event::Message(message) if message.payload == SENTINEL => return Ok(()),
                Event::Silence => break,
                event => lossy.read(event)?,
            }
        }
    }
    Err(Failure::violation("a subscriber that has lost messages gets none that are published afterwards"))
}

/// Reads what a subscriber gets that may lose messages, but none of those that are kept for it.
struct Lossy {
    kept: u64,
    next: u64,
}

impl Lossy {
    fn read(&mut self, event: Event) -> Verdict {
        let Event::Message(message) = event else {
            return Err(Failure::violation("a subscriber that fell behind lost more than what came too late")
                .expected(format!("message {}", self.next))
                .got(show_event(&event)));
        };
        let got = seq(&message.payload);
        if got != Some(self.next) && (self.next < self.kept || got < Some(self.next)) {
            return Err(Failure::violation("a message came out of place, or one of the buffer was lost")
                .expected(format!("message {}", self.next))
                .got(got.map_or_else(|| "none of the messages".to_owned(), |got| format!("message {got}"))));
        }
        self.next = got.unwrap_or_default() + 1;
        Ok(())
    }
}
