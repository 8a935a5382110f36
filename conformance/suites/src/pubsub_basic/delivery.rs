//! Who gets messages, when, and in which order.

use crate::{
    Context, Failure, Verdict,
    client::{Event, PATIENCE, PubSub, Subscription},
    concurrent::joined,
    expect::{expect, expect_eq},
    messages::{
        SENTINEL, expect_next, expect_numbers, expect_sequence, number, publish_numbers, show_event, shown,
        unread,
    },
};
use futures::future::{join_all, try_join_all};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub(super) async fn reaches_every_subscriber(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let count = unread(&context, 20).saturating_sub(1);
    let mut subscribers = try_join_all((0..4).map(|_| pubsub.subscribe("topic"))).await?;
    publish_numbers(&pubsub, "topic", 0..count).await?;
    pubsub.publish("topic", SENTINEL).await?;
    for (at, subscriber) in subscribers.iter_mut().enumerate() {
        expect_numbers(&format!("subscriber {at}"), subscriber, 0..count).await?;
    }
    Ok(())
}

pub(super) async fn ready_means_ready(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    for round in 0..context.effort().pick(20, 40, 60) {
        // A topic that nobody has used before: a driver may have something to set up for the first subscriber.
        let topic = format!("topic {round}");
        let mut subscriber = pubsub.subscribe(&topic).await?;
        pubsub.publish(&topic, number(round)).await?;
        expect_next(&format!("round {round}"), &mut subscriber, &number(round)).await?;
    }
    Ok(())
}

pub(super) async fn ready_comes_first_and_once(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let stop = Arc::new(AtomicBool::new(false));
    let flow = tokio::spawn({
        let (pubsub, stop) = (pubsub.clone(), Arc::clone(&stop));
        async move {
            while !stop.load(Ordering::Relaxed) {
                pubsub.publish("topic", number(0)).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    });
    let mut ids = HashSet::new();
    let mut verdict = Ok(());
    for round in 0..context.effort().pick(10, 20, 30) {
        verdict =
            joins_a_flow(&pubsub, &mut ids).await.map_err(|failure| failure.during(format!("round {round}")));
        if verdict.is_err() {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    joined(flow.await)?;
    verdict
}

/// Subscribes while messages flow, and reads some.
async fn joins_a_flow(pubsub: &PubSub, ids: &mut HashSet<String>) -> Verdict {
    // This demands that the first event is `ready`.
    let mut subscriber = pubsub.subscribe("topic").await?;
    expect(ids.insert(subscriber.id.clone()), "a subscription got the id of another one")?;
    for _ in 0..8 {
        match subscriber.next(PATIENCE).await {
            Event::Message(_) => {}
            other => {
                return Err(Failure::violation("something else came where messages flow")
                    .expected("a message")
                    .got(show_event(&other)));
            }
        }
    }
    Ok(())
}

pub(super) async fn keeps_the_order_of_a_publisher(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let count = unread(&context, context.effort().pick(60, 120, 200)).saturating_sub(1);
    let mut subscribers = try_join_all((0..2).map(|_| pubsub.subscribe("topic"))).await?;
    publish_numbers(&pubsub, "topic", 0..count).await?;
    pubsub.publish("topic", SENTINEL).await?;
    for subscriber in &mut subscribers {
        expect_numbers("the messages of one publisher", subscriber, 0..count).await?;
    }
    Ok(())
}

pub(super) async fn keeps_the_order_of_each_of_many(context: Context) -> Verdict {
    const PUBLISHERS: usize = 8;
    let pubsub = context.pubsub();
    let count = unread(&context, PUBLISHERS * context.effort().pick(12, 25, 40)) / PUBLISHERS;
    let subscribers = try_join_all((0..2).map(|_| pubsub.subscribe("topic"))).await?;
    let readers =
        subscribers.into_iter().map(|subscriber| tokio::spawn(read(subscriber, PUBLISHERS * count)));
    let readers: Vec<_> = readers.collect();
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let pubsub = pubsub.clone();
        tokio::spawn(async move {
            for n in 0..count {
                pubsub.publish("topic", format!("{publisher} {n:04}")).await?;
            }
            Ok(())
        })
    });
    for published in join_all(publishers).await {
        joined(published)?;
    }
    for reader in readers {
        let mut of_each: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for message in joined(reader.await)? {
            let payload = String::from_utf8_lossy(&message.payload).into_owned();
            let publisher = payload.split(' ').next().unwrap_or_default().to_owned();
            of_each.entry(publisher).or_default().push(message);
        }
        for (publisher, messages) in of_each {
            let expected = (0..count).map(|n| shown(format!("{publisher} {n:04}").as_bytes()));
            let expected: Vec<_> = expected.collect();
            expect_sequence(&format!("messages of publisher {publisher}"), &messages, &expected)?;
        }
    }
    Ok(())
}

async fn read(
    mut subscriber: Subscription,
    count: usize,
) -> Result<Vec<prism_interfaces::pubsub::v1::Message>, Failure> {
    let mut messages = Vec::with_capacity(count);
    while messages.len() < count {
        messages.push(subscriber.message().await?);
    }
    Ok(messages)
}

pub(super) async fn nobody_listens(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let id = pubsub.publish("topic", "to nobody").await?;
    expect(!id.is_empty(), "a message to nobody has no id")?;
    let mut subscriber = pubsub.subscribe("topic").await?;
    pubsub.publish("topic", SENTINEL).await?;
    expect_next("a subscriber that came later", &mut subscriber, SENTINEL).await?;
    expect_eq("Unsubscribe", pubsub.unsubscribe(&subscriber.id).await?, true)?;
    pubsub.publish("topic", "to nobody any more").await?;
    Ok(())
}

pub(super) async fn no_history(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    // Once without any subscriber, once with one that has seen the earlier messages.
    publish_numbers(&pubsub, "topic", 0..3).await?;
    let mut first = pubsub.subscribe("topic").await?;
    pubsub.publish("topic", number(3)).await?;
    expect_next("the first subscriber", &mut first, &number(3)).await?;
    let mut second = pubsub.subscribe("topic").await?;
    pubsub.publish("topic", SENTINEL).await?;
    expect_next("the second subscriber", &mut second, SENTINEL).await?;
    expect_next("the first subscriber", &mut first, SENTINEL).await?;
    Ok(())
}

pub(super) async fn cancelled_subscriber_disturbs_nobody(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let rounds = unread(&context, context.effort().pick(8, 16, 24)).saturating_sub(1);
    let mut stays = pubsub.subscribe("topic").await?;
    for round in 0..rounds {
        let publishing = async { pubsub.publish("topic", number(round)).await.map_err(Failure::from) };
        match round % 3 {
            // One that is gone before it was ready, as far as it knows.
            0 => drop(pubsub.open("topic", None).await?),
            // One that is gone with a message on its way to it.
            1 => {
                let gone = pubsub.subscribe("topic").await?;
                publishing.await?;
                drop(gone);
                continue;
            }
            // One that is gone in the middle of a Publish.
            _ => {
                let gone = pubsub.subscribe("topic").await?;
                let leaving = tokio::spawn(async move { drop(gone) });
                publishing.await?;
                joined(leaving.await.map(Ok))?;
                continue;
            }
        }
        publishing.await?;
    }
    pubsub.publish("topic", SENTINEL).await?;
    expect_numbers("the subscriber that stays", &mut stays, 0..rounds).await
}
