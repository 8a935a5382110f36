//! Attempts: how many, when, and which failures are tried again.

use super::{
    client::{message, published},
    over,
    sink::{Answer, Sink},
};
use prism_interfaces::fault;
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq, expect_refused},
};
use std::{collections::HashSet, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_producer/failures_that_pass_are_tried_again",
            &["PRD-05", "PRD-10"],
            "A message that the slot fails with UNAVAILABLE, ABORTED or RESOURCE_EXHAUSTED is tried again with the same id",
            failures_that_pass_are_tried_again,
        ),
        case(
            "pattern_producer/tried_as_often_as_it_may",
            &["PRD-08", "PRD-05"],
            "A message that always fails is tried max_retries + 1 times, each for itself, and the answer says so",
            tried_as_often_as_it_may,
        ),
        case(
            "pattern_producer/pauses_grow",
            &["PRD-06"],
            "The pause between two attempts is at least half of what retry_backoff says, doubled each time",
            pauses_grow,
        ),
        case(
            "pattern_producer/waits_as_long_as_asked",
            &["PRD-06"],
            "The pause is at least as long as the slot asked for in RetryInfo",
            waits_as_long_as_asked,
        ),
        case(
            "pattern_producer/other_refusals_are_passed_on",
            &["PRD-07"],
            "A message that the slot refuses in another way is tried once, and the code is passed on",
            other_refusals_are_passed_on,
        ),
        case(
            "pattern_producer/no_attempt_after_the_deadline",
            &["PRD-09"],
            "No attempt begins after the deadline of the caller",
            no_attempt_after_the_deadline,
        ),
        case(
            "pattern_producer/attempts_without_an_answer_end",
            &["PRD-05"],
            "An attempt that the slot does not answer within attempt_timeout is tried again",
            attempts_without_an_answer_end,
        ),
    ]
}

async fn failures_that_pass_are_tried_again(context: Context) -> Verdict {
    for code in [Code::Unavailable, Code::Aborted, Code::ResourceExhausted] {
        let sink = Sink::refusing(2, Status::new(code, "not yet"));
        let (_instance, producer) = over(&context, &sink, &[("retry_backoff", "1ms")]).await?;
        let what = format!("a message that failed with {code:?}");
        let answer = published(&what, producer.publish(message("t", "m")).await)?;
        expect_eq("the attempts that were answered", answer.attempts, 3)?;
        let ids: HashSet<Option<String>> = sink
            .attempts()
            .iter()
            .map(|attempt| attempt.request.headers.get("prism-message-id").cloned())
            .collect();
        expect_eq("the attempts that were made", sink.attempts().len(), 3)?;
        expect_eq("the ids of all attempts", ids, HashSet::from([Some(answer.message_id)]))
            .map_err(|failure| failure.clause("PRD-10"))?;
    }
    Ok(())
}

async fn tried_as_often_as_it_may(context: Context) -> Verdict {
    let sink = Sink::refusing(usize::MAX, Status::unavailable("never"));
    let given = [("max_retries", "3"), ("retry_backoff", "1ms")];
    let (_instance, producer) = over(&context, &sink, &given).await?;
    for payload in ["first", "second"] {
        let refused = producer.publish(message("t", payload)).await;
        let status = expect_refused("Publish of what always fails", refused, Code::Unavailable)?;
        expect_eq("the reason", fault::reason(&status).as_deref(), Some("RETRIES_EXHAUSTED"))?;
        expect_eq("the outcome", fault::write_outcome(&status), Some(fault::WriteOutcome::Unknown))?;
        let told = status.get_details_error_info().and_then(|info| info.metadata.get("attempts").cloned());
        expect_eq("the attempts that were answered", told.as_deref(), Some("4"))?;
        expect_eq(format!("the attempts of the {payload} message"), sink.attempts_of(payload).len(), 4)
            .map_err(|failure| failure.clause("PRD-05"))?;
    }
    Ok(())
}

fn pauses(sink: &Sink) -> Vec<Duration> {
    sink.attempts().windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}

fn demand_pauses(sink: &Sink, least: &[Duration]) -> Verdict {
    let pauses = pauses(sink);
    expect_eq("the number of pauses", pauses.len(), least.len())?;
    for (pause, least) in pauses.iter().zip(least) {
        if pause < least {
            return Err(Failure::violation("the pause between two attempts is too short")
                .expected(format!("at least {least:?}"))
                .got(format!("{pauses:?}")));
        }
    }
    Ok(())
}

async fn pauses_grow(context: Context) -> Verdict {
    let sink = Sink::refusing(4, Status::unavailable("not yet"));
    let given = [("max_retries", "4"), ("retry_backoff", "50ms"), ("max_backoff", "300ms")];
    let (_instance, producer) = over(&context, &sink, &given).await?;
    published("a message", producer.publish(message("t", "m")).await)?;
    demand_pauses(&sink, &[25, 50, 100, 150].map(Duration::from_millis))
}

async fn waits_as_long_as_asked(context: Context) -> Verdict {
    let asked = Duration::from_millis(120);
    let mut details = ErrorDetails::new();
    details.set_retry_info(Some(asked));
    let status = Status::with_error_details(Code::Unavailable, "come back later", details);
    let sink = Sink::refusing(2, status);
    let (_instance, producer) = over(&context, &sink, &[("retry_backoff", "1ms")]).await?;
    published("a message", producer.publish(message("t", "m")).await)?;
    demand_pauses(&sink, &[asked, asked])
}

async fn other_refusals_are_passed_on(context: Context) -> Verdict {
    for code in [Code::PermissionDenied, Code::FailedPrecondition, Code::InvalidArgument, Code::Unimplemented]
    {
        let sink = Sink::refusing(usize::MAX, Status::new(code, "no"));
        let (_instance, producer) = over(&context, &sink, &[("retry_backoff", "1ms")]).await?;
        let refused = producer.publish(message("t", "m")).await;
        expect_refused("Publish of what the slot refuses", refused, code)?;
        expect_eq(format!("the attempts after {code:?}"), sink.attempts().len(), 1)?;
    }
    Ok(())
}

async fn no_attempt_after_the_deadline(context: Context) -> Verdict {
    let sink = Sink::new(|request, before| match (&request.payload[..], before) {
        (b"m", _) | (_, 0..15) => Answer::Refuse(Status::unavailable("not yet")),
        _ => Answer::Take,
    });
    let given = [("max_retries", "100"), ("retry_backoff", "5ms"), ("max_backoff", "20ms")];
    let (_instance, producer) = over(&context, &sink, &given).await?;
    let refused = producer.publish_within(message("t", "m"), Duration::from_millis(150)).await;
    expect(refused.is_err(), "a message that always fails was published")?;
    let at_the_end = sink.attempts_of("m").len();
    // While this one is tried, several more attempts of the other would have been made.
    published("another message", producer.publish(message("t", "other")).await)?;
    expect_eq("the attempts after the call had ended", sink.attempts_of("m").len() - at_the_end, 0)
}

async fn attempts_without_an_answer_end(context: Context) -> Verdict {
    let sink = Sink::new(|_, before| if before < 2 { Answer::Stall } else { Answer::Take });
    // On a machine that is busy more attempts than the first two may not be answered in time.
    let given = [("attempt_timeout", "500ms"), ("retry_backoff", "1ms"), ("max_retries", "50")];
    let (_instance, producer) = over(&context, &sink, &given).await?;
    let answer = producer.publish_within(message("t", "m"), Duration::from_secs(30)).await;
    let answer = published("a message whose first attempts had no answer", answer)?;
    expect(answer.attempts >= 3, format!("it was published after {} attempts", answer.attempts))
}
