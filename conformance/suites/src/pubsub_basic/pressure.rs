//! Subscribers that do not read.

use crate::{
    Context, Failure, Verdict,
    client::{Event, PATIENCE},
    expect::expect_eq,
    flood::{Flood, seq},
    messages::{SENTINEL, buffer, expect_next, show_event},
};
use prism_check::{
    delivery::{self, Delivery, Filter, judge_overflow},
    stamp,
};
use tonic::Code;

/// How many sentinels are published before a subscriber counts as deaf.
const SENTINELS: u32 = 20;

pub(super) async fn holds_up_nobody(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let _stalled = pubsub.subscribe("topic").await?;
    let (mut same, mut other) = (pubsub.subscribe("topic").await?, pubsub.subscribe("other topic").await?);
    let mut flood = Flood::new(&pubsub, "topic");
    flood.overflow(&context, Some(&mut same)).await?;
    pubsub.publish("other topic", SENTINEL).await?;
    expect_next("a subscriber of another topic", &mut other, SENTINEL).await?;
    pubsub.publish("topic", SENTINEL).await?;
    expect_next("another subscriber of the topic", &mut same, SENTINEL).await?;
    Ok(())
}

pub(super) async fn finds_its_buffer(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let mut stalled = pubsub.subscribe("topic").await?;
    let mut flood = Flood::new(&pubsub, "topic");
    for _ in 0..buffer(&context) {
        flood.publish(64).await?;
    }
    for publish in &flood.publishes {
        let what = format!("message {} of the {} that its buffer holds", publish.seq + 1, buffer(&context));
        let message = stalled.message().await.map_err(|failure| failure.during(&what))?;
        expect_eq(what, seq(&message.payload), Some(publish.seq))?;
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
    let mut flood = Flood::new(&pubsub, "topic");
    flood.overflow(&context, None).await?;
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
    let mut flood = Flood::new(&pubsub, "topic");
    flood.overflow(&context, None).await?;
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
            return Err(Failure::violation(
                "a subscriber that fell behind lost more than what came too late",
            )
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
