//! A store that fails, does not answer, or answers late.

use super::{
    client::{Producer, message, named, published},
    over_slots,
    sink::Sink,
};
use crate::{
    instance::{Given, Instance},
    twist::fault::Fault,
};
use prism_interfaces::{
    fault::{self, WriteOutcome},
    pattern::producer::v1::{OutgoingMessage, PublishResponse},
};
use prism_suites::{
    Case, Context, Failure, Verdict, case, describe,
    expect::{expect, expect_eq},
};
use std::time::Duration;
use tonic::Code;

/// A store that does not answer is given up soon, and longer than a busy one takes.
const IMPATIENT: Given<'static> =
    &[("deduplication", "id"), ("store_timeout", "1s"), ("claim_timeout", "4s")];

/// A store that answers has its time; claims end late enough for a busy one, and soon enough to be waited for.
const PATIENT: Given<'static> =
    &[("deduplication", "id"), ("claim_timeout", "6s"), ("retry_backoff", "20ms"), ("max_backoff", "50ms")];

/// How long a call may take: longer than the store may where that is limited.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long it may take until a message is published that was refused before, claims that are held included.
const IN_THE_END: Duration = Duration::from_secs(15);

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_producer/nothing_is_published_unseen",
            &["PRD-29", "PRD-19"],
            "While the store fails or is silent, a message that must be looked up is refused as not published, and one that need not be is published",
            nothing_is_published_unseen,
        )
        .given("pattern_producer", "deduplication", &["atomic", "per_instance"]),
        case(
            "pattern_producer/a_late_claim_makes_no_duplicate",
            &["PRD-29", "PRD-19", "PRD-21"],
            "A claim that the store has taken and answered too late holds up the next one with its id for claim_timeout at most",
            a_late_claim_makes_no_duplicate,
        )
        .given("pattern_producer", "deduplication", &["atomic"]),
        case(
            "pattern_producer/records_are_tried_again",
            &["PRD-30", "PRD-16"],
            "A record that the store fails to take at first makes the next one with its id a duplicate",
            records_are_tried_again,
        )
        .given("pattern_producer", "deduplication", &["atomic", "per_instance"]),
        case(
            "pattern_producer/a_lost_record_loses_no_message",
            &["PRD-30", "PRD-01"],
            "A message that is published and cannot be recorded is answered with OK, and its id can be published again",
            a_lost_record_loses_no_message,
        )
        .given("pattern_producer", "deduplication", &["atomic", "per_instance"]),
    ]
}

/// A producer whose store has these faults.
async fn with_faults(
    context: &Context,
    sink: &Sink,
    faults: &[Fault],
    given: Given<'_>,
) -> Result<(Instance, Producer), Failure> {
    let mut slots = context.bench()?.slots();
    if let Some(store) = slots.get_mut("store") {
        *store = faults.iter().fold(store.clone(), |store, fault| fault.on(store));
    }
    over_slots(context, sink, slots, given).await
}

/// Publishes a message that was refused as not published until it is taken. A busy store may need several attempts.
async fn publish_in_the_end(
    context: &Context,
    producer: &Producer,
    message: OutgoingMessage,
) -> Result<PublishResponse, Failure> {
    let publish = async || match producer.publish_within(message.clone(), IN_THE_END).await {
        Ok(answer) => Ok(Some(answer)),
        Err(status) if fault::write_outcome(&status) == Some(WriteOutcome::NotApplied) => Ok(None),
        Err(status) => published("a message that the store can take by now", Err(status)),
    };
    context.eventually("the publishing of a message that was refused before", 2 * IN_THE_END, publish).await
}

/// How an rpc of the store goes wrong.
type Way = fn(&'static str) -> Fault;

async fn nothing_is_published_unseen(context: Context) -> Verdict {
    // With compare-and-swap the first call claims, without it looks.
    const FIRST: [&str; 2] = ["KeyValueCas/CompareAndSwap", "KeyValueBasic/Get"];
    let sink = Sink::willing();
    let ways: [(&str, Way); 3] = [
        ("is unavailable", |rpc| Fault::new(rpc, Code::Unavailable)),
        ("is broken", |rpc| Fault::new(rpc, Code::Internal)),
        ("is silent", Fault::stall),
    ];
    for (way, fault) in ways {
        let faults = FIRST.map(fault);
        let (_instance, producer) = with_faults(&context, &sink, &faults, IMPATIENT).await?;
        faults.iter().for_each(Fault::begin);
        let refused = producer.publish_within(named("t", way, way), PATIENCE).await;
        let Err(status) = refused else {
            return Err(Failure::violation(format!("a message was published while the store {way}")));
        };
        expect(
            fault::reason(&status).as_deref() == Some("BACKEND_UNAVAILABLE")
                && fault::write_outcome(&status) == Some(WriteOutcome::NotApplied)
                && status.message().contains("`store`"),
            format!(
                "while the store {way}, a message is not refused with BACKEND_UNAVAILABLE, `not_applied` and the name of the slot, but with {}",
                describe(&status)
            ),
        )?;
        let without_id = format!("without id while it {way}");
        published(&without_id, producer.publish(message("t", without_id.clone())).await)?;
        faults.iter().for_each(Fault::end);
        expect_eq(
            format!("whether the message was taken while the store {way}"),
            sink.times_taken().contains_key(way),
            false,
        )?;
        let again = publish_in_the_end(&context, &producer, named("t", way, way)).await?;
        expect(!again.duplicate, "a message that was refused because of the store is called a duplicate")?;
        expect_eq(format!("how often {way:?} was taken"), sink.times_taken().get(way).copied(), Some(1))?;
    }
    Ok(())
}

async fn a_late_claim_makes_no_duplicate(context: Context) -> Verdict {
    let sink = Sink::willing();
    let late = Fault::late("KeyValueCas/CompareAndSwap", Duration::from_secs(2));
    let (_instance, producer) = with_faults(&context, &sink, std::slice::from_ref(&late), IMPATIENT).await?;
    late.begin();
    let refused = producer.publish_within(named("t", "m", "m"), PATIENCE).await;
    late.end();
    expect(refused.is_err(), "a message was published whose claim was not answered in time")?;
    let again = publish_in_the_end(&context, &producer, named("t", "m", "m")).await?;
    expect(!again.duplicate, "a message whose claim was answered too late is called a duplicate")?;
    expect_eq("how often the slot took the message", sink.taken().len(), 1)
}

async fn records_are_tried_again(context: Context) -> Verdict {
    let sink = Sink::willing();
    let failing = Fault::new("KeyValueTtl/SetWithTtl", Code::Unavailable);
    let (_instance, producer) = with_faults(&context, &sink, std::slice::from_ref(&failing), PATIENT).await?;
    failing.begin();
    let call = producer.begin(named("t", "m", "m"));
    let tried = async || Ok((failing.calls() > 0).then_some(()));
    context.eventually("an attempt to record the message", IN_THE_END, tried).await?;
    failing.end();
    let answer = call.await.map_err(|error| Failure::harness(error.to_string()))?;
    published("the message whose record failed at first", answer)?;
    let again = producer.publish_within(named("t", "m", "m"), IN_THE_END).await;
    let again = published("the same message again", again)?;
    expect(again.duplicate, "a message whose record failed at first is published again")?;
    expect_eq("how often the slot took the message", sink.taken().len(), 1)
}

async fn a_lost_record_loses_no_message(context: Context) -> Verdict {
    let sink = Sink::willing();
    let failing = Fault::new("KeyValueTtl/SetWithTtl", Code::Unavailable);
    let (_instance, producer) = with_faults(&context, &sink, std::slice::from_ref(&failing), PATIENT).await?;
    failing.begin();
    let answer = producer.publish_within(named("t", "m", "m"), IN_THE_END).await;
    let answer = published("the message that cannot be recorded", answer)?;
    expect_eq("whether it is a duplicate", answer.duplicate, false)?;
    expect_eq("how often the slot took the message", sink.taken().len(), 1)?;
    // As often as a message is tried: 3 retries is the default.
    expect_eq("how often recording was tried", failing.calls(), 4)?;
    failing.end();
    let again = producer.publish_within(named("t", "m", "m"), IN_THE_END).await;
    let again = published("the same message again", again)?;
    expect_eq("whether the message that nobody recorded is a duplicate", again.duplicate, false)
}
