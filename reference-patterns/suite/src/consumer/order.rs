//! What is handed over after what, and what at once.

use super::{Answer, Handler, Setup};
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq},
};
use std::{collections::BTreeMap, time::Duration};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_consumer/keeps_the_order_of_a_key",
            &["CNS-07"],
            "Messages with one key are handed over in order, each after the last attempt of the one before",
            keeps_the_order_of_a_key,
        ),
        case(
            "pattern_consumer/holds_back_only_its_key",
            &["CNS-08"],
            "While a message is not answered, those with another key and those without one are handled",
            holds_back_only_its_key,
        ),
        case(
            "pattern_consumer/a_pause_holds_back_nobody",
            &["CNS-08"],
            "A message that waits for its next attempt leaves its place to others",
            a_pause_holds_back_nobody,
        ),
        case(
            "pattern_consumer/as_many_at_once_as_it_may",
            &["CNS-09"],
            "There are as many attempts at once as `concurrency` says, and no more",
            as_many_at_once_as_it_may,
        ),
    ]
}

async fn keeps_the_order_of_a_key(context: Context) -> Verdict {
    const EACH: usize = 15;
    // The first and every third message fail once or twice.
    let setup = Setup::new(&context, Handler::failing(2))?.given(&[("max_retries", "2")]);
    let consuming = setup.start().await?;
    let mut published: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for number in 0..EACH {
        for key in ["a", "b", ""] {
            let mark = if number % 3 == 0 { "!" } else { "" };
            let payload = format!("{mark}{key}{number}");
            consuming.publish_in_order(key, &payload).await?;
            published.entry(key).or_default().push(payload);
        }
    }
    consuming.at_rest(3 * EACH as u64).await?;
    let seen = consuming.handler.seen();
    for (key, payloads) in published {
        let of_key: Vec<_> = seen.iter().filter(|seen| payloads.contains(&seen.text())).collect();
        let mut order: Vec<String> = of_key.iter().map(|seen| seen.text()).collect();
        order.dedup();
        expect_eq(format!("the order of the messages with the key {key:?}"), order, payloads)?;
        for pair in of_key.windows(2) {
            if pair[0].ended.is_none_or(|ended| ended > pair[1].began) {
                return Err(Failure::violation(format!(
                    "{} was handed over before {} was answered",
                    pair[1].text(),
                    pair[0].text()
                )));
            }
        }
    }
    consuming.stop().await
}

/// Holds what starts with `held`.
fn holding() -> Handler {
    Handler::new(|request| {
        let payload = request.message.as_ref().map(|message| message.payload.clone()).unwrap_or_default();
        if payload.starts_with(b"held") { Answer::Held } else { Answer::Handled }
    })
}

async fn holds_back_only_its_key(context: Context) -> Verdict {
    let consuming = Setup::new(&context, holding())?.start().await?;
    consuming.publish_in_order("a", "held").await?;
    consuming.publish_in_order("a", "behind it").await?;
    consuming.publish_in_order("b", "another key").await?;
    consuming.publish(&["no key"]).await?;
    consuming
        .when("that all but the messages of one key are handled", |status, counts| {
            counts.handled == 2 && status.in_hand == 2
        })
        .await?;
    expect(
        consuming.handler.seen_of("behind it").is_empty(),
        "a message was handed over before the one with the same key was answered",
    )?;
    consuming.handler.release();
    consuming.at_rest(4).await?;
    consuming.stop().await
}

async fn a_pause_holds_back_nobody(context: Context) -> Verdict {
    let handler = Handler::new(|request| {
        let payload = request.message.as_ref().map(|message| message.payload.clone()).unwrap_or_default();
        if payload == "later" { Answer::RetryAfter(Duration::from_mins(10)) } else { Answer::Handled }
    });
    let given = [("concurrency", "1"), ("stop_timeout", "0ms")];
    let consuming = Setup::new(&context, handler)?.given(&given).start().await?;
    consuming.publish(&["later"]).await?;
    consuming.handler.attempts(1).await?;
    consuming.publish(&["a", "b"]).await?;
    consuming
        .when("that all but the message that waits are handled", |status, counts| {
            counts.handled == 2 && status.in_hand == 1
        })
        .await?;
    consuming.stop().await
}

async fn as_many_at_once_as_it_may(context: Context) -> Verdict {
    const AT_ONCE: usize = 3;
    const COUNT: usize = 12;
    let consuming = Setup::new(&context, holding())?.given(&[("concurrency", "3")]).start().await?;
    for number in 0..COUNT {
        consuming.publish(&[&format!("held {number}")]).await?;
    }
    consuming.when("that all messages are in hand", |status, _| status.in_hand == COUNT as u64).await?;
    consuming.handler.attempts(AT_ONCE).await?;
    consuming.handler.release();
    consuming.at_rest(COUNT as u64).await?;
    let seen = consuming.handler.seen();
    // An attempt ends when it ends, so that what began before that was there at once.
    let most = seen.iter().map(|one| {
        let at_once = |other: &&super::Seen| {
            other.began <= one.began && other.ended.is_none_or(|ended| ended > one.began)
        };
        seen.iter().filter(at_once).count()
    });
    expect_eq("the most attempts at once", most.max(), Some(AT_ONCE))?;
    consuming.stop().await
}
