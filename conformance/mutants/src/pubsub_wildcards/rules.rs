//! Patterns that mean something else.

use crate::{
    Mutant, Subject,
    aside::Plain,
    events::{again, only},
    forward::{Events, WildcardsTwist, like, wildcards},
    mutant::mutant,
};
use prism_interfaces::{Endpoint, pubsub::v1::SubscribePatternRequest};
use std::ops::RangeInclusive;
use tonic::{Code, Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("pubsub_wildcards/star_spans_tokens", "`*` matches several tokens", |next| {
            wildcards(next, Rules { star: 1..=usize::MAX, ..RIGHT })
        }),
        mutant("pubsub_wildcards/star_is_not_empty", "`*` does not match an empty token", |next| {
            let token = |pattern: &str, token: &str| match pattern {
                "*" => !token.is_empty(),
                _ => pattern == token,
            };
            wildcards(next, Rules { token, ..RIGHT })
        }),
        mutant("pubsub_wildcards/star_matches_no_token", "`*` matches no token too", |next| {
            wildcards(next, Rules { star: 0..=1, ..RIGHT })
        }),
        mutant("pubsub_wildcards/rest_is_none_too", "`>` matches no token too", |next| {
            wildcards(next, Rules { rest: 0..=usize::MAX, ..RIGHT })
        }),
        mutant("pubsub_wildcards/rest_is_one_token", "`>` matches a single token", |next| {
            wildcards(next, Rules { rest: 1..=1, ..RIGHT })
        }),
        mutant(
            "pubsub_wildcards/patterns_are_prefixes",
            "A pattern matches topics that go on after it",
            |next| wildcards(next, Rules { open: true, ..RIGHT }),
        ),
        mutant("pubsub_wildcards/tokens_are_globs", "`*` inside a token and `?` are wildcards", |next| {
            let token =
                |pattern: &str, token: &str| pattern == "*" || glob(pattern.as_bytes(), token.as_bytes());
            wildcards(next, Rules { token, ..RIGHT })
        }),
        mutant("pubsub_wildcards/two_stars_are_a_wildcard", "`**` matches a token", |next| {
            wildcards(
                next,
                Rules { token: |pattern, token| ["*", "**"].contains(&pattern) || pattern == token, ..RIGHT },
            )
        }),
        mutant("pubsub_wildcards/percent_is_a_wildcard", "`%` matches a token", |next| {
            wildcards(
                next,
                Rules { token: |pattern, token| ["*", "%"].contains(&pattern) || pattern == token, ..RIGHT },
            )
        }),
        mutant("pubsub_wildcards/backslash_escapes", "A backslash in a pattern is taken away", |next| {
            let token = |pattern: &str, token: &str| pattern == "*" || pattern.replace('\\', "") == token;
            wildcards(next, Rules { token, ..RIGHT })
        }),
        mutant("pubsub_wildcards/case_is_folded", "Patterns match without regard to case", |next| {
            let token =
                |pattern: &str, token: &str| pattern == "*" || pattern.to_lowercase() == token.to_lowercase();
            wildcards(next, Rules { token, ..RIGHT })
        }),
        mutant("pubsub_wildcards/empty_tokens_are_dropped", "Empty tokens do not count", |next| {
            wildcards(next, Rules { drop_empty: true, ..RIGHT })
        }),
        mutant(
            "pubsub_wildcards/misplaced_rest_is_accepted",
            "What comes after `>` is not looked at",
            |next| {
                wildcards(
                    next,
                    Repairs(|pattern| {
                        let tokens: Vec<_> =
                            pattern.split('.').take_while(|token| *token != ">").chain([">"]).collect();
                        (!pattern.is_empty()).then(|| tokens.join("."))
                    }),
                )
            },
        ),
        mutant(
            "pubsub_wildcards/empty_pattern_is_everything",
            "An empty pattern matches every topic",
            |next| wildcards(next, Repairs(|pattern| pattern.is_empty().then(|| ">".to_owned()))),
        ),
        Mutant {
            id: "pubsub_wildcards/limit_is_too_low",
            sentence: "A pattern of exactly the limit is refused",
            subject: Subject::Declares { interface: "pubsub_basic", name: "max_topic_bytes", value: "4097" },
        },
    ]
}

/// How patterns match.
#[derive(Clone)]
struct Rules {
    /// Whether a token of a pattern matches one of a topic.
    token: fn(&str, &str) -> bool,
    /// How many tokens `*` matches.
    star: RangeInclusive<usize>,
    /// How many tokens `>` matches.
    rest: RangeInclusive<usize>,
    /// Whether a topic may go on.
    open: bool,
    /// Whether empty tokens are left out.
    drop_empty: bool,
}

/// As it should be.
const RIGHT: Rules = Rules {
    token: |pattern, token| pattern == "*" || pattern == token,
    star: 1..=1,
    rest: 1..=usize::MAX,
    open: false,
    drop_empty: false,
};

impl Rules {
    fn split<'a>(&self, text: &'a str) -> Vec<&'a str> {
        text.split('.').filter(|token| !(self.drop_empty && token.is_empty())).collect()
    }

    fn matches(&self, pattern: &[&str], topic: &[&str]) -> bool {
        match pattern {
            [">"] => self.rest.contains(&topic.len()),
            [] => self.open || topic.is_empty(),
            ["*", pattern @ ..] => (0..=topic.len()).filter(|count| self.star.contains(count)).any(|count| {
                let (tokens, topic) = topic.split_at(count);
                tokens.iter().all(|token| (self.token)("*", token)) && self.matches(pattern, topic)
            }),
            [first, pattern @ ..] => topic
                .split_first()
                .is_some_and(|(token, topic)| (self.token)(first, token) && self.matches(pattern, topic)),
        }
    }
}

#[tonic::async_trait]
impl WildcardsTwist for Rules {
    async fn subscribe_pattern(
        &self,
        next: &Endpoint,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        // What is refused stays so.
        drop(Plain.subscribe_pattern(next, again(&request)).await?);
        let everything = like(&request, SubscribePatternRequest { pattern: ">".to_owned() });
        let (rules, pattern) = (self.clone(), request.into_inner().pattern);
        Ok(Plain.subscribe_pattern(next, everything).await?.map(|events| {
            only(events, move |message| rules.matches(&rules.split(&pattern), &rules.split(&message.topic)))
        }))
    }
}

/// Shell patterns of `*` and `?`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        ([b'*', rest @ ..], text) => (0..=text.len()).any(|from| glob(rest, &text[from..])),
        ([b'?', pattern @ ..], [_, text @ ..]) => glob(pattern, text),
        ([first, pattern @ ..], [byte, text @ ..]) => first == byte && glob(pattern, text),
        (_, []) => false,
    }
}

/// Makes something else of a pattern that is refused.
struct Repairs(fn(&str) -> Option<String>);

#[tonic::async_trait]
impl WildcardsTwist for Repairs {
    async fn subscribe_pattern(
        &self,
        next: &Endpoint,
        request: Request<SubscribePatternRequest>,
    ) -> Result<Response<Events>, Status> {
        match Plain.subscribe_pattern(next, again(&request)).await {
            Err(status) if status.code() == Code::InvalidArgument => {
                let Some(pattern) = (self.0)(&request.get_ref().pattern) else { return Err(status) };
                Plain.subscribe_pattern(next, like(&request, SubscribePatternRequest { pattern })).await
            }
            other => other,
        }
    }
}
