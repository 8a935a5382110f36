//! Single messages: what reaches subscribers, ids, refusals, numbers.

use super::{
    client::{Producer, message, named, published},
    over,
    sink::{Answer, Sink},
};
use crate::instance::{Instance, slot};
use prism_interfaces::{fault, pattern::producer::v1::OutgoingMessage};
use prism_suites::{
    Case, Context, Verdict, case,
    client::PubSub,
    expect::{expect, expect_eq, expect_refused},
};
use std::collections::{HashMap, HashSet};
use tonic::{Code, Status};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_producer/reaches_subscribers_unchanged",
            &["PRD-02", "PRD-04", "PRD-01"],
            "A published message reaches a subscriber with topic, payload and headers as they were, its id and its key",
            reaches_subscribers_unchanged,
        ),
        case(
            "pattern_producer/fresh_ids_are_unique",
            &["PRD-04"],
            "Messages without an id get ids that are never used twice",
            fresh_ids_are_unique,
        ),
        case(
            "pattern_producer/bad_messages_are_refused",
            &["PRD-03"],
            "Headers of the producer's, long ids, and what the slot does not take are refused and published nowhere",
            bad_messages_are_refused,
        ),
        case(
            "pattern_producer/numbers_add_up",
            &["PRD-28"],
            "GetMetrics counts every message once, every retry, and every byte that was published",
            numbers_add_up,
        ),
    ]
}

async fn reaches_subscribers_unchanged(context: Context) -> Verdict {
    let instance = Instance::start(&context, &[]).await?;
    let producer = Producer::new(instance.endpoint());
    let mut subscription = PubSub::new(slot(&context, "messages")?).subscribe("orders.new").await?;
    let headers: HashMap<String, String> = [("trace", "a=b; c"), ("empty", ""), ("Prism", "no prefix")]
        .map(|(k, v)| (k.into(), v.into()))
        .into();
    let sent = OutgoingMessage {
        topic: "orders.new".to_owned(),
        payload: vec![0, 159, 146, 150, 10, 0].into(),
        headers: headers.clone(),
        message_id: "order 7/ü".to_owned(),
        ordering_key: "customer 9".to_owned(),
    };
    for payload in [sent.payload.clone(), Vec::new().into()] {
        let sent = OutgoingMessage { payload, ..sent.clone() };
        let answer = published("the message", producer.publish(sent.clone()).await)?;
        expect_eq("the id that was answered", answer.message_id, "order 7/ü")?;
        expect_eq(
            "whether it is a duplicate, and the attempts",
            (answer.duplicate, answer.attempts),
            (false, 1),
        )?;
        let came = subscription.message().await?;
        expect_eq("the topic", came.topic, sent.topic)?;
        expect_eq("the payload", came.payload, sent.payload)?;
        let mut expected = headers.clone();
        expected.insert("prism-message-id".into(), sent.message_id);
        expected.insert("prism-ordering-key".into(), sent.ordering_key);
        expect_eq("the headers", came.headers, expected)?;
    }
    published("a message without a key", producer.publish(message("orders.new", "plain")).await)?;
    let came = subscription.message().await?;
    expect(
        !came.headers.contains_key("prism-ordering-key"),
        format!("a message without a key has {:?}", came.headers),
    )
}

async fn fresh_ids_are_unique(context: Context) -> Verdict {
    let sink = Sink::willing();
    let (_instance, producer) = over(&context, &sink, &[]).await?;
    let (_other, second) = over(&context, &sink, &[]).await?;
    let mut ids = HashSet::new();
    for number in 0..20 {
        for producer in [&producer, &second] {
            let answer = published("a message", producer.publish(message("t", "the same")).await)?;
            expect(!answer.message_id.is_empty(), "the id is empty")?;
            expect(
                ids.insert(answer.message_id.clone()),
                format!("the id {} of message {number} was used before", answer.message_id),
            )?;
        }
    }
    let carried: HashSet<String> = sink
        .attempts()
        .into_iter()
        .filter_map(|attempt| attempt.request.headers.get("prism-message-id").cloned())
        .collect();
    expect_eq("the ids that the messages carry", carried, ids)
}

async fn bad_messages_are_refused(context: Context) -> Verdict {
    let sink = Sink::willing();
    let (_instance, producer) = over(&context, &sink, &[]).await?;
    let messages = slot(&context, "messages")?;
    let described = prism_suites::client::Lifecycle::new(messages).describe().await?;
    let limit = |name: &str| {
        let basic = described.interfaces.iter().find(|interface| interface.id == "pubsub_basic");
        basic
            .and_then(|basic| basic.traits.get(name))
            .and_then(|value| prism_interfaces::traits::parse_bytes(value))
            .unwrap_or_default() as usize
    };
    let reserved = [("prism-message-id".to_owned(), "mine".to_owned())];
    let bad = [
        ("a header of the producer's", OutgoingMessage { headers: reserved.into(), ..message("t", "x") }),
        ("an id of 257 bytes", named("t", "x", &"i".repeat(257))),
        ("an empty topic", message("", "x")),
        ("a topic that is too long", message(&"t".repeat(limit("max_topic_bytes") + 1), "x")),
        ("a payload that is too large", message("t", vec![b'x'; limit("max_payload_bytes") + 1])),
    ];
    for (what, message) in bad {
        let refused = producer.publish(message).await;
        let status = expect_refused(format!("Publish with {what}"), refused, Code::InvalidArgument)?;
        expect(fault::reason(&status).is_some(), format!("the refusal of {what} has no reason"))?;
    }
    expect_eq("the attempts to publish", sink.attempts().len(), 0)?;
    published("an id of 256 bytes", producer.publish(named("t", "x", &"i".repeat(256))).await)?;
    Ok(())
}

async fn numbers_add_up(context: Context) -> Verdict {
    let sink = Sink::new(|request, before| match (&request.payload[..], before) {
        (b"twice", 0 | 1) => Answer::Refuse(Status::unavailable("not yet")),
        (b"never", _) => Answer::Refuse(Status::permission_denied("no")),
        _ => Answer::Take,
    });
    let (_instance, producer) = over(&context, &sink, &[("retry_backoff", "1ms")]).await?;
    let zero = producer.metrics().await?;
    expect_eq(
        "the numbers before anything was published",
        zero,
        prism_interfaces::pattern::producer::v1::GetMetricsResponse::default(),
    )?;
    published("a message", producer.publish(message("t", "12345")).await)?;
    published("a message that is tried again", producer.publish(message("t", "twice")).await)?;
    for message in [message("t", "never"), message("", "wrong")] {
        let refused = producer.publish(message.clone()).await;
        expect(refused.is_err(), format!("{message:?} was published"))?;
    }
    let metrics = producer.metrics().await?;
    expect_eq(
        "published, duplicates, failed, retries, bytes and waiting",
        (
            metrics.published,
            metrics.duplicates,
            metrics.failed,
            metrics.retries,
            metrics.bytes,
            metrics.waiting,
        ),
        (2, 0, 1, 2, 10, 0),
    )?;
    let elsewhere = over(&context.elsewhere(), &sink, &[]).await?;
    expect_eq("what is published in another namespace", elsewhere.1.metrics().await?.published, 0)
}
