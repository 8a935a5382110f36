//! What the publish-subscribe cases have in common: numbered messages, and how to say that nothing else has come.

use crate::{
    Context, Failure, Verdict,
    client::{Event, PATIENCE, PubSub, Subscription, next_event},
    expect::{expect_eq, name},
};
use bytes::Bytes;
use futures::future::try_join_all;
use prism_interfaces::pubsub::v1::{Message, SubscribeEvent};
use std::time::Duration;
use tonic::{Code, Status, Streaming};

/// The payload of the message after which nothing is looked for. One publisher's messages come in their order, so that
/// whatever it has published before is there when this has come.
pub(crate) const SENTINEL: &[u8] = b"sentinel";

/// How many subscriptions are opened at once.
const AT_ONCE: usize = 16;

/// The payload of a numbered message.
pub(crate) fn number(number: usize) -> Bytes {
    format!("message {number}").into()
}

/// `wanted` messages, or fewer where a subscriber that is not reading cannot be sure of as many.
pub(crate) fn unread(context: &Context, wanted: usize) -> usize {
    wanted.min(buffer(context))
}

/// How many messages are kept for a subscriber that is not reading.
pub(crate) fn buffer(context: &Context) -> usize {
    context.traits("pubsub_basic").count("buffer") as usize
}

/// Publishes numbered messages one after the other.
pub(crate) async fn publish_numbers(
    pubsub: &PubSub,
    topic: &str,
    numbers: impl IntoIterator<Item = usize>,
) -> Verdict {
    for n in numbers {
        pubsub.publish(topic, number(n)).await?;
    }
    Ok(())
}

/// Subscriptions to many topics, in their order.
pub(crate) async fn subscribe_all(pubsub: &PubSub, topics: &[String]) -> Result<Vec<Subscription>, Failure> {
    let mut subscriptions = Vec::with_capacity(topics.len());
    for some in topics.chunks(AT_ONCE) {
        subscriptions.extend(try_join_all(some.iter().map(|topic| pubsub.subscribe(topic))).await?);
    }
    Ok(subscriptions)
}

/// Demands that the next message has this payload: neither is it missing, nor has anything come before it.
pub(crate) async fn expect_next(
    what: &str,
    subscription: &mut Subscription,
    payload: &[u8],
) -> Result<Message, Failure> {
    let message = subscription.message().await.map_err(|failure| failure.during(what))?;
    expect_eq(format!("{what}: the next message"), show(&message), shown(payload))?;
    Ok(message)
}

/// Demands that exactly the numbered messages come, and then the sentinel, which must have been published.
pub(crate) async fn expect_numbers(
    what: &str,
    subscription: &mut Subscription,
    numbers: impl IntoIterator<Item = usize>,
) -> Verdict {
    let messages = subscription.messages_until(SENTINEL).await.map_err(|failure| failure.during(what))?;
    let mut expected: Vec<_> = numbers.into_iter().map(|n| shown(&number(n))).collect();
    expected.push(shown(SENTINEL));
    expect_sequence(what, &messages, &expected)
}

/// Demands that these payloads came, in this order and nothing else; names the first that differs.
pub(crate) fn expect_sequence(what: &str, messages: &[Message], expected: &[String]) -> Verdict {
    let got: Vec<_> = messages.iter().map(show).collect();
    let Some(at) = (0..got.len().max(expected.len())).find(|&at| got.get(at) != expected.get(at)) else {
        return Ok(());
    };
    let one = |of: &[String]| of.get(at).cloned().unwrap_or_else(|| "nothing more".to_owned());
    Err(Failure::violation(format!("{what}: message {} is not what it should be", at + 1))
        .expected(one(expected))
        .got(one(&got))
        .detail(format!("expected {}\ngot      {}", expected.join(", "), got.join(", "))))
}

/// Demands that the stream ends with OK, and with nothing before that.
pub(crate) async fn expect_end(what: &str, subscription: &mut Subscription) -> Verdict {
    match subscription.next(PATIENCE).await {
        Event::End => Ok(()),
        other => Err(Failure::violation(format!("{what} did not end as it should"))
            .expected("the end of the stream, with OK")
            .got(show_event(&other))),
    }
}

/// A message in a few words.
pub(crate) fn show(message: &Message) -> String {
    shown(&message.payload)
}

/// A payload in a few words.
pub(crate) fn shown(payload: &[u8]) -> String {
    crate::expect::show(payload)
}

/// An event in a few words.
pub(crate) fn show_event(event: &Event) -> String {
    match event {
        Event::Ready(id) => format!("ready {}", name(id)),
        Event::Message(message) => format!("the message {}", show(message)),
        Event::Unknown => "an event that the contract does not know".to_owned(),
        Event::End => "the end of the stream, with OK".to_owned(),
        Event::Broken(_, what) => format!("the end of the stream, with {what}"),
        Event::Silence => "silence".to_owned(),
    }
}

/// Whether a subscription was refused: at once, or by the first thing that its stream says.
pub(crate) async fn refusal(
    stream: Result<Streaming<SubscribeEvent>, Status>,
    limit: Duration,
) -> Result<String, Status> {
    match next_event(&mut stream?, limit).await {
        Event::Broken(code, message) => Err(Status::new(code, message)),
        Event::Silence => Err(Status::new(Code::DeadlineExceeded, "nothing came")),
        event => Ok(show_event(&event)),
    }
}
