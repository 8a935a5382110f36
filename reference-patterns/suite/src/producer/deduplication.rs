//! Messages that are sent twice.

use super::{
    client::{message, named, published},
    over,
    sink::{Answer, Sink},
};
use crate::instance::Instance;
use futures::future::join_all;
use prism_interfaces::{fault, pattern::producer::v1::publish_result::Result as Outcome};
use prism_suites::{
    Case, Context, Verdict, case,
    expect::{expect, expect_eq, expect_refused},
};
use std::time::Duration;
use tonic::{Code, Status};

/// How long what is expected to happen may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A case that needs a store.
fn with_store(case: Case) -> Case {
    case.given("pattern_producer", "deduplication", &["atomic", "per_instance"])
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        with_store(case(
            "pattern_producer/duplicates_are_published_once",
            &["PRD-16", "PRD-28"],
            "A message whose id was published is answered as a duplicate and not published again, by no instance",
            duplicates_are_published_once,
        )),
        with_store(case(
            "pattern_producer/duplicates_in_a_batch",
            &["PRD-16"],
            "Of two messages with one id in a batch one is published",
            duplicates_in_a_batch,
        )),
        with_store(case(
            "pattern_producer/published_again_after_the_window",
            &["PRD-17"],
            "After deduplication_window a message with the same id is published again",
            published_again_after_the_window,
        )),
        case(
            "pattern_producer/one_of_many_at_the_same_time",
            &["PRD-18"],
            "Of many messages that come with one id at the same time, to two instances, one is published",
            one_of_many_at_the_same_time,
        )
        .given("pattern_producer", "deduplication", &["atomic"])
        .history(),
        with_store(case(
            "pattern_producer/a_failure_makes_no_duplicate",
            &["PRD-19"],
            "A message that was not published does not make the next one with its id a duplicate",
            a_failure_makes_no_duplicate,
        )),
        with_store(case(
            "pattern_producer/contents_are_told_apart",
            &["PRD-20"],
            "Without ids the same topic and payload is a duplicate, and nothing else is",
            contents_are_told_apart,
        )),
        case(
            "pattern_producer/deduplication_needs_a_store",
            &["PRD-22"],
            "Initialize refuses deduplication where nothing is bound to the store",
            deduplication_needs_a_store,
        ),
    ]
}

const BY_ID: &[(&str, &str)] = &[("deduplication", "id"), ("retry_backoff", "1ms")];

async fn duplicates_are_published_once(context: Context) -> Verdict {
    let sink = Sink::willing();
    let (_instance, producer) = over(&context, &sink, BY_ID).await?;
    let (_other, second) = over(&context, &sink, BY_ID).await?;
    let first = published("the first message", producer.publish(named("t", "m", "a")).await)?;
    expect(!first.duplicate, "the first message is called a duplicate")?;
    for (what, producer) in [("same", &producer), ("other", &second), ("same", &producer)] {
        let again = published("a duplicate", producer.publish(named("t", "m", "a")).await)?;
        expect_eq(
            format!("duplicate, attempts and id that the {what} instance answered"),
            (again.duplicate, again.attempts, again.message_id.as_str()),
            (true, 0, "a"),
        )?;
    }
    for (what, message) in [("another id", named("t", "m", "b")), ("no id", message("t", "m"))] {
        let other = published(what, producer.publish(message).await)?;
        expect(!other.duplicate, format!("a message with {what} is called a duplicate"))?;
    }
    expect_eq("how often the slot took the message", sink.taken().len(), 3)?;
    let metrics = producer.metrics().await?;
    expect_eq("published and duplicates", (metrics.published, metrics.duplicates), (3, 2))?;
    context.pass(Duration::from_millis(100)).await?;
    let later = published("a duplicate", producer.publish(named("t", "m", "a")).await)?;
    expect(later.duplicate, "an id is forgotten long before its window has passed")?;
    let (_elsewhere, stranger) = over(&context.elsewhere(), &sink, BY_ID).await?;
    let other = published("the id in another namespace", stranger.publish(named("t", "m", "a")).await)?;
    expect(!other.duplicate, "an id of another namespace makes a duplicate")
}

async fn duplicates_in_a_batch(context: Context) -> Verdict {
    let sink = Sink::willing();
    let (_instance, producer) = over(&context, &sink, BY_ID).await?;
    let messages =
        vec![named("t", "1", "a"), named("t", "2", "b"), named("t", "3", "a"), named("u", "4", "b")];
    let results = producer.batch(messages).await?;
    let duplicates = results
        .iter()
        .filter(|result| matches!(&result.result, Some(Outcome::Published(published)) if published.duplicate))
        .count();
    expect_eq("the results, and the duplicates among them", (results.len(), duplicates), (4, 2))?;
    expect_eq("how many messages the slot took", sink.taken().len(), 2)
}

async fn published_again_after_the_window(context: Context) -> Verdict {
    let sink = Sink::willing();
    let window = Duration::from_millis(500);
    let given = [BY_ID, &[("deduplication_window", "500ms")]].concat();
    let (_instance, producer) = over(&context, &sink, &given).await?;
    published("the first message", producer.publish(named("t", "m", "a")).await)?;
    context.pass(window).await?;
    // Its backend may take its granularity and its sweep longer.
    context
        .eventually("the publishing of the id after its window", PATIENCE, async || {
            let answer = published("the message", producer.publish(named("t", "m", "a")).await)?;
            Ok((!answer.duplicate).then_some(()))
        })
        .await?;
    expect_eq("how often the slot took the message", sink.taken().len(), 2)
}

async fn one_of_many_at_the_same_time(context: Context) -> Verdict {
    let sink = Sink::new(|_, _| Answer::Late(Duration::from_millis(20)));
    let (_one, first) = over(&context, &sink, BY_ID).await?;
    let (_two, second) = over(&context, &sink, BY_ID).await?;
    for id in ["a", "b", "c"] {
        let calls =
            (0..8).flat_map(|_| [&first, &second]).map(|producer| producer.publish(named("t", id, id)));
        let mut fresh = 0;
        for answer in join_all(calls).await {
            fresh += usize::from(!published("one of many", answer)?.duplicate);
        }
        expect_eq("the messages that are no duplicates", fresh, 1)?;
        expect_eq("how often the slot took the message", sink.times_taken().get(id).copied(), Some(1))?;
    }
    Ok(())
}

async fn a_failure_makes_no_duplicate(context: Context) -> Verdict {
    let sink = Sink::new(|request, before| match (&request.payload[..], before) {
        (b"refused", 0) => Answer::Refuse(Status::permission_denied("no")),
        (b"failing", 0..2) => Answer::Refuse(Status::unavailable("not yet")),
        _ => Answer::Take,
    });
    let given = [BY_ID, &[("max_retries", "1")]].concat();
    let (_instance, producer) = over(&context, &sink, &given).await?;
    for payload in ["refused", "failing"] {
        let failed = producer.publish(named("t", payload, payload)).await;
        expect(failed.is_err(), format!("the {payload} message was published"))?;
        let again = producer.publish_within(named("t", payload, payload), PATIENCE).await;
        let again = published("the message that had failed before", again)?;
        expect(!again.duplicate, "a message that was never published is called a duplicate")?;
    }
    expect_eq("the messages that were taken", sink.taken(), ["refused", "failing"])
}

async fn contents_are_told_apart(context: Context) -> Verdict {
    let sink = Sink::willing();
    let (_instance, producer) = over(&context, &sink, &[("deduplication", "content")]).await?;
    let different = [
        message("ab", "c"),
        message("a", "bc"),
        message("abc", ""),
        message("a", "b\0c"),
        named("ab", "c", "an id"),
        named("ab", "d", "ab"),
    ];
    for message in different.clone() {
        let answer = published("a message", producer.publish(message.clone()).await)?;
        expect(
            !answer.duplicate,
            format!("{:?} for {:?} is called a duplicate", message.payload, message.topic),
        )?;
    }
    for message in different {
        let answer = published("the same again", producer.publish(message.clone()).await)?;
        expect(
            answer.duplicate,
            format!("{:?} for {:?} again is no duplicate", message.payload, message.topic),
        )?;
    }
    expect_eq("how many messages the slot took", sink.taken().len(), 6)
}

async fn deduplication_needs_a_store(context: Context) -> Verdict {
    let mut slots = context.bench()?.slots();
    slots.remove("store");
    for by in ["id", "content"] {
        let instance = Instance::created(&context, slots.clone()).await?;
        let refused = instance.initialize(&[("deduplication", by)]).await;
        let status = expect_refused("deduplication without a store", refused, Code::FailedPrecondition)?;
        expect_eq("the reason", fault::reason(&status).as_deref(), Some("BINDING_INVALID"))?;
        expect(
            status.message().contains("`store`"),
            format!("the refusal does not name the slot: {}", status.message()),
        )?;
        instance.bring_up(&[]).await?;
    }
    Ok(())
}
