//! What Initialize hands over to a driver.

use prism_interfaces::{Fault, contract::v1::Reason};
use std::{collections::BTreeMap, fmt};

/// A setting that a driver knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingSpec {
    /// Its name, such as `url`.
    pub name: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// Whether Initialize needs it.
    pub required: bool,
}

/// Settings by name. `Debug` shows the names alone, because values can be secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Checks names against what the driver knows.
    pub fn new(
        specs: &[SettingSpec],
        values: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Fault> {
        let values: BTreeMap<String, String> = values.into_iter().collect();
        let known = specs.iter().map(|spec| spec.name).collect::<Vec<_>>().join("`, `");
        if let Some(name) = values.keys().find(|name| !specs.iter().any(|spec| spec.name == *name)) {
            return Err(Self::invalid(name, &format!("is not known; known are `{known}`")));
        }
        if let Some(spec) = specs.iter().find(|spec| spec.required && !values.contains_key(spec.name)) {
            return Err(Self::invalid(spec.name, &format!("is missing: {}", spec.meaning)));
        }
        Ok(Self(values))
    }

    /// The error for a value that cannot be used; `problem` continues the sentence "the setting `x` …".
    pub fn invalid(name: &str, problem: &str) -> Fault {
        Fault::invalid_argument(Reason::SettingInvalid, format!("the setting `{name}` {problem}"))
            .field(format!("settings.{name}"))
    }

    /// A value, where it was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Status;

    const SPECS: &[SettingSpec] =
        &[SettingSpec { name: "url", meaning: "where the server is", required: true }];

    fn new(values: &[(&str, &str)]) -> Result<Settings, Fault> {
        Settings::new(SPECS, values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn unknown_and_missing_settings_are_named() {
        let unknown = Status::from(new(&[("url", "x"), ("color", "red")]).unwrap_err());
        assert!(unknown.message().contains("`color` is not known; known are `url`"), "{unknown}");
        let missing = Status::from(new(&[]).unwrap_err());
        assert!(missing.message().contains("`url` is missing: where the server is"), "{missing}");
    }

    #[test]
    fn debug_shows_no_values() {
        let settings = new(&[("url", "redis://:secret@host")]).unwrap();
        assert_eq!(settings.get("url"), Some("redis://:secret@host"));
        assert_eq!(format!("{settings:?}"), r#"{"url"}"#);
    }
}
