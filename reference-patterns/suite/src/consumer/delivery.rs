//! What is handed over, and how often.

use super::{Answer, DEAD_LETTERS, Handler, Seen, Setup, consuming};
use bytes::Bytes;
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq, expect_refused},
};
use std::{collections::HashMap, time::Duration};
use tonic::Code;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_consumer/hands_over_everything",
            &["CNS-01", "HDL-01"],
            "Every message is handed over once, with topic, payload, headers, id and time as they were delivered",
            hands_over_everything,
        ),
        case(
            "pattern_consumer/what_was_handled_is_done",
            &["CNS-02"],
            "A message that was handled is not handed over again, however many others fail",
            what_was_handled_is_done,
        ),
        case(
            "pattern_consumer/every_message_has_its_attempts",
            &["CNS-03", "HDL-02"],
            "A message that fails gets max_retries + 1 attempts, counted from 1, whatever becomes of others",
            every_message_has_its_attempts,
        ),
        case(
            "pattern_consumer/without_retries_there_is_one_attempt",
            &["CNS-03"],
            "With max_retries 0 a message is tried once",
            without_retries_there_is_one_attempt,
        ),
        case(
            "pattern_consumer/pauses_grow",
            &["CNS-04"],
            "The pauses between attempts are at least half of backoff_min, doubled each time",
            pauses_grow,
        ),
        case(
            "pattern_consumer/pauses_as_the_handler_asks",
            &["HDL-05"],
            "After `retry` with `after` no attempt begins before that time has passed",
            pauses_as_the_handler_asks,
        ),
        case(
            "pattern_consumer/errors_are_failed_attempts",
            &["HDL-06"],
            "An error of any code and an answer without a verdict are failed attempts, and another is made",
            errors_are_failed_attempts,
        ),
        case(
            "pattern_consumer/attempts_have_a_deadline",
            &["CNS-05", "HDL-03"],
            "An attempt that is not answered within handler_timeout, which is its deadline, has failed",
            attempts_have_a_deadline,
        ),
        case(
            "pattern_consumer/waits_for_a_handler_that_is_away",
            &["CNS-06"],
            "While the handler cannot be reached messages are tried again, and are handled when it is back",
            waits_for_a_handler_that_is_away,
        ),
        case(
            "pattern_consumer/rejected_is_final",
            &["HDL-04"],
            "A message that the handler rejects is not tried again",
            rejected_is_final,
        ),
        case(
            "pattern_consumer/counts_agree",
            &["CNS-21"],
            "Whenever it is asked, received is the sum of what became of messages and what is in hand",
            counts_agree,
        ),
        case(
            "pattern_consumer/answers_in_its_namespace_alone",
            &["CNS-23"],
            "GetStatus in another namespace than the consumer's is NOT_FOUND",
            answers_in_its_namespace_alone,
        ),
    ]
}

async fn hands_over_everything(context: Context) -> Verdict {
    const COUNT: usize = 60;
    let consuming = Setup::new(&context, Handler::patient())?.start().await?;
    let mut published: HashMap<String, (Bytes, HashMap<String, String>)> = HashMap::new();
    for number in 0..COUNT {
        let payload = match number % 3 {
            0 => Bytes::from(format!("message {number}")),
            1 => Bytes::new(),
            _ => Bytes::from(vec![0, 159, number as u8, 255]),
        };
        let headers: HashMap<String, String> = match number % 2 {
            0 => HashMap::new(),
            _ => [("trace", format!("t-{number}")), ("", String::new()), ("ключ", "ä\u{0}".to_owned())]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
        };
        let topic = consuming::TOPIC;
        let id = consuming.messages.publish_with(topic, payload.clone(), headers.clone()).await?;
        published.insert(id, (payload, headers));
    }
    consuming.at_rest(COUNT as u64).await?;
    let seen = consuming.handler.seen();
    expect_eq("the number of attempts", seen.len(), COUNT)?;
    for seen in seen {
        let message = seen.message;
        expect_eq("the topic", message.topic.as_str(), consuming::TOPIC)?;
        expect(message.published_at.is_some(), "the time is missing")?;
        let Some((payload, headers)) = published.remove(&message.message_id) else {
            return Err(Failure::violation(
                "a message has an id that was not published, or was there before",
            )
            .got(message.message_id));
        };
        expect_eq("the payload", &message.payload, &payload)?;
        expect_eq("the headers", &message.headers, &headers)?;
    }
    consuming.stop().await
}

async fn what_was_handled_is_done(context: Context) -> Verdict {
    let setup = Setup::new(&context, Handler::failing(2))?.given(&[("max_retries", "2")]);
    let consuming = setup.start().await?;
    let payloads = ["a", "!b", "c", "!d", "e", "!f"];
    consuming.publish(&payloads).await?;
    let counts = consuming.at_rest(payloads.len() as u64).await?;
    expect_eq("the number of messages handled", counts.handled, payloads.len() as u64)?;
    for payload in payloads {
        let expected = if payload.starts_with('!') { 3 } else { 1 };
        expect_eq(format!("the attempts of {payload}"), consuming.handler.seen_of(payload).len(), expected)?;
    }
    consuming.stop().await
}

/// Demands that a message had attempts numbered from 1, so many.
fn expect_attempts(handler: &Handler, payload: &str, most: u32, expected: u32) -> Verdict {
    let seen = handler.seen_of(payload);
    let numbers: Vec<u32> = seen.iter().map(|seen| seen.attempt).collect();
    let wanted: Vec<u32> = (1..=expected).collect();
    expect_eq(format!("the numbers of the attempts of {payload}"), numbers, wanted)?;
    expect(
        seen.iter().all(|seen| seen.max_attempts == most),
        format!("an attempt of {payload} does not say that there are {most} at most"),
    )
}

async fn every_message_has_its_attempts(context: Context) -> Verdict {
    // `x` never succeeds, `!` at the third attempt; successes and failures come in between.
    let handler = Handler::new(|request| {
        let payload = request.message.as_ref().map(|message| message.payload.clone()).unwrap_or_default();
        match payload.first() {
            Some(b'x') => Answer::Retry,
            Some(b'!') if request.attempt < 3 => Answer::Retry,
            _ => Answer::Handled,
        }
    });
    let setup = Setup::new(&context, handler)?.given(&[("max_retries", "2")]).without(DEAD_LETTERS);
    let consuming = setup.start().await?;
    let payloads = ["x1", "ok1", "!1", "x2", "ok2", "x3", "!2", "ok3"];
    consuming.publish(&payloads).await?;
    let counts = consuming.at_rest(8).await?;
    for payload in payloads {
        let expected = if payload.starts_with("ok") { 1 } else { 3 };
        expect_attempts(&consuming.handler, payload, 3, expected)?;
    }
    expect_eq("the numbers handled and lost", (counts.handled, counts.lost), (5, 3))?;
    consuming.stop().await
}

async fn without_retries_there_is_one_attempt(context: Context) -> Verdict {
    let setup = Setup::new(&context, Handler::always(Answer::Retry))?.given(&[("max_retries", "0")]);
    let consuming = setup.start().await?;
    consuming.publish(&["a", "b"]).await?;
    consuming.at_rest(2).await?;
    for payload in ["a", "b"] {
        expect_attempts(&consuming.handler, payload, 1, 1)?;
    }
    consuming.stop().await
}

/// The times between the end of an attempt and the beginning of the next.
fn pauses(seen: &[Seen]) -> Vec<Duration> {
    seen.windows(2)
        .map(|pair| {
            pair[0].ended.map_or(Duration::ZERO, |ended| pair[1].began.saturating_duration_since(ended))
        })
        .collect()
}

fn expect_pauses(seen: &[Seen], least: &[u64]) -> Verdict {
    let pauses = pauses(seen);
    let held = pauses.iter().zip(least).all(|(pause, least)| *pause >= Duration::from_millis(*least));
    if held && pauses.len() == least.len() {
        return Ok(());
    }
    Err(Failure::violation("the pauses between attempts are shorter than they may be")
        .expected(format!("at least {least:?} ms"))
        .got(format!("{pauses:?}")))
}

async fn pauses_grow(context: Context) -> Verdict {
    let given = [("max_retries", "5"), ("backoff_min", "20ms"), ("backoff_max", "200ms")];
    let consuming = Setup::new(&context, Handler::failing(5))?.given(&given).start().await?;
    consuming.publish(&["!"]).await?;
    consuming.at_rest(1).await?;
    expect_pauses(&consuming.handler.seen(), &[10, 20, 40, 80, 100])?;
    consuming.stop().await
}

async fn pauses_as_the_handler_asks(context: Context) -> Verdict {
    let handler = Handler::new(|request| match request.attempt {
        1 => Answer::RetryAfter(Duration::from_millis(150)),
        2 => Answer::Retry,
        _ => Answer::Handled,
    });
    let consuming = Setup::new(&context, handler)?.start().await?;
    consuming.publish(&["a"]).await?;
    consuming.at_rest(1).await?;
    expect_pauses(&consuming.handler.seen(), &[150, 0])?;
    consuming.stop().await
}

async fn errors_are_failed_attempts(context: Context) -> Verdict {
    let answers = [
        Answer::Fail(Code::Internal),
        Answer::Fail(Code::InvalidArgument),
        Answer::NoVerdict,
        Answer::Fail(Code::Unimplemented),
        Answer::Fail(Code::Unavailable),
        Answer::Fail(Code::Cancelled),
        Answer::Handled,
    ];
    let most = answers.len() as u32;
    let handler = Handler::new(move |request| {
        answers.get(request.attempt as usize - 1).cloned().unwrap_or(Answer::Handled)
    });
    let consuming = Setup::new(&context, handler)?.given(&[("max_retries", "6")]).start().await?;
    consuming.publish(&["a"]).await?;
    let counts = consuming.at_rest(1).await?;
    expect_attempts(&consuming.handler, "a", most, most)?;
    expect_eq("the number of messages handled", counts.handled, 1)?;
    consuming.stop().await
}

async fn attempts_have_a_deadline(context: Context) -> Verdict {
    let handler =
        Handler::new(|request| if request.attempt == 1 { Answer::Silence } else { Answer::Handled });
    let consuming = Setup::new(&context, handler)?.given(&[("handler_timeout", "200ms")]).start().await?;
    consuming.publish(&["a", "b"]).await?;
    let counts = consuming.at_rest(2).await?;
    expect_eq("the numbers handled and tried again", (counts.handled, counts.retried), (2, 2))?;
    for seen in consuming.handler.seen() {
        expect_eq("the namespace of an attempt", seen.namespace.as_deref(), Some(context.namespace()))?;
        let deadline = seen.deadline.unwrap_or_default();
        expect(
            within_200_ms(&deadline),
            format!("an attempt has the deadline {deadline:?}, and not one of 200 ms"),
        )?;
    }
    consuming.stop().await
}

/// Whether a `grpc-timeout` is not longer than that; a proxy on the way may have made it shorter.
fn within_200_ms(header: &str) -> bool {
    let unit = header.chars().last();
    let number = header.get(..header.len().saturating_sub(1)).and_then(|number| number.parse::<u64>().ok());
    match (number, unit) {
        (Some(number), Some('n')) => number <= 200_000_000,
        (Some(number), Some('u')) => number <= 200_000,
        (Some(number), Some('m')) => number <= 200,
        _ => false,
    }
}

async fn waits_for_a_handler_that_is_away(context: Context) -> Verdict {
    let given = [("max_retries", "1000"), ("backoff_max", "5ms")];
    let consuming = Setup::new(&context, Handler::patient())?.given(&given).start().await?;
    consuming.publish(&["before"]).await?;
    consuming.at_rest(1).await?;
    consuming.handler.leave();
    consuming.publish(&["a", "b", "c"]).await?;
    consuming.handler.return_after(12).await?;
    let counts = consuming.at_rest(4).await?;
    expect_eq("the number of messages handled", counts.handled, 4)?;
    for payload in ["before", "a", "b", "c"] {
        expect_eq(format!("the attempts of {payload}"), consuming.handler.seen_of(payload).len(), 1)?;
    }
    consuming.stop().await
}

async fn rejected_is_final(context: Context) -> Verdict {
    let consuming = Setup::new(&context, Handler::always(Answer::Reject))?.start().await?;
    consuming.publish(&["a", "b", "c"]).await?;
    let counts = consuming.at_rest(3).await?;
    expect_eq("the number of attempts", consuming.handler.seen().len(), 3)?;
    expect_eq("the number of messages handled", counts.handled, 0)?;
    consuming.stop().await
}

async fn counts_agree(context: Context) -> Verdict {
    let handler = Handler::new(|request| {
        let payload = request.message.as_ref().map(|message| message.payload.clone()).unwrap_or_default();
        match payload.first() {
            Some(b'x') => Answer::Reject,
            Some(b'!') if request.attempt < 3 => Answer::Retry,
            Some(b'h') => Answer::Held,
            _ => Answer::Handled,
        }
    });
    let consuming = Setup::new(&context, handler)?.start().await?;
    let agree = async || {
        let status = consuming.status().await?;
        let counts = status.counts.unwrap_or_default();
        let sum = counts.handled + counts.dead_lettered + counts.lost + counts.duplicates + status.in_hand;
        expect_eq("received, compared with the sum of the rest,", counts.received, sum)?;
        Ok::<_, Failure>((status.in_hand, counts))
    };
    for _ in 0..10 {
        consuming.publish(&["a", "!b", "x", "c"]).await?;
        agree().await?;
    }
    consuming.publish(&["h1", "h2"]).await?;
    let held = consuming.when("that two messages alone are in hand", |status, counts| {
        counts.received == 42 && status.in_hand == 2
    });
    held.await?;
    let (in_hand, counts) = agree().await?;
    expect_eq("the number in hand", in_hand, 2)?;
    expect_eq("the number handled", counts.handled, 30)?;
    expect_eq("the number of dead letters and lost messages", counts.dead_lettered + counts.lost, 10)?;
    let retried = consuming.handler.seen().iter().filter(|seen| seen.attempt > 1).count();
    expect_eq("the number of attempts that were not the first", counts.retried, retried as u64)?;
    consuming.handler.release();
    consuming.at_rest(42).await?;
    agree().await?;
    consuming.stop().await
}

async fn answers_in_its_namespace_alone(context: Context) -> Verdict {
    let consuming = Setup::new(&context, Handler::patient())?.start().await?;
    expect(consuming.status().await?.subscribed, "it says that it has no subscription")?;
    let elsewhere = consuming::status(consuming.instance.elsewhere(&context)).await;
    expect_refused("GetStatus in another namespace", elsewhere, Code::NotFound)?;
    consuming.stop().await
}
