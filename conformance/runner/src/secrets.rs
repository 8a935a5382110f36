//! What must not show in a report, whoever repeats it.

use prism_reports::{EventKind, event::TargetFailed};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// A shorter value is not looked for: replacing it would tear reports apart and hide little.
const SHORTEST: usize = 4;

/// Fields that hold names of ours alone, by which records are matched.
const OURS: [&str; 4] = ["event", "target", "case", "outcome"];

/// Values by where they come from: a driver or a server may well repeat what it was sent, in an error or a log.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    /// What to look for, and what stands in its place; longer ones first.
    values: Vec<(String, String)>,
}

impl Secrets {
    /// Adds what an environment variable holds; of `Bearer abc`, also the `abc`.
    pub(crate) fn add(&mut self, variable: &str, value: &str) {
        let shown = format!("[value of {variable}]");
        self.insert(value, &shown);
        if let Some((_, token)) = value.split_once(' ') {
            self.insert(token, &shown);
        }
    }

    /// Adds the passwords that stand in URLs among settings.
    pub(crate) fn add_passwords(&mut self, settings: &BTreeMap<String, String>) {
        for (name, value) in settings {
            let Some((_, rest)) = value.split_once("://") else { continue };
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let Some((user, _)) = authority.rsplit_once('@') else { continue };
            let Some((_, password)) = user.split_once(':') else { continue };
            self.insert(password, &format!("[password of {name}]"));
        }
    }

    fn insert(&mut self, value: &str, shown: &str) {
        // As it is, and as it looks in a quoted text.
        for value in [value.to_owned(), value.escape_debug().to_string()] {
            if value.len() >= SHORTEST && !self.values.iter().any(|(known, _)| *known == value) {
                self.values.push((value, shown.to_owned()));
            }
        }
        self.values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    }

    /// The text without them.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, (value, shown)| text.replace(value, shown))
    }

    /// The event without them, whatever field they are in.
    pub(crate) fn redact_event(&self, target: &str, event: EventKind) -> EventKind {
        if self.values.is_empty() {
            return event;
        }
        let redacted = serde_json::to_value(event).and_then(|mut value| {
            self.redact_value(&mut value);
            serde_json::from_value(value)
        });
        redacted.unwrap_or_else(|error| {
            let reason = format!("an event cannot be freed of secrets: {error}");
            EventKind::TargetFailed(TargetFailed { target: target.to_owned(), reason })
        })
    }

    fn redact_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.redact_value(value)),
            Value::Object(fields) => {
                for (_, value) in fields.iter_mut().filter(|(name, _)| !OURS.contains(&name.as_str())) {
                    self.redact_value(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced_wherever_they_show() {
        let mut secrets = Secrets::default();
        secrets.add("TOKEN", "Bearer s3cr\"et");
        secrets.add("SHORT", "abc");
        let settings =
            [("url", "redis://me:hunter2@host:1/0"), ("other", "redis://host:1"), ("mode", "a:b@c")];
        secrets.add_passwords(&settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(secrets.redact("Bearer s3cr\"et, s3cr\"et, s3cr\\\"et"), {
            "[value of TOKEN], [value of TOKEN], [value of TOKEN]"
        });
        assert_eq!(secrets.redact("abc me:hunter2@host a:b@c"), "abc me:[password of url]@host a:b@c");
        assert_eq!(format!("{secrets:?}"), "Secrets { .. }");
        let failed = |reason: &str| {
            EventKind::TargetFailed(TargetFailed { target: "t".to_owned(), reason: reason.to_owned() })
        };
        assert_eq!(secrets.redact_event("t", failed("no hunter2")), failed("no [password of url]"));
    }
}
