//! The declared limits, at and past them.

use crate::{
    Context, Verdict,
    client::PATIENCE,
    expect::expect_refused,
    messages::{SENTINEL, expect_next, number, refusal},
};
use tonic::Code;

pub(super) async fn payload_at_the_limit(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let limit = context.traits("pubsub_basic").bytes("max_payload_bytes") as usize;
    let mut subscriber = pubsub.subscribe("topic").await?;
    let mut payload = vec![0xff; limit];
    pubsub.publish("topic", payload.clone()).await?;
    expect_next("a payload of the greatest length", &mut subscriber, &payload).await?;
    payload.push(0xff);
    let refused = pubsub.publish("topic", payload).await;
    expect_refused("a payload that is a byte too long", refused, Code::InvalidArgument)?;
    pubsub.publish("topic", SENTINEL).await?;
    expect_next("after a payload that was refused", &mut subscriber, SENTINEL).await?;
    Ok(())
}

pub(super) async fn topic_at_the_limit(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let limit = context.traits("pubsub_basic").bytes("max_topic_bytes") as usize;
    // The same but for their last byte, and one whose characters are fewer than its bytes.
    let wide = "é".repeat(limit / 2) + &"x".repeat(limit % 2);
    let topics = [format!("{}a", "t".repeat(limit - 1)), format!("{}b", "t".repeat(limit - 1)), wide.clone()];
    let mut subscribers = crate::messages::subscribe_all(&pubsub, &topics).await?;
    for (at, topic) in topics.iter().enumerate() {
        pubsub.publish(topic, number(at)).await?;
    }
    for topic in &topics {
        pubsub.publish(topic, SENTINEL).await?;
    }
    for (at, subscriber) in subscribers.iter_mut().enumerate() {
        let message = expect_next("a topic of the greatest length", subscriber, &number(at)).await?;
        crate::expect::expect_eq("the topic of a message", &message.topic, &topics[at])?;
        expect_next("a topic of the greatest length", subscriber, SENTINEL).await?;
    }
    for topic in ["t".repeat(limit + 1), format!("{wide}x")] {
        let published = pubsub.publish(&topic, SENTINEL).await;
        expect_refused("Publish to a topic that is a byte too long", published, Code::InvalidArgument)?;
        let opened = refusal(pubsub.open(&topic, None).await, PATIENCE).await;
        expect_refused("Subscribe to a topic that is a byte too long", opened, Code::InvalidArgument)?;
    }
    Ok(())
}
