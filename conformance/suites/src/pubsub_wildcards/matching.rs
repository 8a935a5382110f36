//! Which topics a pattern is for.

use crate::{
    Context, Failure, Verdict,
    client::PATIENCE,
    concurrent::joined,
    expect::{expect_refused, name},
    messages::{SENTINEL, expect_next, expect_sequence, number, refusal, show, shown, subscribe_all},
};
use futures::future::{join_all, try_join_all};
use prism_check::{pools, wildcard::Pattern};
use tonic::Code;

pub(super) async fn star_is_one_token(context: Context) -> Verdict {
    let patterns = ["*", "*.b", "a.*", "a.*.c", "*.*", "*.*.*", "a.*.*", "*.b.*", ".*", "*."];
    let topics = [
        "a", "b", "a.b", "a.c", "x.b", "a.b.c", "a.x.c", "a.b.x", "x.b.c", "a.b.c.d", "a.", ".b", ".", "..",
        "a..c", "a..", "*", "a.*", "*.b", ">", "ab", "aab", "a.b.",
    ];
    matches_as_it_should(context, &patterns, &topics).await
}

pub(super) async fn rest_is_one_or_more_tokens(context: Context) -> Verdict {
    let patterns = [">", "a.>", "a.b.>", "*.>", "a.*.>", ".>", "a..>"];
    let topics = [
        "a", "b", "a.b", "a.c", "a.b.c", "a.b.c.d", "a.x.y", "ab", "ab.c", "b.a", "a.", ".", "..", "a..",
        "a..b", ".b", ">", "a.>", "A.b", "a.b.",
    ];
    matches_as_it_should(context, &patterns, &topics).await
}

pub(super) async fn other_tokens_are_literal(context: Context) -> Verdict {
    let patterns = [
        "a", "a.b", "a?", "a.?", "[ab]", "a.[a-z]", "a\\*", "\\*", "%", "a.%", "_", "a.**", "**", "a*", "*a",
        "a>", ">a", "a.b*", "a.#", "+", "{a}", "A.b", "a b.*", "(a|b)", "a+", "^a$", "é.*",
    ];
    let topics = [
        "a",
        "b",
        "ab",
        "aa",
        "abc",
        "a.b",
        "a.x",
        "A.b",
        "a?",
        "a.?",
        "[ab]",
        "a.[a-z]",
        "a*",
        "a\\*",
        "\\*",
        "%",
        "a.%",
        "_",
        "**",
        "a.**",
        "*a",
        "ba",
        "a>",
        ">a",
        "a.b*",
        "a.bc",
        "a.#",
        "+",
        "{a}",
        "a b.c",
        "(a|b)",
        "a+",
        "^a$",
        "é.x",
        "e\u{301}.x",
        "a.x.y",
        "*",
        ">",
        "a.B",
    ];
    matches_as_it_should(context, &patterns, &topics).await
}

pub(super) async fn odd_names_are_literal(context: Context) -> Verdict {
    let names: Vec<_> = pools::keys().into_iter().filter(|name| name != "*").collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    matches_as_it_should(context, &names, &names).await
}

/// Subscribes to all patterns, publishes to all topics, and demands that each subscription gets the messages of the
/// topics that its pattern matches.
async fn matches_as_it_should(context: Context, patterns: &[&str], topics: &[&str]) -> Verdict {
    let pubsub = context.pubsub();
    let parsed: Result<Vec<_>, _> = patterns.iter().map(|pattern| Pattern::parse(pattern)).collect();
    let parsed = parsed.map_err(|error| Failure::harness(error.to_string()))?;
    let subscribers = try_join_all(patterns.iter().map(|pattern| pubsub.subscribe_pattern(pattern))).await?;
    // What each ends with is a message to a topic of its own, which other patterns may match as well.
    let own = patterns.iter().map(|pattern| {
        let token = |token| if token == "*" || token == ">" { "last" } else { token };
        pattern.split('.').map(token).collect::<Vec<_>>().join(".")
    });
    let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).chain(own).collect();
    let readers = subscribers.into_iter().zip(&parsed).map(|(mut subscriber, pattern)| {
        let last = topics.iter().rposition(|topic| pattern.matches(topic)).unwrap_or_default();
        tokio::spawn(async move { subscriber.messages_until(&number(last)).await })
    });
    let readers: Vec<_> = readers.collect();
    for (at, topic) in topics.iter().enumerate() {
        pubsub.publish(topic, number(at)).await?;
    }
    for ((reader, pattern), text) in join_all(readers).await.into_iter().zip(parsed).zip(patterns) {
        let what = format!("the pattern {}", name(text));
        let messages = joined(reader).map_err(|failure| failure.during(&what))?;
        let wrong = messages.iter().find(|message| {
            let sent = topics.iter().zip(0..).find(|(_, at)| message.payload == number(*at));
            sent.is_none_or(|(topic, _)| *topic != message.topic || !pattern.matches(topic))
        });
        if let Some(message) = wrong {
            return Err(Failure::violation(format!("{what} got a message that is not for it"))
                .expected("messages of topics that match")
                .got(format!("{}, of the topic {}", show(message), name(&message.topic))));
        }
        let expected = topics.iter().enumerate().filter(|(_, topic)| pattern.matches(topic));
        let expected: Vec<_> = expected.map(|(at, _)| shown(&number(at))).collect();
        expect_sequence(&what, &messages, &expected)?;
    }
    Ok(())
}

pub(super) async fn malformed_patterns_are_refused(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    for pattern in ["", ">.a", ">.", ">.>", ">.*", "a.>.b", "*.>.*", "a.>.", "a.b.>.c.d"] {
        let opened = refusal(pubsub.open_pattern(pattern).await, PATIENCE).await;
        expect_refused(format!("the pattern {}", name(pattern)), opened, Code::InvalidArgument)?;
    }
    Ok(())
}

pub(super) async fn pattern_at_the_limit(context: Context) -> Verdict {
    let pubsub = context.pubsub();
    let limit = context.traits("pubsub_basic").bytes("max_topic_bytes") as usize;
    let longest = format!("{}.*", "t".repeat(limit - 2));
    let mut subscriber = pubsub.subscribe_pattern(&longest).await?;
    // A topic of the same length whose last token differs, and one that differs before that.
    let (inside, outside) = (longest.replace('*', "x"), format!("{}u.x", "t".repeat(limit - 3)));
    pubsub.publish(&outside, number(0)).await?;
    pubsub.publish(&inside, SENTINEL).await?;
    expect_next("a pattern of the greatest length", &mut subscriber, SENTINEL).await?;
    let mut literal = subscribe_all(&pubsub, std::slice::from_ref(&inside)).await?;
    pubsub.publish(&inside, number(1)).await?;
    for subscriber in literal.iter_mut().chain([&mut subscriber]) {
        expect_next("a topic of the greatest length", subscriber, &number(1)).await?;
    }
    let opened = refusal(pubsub.open_pattern(&format!("t{longest}")).await, PATIENCE).await;
    expect_refused("a pattern that is a byte too long", opened, Code::InvalidArgument)?;
    Ok(())
}
