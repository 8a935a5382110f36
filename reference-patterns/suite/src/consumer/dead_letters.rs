//! What becomes of what cannot be handled.

use super::{Answer, DEAD_LETTERS, Handler, Setup, with_dead_letters};
use crate::twist::fault::Fault;
use prism_interfaces::{lifecycle::v1::Health, pubsub::v1::Message};
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    client::Subscription,
    expect::{expect, expect_eq},
};
use tonic::Code;

pub(super) fn cases() -> Vec<Case> {
    vec![
        with_dead_letters(case(
            "pattern_consumer/dead_letters_say_what_became_of_them",
            &["CNS-10"],
            "A rejected and an exhausted message are published once, unchanged, with headers that say why",
            dead_letters_say_what_became_of_them,
        )),
        with_dead_letters(case(
            "pattern_consumer/dead_letters_have_their_topic",
            &["CNS-10"],
            "Dead letters go to the topic of the parameter, and to the topic with `.dlq` without it",
            dead_letters_have_their_topic,
        )),
        with_dead_letters(case(
            "pattern_consumer/dead_letters_wait_for_their_slot",
            &["CNS-11"],
            "A dead letter that cannot be published stays in hand without further attempts, and is published later",
            dead_letters_wait_for_their_slot,
        )),
        case(
            "pattern_consumer/losses_are_counted",
            &["CNS-12"],
            "Without a slot for dead letters, a message that cannot be handled is counted as lost, and named",
            losses_are_counted,
        ),
        case(
            "pattern_consumer/losses_are_logged",
            &["CNS-12"],
            "Without a slot for dead letters, a process logs an error with the id of a message that is lost",
            losses_are_logged,
        ),
    ]
}

/// Rejects what starts with `x`, fails what starts with `!`.
fn refusing() -> Handler {
    Handler::new(|request| {
        let payload = request.message.as_ref().map(|message| message.payload.clone()).unwrap_or_default();
        match payload.first() {
            Some(b'x') => Answer::Reject,
            Some(b'!') => Answer::Retry,
            _ => Answer::Handled,
        }
    })
}

/// The dead letters until all of these payloads were there and a sentinel has come after them.
async fn letters(
    context: &Context,
    topic: &str,
    letters: &mut Subscription,
) -> Result<Vec<Message>, Failure> {
    let slot = prism_suites::client::PubSub::new(crate::instance::slot(context, DEAD_LETTERS)?);
    slot.publish(topic, "that is all").await?;
    let mut found = letters.messages_until(b"that is all").await?;
    found.pop();
    Ok(found)
}

async fn dead_letters_say_what_became_of_them(context: Context) -> Verdict {
    let setup = Setup::new(&context, refusing())?.given(&[("max_retries", "2")]);
    let mut listener = setup.dead_letters("orders.dlq").await?;
    let consuming = setup.start().await?;
    let mut ids = Vec::new();
    for payload in ["x rejected", "fine", "! exhausted"] {
        ids.push(consuming.publish_with(payload, &[("trace", payload), ("prism-ordering-key", "k")]).await?);
    }
    let counts = consuming.at_rest(3).await?;
    expect_eq("the number of dead letters that are counted", (counts.dead_lettered, counts.lost), (2, 0))?;
    let found = letters(&context, "orders.dlq", &mut listener).await?;
    expect_eq("the number of dead letters", found.len(), 2)?;
    for (letter, (payload, id, cause, attempts)) in found
        .iter()
        .zip([("x rejected", &ids[0], "rejected", "1"), ("! exhausted", &ids[2], "exhausted", "3")])
    {
        expect_eq("the payload", letter.payload.as_ref(), payload.as_bytes())?;
        for (name, value) in [
            ("trace", payload),
            ("prism-ordering-key", "k"),
            ("prism-dead-letter-cause", cause),
            ("prism-dead-letter-attempts", attempts),
            ("prism-dead-letter-reason", "the case wants it so"),
            ("prism-dead-letter-topic", "orders"),
            ("prism-dead-letter-message-id", id),
        ] {
            let got = letter.headers.get(name).map(String::as_str);
            expect_eq(format!("the header {name} of {payload}"), got, Some(value))?;
        }
        expect_eq("the number of headers", letter.headers.len(), 7)?;
    }
    consuming.stop().await
}

async fn dead_letters_have_their_topic(context: Context) -> Verdict {
    for (parameter, topic) in [("", "orders.dlq"), ("graveyard", "graveyard")] {
        let setup = Setup::new(&context, Handler::always(Answer::Reject))?
            .given(&[("dead_letter_topic", parameter), ("name", topic)]);
        let mut listener = setup.dead_letters(topic).await?;
        let consuming = setup.start().await?;
        consuming.publish(&["a"]).await?;
        consuming.at_rest(1).await?;
        let found = letters(&context, topic, &mut listener).await?;
        expect_eq(format!("the number of dead letters in {topic}"), found.len(), 1)?;
        consuming.stop().await?;
    }
    Ok(())
}

async fn dead_letters_wait_for_their_slot(context: Context) -> Verdict {
    let fault = Fault::new("PubSubBasic/Publish", Code::Unavailable);
    let setup = Setup::new(&context, refusing())?
        .given(&[("max_retries", "1")])
        .twist(DEAD_LETTERS, |slot| fault.on(slot));
    let mut listener = setup.dead_letters("orders.dlq").await?;
    let consuming = setup.start().await?;
    fault.begin();
    consuming.publish(&["!", "fine"]).await?;
    consuming
        .when("that the consumer tells of the slot, and one message alone is in hand", |status, counts| {
            status.troubles.contains_key(DEAD_LETTERS) && status.in_hand == 1 && counts.handled == 1
        })
        .await?;
    let (health, message) = consuming.instance.lifecycle().health().await?;
    expect_eq("the health", health, Health::Unhealthy)?;
    expect(message.contains(DEAD_LETTERS), format!("the health does not name the slot: {message}"))?;
    fault.end();
    let counts = consuming.at_rest(2).await?;
    expect_eq("the number of dead letters that are counted", (counts.dead_lettered, counts.lost), (1, 0))?;
    expect_eq("the number of attempts", consuming.handler.seen_of("!").len(), 2)?;
    let found = letters(&context, "orders.dlq", &mut listener).await?;
    expect_eq("the number of dead letters", found.len(), 1)?;
    expect_eq("the health after that", consuming.instance.lifecycle().health().await?.0, Health::Healthy)?;
    consuming.stop().await
}

async fn losses_are_counted(context: Context) -> Verdict {
    let setup = Setup::new(&context, refusing())?.given(&[("max_retries", "2")]).without(DEAD_LETTERS);
    let consuming = setup.start().await?;
    for (payload, cause, attempts, lost) in [("! a", "exhausted", 3, 1), ("x b", "rejected", 1, 2)] {
        let ids = consuming.publish(&[payload]).await?;
        let counts = consuming.at_rest(lost).await?;
        expect_eq("the numbers lost and of dead letters", (counts.lost, counts.dead_lettered), (lost, 0))?;
        let loss = counts.last_loss.unwrap_or_default();
        expect_eq("the id of the lost message", &loss.message_id, &ids[0])?;
        expect_eq("its cause", loss.cause.as_str(), cause)?;
        expect_eq("the number of its attempts", loss.attempts, attempts)?;
        expect_eq("its reason", loss.reason.as_str(), "the case wants it so")?;
    }
    consuming.stop().await
}

async fn losses_are_logged(context: Context) -> Verdict {
    let setup = Setup::new(&context, refusing())?.without(DEAD_LETTERS);
    let consuming = setup.start_process().await?;
    let ids = consuming.publish(&["x"]).await?;
    consuming.at_rest(1).await?;
    context
        .eventually("an error in the log with the id of the lost message", super::QUIET, || async {
            let told = |line: &String| line.contains("ERROR") && line.contains(&ids[0]);
            Ok(consuming.log().iter().any(told).then_some(()))
        })
        .await
        .map_err(|failure| failure.detail(consuming.log().join("\n")))?;
    consuming.stop().await
}
