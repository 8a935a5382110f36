//! A producer that is killed in the middle of a message.

use super::{
    client::{Producer, named, published},
    over,
    sink::Sink,
};
use crate::instance::Instance;
use futures::future::try_join_all;
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq},
};
use std::time::Duration;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_producer/killed_between_any_two_steps",
            &["PRD-21", "PRD-01", "PRD-16"],
            "A message whose producer is killed at any step is published by the next one to whom it is sent, and once where it was recorded",
            killed_between_any_two_steps,
        )
        .given("pattern_producer", "deduplication", &["atomic"]),
    ]
}

async fn killed_between_any_two_steps(context: Context) -> Verdict {
    let sink = Sink::willing();
    let (_heir, heir) = over(&context, &sink, &[("deduplication", "id")]).await?;
    let steps = context.bench()?.steps();
    expect(!steps.is_empty(), "the pattern announces no steps")?;
    // All at the same time, because whoever comes after a claim has to wait for its end.
    try_join_all(steps.iter().map(|step| killed_at(&context, &sink, &heir, step))).await.map(drop)
}

async fn killed_at(context: &Context, sink: &Sink, heir: &Producer, step: &str) -> Verdict {
    let bench = context.bench()?;
    let message = named("t", step.to_owned(), step);
    let taken = || sink.times_taken().get(step).copied().unwrap_or_default();
    let mut slots = bench.slots();
    if let Some(messages) = slots.get_mut("messages") {
        *messages = sink.on(messages.clone());
    }
    let process = bench.launch_halting(slots, step).await?;
    let instance = Instance::of(context, &process.endpoint());
    // Within this time it has to get to its step, and so long whoever comes next has to wait.
    instance.bring_up(&[("deduplication", "id"), ("claim_timeout", "4s")]).await?;
    let call = Producer::new(Instance::doomed(context, &process.endpoint())).begin(message.clone());
    process.halted().await?;
    let before = taken();
    process.kill().await;
    let answer = call.await.map_err(|error| Failure::harness(error.to_string()))?;
    expect(answer.is_err(), format!("the producer that was killed at `{step}` has answered"))?;
    let again = heir.publish_within(message, Duration::from_secs(15)).await;
    let again = published(&format!("the message of the producer that was killed at `{step}`"), again)?;
    let after = taken();
    // Between the slot's answer and the record nobody can know, so there it may be published twice.
    let most = if step == "published" { 2 } else { 1 };
    expect(
        (1..=most).contains(&after),
        format!("after a kill at `{step}` the message was taken {after} times"),
    )?;
    if step == "recorded" {
        expect_eq("whether a recorded message is a duplicate", again.duplicate, true)?;
    }
    expect(
        !again.duplicate || before > 0,
        format!("after a kill at `{step}` a message that was never taken is called a duplicate"),
    )?;
    context.note(format!("killed at `{step}`: taken {before} times before, {after} in all"));
    Ok(())
}
