//! What it makes of its parameters.

use super::PATTERN;
use crate::PatternMutant;
use std::collections::HashMap;

pub(super) fn mutants() -> Vec<PatternMutant> {
    let mutant = |id, sentence, twist: fn(&mut HashMap<String, String>)| {
        PatternMutant::parameters(id, PATTERN, sentence, twist)
    };
    vec![
        mutant("pattern_consumer/one_attempt_too_few", "The first attempt counts as a retry", |parameters| {
            count(parameters, "max_retries", |retries| retries.saturating_sub(1));
        }),
        mutant(
            "pattern_consumer/one_attempt_too_many",
            "A failed message gets an attempt more than it may",
            |parameters| {
                count(parameters, "max_retries", |retries| retries + 1);
            },
        ),
        mutant(
            "pattern_consumer/tries_again_at_once",
            "There are no pauses between attempts",
            |parameters| {
                set(parameters, "backoff_min", "1ms");
                set(parameters, "backoff_max", "1ms");
            },
        ),
        mutant(
            "pattern_consumer/pauses_do_not_grow",
            "All pauses between attempts are like the first",
            |parameters| {
                if let Some(first) = parameters.get("backoff_min").cloned() {
                    set(parameters, "backoff_max", &first);
                }
            },
        ),
        mutant(
            "pattern_consumer/waits_for_ever_for_an_answer",
            "An attempt that is not answered never ends",
            |parameters| set(parameters, "handler_timeout", "1d"),
        ),
        mutant(
            "pattern_consumer/one_at_a_time",
            "Messages are handed over one at a time, whatever `concurrency` says",
            |parameters| set(parameters, "concurrency", "1"),
        ),
        mutant(
            "pattern_consumer/one_too_many_at_once",
            "There is an attempt more at once than `concurrency` says",
            |parameters| {
                count(parameters, "concurrency", |concurrency| concurrency + 1);
            },
        ),
        mutant(
            "pattern_consumer/knows_no_duplicates",
            "A message that was handled is handed over when it is published again",
            |parameters| {
                parameters.remove("dedup_window");
            },
        ),
        mutant(
            "pattern_consumer/stop_waits_for_ever",
            "Stop waits for a handler as long as it takes",
            |parameters| set(parameters, "stop_timeout", "10m"),
        ),
        mutant(
            "pattern_consumer/stop_waits_for_nothing",
            "Stop cuts off whatever is in hand",
            |parameters| set(parameters, "stop_timeout", "0ms"),
        ),
        mutant(
            "pattern_consumer/has_one_topic_for_dead_letters",
            "Dead letters go to the topic with `.dlq`, whatever topic is given",
            |parameters| {
                parameters.remove("dead_letter_topic");
            },
        ),
        mutant(
            "pattern_consumer/has_one_state",
            "Consumers of different names have their state in common",
            |parameters| {
                parameters.remove("name");
            },
        ),
    ]
}

fn set(parameters: &mut HashMap<String, String>, name: &str, value: &str) {
    parameters.insert(name.to_owned(), value.to_owned());
}

fn count(parameters: &mut HashMap<String, String>, name: &str, change: fn(u64) -> u64) {
    if let Some(value) = parameters.get_mut(name)
        && let Ok(number) = value.parse()
    {
        *value = change(number).to_string();
    }
}
