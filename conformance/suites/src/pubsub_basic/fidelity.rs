//! What arrives is what was published, where it was published to.

use crate::{
    Context, Failure, Verdict,
    client::PubSub,
    concurrent::joined,
    expect::{expect, expect_eq, name, show},
    messages::{SENTINEL, expect_next, number, subscribe_all},
};
use futures::future::{join_all, try_join_all};
use prism_check::pools;
use std::{
    collections::{HashMap, HashSet},
    time::{SystemTime, UNIX_EPOCH},
};

pub(super) async fn topics_do_not_mix(context: Context) -> Verdict {
    each_gets_its_own(&context.pubsub(), &pools::keys()).await
}

pub(super) async fn topics_are_literal(context: Context) -> Verdict {
    let topics = [
        "*",
        ">",
        "a",
        "a.",
        "a.*",
        "a.>",
        "*.b",
        "a.b",
        "a.b.c",
        "a.*.c",
        ".",
        "a?",
        "ab",
        "abc",
        "[ab]",
        "b",
        "a*",
        "a\\*",
        "a%",
        "a_",
        "A.B",
        "a#",
        "a/+",
        "a/b",
        "$SYS",
        "__keyspace@0__:a",
    ];
    each_gets_its_own(&context.pubsub(), &topics.map(String::from)).await
}

/// One subscriber and one message for each topic, and then a sentinel for each.
async fn each_gets_its_own(pubsub: &PubSub, topics: &[String]) -> Verdict {
    let mut subscribers = subscribe_all(pubsub, topics).await?;
    for (at, topic) in topics.iter().enumerate() {
        pubsub.publish(topic, number(at)).await.map_err(|status| {
            Failure::from(status).during(format!("Publish to the topic {}", name(topic)))
        })?;
    }
    for topic in topics {
        pubsub.publish(topic, SENTINEL).await?;
    }
    for ((at, topic), subscriber) in topics.iter().enumerate().zip(&mut subscribers) {
        let what = format!("the subscriber of the topic {}", name(topic));
        let message = expect_next(&what, subscriber, &number(at)).await?;
        expect_eq(format!("the topic of a message to {}", name(topic)), &message.topic, topic)
            .map_err(|failure| failure.clause("PSB-02"))?;
        expect_next(&what, subscriber, SENTINEL).await?;
    }
    Ok(())
}

pub(super) async fn payloads_arrive_unchanged(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let limit = context.traits("pubsub_basic").bytes("max_payload_bytes") as usize;
    let mut subscriber = pubsub.subscribe("topic").await?;
    for payload in pools::values().into_iter().filter(|payload| payload.len() <= limit) {
        let published = pubsub.publish("topic", payload.clone()).await;
        published
            .map_err(|status| Failure::from(status).during(format!("the payload {}", show(&payload))))?;
        expect_next("a published payload", &mut subscriber, &payload).await?;
    }
    Ok(())
}

pub(super) async fn headers_arrive_unchanged(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let mut subscriber = pubsub.subscribe("topic").await?;
    let many: Vec<_> = (0..40).map(|n| (format!("name-{n}"), format!("value {n}"))).collect();
    let odd = [
        ("", "no name"),
        ("no-value", ""),
        ("Case", "Case"),
        ("case", "case"),
        ("content-type", "text/plain; charset=latin1"),
        ("grpc-status", "13"),
        ("message_id", "mine"),
        ("topic", "another"),
        ("with space: and colon", " a value that begins and ends with a space "),
        ("line\r\nbreak", "a\r\nb: c\0d"),
        ("ключ", "👩\u{200d}👩\u{200d}👧"),
        ("comma", "a, b;c=\"d\""),
    ];
    let odd = odd.map(|(header, value)| (header.to_owned(), value.to_owned()));
    let long = ("long".to_owned(), "v".repeat(4096));
    for headers in [vec![], odd.to_vec(), many, vec![long], vec![(String::new(), String::new())]] {
        let headers: HashMap<_, _> = headers.into_iter().collect();
        pubsub.publish_with("topic", SENTINEL, headers.clone()).await?;
        let message = expect_next("a message with headers", &mut subscriber, SENTINEL).await?;
        for (header, value) in &headers {
            let what = format!("the header {}", name(header));
            expect_eq(what, message.headers.get(header), Some(value))?;
        }
        expect_eq("the number of headers", message.headers.len(), headers.len())?;
    }
    Ok(())
}

pub(super) async fn ids_are_unique_and_the_same_for_all(context: Context) -> Verdict {
    const PUBLISHERS: usize = 8;
    let count = crate::messages::unread(&context, PUBLISHERS * context.effort().pick(6, 12, 16)) / PUBLISHERS;
    // Two namespaces and one payload: an id must come neither from a counter of the one nor from the other.
    let places = [context.pubsub(), context.elsewhere().pubsub()];
    let mut ids = HashSet::new();
    for pubsub in &places {
        let mut subscribers = try_join_all((0..2).map(|_| pubsub.subscribe("topic"))).await?;
        let publishers = (0..PUBLISHERS).map(|_| {
            let pubsub = pubsub.clone();
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for _ in 0..count {
                    ids.push(pubsub.publish("topic", SENTINEL).await?);
                }
                Ok(ids)
            })
        });
        let mut answered = HashSet::new();
        for published in join_all(publishers).await {
            for id in joined(published)? {
                expect(!id.is_empty(), "Publish answered with an empty message id")?;
                expect(ids.insert(id.clone()), format!("the message id {} was given twice", name(&id)))?;
                answered.insert(id);
            }
        }
        for subscriber in &mut subscribers {
            let mut missing = answered.clone();
            for _ in 0..answered.len() {
                let message = subscriber.message().await?;
                let id = name(&message.message_id);
                let known = missing.remove(&message.message_id);
                expect(
                    known,
                    format!("a message was delivered with the id {id}, which Publish did not answer"),
                )?;
            }
        }
    }
    Ok(())
}

pub(super) async fn published_at_is_the_time_of_publish(context: Context) -> Verdict {
    // A minute as the clause says, and one more for what the clocks of two machines may be apart.
    const TOLERANCE: i128 = 120_000_000_000;
    let pubsub = context.pubsub();
    let mut subscriber = pubsub.subscribe("topic").await?;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as i128);
    let before = now();
    pubsub.publish("topic", SENTINEL).await?;
    let after = now();
    let message = expect_next("a message", &mut subscriber, SENTINEL).await?;
    let Some(at) = message.published_at else {
        return Err(Failure::violation("a message has no `published_at`"));
    };
    let nanos = i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos);
    if (before - TOLERANCE..=after + TOLERANCE).contains(&nanos) {
        return Ok(());
    }
    Err(Failure::violation("`published_at` is not the time at which the message was published")
        .expected(format!("{} s since 1970, more or less", before / 1_000_000_000))
        .got(format!("{} s", at.seconds)))
}
