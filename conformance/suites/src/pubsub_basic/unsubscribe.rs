//! How subscriptions end.

use crate::{
    Context, Verdict,
    expect::{expect_eq, name},
    messages::{SENTINEL, expect_end, expect_next, number, publish_numbers, unread},
};

pub(super) async fn ends_the_stream(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let count = unread(&context, 6);
    let mut subscriber = pubsub.subscribe("topic").await?;
    publish_numbers(&pubsub, "topic", 0..count).await?;
    expect_eq("Unsubscribe of a subscription", pubsub.unsubscribe(&subscriber.id).await?, true)?;
    for n in 0..count {
        expect_next("what was published before Unsubscribe", &mut subscriber, &number(n)).await?;
    }
    expect_end("a subscription after Unsubscribe", &mut subscriber).await
}

pub(super) async fn nothing_after(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    for round in 0..context.effort().pick(5, 10, 20) {
        let topic = format!("topic {round}");
        let (mut ended, mut witness) = (pubsub.subscribe(&topic).await?, pubsub.subscribe(&topic).await?);
        pubsub.publish(&topic, number(0)).await?;
        expect_next("before Unsubscribe", &mut ended, &number(0)).await?;
        pubsub.unsubscribe(&ended.id).await?;
        pubsub.publish(&topic, number(1)).await?;
        // Once it has reached the other one, it would have reached this one.
        expect_next("the other subscriber", &mut witness, &number(0)).await?;
        expect_next("the other subscriber", &mut witness, &number(1)).await?;
        expect_end("a subscription after Unsubscribe", &mut ended).await?;
    }
    Ok(())
}

pub(super) async fn spares_others(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let first = pubsub.subscribe("topic").await?;
    let mut second = pubsub.subscribe("topic").await?;
    let third = pubsub.subscribe("topic").await?;
    let mut other = pubsub.subscribe("other topic").await?;
    // Neither the first nor the last of a topic takes the others with it.
    for (round, ended) in [first, third].into_iter().enumerate() {
        expect_eq("Unsubscribe of a subscription", pubsub.unsubscribe(&ended.id).await?, true)?;
        pubsub.publish("topic", number(round)).await?;
        pubsub.publish("other topic", number(round)).await?;
        expect_next("another subscriber of the topic", &mut second, &number(round)).await?;
        expect_next("a subscriber of another topic", &mut other, &number(round)).await?;
    }
    Ok(())
}

pub(super) async fn unknown(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let mut subscriber = pubsub.subscribe("topic").await?;
    let (longer, cut) = (format!("{}0", subscriber.id), subscriber.id[..subscriber.id.len() - 1].to_owned());
    let ids = ["never given out", "0", "*", "topic", "00000000-0000-0000-0000-000000000000", &longer, &cut];
    for id in ids {
        // One character less may be nothing at all.
        if id.is_empty() {
            continue;
        }
        let what = format!("Unsubscribe of {}, which was never given out", name(id));
        expect_eq(what, pubsub.unsubscribe(id).await?, false)?;
    }
    pubsub.publish("topic", SENTINEL).await?;
    expect_next("a subscriber that was not meant", &mut subscriber, SENTINEL).await?;
    Ok(())
}

pub(super) async fn twice(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let mut subscriber = pubsub.subscribe("topic").await?;
    expect_eq("the first Unsubscribe", pubsub.unsubscribe(&subscriber.id).await?, true)?;
    expect_eq("the second Unsubscribe", pubsub.unsubscribe(&subscriber.id).await?, false)?;
    expect_end("a subscription after Unsubscribe", &mut subscriber).await?;
    expect_eq("the third Unsubscribe", pubsub.unsubscribe(&subscriber.id).await?, false)
}

pub(super) async fn from_another_namespace(context: Context) -> Verdict {
    let (here, there) = (context.pubsub(), context.elsewhere().pubsub());
    let mut subscriber = here.subscribe("topic").await?;
    let _theirs = there.subscribe("topic").await?;
    let what = "Unsubscribe of a subscription of another namespace";
    expect_eq(what, there.unsubscribe(&subscriber.id).await?, false)?;
    here.publish("topic", SENTINEL).await?;
    expect_next("a subscriber that another namespace named", &mut subscriber, SENTINEL).await?;
    Ok(())
}
