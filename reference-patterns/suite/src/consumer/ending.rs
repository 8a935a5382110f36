//! How it ends, and what it makes of the end of its subscription.

use super::{Answer, Handler, MESSAGES, QUIET, Setup};
use crate::twist::ending;
use prism_interfaces::lifecycle::v1::Health;
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq},
};
use std::time::Duration;
use tonic::Code;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_consumer/drain_waits_for_what_is_in_hand",
            &["CNS-18"],
            "Drain answers when everything in hand has come to its end, and counts it",
            drain_waits_for_what_is_in_hand,
        ),
        case(
            "pattern_consumer/drain_counts_what_it_cuts_off",
            &["CNS-18"],
            "Drain counts as aborted what has not come to its end when its timeout has passed",
            drain_counts_what_it_cuts_off,
        ),
        case(
            "pattern_consumer/stop_takes_what_was_delivered",
            &["CNS-18"],
            "What was published before Stop is called is handled before it answers",
            stop_takes_what_was_delivered,
        ),
        case(
            "pattern_consumer/stop_is_bounded",
            &["CNS-19"],
            "Stop ends soon after stop_timeout while the handler does not answer",
            stop_is_bounded,
        ),
        case(
            "pattern_consumer/subscribes_again",
            &["CNS-20"],
            "Where the subscription ends, the health says so until there is another one, which is asked for",
            subscribes_again,
        ),
    ]
}

/// How long something is looked at that must not happen.
const AWHILE: Duration = Duration::from_millis(100);

async fn drain_waits_for_what_is_in_hand(context: Context) -> Verdict {
    let consuming = Setup::new(&context, Handler::always(Answer::Held))?.start().await?;
    consuming.publish(&["a", "b", "c"]).await?;
    consuming.handler.attempts(3).await?;
    let lifecycle = consuming.instance.lifecycle().clone();
    let mut draining = tokio::spawn(async move { lifecycle.drain(QUIET).await });
    let draining_now = context.eventually("that new calls are refused", QUIET, || async {
        Ok(consuming.status().await.is_err_and(|status| status.code() == Code::Unavailable).then_some(()))
    });
    draining_now.await?;
    if tokio::time::timeout(AWHILE, &mut draining).await.is_ok() {
        return Err(Failure::violation("Drain has answered while messages are in hand"));
    }
    consuming.handler.release();
    let drained = draining.await.map_err(|error| Failure::harness(error.to_string()))??;
    expect_eq("the numbers drained and aborted", (drained.drained, drained.aborted), (3, 0))?;
    expect(
        consuming.handler.seen().iter().all(|seen| seen.ended.is_some()),
        "Drain has answered before the handler has",
    )?;
    consuming.stop().await
}

async fn drain_counts_what_it_cuts_off(context: Context) -> Verdict {
    let handler = Handler::new(|request| {
        let payload = request.message.as_ref().map(|message| message.payload.clone()).unwrap_or_default();
        if payload.starts_with(b"held") { Answer::Silence } else { Answer::Handled }
    });
    let consuming = Setup::new(&context, handler)?.start().await?;
    consuming.publish(&["held 1", "a", "held 2"]).await?;
    consuming
        .when("that two messages are in hand", |status, counts| counts.handled == 1 && status.in_hand == 2)
        .await?;
    let drained = consuming.instance.lifecycle().drain(Duration::from_millis(50)).await?;
    expect_eq("the numbers drained and aborted", (drained.drained, drained.aborted), (0, 2))?;
    consuming.stop().await
}

async fn stop_takes_what_was_delivered(context: Context) -> Verdict {
    const COUNT: usize = 100;
    // With little room in hand, most of it is still in the subscription when Stop is called; the payloads are long, so that
    // few of them fit into what is sent at once.
    let given = [("stop_timeout", "1m"), ("max_in_hand", "10")];
    let consuming = Setup::new(&context, Handler::always(Answer::Held))?.given(&given).start().await?;
    for number in 0..COUNT {
        consuming.publish(&[&format!("{number:04096}")]).await?;
    }
    consuming.handler.attempts(8).await?;
    let (lifecycle, handler) = (consuming.instance.lifecycle().clone(), consuming.handler.clone());
    let mut stopping = tokio::spawn(async move { lifecycle.stop().await });
    if tokio::time::timeout(AWHILE, &mut stopping).await.is_ok() {
        return Err(Failure::violation("Stop has answered while messages are in hand"));
    }
    handler.release();
    stopping.await.map_err(|error| Failure::harness(error.to_string()))??;
    expect_eq("the number of messages handled when Stop has answered", handler.seen().len(), COUNT)
}

async fn stop_is_bounded(context: Context) -> Verdict {
    let setup = Setup::new(&context, Handler::always(Answer::Silence))?.given(&[("stop_timeout", "50ms")]);
    let consuming = setup.start().await?;
    consuming.publish(&["a"]).await?;
    consuming.handler.attempts(1).await?;
    match tokio::time::timeout(QUIET, consuming.stop()).await {
        Ok(stopped) => stopped?,
        Err(_) => {
            return Err(Failure::violation("Stop waits for a handler that does not answer")
                .expected("an end soon after 50 ms")
                .got(format!("no end within {} s", QUIET.as_secs())));
        }
    }
    expect(
        consuming.handler.seen().iter().all(|seen| seen.ended.is_some()),
        "an attempt goes on after Stop has answered",
    )
}

async fn subscribes_again(context: Context) -> Verdict {
    let switch = ending::Switch::default();
    let setup =
        Setup::new(&context, Handler::patient())?.twist(MESSAGES, |slot| ending::ending(slot, &switch));
    let consuming = setup.start().await?;
    consuming.publish(&["a"]).await?;
    consuming.at_rest(1).await?;
    switch.end();
    consuming
        .when("that the consumer tells of the slot", |status, _| {
            !status.subscribed && status.troubles.contains_key(MESSAGES)
        })
        .await?;
    let (health, message) = consuming.instance.lifecycle().health().await?;
    expect_eq("the health without a subscription", health, Health::Unhealthy)?;
    expect(message.contains(MESSAGES), format!("the health does not name the slot: {message}"))?;
    switch.allow();
    let status = consuming.when("another subscription", |status, _| status.subscribed).await?;
    let lost = status.counts.unwrap_or_default().subscriptions_lost;
    expect_eq("the number of subscriptions that were lost", lost, 1)?;
    consuming.publish(&["b"]).await?;
    consuming.at_rest(2).await?;
    expect_eq("the health after that", consuming.instance.lifecycle().health().await?.0, Health::Healthy)?;
    consuming.stop().await
}
