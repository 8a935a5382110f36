//! Producer and consumer together, with everything that goes wrong on the way, accounted for message by message.

use super::{Answer, Consuming, Handler, MESSAGES, STATE, Seen, Setup, consuming::TOPIC, with_state};
use crate::{
    instance::Instance,
    producer::{
        client::{Producer, named, published},
        sink::{Answer as Slot, Sink},
    },
};
use futures::stream::{self, StreamExt, TryStreamExt};
use prism_suites::{
    BoundSlots, Case, Context, Failure, Verdict, case,
    client::Lifecycle,
    expect::{expect, expect_eq},
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tonic::Status;

/// How many messages are sent before the consumer has to have received them: fewer than a subscriber's buffer holds.
const AHEAD: usize = 100;

/// How many calls of the producer are made at once.
const AT_ONCE: usize = 16;

/// How many messages the consumer has in hand when it is killed.
const IN_HAND: usize = 8;

pub(super) fn cases() -> Vec<Case> {
    vec![with_state(case(
        "pattern_consumer/end_to_end_with_the_producer",
        &["CNS-02", "CNS-13"],
        "Of many messages that a producer publishes, some tried again, some sent twice, over a consumer that is killed and started again, each is handled, and only those in hand at the kill are handed over again",
        end_to_end,
    ))]
}

/// What becomes of the message with this number.
#[derive(Debug, Clone, Copy)]
struct Fate(usize);

impl Fate {
    /// The slot refuses it once.
    fn fails_once(self) -> bool {
        self.0 % 20 == 3
    }

    /// It is sent twice.
    fn is_sent_twice(self) -> bool {
        self.0 % 25 == 11
    }

    /// The handler wants it again.
    fn is_retried(self) -> bool {
        self.0 % 30 == 7
    }

    fn id(self) -> String {
        format!("m-{}", self.0)
    }
}

/// The number of a message by its payload.
fn number(payload: &[u8]) -> usize {
    std::str::from_utf8(payload).ok().and_then(|text| text.parse().ok()).unwrap_or(usize::MAX)
}

/// Handles, wants some again, and holds all while it is told to.
fn handler(holds: Arc<AtomicBool>) -> Handler {
    Handler::new(move |request| {
        let payload = request.message.as_ref().map(|message| message.payload.clone()).unwrap_or_default();
        if holds.load(Ordering::SeqCst) {
            Answer::Held
        } else if Fate(number(&payload)).is_retried() && request.attempt == 1 {
            Answer::Retry
        } else {
            Answer::Handled
        }
    })
}

/// A producer over the same topic, whose slot refuses what it is told to.
struct Publishing {
    _instance: Instance,
    producer: Producer,
    /// Whether it can tell what was sent twice: what is kept for the consumer can forget ids in time.
    deduplicates: bool,
}

async fn producer(context: &Context) -> Result<Publishing, Failure> {
    let bound = context.bench()?.slots();
    let sink = Sink::new(|request, before| {
        if Fate(number(&request.payload)).fails_once() && before == 0 {
            Slot::Refuse(Status::unavailable("the case wants it so"))
        } else {
            Slot::Take
        }
    });
    let slot = |name: &str| {
        bound.get(name).cloned().ok_or_else(|| Failure::harness(format!("nothing is bound to `{name}`")))
    };
    let described = Lifecycle::new(slot(STATE)?).describe().await?;
    let deduplicates = described.interfaces.iter().any(|interface| interface.id == "keyvalue_ttl");
    let mut slots = BoundSlots::from([("messages".to_owned(), sink.on(slot(MESSAGES)?))]);
    let mut given = vec![("retry_backoff", "1ms")];
    if deduplicates {
        slots.insert("store".to_owned(), slot(STATE)?);
        given.push(("deduplication", "id"));
    }
    let endpoint = context.bench()?.launch_other("producer", slots).await?;
    let instance = Instance::of(context, &endpoint);
    instance.bring_up(&given).await?;
    let producer = Producer::new(instance.endpoint());
    Ok(Publishing { _instance: instance, producer, deduplicates })
}

/// Publishes messages, some of them twice.
async fn publish(publishing: &Publishing, numbers: std::ops::Range<usize>) -> Verdict {
    stream::iter(numbers)
        .map(|number| async move {
            let fate = Fate(number);
            let message = named(TOPIC, number.to_string(), &fate.id());
            let mut fresh = 0;
            let times = if publishing.deduplicates && fate.is_sent_twice() { 2 } else { 1 };
            for _ in 0..times {
                let answer = publishing.producer.publish(message.clone()).await;
                let answer = published(&fate.id(), answer)?;
                fresh += usize::from(!answer.duplicate);
            }
            expect_eq(format!("how often {} was published", fate.id()), fresh, 1)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Publishes messages, waiting for the consumer to take them every so often.
async fn pipe(publishing: &Publishing, consuming: &Consuming, numbers: std::ops::Range<usize>) -> Verdict {
    let before = consuming.counts().await?.received;
    let start = numbers.start;
    for from in numbers.clone().step_by(AHEAD) {
        let until = (from + AHEAD).min(numbers.end);
        publish(publishing, from..until).await?;
        let sent = before + (until - start) as u64;
        consuming.when(&format!("receiving message {until}"), |_, counts| counts.received >= sent).await?;
    }
    Ok(())
}

/// How often each message was answered with *handled*.
fn handled(seen: &[Seen], times: &mut HashMap<usize, usize>) {
    for seen in seen.iter().filter(|seen| seen.ended.is_some()) {
        let number = number(&seen.message.payload);
        let wanted_again = Fate(number).is_retried() && seen.attempt == 1;
        *times.entry(number).or_default() += usize::from(!wanted_again);
    }
}

async fn end_to_end(context: Context) -> Verdict {
    let count = context.effort().pick(300, 1_000, 10_000);
    let half = count / 2;
    let publishing = producer(&context).await?;
    let holds = Arc::new(AtomicBool::new(false));
    let setup = Setup::new(&context, handler(Arc::clone(&holds)))?;

    let first = setup.start_process().await?;
    pipe(&publishing, &first, 0..half - IN_HAND).await?;
    first.when("the end of what is in hand", |status, _| status.in_hand == 0).await?;
    let mut times = HashMap::new();
    handled(&first.handler.seen(), &mut times);
    holds.store(true, Ordering::SeqCst);
    pipe(&publishing, &first, half - IN_HAND..half).await?;
    let with_handler = |seen: &[Seen]| seen.iter().filter(|seen| seen.ended.is_none()).count() >= IN_HAND;
    first.handler.when("that the handler has all that is in hand", with_handler).await?;
    first.kill().await;

    let setup = setup.handler(handler(Arc::default()));
    let second = setup.start().await?;
    pipe(&publishing, &second, half..count).await?;
    second.when("the end of everything", |status, _| status.in_hand == 0).await?;
    let seen = second.handler.seen();
    handled(&seen, &mut times);

    let mut again: Vec<usize> = seen
        .iter()
        .filter(|seen| seen.redelivered && seen.attempt == 1)
        .map(|seen| number(&seen.message.payload))
        .collect();
    again.sort_unstable();
    expect_eq(
        "the messages that the second life got from the first",
        again,
        (half - IN_HAND..half).collect::<Vec<_>>(),
    )?;
    let wrong: Vec<(usize, usize)> = (0..count)
        .map(|number| (number, times.get(&number).copied().unwrap_or_default()))
        .filter(|(_, times)| *times != 1)
        .take(20)
        .collect();
    expect(wrong.is_empty(), format!("messages that were not handled once (message, times): {wrong:?}"))?;
    expect_eq("the number of different messages that were handled", times.len(), count)?;
    let metrics = publishing.producer.metrics().await?;
    let of = |holds: fn(Fate) -> bool| (0..count).filter(|number| holds(Fate(*number))).count() as u64;
    let twice = if publishing.deduplicates { of(Fate::is_sent_twice) } else { 0 };
    expect_eq(
        "published, duplicates, failed and retries of the producer",
        (metrics.published, metrics.duplicates, metrics.failed, metrics.retries),
        (count as u64, twice, 0, of(Fate::fails_once)),
    )?;
    context.note(format!("{count} messages, {IN_HAND} of them in hand at the kill, each handled once"));
    second.stop().await
}
