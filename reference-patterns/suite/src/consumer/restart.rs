//! What one life leaves to the next.

use super::{Answer, DEAD_LETTERS, Handler, STATE, Setup, consuming, with_state};
use crate::twist::{fault::Fault, hiding};
use prism_interfaces::{MESSAGE_ID_HEADER, lifecycle::v1::Health};
use prism_suites::{
    Case, Context, Verdict, case,
    expect::{expect, expect_eq, expect_refused},
};
use std::time::Duration;
use tonic::Code;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case(
            "pattern_consumer/killed_with_messages_in_hand",
            &["CNS-13", "HDL-07"],
            "What a killed consumer had in hand is handed over in its next life, in order, before what comes then",
            killed_with_messages_in_hand,
        ),
        case(
            "pattern_consumer/handled_in_an_earlier_life",
            &["CNS-02"],
            "What has come to its end is not handed over by a later life",
            handled_in_an_earlier_life,
        ),
        case(
            "pattern_consumer/written_down_first",
            &["CNS-14"],
            "Nothing is handed over before it is written down; while that fails it waits, and the health says so",
            written_down_first,
        ),
        case(
            "pattern_consumer/what_cannot_be_written_down",
            &["CNS-15"],
            "A message whose record is refused for good is handed over all the same, and counted",
            what_cannot_be_written_down,
        ),
        case(
            "pattern_consumer/duplicates_are_not_handed_over",
            &["CNS-16"],
            "A message that names itself like one in hand, or handled before, also by an earlier life, is a duplicate",
            duplicates_are_not_handed_over,
        ),
        case(
            "pattern_consumer/counts_go_on",
            &["CNS-22"],
            "The counts go on where a stopped life has left them",
            counts_go_on,
        ),
        case(
            "pattern_consumer/stopped_with_messages_in_hand",
            &["CNS-19"],
            "What Stop has cut off is handed over in the next life",
            stopped_with_messages_in_hand,
        ),
    ];
    cases = cases.into_iter().map(with_state).collect();
    cases.push(case(
        "pattern_consumer/duplicates_need_state",
        &["CNS-17"],
        "Initialize refuses a dedup_window without a slot that can keep names for a time, and names it",
        duplicates_need_state,
    ));
    cases
}

async fn killed_with_messages_in_hand(context: Context) -> Verdict {
    let setup = Setup::new(&context, Handler::always(Answer::Held))?;
    let first = setup.start_process().await?;
    let mut payloads = Vec::new();
    for number in 0..5 {
        for key in ["a", "b"] {
            let payload = format!("{key}{number}");
            first.publish_in_order(key, &payload).await?;
            payloads.push(payload);
        }
    }
    first.when("that all messages are in hand", |status, _| status.in_hand == 10).await?;
    // One of each key is with the handler, so that these are written down for sure; the rest is, or will be.
    first.handler.attempts(2).await?;
    written_down(&context, &setup, 10).await?;
    first.kill().await;

    let setup = setup.handler(Handler::patient());
    let second = setup.start_process().await?;
    second.publish_in_order("a", "a5").await?;
    second.publish_in_order("b", "b5").await?;
    second.at_rest(12).await?;
    let seen = second.handler.seen();
    for key in ["a", "b"] {
        let order: Vec<String> =
            seen.iter().map(super::Seen::text).filter(|text| text.starts_with(key)).collect();
        let expected: Vec<String> = (0..6).map(|number| format!("{key}{number}")).collect();
        expect_eq(format!("the messages with the key {key} in the second life"), order, expected)?;
    }
    for seen in seen {
        let again = payloads.contains(&seen.text());
        expect_eq(format!("`redelivered` of {}", seen.text()), seen.redelivered, again)?;
        expect_eq(format!("the attempt of {}", seen.text()), seen.attempt, 1)?;
    }
    second.stop().await
}

/// Waits until so many records are in the store.
async fn written_down(context: &Context, setup: &Setup, count: u64) -> Verdict {
    let state = setup.state()?;
    let found = context.eventually("records of all messages", super::QUIET, || async {
        let keys = state.all_keys("", 100, 50).await?;
        let records = keys.iter().filter(|key| key.contains("/in-hand/")).count() as u64;
        Ok((records == count).then_some(()))
    });
    found.await
}

async fn handled_in_an_earlier_life(context: Context) -> Verdict {
    let setup = Setup::new(&context, Handler::patient())?;
    let first = setup.start_process().await?;
    first.publish(&["a", "b", "c"]).await?;
    first.at_rest(3).await?;
    first.kill().await;
    let setup = setup.handler(Handler::patient());
    let second = setup.start_process().await?;
    second.publish(&["d"]).await?;
    second
        .handler
        .when("the message of the second life", |seen| seen.iter().any(|seen| seen.text() == "d"))
        .await?;
    second.when("the end of it", |status, _| status.in_hand == 0).await?;
    expect_eq("the number of attempts in the second life", second.handler.seen().len(), 1)?;
    second.stop().await
}

async fn written_down_first(context: Context) -> Verdict {
    for (name, fault) in [
        ("fails", Fault::new("KeyValueBasic/Set", Code::Unavailable)),
        ("stalls", Fault::stall("KeyValueBasic/Set")),
        ("answers late", Fault::late("KeyValueBasic/Set", Duration::from_secs(6))),
    ] {
        let setup = Setup::new(&context, Handler::always(Answer::Held))?
            .given(&[("name", name), ("slot_timeout", "2s")])
            .twist(STATE, |slot| fault.on(slot));
        waits_while(&context, &setup, &fault)
            .await
            .map_err(|failure| failure.during(format!("`state` {name}")))?;
    }
    Ok(())
}

async fn waits_while(context: &Context, setup: &Setup, fault: &Fault) -> Verdict {
    let consuming = setup.start().await?;
    fault.begin();
    consuming.publish(&["a", "b"]).await?;
    consuming
        .when("that the consumer tells of the slot", |status, _| {
            status.troubles.contains_key(STATE) && status.in_hand > 0
        })
        .await?;
    let (health, message) = consuming.instance.lifecycle().health().await?;
    expect_eq("the health", health, Health::Unhealthy)?;
    expect(message.contains(STATE), format!("the health does not name the slot: {message}"))?;
    expect(consuming.handler.seen().is_empty(), "a message was handed over that is not written down")?;
    fault.end();
    consuming.handler.attempts(2).await?;
    written_down(context, setup, 2).await?;
    consuming.handler.release();
    let counts = consuming.at_rest(2).await?;
    expect_eq("the number of messages handled", counts.handled, 2)?;
    written_down(context, setup, 0).await?;
    consuming.stop().await
}

async fn what_cannot_be_written_down(context: Context) -> Verdict {
    let fault = Fault::new("KeyValueBasic/Set", Code::InvalidArgument);
    let setup = Setup::new(&context, Handler::patient())?.twist(STATE, |slot| fault.on(slot));
    let consuming = setup.start().await?;
    fault.begin();
    consuming.publish(&["a"]).await?;
    let counts = consuming.at_rest(1).await?;
    expect_eq("the numbers handled and without a record", (counts.handled, counts.unrecorded), (1, 1))?;
    fault.end();
    consuming.publish(&["b"]).await?;
    let counts = consuming.at_rest(2).await?;
    expect_eq("the numbers after that", (counts.handled, counts.unrecorded), (2, 1))?;
    consuming.stop().await
}

async fn duplicates_are_not_handed_over(context: Context) -> Verdict {
    let setup = Setup::new(&context, Handler::always(Answer::Held))?.given(&[("dedup_window", "10m")]);
    let first = setup.start().await?;
    first.publish_with("one", &[(MESSAGE_ID_HEADER, "m-1")]).await?;
    first.publish_with("one, again", &[(MESSAGE_ID_HEADER, "m-1")]).await?;
    first.publish_with("two", &[(MESSAGE_ID_HEADER, "m-2")]).await?;
    first.publish(&["no name", "no name"]).await?;
    first
        .when("that four messages are in hand", |status, counts| counts.received == 5 && status.in_hand == 4)
        .await?;
    first.handler.release();
    first.at_rest(5).await?;
    first.publish_with("one, later", &[(MESSAGE_ID_HEADER, "m-1")]).await?;
    let counts = first.at_rest(6).await?;
    expect_eq("the numbers handled and of duplicates", (counts.handled, counts.duplicates), (4, 2))?;
    first.stop().await?;

    let setup = setup.handler(Handler::patient());
    let second = setup.start().await?;
    second.publish_with("one, in another life", &[(MESSAGE_ID_HEADER, "m-1")]).await?;
    second.publish_with("three", &[(MESSAGE_ID_HEADER, "m-3")]).await?;
    second.at_rest(8).await?;
    let seen: Vec<String> = second.handler.seen().iter().map(super::Seen::text).collect();
    expect_eq("what is handed over in another life", seen, ["three"])?;
    second.stop().await
}

async fn duplicates_need_state(context: Context) -> Verdict {
    let with_window = || -> Result<Setup, prism_suites::Failure> {
        Ok(Setup::new(&context, Handler::patient())?.given(&[("dedup_window", "1m")]))
    };
    let unfit = [
        ("without `state`", with_window()?.without(STATE), STATE),
        (
            "over a state without keyvalue_ttl",
            with_window()?.twist(STATE, |slot| hiding(slot, &["keyvalue_ttl"])),
            "keyvalue_ttl",
        ),
    ];
    for (how, setup, word) in unfit {
        let instance = setup.created().await?;
        let refused = setup.initialize(&instance).await;
        let what = format!("Initialize with dedup_window {how}");
        let status = expect_refused(what, refused, Code::FailedPrecondition)?;
        for word in [word, "dedup_window", STATE] {
            expect(
                status.message().contains(word),
                format!("the refusal {how} does not name `{word}`: {}", status.message()),
            )?;
        }
    }
    Ok(())
}

async fn counts_go_on(context: Context) -> Verdict {
    let setup =
        Setup::new(&context, Handler::failing(9))?.given(&[("max_retries", "1")]).without(DEAD_LETTERS);
    let first = setup.start().await?;
    let ids = first.publish(&["!", "a"]).await?;
    let before = first.at_rest(2).await?;
    expect_eq(
        "the numbers handled, lost and tried again",
        (before.handled, before.lost, before.retried),
        (1, 1, 1),
    )?;
    first.stop().await?;
    let second = setup.start().await?;
    expect_eq("the counts in the second life", second.counts().await?, before)?;
    second.publish(&["b"]).await?;
    let counts = second.at_rest(3).await?;
    expect_eq("the number handled in both lives", counts.handled, 2)?;
    let loss = counts.last_loss.unwrap_or_default();
    expect_eq("the message that the first life has lost", &loss.message_id, &ids[0])?;
    second.stop().await?;
    // Another name is another consumer.
    let other = setup.given(&[("name", "other")]).start().await?;
    expect_eq("what a consumer of another name has received", other.counts().await?.received, 0)?;
    other.stop().await
}

async fn stopped_with_messages_in_hand(context: Context) -> Verdict {
    let setup = Setup::new(&context, Handler::always(Answer::Silence))?.given(&[("stop_timeout", "50ms")]);
    let first = setup.start().await?;
    first.publish(&["a", "b"]).await?;
    first.handler.attempts(2).await?;
    first.stop().await?;
    let setup = setup.handler(Handler::patient());
    let second = setup.start().await?;
    let counts = second.at_rest(2).await?;
    expect_eq("the numbers handled and lost", (counts.handled, counts.lost), (2, 0))?;
    expect(
        second.handler.seen().iter().all(|seen| seen.redelivered),
        "a message that was received before is not said to be redelivered",
    )?;
    let status = consuming::status(second.instance.endpoint()).await?;
    expect_eq("the number in hand", status.in_hand, 0)?;
    second.stop().await
}
