//! Pattern subscriptions are subscriptions like others.

use crate::{
    Context, Failure, Verdict,
    client::PubSub,
    expect::{expect_eq, name},
    messages::{SENTINEL, buffer, expect_end, expect_next, expect_numbers, number, publish_numbers, unread},
};
use std::collections::HashMap;

pub(super) async fn ready_means_ready(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    for round in 0..context.effort().pick(20, 40, 60) {
        let mut subscriber = pubsub.subscribe_pattern(&format!("round.{round}.*")).await?;
        pubsub.publish(&format!("round.{round}.x"), number(round)).await?;
        expect_next(&format!("round {round}"), &mut subscriber, &number(round)).await?;
    }
    Ok(())
}

pub(super) async fn delivers_in_order_with_the_topic(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let topics = ["a.x", "a.y", "a.z.1", "a.z.2", "a.", "a.*", "a.>"];
    let mut subscriber = pubsub.subscribe_pattern("a.>").await?;
    let mut ids = Vec::new();
    let count = unread(&context, 60);
    for n in 0..count {
        let headers = HashMap::from([("n".to_owned(), n.to_string())]);
        ids.push(pubsub.publish_with(topics[n % topics.len()], number(n), headers).await?);
    }
    for (n, id) in ids.into_iter().enumerate() {
        let message = expect_next("the messages of one publisher", &mut subscriber, &number(n)).await?;
        let (topic, header) = (topics[n % topics.len()], Some(n.to_string()));
        expect_eq(format!("the topic of a message to {}", name(topic)), message.topic, topic)?;
        expect_eq("a header", message.headers.get("n").cloned(), header)?;
        expect_eq("the id of a message", message.message_id, id)?;
    }
    Ok(())
}

pub(super) async fn overlapping(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let patterns = ["a.b", "a.*", "*.b", "*.*", ">", "a.>", "a.*", ">"];
    let mut subscribers = Vec::new();
    for pattern in patterns {
        subscribers.push((format!("the pattern {pattern}"), pubsub.subscribe_pattern(pattern).await?));
    }
    for n in 0..2 {
        subscribers.push((format!("topic subscriber {n}"), pubsub.subscribe("a.b").await?));
    }
    let count = unread(&context, 5).saturating_sub(1);
    publish_numbers(&pubsub, "a.b", 0..count).await?;
    pubsub.publish("a.b", SENTINEL).await?;
    for (what, subscriber) in &mut subscribers {
        expect_numbers(what, subscriber, 0..count).await?;
    }
    Ok(())
}

pub(super) async fn no_history(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    publish_numbers(&pubsub, "a.b", 0..3).await?;
    let _first = pubsub.subscribe("a.b").await?;
    publish_numbers(&pubsub, "a.b", 3..5).await?;
    let mut subscriber = pubsub.subscribe_pattern("a.*").await?;
    pubsub.publish("a.b", SENTINEL).await?;
    expect_next("a pattern subscriber that came later", &mut subscriber, SENTINEL).await?;
    Ok(())
}

pub(super) async fn finds_its_buffer(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let mut stalled = pubsub.subscribe_pattern("a.*").await?;
    let count = buffer(&context);
    for n in 0..count {
        pubsub.publish(["a.x", "a.y"][n % 2], number(n)).await?;
    }
    for n in 0..count {
        let what = format!("message {} of the {count} that its buffer holds", n + 1);
        expect_next(&what, &mut stalled, &number(n)).await?;
    }
    Ok(())
}

pub(super) async fn unsubscribe(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let mut ended = pubsub.subscribe_pattern("a.*").await?;
    let mut twin = pubsub.subscribe_pattern("a.*").await?;
    let mut wider = pubsub.subscribe_pattern(">").await?;
    // Its topic is the text of the pattern.
    let mut literal = pubsub.subscribe("a.*").await?;
    pubsub.publish("a.b", number(0)).await?;
    expect_eq("Unsubscribe of a pattern subscription", pubsub.unsubscribe(&ended.id).await?, true)?;
    pubsub.publish("a.b", number(1)).await?;
    pubsub.publish("a.*", SENTINEL).await?;
    expect_next("a pattern subscription before Unsubscribe", &mut ended, &number(0)).await?;
    expect_end("a pattern subscription after Unsubscribe", &mut ended).await?;
    expect_numbers("a subscription of the same pattern", &mut twin, 0..2).await?;
    expect_numbers("a subscription of a wider pattern", &mut wider, 0..2).await?;
    expect_numbers("a subscription of the topic `a.*`", &mut literal, []).await?;
    expect_eq("the second Unsubscribe", pubsub.unsubscribe(&ended.id).await?, false)
}

pub(super) async fn namespaces_do_not_mix(context: Context) -> Verdict {
    let (here, there) = (context.pubsub(), context.elsewhere().pubsub());
    let mut subscribers = Vec::new();
    for pattern in [">", "*", "*.*", "*.>"] {
        subscribers.push((pattern, here.subscribe_pattern(pattern).await?));
    }
    for topic in ["a", "a.b", "a.b.c"] {
        there.publish(topic, number(0)).await.map_err(Failure::from)?;
    }
    for topic in ["a", "a.b"] {
        here.publish(topic, SENTINEL).await?;
    }
    for (pattern, subscriber) in &mut subscribers {
        expect_next(&format!("the pattern {pattern}"), subscriber, SENTINEL).await?;
    }
    Ok(())
}

pub(super) async fn instances(context: Context) -> Verdict {
    let (first, second) = (context.pubsub(), PubSub::new(context.second_endpoint().await?));
    let mut subscribers = [first.subscribe_pattern("a.*").await?, second.subscribe_pattern("a.>").await?];
    for round in 0..5 {
        let publisher = if round % 2 == 0 { &first } else { &second };
        publisher.publish("a.b", number(round)).await?;
        for (at, subscriber) in subscribers.iter_mut().enumerate() {
            let what = format!("the pattern subscriber of instance {}", at + 1);
            expect_next(&what, subscriber, &number(round)).await?;
        }
    }
    Ok(())
}
