//! Ordering keys.

use super::{
    client::{keyed, message, published},
    over,
    sink::{Answer, Sink},
};
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq},
};
use std::time::Duration;
use tonic::Status;

/// How long what is expected to happen may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_producer/keeps_order_over_retries",
            &["PRD-11"],
            "Messages with one ordering key are taken in the order in which they were sent, also where the first is tried again",
            keeps_order_over_retries,
        ),
        case(
            "pattern_producer/others_are_not_held_up",
            &["PRD-12"],
            "Messages with another key, another topic or no key are published while one is on its way",
            others_are_not_held_up,
        ),
        case(
            "pattern_producer/goes_on_after_a_failure",
            &["PRD-13"],
            "After a message that has failed, the following ones with its ordering key are published",
            goes_on_after_a_failure,
        ),
    ]
}

async fn tried(context: &Context, sink: &Sink, payload: &str) -> Verdict {
    let what = format!("the first attempt of {payload}");
    context
        .eventually(&what, PATIENCE, async || Ok((!sink.attempts_of(payload).is_empty()).then_some(())))
        .await
}

async fn keeps_order_over_retries(context: Context) -> Verdict {
    let sink = Sink::new(|request, before| {
        let first = request.payload.starts_with(b"first");
        if first && before < 3 { Answer::Refuse(Status::unavailable("not yet")) } else { Answer::Take }
    });
    let (_instance, producer) = over(&context, &sink, &[("retry_backoff", "30ms")]).await?;
    for round in 0..3 {
        let [first, second] = ["first", "second"].map(|what| format!("{what} {round}"));
        let before = producer.begin(keyed("t", first.clone(), "key"));
        tried(&context, &sink, &first).await?;
        published("the second message", producer.publish(keyed("t", second.clone(), "key")).await)?;
        published("the first message", before.await.map_err(|error| Failure::harness(error.to_string()))?)?;
        let taken: Vec<String> = sink.taken().into_iter().skip(2 * round).collect();
        expect_eq("the messages in the order in which they were taken", taken, [first, second])?;
    }
    Ok(())
}

async fn others_are_not_held_up(context: Context) -> Verdict {
    let sink = Sink::new(|request, _| if request.payload == "held" { Answer::Hold } else { Answer::Take });
    let (_instance, producer) = over(&context, &sink, &[]).await?;
    let held = producer.begin(keyed("t", "held", "key"));
    tried(&context, &sink, "held").await?;
    let others = [
        ("one with another key", keyed("t", "1", "other")),
        ("one for another topic", keyed("u", "2", "key")),
        ("one without a key", message("t", "3")),
    ];
    for (what, other) in others {
        published(what, producer.publish_within(other, Duration::from_secs(3)).await)?;
    }
    let behind = producer.begin(keyed("t", "behind", "key"));
    published("one more without a key", producer.publish(message("t", "4")).await)?;
    expect(sink.attempts_of("behind").is_empty(), "a message has overtaken the one before it")
        .map_err(|failure| failure.clause("PRD-11"))?;
    sink.release();
    for call in [held, behind] {
        published("a message", call.await.map_err(|error| Failure::harness(error.to_string()))?)?;
    }
    Ok(())
}

async fn goes_on_after_a_failure(context: Context) -> Verdict {
    let sink = Sink::new(|request, _| match &request.payload[..] {
        b"refused" => Answer::Refuse(Status::permission_denied("no")),
        b"failing" => Answer::Refuse(Status::unavailable("never")),
        _ => Answer::Take,
    });
    let given = [("max_retries", "1"), ("retry_backoff", "1ms")];
    let (_instance, producer) = over(&context, &sink, &given).await?;
    for (bad, good) in [("refused", "1"), ("failing", "2")] {
        expect(producer.publish(keyed("t", bad, "key")).await.is_err(), format!("{bad} was published"))?;
        published("the message after it", producer.publish(keyed("t", good, "key")).await)?;
    }
    expect_eq("the messages that were taken", sink.taken(), ["1", "2"])
}
