//! Its parameters, checked.

use prism_slots::Parameters;
use rand::RngExt as _;
use std::time::Duration;

/// What is put behind the topic where dead letters have no topic of their own.
const DEAD_LETTERS: &str = ".dlq";

/// How it goes about its work.
#[derive(Debug, Clone)]
pub(super) struct Behaviour {
    pub(super) topic: String,
    pub(super) name: String,
    pub(super) max_attempts: u32,
    backoff_min: Duration,
    backoff_max: Duration,
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
            backoff_min: duration("backoff_min"),
            backoff_max: duration("backoff_max"),
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

    /// The pause after so many failures, drawn so that what has failed together does not come back together.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        self.longest_pause(failures).mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    fn longest_pause(&self, failures: u32) -> Duration {
        let doubled = self.backoff_min.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        doubled.min(self.backoff_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_drawn_from_their_upper_half() {
        let given = |name: &str| match name {
            "backoff_min" => Some("100ms"),
            "backoff_max" => Some("1s"),
            "topic" => Some("orders"),
            "namespace" => Some("n"),
            _ => None,
        };
        let spec = crate::find("consumer").unwrap().spec();
        let behaviour = Behaviour::new(&Parameters::parse(&spec.parameters, given).unwrap());
        for (failures, longest) in [(1, 100), (2, 200), (4, 800), (5, 1000), (40, 1000), (u32::MAX, 1000)] {
            let longest = Duration::from_millis(longest);
            assert_eq!(behaviour.longest_pause(failures), longest);
            let drawn: Vec<Duration> = (0..100).map(|_| behaviour.pause(failures)).collect();
            assert!(drawn.iter().all(|pause| (longest / 2..=longest).contains(pause)), "{drawn:?}");
            assert!(drawn.iter().any(|pause| *pause < longest * 3 / 4), "{drawn:?}");
            assert!(drawn.iter().any(|pause| *pause > longest * 3 / 4), "{drawn:?}");
        }
        assert_eq!(behaviour.max_attempts, 4);
        assert_eq!(behaviour.dead_letter_topic, "orders.dlq");
    }
}
