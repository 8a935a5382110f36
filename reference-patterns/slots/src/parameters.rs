//! Values of parameters against their kinds and bounds.

use crate::ParameterSpec;
use prism_interfaces::traits::{TraitValue, parse_duration};
use std::{collections::BTreeMap, time::Duration};

/// What values a parameter takes. Bounds are inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterKind {
    /// A whole number.
    Count {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A length of time, as in backend.yaml: `100ms`, `5m`.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A text.
    Text {
        /// The most bytes.
        max_bytes: u64,
    },
    /// One of a few words.
    Choice(Vec<String>),
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// A whole number.
    Count(u64),
    /// A length of time.
    Duration(Duration),
    /// A text, or a word.
    Text(String),
}

/// Checked values by name, defaults filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, ParameterValue>);

impl ParameterKind {
    /// A value that it does not take; `None` where it takes every one that can be written.
    pub fn out_of_bounds(&self) -> Option<String> {
        match self {
            Self::Count { max, .. } => Some(max.checked_add(1)?.to_string()),
            Self::Duration { max, .. } => {
                Some(TraitValue::Duration(max.checked_add(Duration::from_secs(1))?).to_string())
            }
            Self::Text { max_bytes } => Some("x".repeat(usize::try_from(*max_bytes).ok()?.checked_add(1)?)),
            Self::Choice(words) => Some(words.iter().fold("not".to_owned(), |no, word| no + "-" + word)),
        }
    }

    /// Reads a value; the message continues the sentence "the parameter `x` …" and says what is allowed.
    pub fn parse(&self, text: &str) -> Result<ParameterValue, String> {
        match self {
            Self::Count { min, max } => match text.parse::<u64>() {
                Ok(value) if (*min..=*max).contains(&value) => Ok(ParameterValue::Count(value)),
                _ => Err(format!("is `{text}`; write a whole number from {min} to {max}")),
            },
            Self::Duration { min, max } => match parse_duration(text) {
                Some(value) if (*min..=*max).contains(&value) => Ok(ParameterValue::Duration(value)),
                _ => Err(format!(
                    "is `{text}`; write a length of time from {} to {}, such as `100ms`, `5s` or `2m`",
                    TraitValue::Duration(*min),
                    TraitValue::Duration(*max)
                )),
            },
            Self::Text { max_bytes } => {
                if text.len() as u64 <= *max_bytes {
                    Ok(ParameterValue::Text(text.to_owned()))
                } else {
                    Err(format!("has {} bytes; the most is {max_bytes}", text.len()))
                }
            }
            Self::Choice(words) => {
                if words.iter().any(|word| word == text) {
                    Ok(ParameterValue::Text(text.to_owned()))
                } else {
                    Err(format!("is `{text}`; write one of `{}`", words.join("`, `")))
                }
            }
        }
    }
}

impl Parameters {
    /// Checks values and fills in defaults; `Err` lists every problem as (parameter, message).
    pub fn parse<'a>(
        specs: &[ParameterSpec],
        given: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, Vec<(String, String)>> {
        let mut values = BTreeMap::new();
        let mut problems = Vec::new();
        for spec in specs {
            let text = match (given(&spec.name), &spec.default) {
                (Some(text), _) => text,
                (None, Some(default)) => default.as_str(),
                (None, None) if spec.required => {
                    problems.push((spec.name.clone(), format!("is missing: {}", spec.description)));
                    continue;
                }
                (None, None) => continue,
            };
            match spec.kind.parse(text) {
                Ok(value) => {
                    values.insert(spec.name.clone(), value);
                }
                Err(problem) => problems.push((spec.name.clone(), problem)),
            }
        }
        if problems.is_empty() { Ok(Self(values)) } else { Err(problems) }
    }

    /// A number; 0 where there is none.
    pub fn count(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(ParameterValue::Count(value)) => *value,
            _ => 0,
        }
    }

    /// A length of time, where one was given.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.0.get(name) {
            Some(ParameterValue::Duration(value)) => Some(*value),
            _ => None,
        }
    }

    /// A text or a word; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(ParameterValue::Text(value)) => value,
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let kinds = [
            ParameterKind::Count { min: 0, max: 10 },
            ParameterKind::Duration { min: Duration::from_millis(1), max: Duration::from_secs(60) },
            ParameterKind::Text { max_bytes: 8 },
            ParameterKind::Choice(vec!["on".to_owned(), "off".to_owned()]),
        ];
        for kind in kinds {
            let value = kind.out_of_bounds().unwrap();
            assert!(kind.parse(&value).is_err(), "{kind:?} takes {value}");
        }
        assert_eq!(ParameterKind::Count { min: 0, max: u64::MAX }.out_of_bounds(), None);
    }

    fn spec(name: &str, kind: ParameterKind, default: Option<&str>, required: bool) -> ParameterSpec {
        let (name, default) = (name.to_owned(), default.map(str::to_owned));
        ParameterSpec { name, description: "for a test".into(), kind, required, default }
    }

    #[test]
    fn bounds_are_inclusive_and_every_problem_is_told() {
        let second = Duration::from_secs(1);
        let specs = [
            spec("retries", ParameterKind::Count { min: 0, max: 5 }, Some("3"), false),
            spec("wait", ParameterKind::Duration { min: second, max: second * 60 }, None, false),
            spec("topic", ParameterKind::Text { max_bytes: 3 }, None, true),
            spec("mode", ParameterKind::Choice(vec!["on".into(), "off".into()]), Some("off"), false),
        ];
        let parse = |given: &[(&str, &'static str)]| {
            let given: BTreeMap<String, &'static str> =
                given.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            Parameters::parse(&specs, |name| given.get(name).copied())
        };
        let good = parse(&[("topic", "abc"), ("retries", "5"), ("wait", "1m")]).unwrap();
        assert_eq!((good.count("retries"), good.text("mode"), good.text("topic")), (5, "off", "abc"));
        assert_eq!((good.duration("wait"), good.duration("other")), (Some(second * 60), None));
        let bad = parse(&[("retries", "6"), ("wait", "999ms"), ("mode", "maybe")]).unwrap_err();
        let told: Vec<String> = bad.iter().map(|(name, problem)| format!("{name} {problem}")).collect();
        assert_eq!(
            told,
            [
                "retries is `6`; write a whole number from 0 to 5",
                "wait is `999ms`; write a length of time from 1s to 1m, such as `100ms`, `5s` or `2m`",
                "topic is missing: for a test",
                "mode is `maybe`; write one of `on`, `off`",
            ]
        );
        assert!(parse(&[("topic", "abcd")]).is_err());
    }
}
