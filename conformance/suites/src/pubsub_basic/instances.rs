//! Namespaces, and two instances of the driver.

use crate::{
    Context, Verdict,
    client::PubSub,
    expect::expect_eq,
    messages::{SENTINEL, expect_end, expect_next, number},
};

pub(super) async fn namespaces_do_not_mix(context: Context) -> Verdict {
    let places = [context.pubsub(), context.elsewhere().pubsub(), context.elsewhere().pubsub()];
    let mut subscribers = Vec::new();
    for pubsub in &places {
        subscribers.push(pubsub.subscribe("topic").await?);
    }
    for (at, pubsub) in places.iter().enumerate() {
        pubsub.publish("topic", number(at)).await?;
    }
    for pubsub in &places {
        pubsub.publish("topic", SENTINEL).await?;
    }
    for (at, subscriber) in subscribers.iter_mut().enumerate() {
        expect_next("the subscriber of a namespace", subscriber, &number(at)).await?;
        expect_next("the subscriber of a namespace", subscriber, SENTINEL).await?;
    }
    Ok(())
}

pub(super) async fn deliver_to_each_other(context: Context) -> Verdict {
    let (first, second) = (context.pubsub(), PubSub::new(context.second_endpoint().await?));
    let mut subscribers = [first.subscribe("topic").await?, second.subscribe("topic").await?];
    for round in 0..5 {
        let publisher = if round % 2 == 0 { &first } else { &second };
        let id = publisher.publish("topic", number(round)).await?;
        for (at, subscriber) in subscribers.iter_mut().enumerate() {
            let what = format!("the subscriber of instance {}", at + 1);
            let message = expect_next(&what, subscriber, &number(round)).await?;
            expect_eq("the id of a delivered message", message.message_id, id.as_str())?;
        }
    }
    Ok(())
}

pub(super) async fn unsubscribe_on_another(context: Context) -> Verdict {
    let (first, second) = (context.pubsub(), PubSub::new(context.second_endpoint().await?));
    let mut subscriber = first.subscribe("topic").await?;
    let what = "Unsubscribe on another instance";
    expect_eq(what, second.unsubscribe(&subscriber.id).await?, true)?;
    expect_end("a subscription after Unsubscribe on another instance", &mut subscriber).await?;
    expect_eq("Unsubscribe afterwards", first.unsubscribe(&subscriber.id).await?, false)
}
