//! Its parameters, checked.

use crate::retry::Backoff;
use prism_slots::Parameters;
use std::time::Duration;

/// What is put behind the topic where dead letters have no topic of their own.
const DEAD_LETTERS: &str = ".dlq";

/// How it goes about its work.
#[derive(Debug, Clone)]
pub(super) struct Behaviour {
    pub(super) topic: String,
    pub(super) name: String,
    pub(super) max_attempts: u32,
    backoff: Backoff,
    pub(super) handler_timeout: Duration,
    pub(super) concurrency: usize,
    pub(super) max_in_hand: usize,
    pub(super) dead_letter_topic: String,
    pub(super) dedup_window: Option<Duration>,
    pub(super) checkpoint_interval: Duration,
    pub(super) slot_timeout: Duration,
    pub(super) stop_timeout: Duration,
}

impl Behaviour {
    pub(super) fn new(parameters: &Parameters) -> Self {
        // They have defaults and bounds, so that none is missing or too large.
        let duration = |name| parameters.duration(name).unwrap_or_default();
        let count = |name| parameters.count(name) as usize;
        let topic = parameters.text("topic").to_owned();
        let dead_letter_topic = match parameters.text("dead_letter_topic") {
            "" => format!("{topic}{DEAD_LETTERS}"),
            given => given.to_owned(),
        };
        Self {
            name: parameters.text("name").to_owned(),
            max_attempts: parameters.count("max_retries") as u32 + 1,
            backoff: Backoff { first: duration("backoff_min"), longest: duration("backoff_max") },
            handler_timeout: duration("handler_timeout"),
            concurrency: count("concurrency"),
            max_in_hand: count("max_in_hand"),
            dead_letter_topic,
            dedup_window: parameters.duration("dedup_window"),
            checkpoint_interval: duration("checkpoint_interval"),
            slot_timeout: duration("slot_timeout"),
            stop_timeout: duration("stop_timeout"),
            topic,
        }
    }

    /// The pause after so many failures.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        self.backoff.pause(failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_what_it_does() {
        let given = |name: &str| match name {
            "backoff_min" => Some("100ms"),
            "backoff_max" => Some("1s"),
            "topic" => Some("orders"),
            "namespace" => Some("n"),
            _ => None,
        };
        let spec = crate::find("consumer").unwrap().spec();
        let behaviour = Behaviour::new(&Parameters::parse(&spec.parameters, given).unwrap());
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        assert_eq!(behaviour.backoff, backoff);
        assert_eq!(behaviour.max_attempts, 4);
        assert_eq!(behaviour.dead_letter_topic, "orders.dlq");
    }
}
