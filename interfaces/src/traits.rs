//! The values that a backend declares beside an interface.
//!
//! A trait is a value, not a flag for a missing feature: limits, granularity, isolation. What a backend.yaml may say
//! of an interface is listed here, and so is what each means where it is left out.

use std::{collections::BTreeMap, fmt, time::Duration};

/// What kind of value a trait has, and what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraitKind {
    /// A number of bytes, at least this many: `4096`, `16MiB`.
    Bytes {
        /// The least that may be declared.
        min: u64,
    },
    /// A number of things, at least this many: `1000`.
    Count {
        /// The least that may be declared.
        min: u64,
    },
    /// A length of time, not negative: `1ms`, `30s`, `7d`.
    Duration,
    /// `true` or `false`.
    Flag,
    /// One of a few words.
    Choice(&'static [&'static str]),
}

/// One trait of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraitSpec {
    /// As in backend.yaml.
    pub name: &'static str,
    /// What values it takes.
    pub kind: TraitKind,
    /// What holds where it is left out, in the notation of backend.yaml; `None` where it must be declared.
    pub default: Option<&'static str>,
    /// What it means, for people.
    pub meaning: &'static str,
}

/// A declared value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraitValue {
    /// A number of bytes.
    Bytes(u64),
    /// A number of things.
    Count(u64),
    /// A length of time.
    Duration(Duration),
    /// Yes or no.
    Flag(bool),
    /// One of a few words.
    Choice(String),
}

/// The traits that were declared for one interface, defaults filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits(BTreeMap<String, TraitValue>);

/// Everything that a backend declares: its interfaces with their traits, and its guarantees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declaration {
    /// By interface id.
    pub interfaces: BTreeMap<String, Traits>,
    /// The guarantees that hold for all interfaces, defaults filled in; see [`GUARANTEES`].
    pub guarantees: Traits,
}

const fn required(name: &'static str, kind: TraitKind, meaning: &'static str) -> TraitSpec {
    TraitSpec { name, kind, default: None, meaning }
}

const fn optional(
    name: &'static str,
    kind: TraitKind,
    default: &'static str,
    meaning: &'static str,
) -> TraitSpec {
    TraitSpec { name, kind, default: Some(default), meaning }
}

/// The guarantees, which stand beside the interfaces because they hold for all of them.
pub const GUARANTEES: &[TraitSpec] = &[
    required(
        "consistency",
        TraitKind::Choice(&["linearizable", "sequential", "read_your_writes", "eventual"]),
        "what concurrent clients can rely on",
    ),
    optional("within", TraitKind::Duration, "0s", "how late an `eventual` read may be"),
    required(
        "durability",
        TraitKind::Choice(&["none", "driver_restart", "process_crash", "os_crash"]),
        "what an acknowledged write survives",
    ),
];

const KEYVALUE_BASIC: &[TraitSpec] = &[
    required("max_key_bytes", TraitKind::Bytes { min: 256 }, "the longest key"),
    required("max_value_bytes", TraitKind::Bytes { min: 1 }, "the largest value"),
];

const KEYVALUE_SCAN: &[TraitSpec] =
    &[optional("ordered", TraitKind::Flag, "true", "whether keys come in the order of their bytes")];

const KEYVALUE_TTL: &[TraitSpec] = &[
    required("granularity", TraitKind::Duration, "the unit that expiry is kept in"),
    optional("sweep", TraitKind::Duration, "0s", "how much later than that a key may be seen"),
    optional("max_ttl", TraitKind::Duration, "3650d", "the longest TTL"),
];

const KEYVALUE_TRANSACTIONAL: &[TraitSpec] = &[
    required(
        "isolation",
        TraitKind::Choice(&["read_committed", "snapshot", "serializable"]),
        "what concurrent transactions can see of each other",
    ),
    required("timeout", TraitKind::Duration, "when an abandoned transaction is ended"),
];

const KEYVALUE_BATCH: &[TraitSpec] = &[
    required("max_batch", TraitKind::Count { min: 1 }, "the most entries in a batch"),
    required("atomic", TraitKind::Flag, "whether a batch is seen as a whole or not at all"),
];

const PUBSUB_BASIC: &[TraitSpec] = &[
    required("max_topic_bytes", TraitKind::Bytes { min: 256 }, "the longest topic or pattern"),
    required("max_payload_bytes", TraitKind::Bytes { min: 1 }, "the largest payload"),
    required("buffer", TraitKind::Count { min: 1 }, "messages kept for a subscriber that is not reading"),
    required(
        "overflow",
        TraitKind::Choice(&["disconnect", "drop"]),
        "what happens to a subscriber that is further behind",
    ),
];

const PATTERN_MULTICAST_REGISTRY: &[TraitSpec] = &[
    required("max_identity_bytes", TraitKind::Bytes { min: 192 }, "the longest identity"),
    required("max_topic_bytes", TraitKind::Bytes { min: 256 }, "the longest topic"),
    required("max_payload_bytes", TraitKind::Bytes { min: 1 }, "the largest payload"),
    required("atomic", TraitKind::Flag, "whether registrations that race are decided"),
];

const PATTERN_CONSUMER: &[TraitSpec] = &[
    optional("resumes", TraitKind::Flag, "false", "whether a restart loses nothing that was written down"),
    optional("dead_letters", TraitKind::Flag, "false", "whether what cannot be handled is published"),
];

const PATTERN_PRODUCER: &[TraitSpec] = &[
    required(
        "deduplication",
        TraitKind::Choice(&["none", "per_instance", "atomic"]),
        "who is kept from publishing a message twice",
    ),
    required("max_topic_bytes", TraitKind::Bytes { min: 256 }, "the longest topic"),
    required("max_payload_bytes", TraitKind::Bytes { min: 1 }, "the largest payload"),
];

/// What may be declared of an interface.
pub fn specs(interface: &str) -> &'static [TraitSpec] {
    match interface {
        "keyvalue_basic" => KEYVALUE_BASIC,
        "keyvalue_scan" => KEYVALUE_SCAN,
        "keyvalue_ttl" => KEYVALUE_TTL,
        "keyvalue_transactional" => KEYVALUE_TRANSACTIONAL,
        "keyvalue_batch" => KEYVALUE_BATCH,
        "pubsub_basic" => PUBSUB_BASIC,
        "pattern_multicast_registry" => PATTERN_MULTICAST_REGISTRY,
        "pattern_consumer" => PATTERN_CONSUMER,
        "pattern_producer" => PATTERN_PRODUCER,
        _ => &[],
    }
}

impl Traits {
    /// Checks raw values against `specs` and fills in defaults; `Err` lists every problem as (trait name, message).
    pub fn parse<'a>(
        specs: &[TraitSpec],
        raw: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<(String, String)>> {
        let mut traits = Self::default();
        let mut problems = Vec::new();
        for (name, value) in raw {
            match specs.iter().find(|spec| spec.name == name) {
                None => problems.push((name.to_owned(), "is not a trait of this interface".to_owned())),
                Some(spec) => match spec.kind.parse(value) {
                    Ok(value) => traits.set(name, value),
                    Err(message) => problems.push((name.to_owned(), message)),
                },
            }
        }
        for spec in specs {
            if traits.0.contains_key(spec.name) || problems.iter().any(|(name, _)| name == spec.name) {
                continue;
            }
            match spec.default {
                Some(default) => match spec.kind.parse(default) {
                    Ok(value) => traits.set(spec.name, value),
                    Err(message) => problems.push((spec.name.to_owned(), message)),
                },
                None => problems.push((spec.name.to_owned(), format!("must be declared: {}", spec.meaning))),
            }
        }
        if problems.is_empty() { Ok(traits) } else { Err(problems) }
    }

    /// Sets a value, replacing what was there.
    pub fn set(&mut self, name: &str, value: TraitValue) {
        self.0.insert(name.to_owned(), value);
    }

    /// Every trait in the notation of backend.yaml, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.to_string()))
    }

    /// A number of bytes; 0 where there is none.
    pub fn bytes(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(TraitValue::Bytes(value)) => *value,
            _ => 0,
        }
    }

    /// A number of things; 0 where there is none.
    pub fn count(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(TraitValue::Count(value)) => *value,
            _ => 0,
        }
    }

    /// A length of time; zero where there is none.
    pub fn duration(&self, name: &str) -> Duration {
        match self.0.get(name) {
            Some(TraitValue::Duration(value)) => *value,
            _ => Duration::ZERO,
        }
    }

    /// A flag; false where there is none.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(TraitValue::Flag(true)))
    }

    /// A word; empty where there is none.
    pub fn choice(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(TraitValue::Choice(value)) => value,
            _ => "",
        }
    }
}

impl Declaration {
    /// Whether the interface is declared.
    pub fn has(&self, interface: &str) -> bool {
        self.interfaces.contains_key(interface)
    }

    /// The traits of an interface; empty where it is not declared.
    pub fn traits(&self, interface: &str) -> Traits {
        self.interfaces.get(interface).cloned().unwrap_or_default()
    }
}

impl TraitKind {
    /// Reads a value in the notation of backend.yaml; the message says what is allowed.
    pub fn parse(self, text: &str) -> Result<TraitValue, String> {
        match self {
            Self::Bytes { min } => match parse_bytes(text) {
                Some(value) if value >= min => Ok(TraitValue::Bytes(value)),
                Some(value) => Err(format!("is {value} bytes; it must be at least {min}")),
                None => Err(format!("is `{text}`; write a number of bytes, such as `4096` or `16MiB`")),
            },
            Self::Count { min } => match text.parse::<u64>() {
                Ok(value) if value >= min => Ok(TraitValue::Count(value)),
                _ => Err(format!("is `{text}`; write a whole number of at least {min}")),
            },
            Self::Duration => parse_duration(text).map(TraitValue::Duration).ok_or_else(|| {
                format!("is `{text}`; write a length of time, such as `1ms`, `30s`, `5m`, `12h` or `7d`")
            }),
            Self::Flag => match text {
                "true" => Ok(TraitValue::Flag(true)),
                "false" => Ok(TraitValue::Flag(false)),
                _ => Err(format!("is `{text}`; write `true` or `false`")),
            },
            Self::Choice(words) => {
                if words.contains(&text) {
                    Ok(TraitValue::Choice(text.to_owned()))
                } else {
                    Err(format!("is `{text}`; write one of `{}`", words.join("`, `")))
                }
            }
        }
    }
}

impl fmt::Display for TraitValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(value) => {
                for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
                    if *value > 0 && value % size == 0 {
                        return write!(f, "{}{unit}", value / size);
                    }
                }
                write!(f, "{value}")
            }
            Self::Count(value) => write!(f, "{value}"),
            Self::Duration(value) => {
                let nanos = value.as_nanos();
                for (unit, size) in DURATION_UNITS.iter().rev() {
                    if nanos > 0 && nanos % size == 0 {
                        return write!(f, "{}{unit}", nanos / size);
                    }
                }
                f.write_str("0s")
            }
            Self::Flag(value) => write!(f, "{value}"),
            Self::Choice(value) => f.write_str(value),
        }
    }
}

/// `4096`, `64KiB`, `16MiB`, `1GiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let (digits, scale) = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)]
        .into_iter()
        .find_map(|(unit, scale)| text.strip_suffix(unit).map(|digits| (digits, scale)))
        .unwrap_or((text, 1));
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

const DURATION_UNITS: [(&str, u128); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// `10ns`, `5us`, `1ms`, `30s`, `5m`, `12h`, `7d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, nanos) = DURATION_UNITS.iter().find(|(known, _)| *known == unit)?;
    let total = number.parse::<u128>().ok()?.checked_mul(*nanos)?;
    Some(Duration::new(u64::try_from(total / 1_000_000_000).ok()?, (total % 1_000_000_000) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_written_in_the_same_notation() {
        for (kind, text) in [
            (TraitKind::Bytes { min: 1 }, "4097"),
            (TraitKind::Bytes { min: 1 }, "16MiB"),
            (TraitKind::Duration, "1ms"),
            (TraitKind::Duration, "90s"),
            (TraitKind::Duration, "3650d"),
            (TraitKind::Duration, "0s"),
            (TraitKind::Flag, "true"),
            (TraitKind::Count { min: 1 }, "1000"),
            (TraitKind::Choice(&["a", "b"]), "b"),
        ] {
            assert_eq!(kind.parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn bad_values_say_what_to_write() {
        for (kind, text, part) in [
            (TraitKind::Bytes { min: 256 }, "255", "at least 256"),
            (TraitKind::Bytes { min: 1 }, "16MB", "16MiB"),
            (TraitKind::Duration, "1", "30s"),
            (TraitKind::Duration, "-1s", "30s"),
            (TraitKind::Duration, "", "30s"),
            (TraitKind::Flag, "yes", "true"),
            (TraitKind::Count { min: 1 }, "0", "at least 1"),
            (TraitKind::Choice(&["a", "b"]), "c", "`a`, `b`"),
        ] {
            let message = kind.parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn defaults_are_filled_in_and_all_problems_are_told_at_once() {
        let traits = Traits::parse(specs("keyvalue_ttl"), [("granularity", "1ms")]).unwrap();
        assert_eq!(traits.duration("sweep"), Duration::ZERO);
        assert_eq!(traits.duration("max_ttl"), Duration::from_secs(3650 * 86_400));
        let problems =
            Traits::parse(specs("keyvalue_basic"), [("max_key_bytes", "1"), ("color", "red")]).unwrap_err();
        let names: Vec<_> = problems.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["max_key_bytes", "color", "max_value_bytes"]);
    }

    #[test]
    fn every_default_is_valid() {
        let all =
            crate::catalogue::INTERFACES.iter().flat_map(|interface| specs(interface.id)).chain(GUARANTEES);
        for spec in all {
            if let Some(default) = spec.default {
                assert!(spec.kind.parse(default).is_ok(), "{}", spec.name);
            }
        }
    }
}
