//! Faults that another parameter brings about.

use super::PATTERN;
use crate::PatternMutant;
use std::collections::HashMap;

/// The parameter has this value, whatever was given.
fn always(
    id: &'static str,
    sentence: &'static str,
    name: &'static str,
    value: &'static str,
) -> PatternMutant {
    PatternMutant::parameters(id, PATTERN, sentence, move |given: &mut HashMap<String, String>| {
        given.insert(name.to_owned(), value.to_owned());
    })
}

pub(super) fn mutants() -> Vec<PatternMutant> {
    vec![
        always("pattern_producer/never_retries", "A message is tried once", "max_retries", "0"),
        PatternMutant::parameters(
            "pattern_producer/one_attempt_too_many",
            PATTERN,
            "A message is tried once more than it may",
            |given| {
                let more = |text: &String| text.parse::<u64>().map_or(4, |count| count + 1);
                let count = given.get("max_retries").map_or(4, more);
                given.insert("max_retries".to_owned(), count.to_string());
            },
        ),
        always(
            "pattern_producer/no_pause_before_a_retry",
            "A message is tried again at once",
            "retry_backoff",
            "1ms",
        ),
        PatternMutant::parameters(
            "pattern_producer/pauses_do_not_grow",
            PATTERN,
            "All pauses are as long as the first",
            |given| {
                if let Some(first) = given.get("retry_backoff").cloned() {
                    given.insert("max_backoff".to_owned(), first);
                }
            },
        ),
        always(
            "pattern_producer/waits_for_ever_for_an_answer",
            "An attempt that is not answered is waited for until the caller gives up",
            "attempt_timeout",
            "5m",
        ),
        always(
            "pattern_producer/batches_of_one",
            "batch_size is ignored and every message published at once",
            "batch_size",
            "0",
        ),
        PatternMutant::parameters(
            "pattern_producer/batches_only_when_full",
            PATTERN,
            "A batch that does not fill waits for ever",
            |given| {
                given.insert("batch_interval".to_owned(), "1h".to_owned());
            },
        ),
        PatternMutant::parameters(
            "pattern_producer/batches_too_early",
            PATTERN,
            "A batch is published before its interval has passed",
            |given| {
                if given.contains_key("batch_interval") {
                    given.insert("batch_interval".to_owned(), "1ms".to_owned());
                }
            },
        ),
        always(
            "pattern_producer/no_deduplication",
            "Deduplication is accepted and not done",
            "deduplication",
            "none",
        ),
        PatternMutant::parameters(
            "pattern_producer/knows_ids_for_ever",
            PATTERN,
            "An id is a duplicate long after its window",
            |given| {
                given.insert("deduplication_window".to_owned(), "30d".to_owned());
            },
        ),
        PatternMutant::parameters(
            "pattern_producer/forgets_ids_at_once",
            PATTERN,
            "An id is known for a moment only",
            |given| {
                given.insert("deduplication_window".to_owned(), "10ms".to_owned());
            },
        ),
        PatternMutant::parameters(
            "pattern_producer/content_is_not_looked_at",
            PATTERN,
            "Only messages with an id are looked up, also where contents should be",
            |given| {
                if let Some(by) = given.get_mut("deduplication").filter(|by| *by == "content") {
                    "id".clone_into(by);
                }
            },
        ),
    ]
}
