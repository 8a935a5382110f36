//! A consumer that is killed between any two steps of a message.

use super::{Handler, Seen, Setup, with_state};
use futures::future::try_join_all;
use prism_suites::{
    Case, Context, Verdict, case,
    expect::{expect, expect_eq},
};

pub(super) fn cases() -> Vec<Case> {
    vec![with_state(case(
        "pattern_consumer/killed_between_any_two_steps",
        &["CNS-13", "CNS-02"],
        "A message whose consumer is killed at any step after it was written down is handed over once more at most, and at least once in all",
        killed_between_any_two_steps,
    ))]
}

async fn killed_between_any_two_steps(context: Context) -> Verdict {
    let steps = context.bench()?.steps();
    expect(!steps.is_empty(), "the pattern announces no steps")?;
    // At the same time: most of it is waiting for processes.
    try_join_all(steps.iter().map(|step| killed_at(&context, step))).await.map(drop)
}

async fn killed_at(context: &Context, step: &str) -> Verdict {
    // Each step has a consumer of its own, with a topic of its own.
    let setup = Setup::new(context, Handler::patient())?.given(&[("name", step), ("topic", step)]);
    let first = setup.start_halting(step).await?;
    first.messages.publish(step, "the message").await?;
    first.halted().await?;
    first.kill().await;
    let before = first.handler.seen().len();

    let setup = setup.handler(Handler::patient());
    let second = setup.start().await?;
    second.messages.publish(step, "another one").await?;
    second
        .handler
        .when("the message of the second life", |seen| seen.iter().any(|seen| seen.text() == "another one"))
        .await?;
    second.when("the end of what is in hand", |status, _| status.in_hand == 0).await?;
    let again = second.handler.seen().iter().filter(|seen| seen.text() == "the message").count();
    let expected = match step {
        // It was with the consumer alone, which is at most once until then.
        "received" => (0, 0),
        "written" => (0, 1),
        // The handler has answered, and nobody has written that down.
        "handled" | "remembered" => (1, 1),
        "removed" => (1, 0),
        other => {
            expect(before + again > 0, format!("a message is lost whose consumer was killed at `{other}`"))?;
            (before, again)
        }
    };
    expect_eq(
        format!("how often a message was handed over before and after a kill at `{step}`"),
        (before, again),
        expected,
    )?;
    let redelivered: Vec<String> =
        second.handler.seen().iter().filter(|seen| seen.redelivered).map(Seen::text).collect();
    expect_eq(
        format!("what is said to be redelivered after a kill at `{step}`"),
        redelivered,
        vec!["the message"; again],
    )?;
    second.stop().await?;
    let records = setup.state()?.all_keys("", 100, 50).await?;
    let left = records.iter().filter(|key| key.contains(&format!(":{step}/in-hand/"))).count();
    expect_eq(format!("the records that are left after a kill at `{step}`"), left, 0)?;
    context.note(format!("killed at `{step}`: handed over {before} times before, {again} times after"));
    Ok(())
}
