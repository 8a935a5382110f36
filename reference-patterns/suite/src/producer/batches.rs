//! Batches: those that callers send, and those that the producer puts together.

use super::{
    client::{Producer, keyed, message, published},
    over,
    sink::{Answer, Sink},
};
use prism_interfaces::{
    fault,
    pattern::producer::v1::{PublishResponse, PublishResult, publish_result::Result as Outcome},
};
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq, expect_refused},
};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tonic::{Code, Status};

/// How long what is expected to happen may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_producer/batches_answer_position_by_position",
            &["PRD-23"],
            "Every message of a batch has its result at its position, also where others fail",
            batches_answer_position_by_position,
        ),
        case(
            "pattern_producer/batches_keep_their_order",
            &["PRD-24"],
            "Messages of a batch with one topic and key are taken in the order of the batch, retries included",
            batches_keep_their_order,
        ),
        case(
            "pattern_producer/batches_have_a_limit",
            &["PRD-25"],
            "A batch of 1000 messages is published; one of 1001, or with a wrong message, is refused as a whole",
            batches_have_a_limit,
        ),
        case(
            "pattern_producer/collects_by_size",
            &["PRD-14"],
            "With batch_size, messages wait until so many of them are there",
            collects_by_size,
        ),
        case(
            "pattern_producer/collects_by_interval",
            &["PRD-14"],
            "A batch that does not fill is published after batch_interval, and not before",
            collects_by_interval,
        ),
        case(
            "pattern_producer/flush_publishes_what_waits",
            &["PRD-26"],
            "Flush publishes what is waiting, and answers when the slot has taken it",
            flush_publishes_what_waits,
        ),
        case(
            "pattern_producer/drain_publishes_what_waits",
            &["PRD-27", "PRD-01"],
            "Drain publishes what is waiting, and every caller gets its answer",
            drain_publishes_what_waits,
        ),
        case(
            "pattern_producer/nothing_is_published_for_nobody",
            &["PRD-15"],
            "A message whose caller has gone while it waited for its batch is not published",
            nothing_is_published_for_nobody,
        ),
    ]
}

/// Code of a failure, or nothing.
fn code(result: &PublishResult) -> Option<Code> {
    match &result.result {
        Some(Outcome::Published(_)) => None,
        Some(Outcome::Failed(error)) => Some(Code::from(error.code)),
        None => Some(Code::Unknown),
    }
}

async fn batches_answer_position_by_position(context: Context) -> Verdict {
    let sink = Sink::new(|request, before| match (&request.payload[..], before) {
        (b"2", _) => Answer::Refuse(Status::permission_denied("no")),
        (b"4", 0) => Answer::Refuse(Status::unavailable("not yet")),
        _ => Answer::Take,
    });
    let (_instance, producer) = over(&context, &sink, &[("retry_backoff", "1ms")]).await?;
    let mut messages: Vec<_> = (1..=6).map(|number| message("t", number.to_string())).collect();
    "u".clone_into(&mut messages[4].topic);
    for (index, message) in messages.iter_mut().enumerate() {
        message.message_id = format!("id {}", index + 1);
    }
    let results = producer.batch(messages).await?;
    let codes: Vec<Option<Code>> = results.iter().map(code).collect();
    let expected = [None, Some(Code::PermissionDenied), None, None, None, None];
    expect_eq("the codes of the results", codes, expected)?;
    for (index, result) in results.iter().enumerate() {
        match &result.result {
            Some(Outcome::Published(published)) => {
                expect_eq("the id at its position", &published.message_id, &format!("id {}", index + 1))?;
            }
            Some(Outcome::Failed(error)) => {
                expect(!error.message.is_empty(), format!("result {} has no message", index + 1))?;
            }
            None => return Err(Failure::violation(format!("result {} says nothing", index + 1))),
        }
    }
    let mut taken = sink.taken();
    taken.sort();
    expect_eq("the messages that were taken", taken, ["1", "3", "4", "5", "6"])?;
    expect_eq("the results of an empty batch", producer.batch(Vec::new()).await?.len(), 0)
}

async fn batches_keep_their_order(context: Context) -> Verdict {
    let sink = Sink::new(|request, before| match (&request.payload[..], before) {
        (b"00" | b"17", 0) => Answer::Refuse(Status::unavailable("not yet")),
        _ => Answer::Take,
    });
    let (_instance, producer) = over(&context, &sink, &[("retry_backoff", "5ms")]).await?;
    for key in ["", "key"] {
        let before = sink.taken().len();
        let messages = (0..30).map(|number| keyed("t", format!("{number:02}"), key)).collect();
        let results = producer.batch(messages).await?;
        expect(results.iter().all(|result| code(result).is_none()), "a message was not published")?;
        let expected: Vec<String> = (0..30).map(|number| format!("{number:02}")).collect();
        let taken: Vec<String> = sink.taken().into_iter().skip(before).collect();
        expect_eq(format!("the messages with key {key:?} as they were taken"), taken, expected)?;
    }
    Ok(())
}

async fn batches_have_a_limit(context: Context) -> Verdict {
    let sink = Sink::willing();
    let (_instance, producer) = over(&context, &sink, &[]).await?;
    let of = |count: usize| (0..count).map(|number| message(&format!("t{}", number % 50), "m")).collect();
    let refused = producer.batch(of(1001)).await;
    let status = expect_refused("a batch of 1001 messages", refused, Code::InvalidArgument)?;
    expect_eq("the reason", fault::reason(&status).as_deref(), Some("BATCH_TOO_LARGE"))?;
    let refused = producer.batch(vec![message("t", "1"), message("", "2")]).await;
    let status = expect_refused("a batch with a message for no topic", refused, Code::InvalidArgument)?;
    expect_eq("the reason", fault::reason(&status).as_deref(), Some("NAME_EMPTY"))?;
    expect_eq("the attempts to publish any of them", sink.attempts().len(), 0)?;
    let results = producer.batch(of(1000)).await?;
    let published = results.iter().filter(|result| code(result).is_none()).count();
    expect_eq("the messages of a batch of 1000 that were published", published, 1000)
}

/// Waits until so many messages wait for their batch.
async fn waiting(context: &Context, producer: &Producer, count: u64) -> Verdict {
    let what = format!("the waiting of {count} messages for their batch");
    context
        .eventually(&what, PATIENCE, async || {
            let metrics = producer.metrics().await?;
            Ok((metrics.waiting == count).then_some(()))
        })
        .await
}

type Call = JoinHandle<Result<PublishResponse, Status>>;

async fn all_published(calls: Vec<Call>) -> Verdict {
    for call in calls {
        published("a message of a batch", call.await.map_err(|error| Failure::harness(error.to_string()))?)?;
    }
    Ok(())
}

async fn collects_by_size(context: Context) -> Verdict {
    let sink = Sink::willing();
    let given = [("batch_size", "3"), ("batch_interval", "1h")];
    let (_instance, producer) = over(&context, &sink, &given).await?;
    let mut calls: Vec<Call> = ["1", "2"].map(|payload| producer.begin(message("t", payload))).into();
    waiting(&context, &producer, 2).await?;
    expect_eq("the attempts while the batch is not full", sink.attempts().len(), 0)?;
    calls.push(producer.begin(message("u", "3")));
    all_published(calls).await?;
    let mut taken = sink.taken();
    taken.sort();
    expect_eq("the messages that were taken", taken, ["1", "2", "3"])?;
    let metrics = producer.metrics().await?;
    expect_eq("batches, and what waits", (metrics.batches, metrics.waiting), (1, 0))
}

async fn collects_by_interval(context: Context) -> Verdict {
    let sink = Sink::willing();
    let interval = Duration::from_millis(60);
    let given = [("batch_size", "100"), ("batch_interval", "60ms")];
    let (_instance, producer) = over(&context, &sink, &given).await?;
    for round in 0..2 {
        let start = Instant::now();
        let calls = ["1", "2"].map(|payload| producer.begin(message("t", format!("{payload} {round}"))));
        all_published(calls.into()).await?;
        let waited = sink.attempts().into_iter().skip(2 * round).map(|attempt| attempt.at - start).min();
        let waited = waited.unwrap_or_default();
        expect(waited >= interval, format!("the first message waited for {waited:?} only"))?;
    }
    Ok(())
}

async fn flush_publishes_what_waits(context: Context) -> Verdict {
    let sink = Sink::new(|_, _| Answer::Late(Duration::from_millis(50)));
    let given = [("batch_size", "100"), ("batch_interval", "1h")];
    let (_instance, producer) = over(&context, &sink, &given).await?;
    expect_eq("what Flush finds where nothing waits", producer.flush().await?, 0)?;
    let calls: Vec<Call> = ["1", "2", "3"].map(|payload| producer.begin(message("t", payload))).into();
    waiting(&context, &producer, 3).await?;
    expect_eq("the messages that Flush found waiting", producer.flush().await?, 3)?;
    expect_eq("the messages that were taken when Flush answered", sink.taken().len(), 3)?;
    all_published(calls).await
}

async fn drain_publishes_what_waits(context: Context) -> Verdict {
    let sink = Sink::new(|_, _| Answer::Late(Duration::from_millis(20)));
    let given = [("batch_size", "100"), ("batch_interval", "1h")];
    let (instance, producer) = over(&context, &sink, &given).await?;
    let calls: Vec<Call> = ["1", "2", "3"].map(|payload| producer.begin(message("t", payload))).into();
    waiting(&context, &producer, 3).await?;
    let drained = instance.lifecycle().drain(PATIENCE).await?;
    expect_eq("the calls that Drain cut off", drained.aborted, 0)?;
    expect_eq("the messages that were taken when Drain answered", sink.taken().len(), 3)?;
    all_published(calls).await?;
    instance.stop().await
}

async fn nothing_is_published_for_nobody(context: Context) -> Verdict {
    let sink = Sink::willing();
    let given = [("batch_size", "100"), ("batch_interval", "1h")];
    let (_instance, producer) = over(&context, &sink, &given).await?;
    let gone = producer.publish_within(message("t", "gone"), Duration::from_millis(30)).await;
    expect(gone.is_err(), "a message was published though its batch is not full")?;
    waiting(&context, &producer, 0).await?;
    let calls = vec![producer.begin(message("t", "stays"))];
    waiting(&context, &producer, 1).await?;
    producer.flush().await?;
    all_published(calls).await?;
    expect_eq("the messages that were taken", sink.taken(), ["stays"])
}
