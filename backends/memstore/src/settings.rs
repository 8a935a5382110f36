//! What Initialize takes.

use prism_driver_kit::{Clock, SettingSpec, Settings};
use prism_interfaces::Fault;

/// The settings, for `DriverInfo`.
pub(crate) const SETTINGS: &[SettingSpec] = &[
    SettingSpec {
        name: "clock",
        meaning: "`system` (the default) for real time, `virtual` for the clock of tests",
        required: false,
    },
    SettingSpec {
        name: "store",
        meaning: "a name: instances in the same process with the same name share one store",
        required: false,
    },
];

/// Which clock a store keeps time by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ClockKind {
    #[default]
    System,
    Virtual,
}

/// The settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) clock: ClockKind,
    pub(crate) store: Option<String>,
}

impl Config {
    pub(crate) fn parse(settings: &Settings) -> Result<Self, Fault> {
        let clock = match settings.get("clock") {
            None | Some("system") => ClockKind::System,
            Some("virtual") => ClockKind::Virtual,
            Some(_) => return Err(Settings::invalid("clock", "must be `system` or `virtual`")),
        };
        let store = settings.get("store").map(str::to_owned);
        if store.as_deref() == Some("") {
            return Err(Settings::invalid("store", "must not be empty"));
        }
        Ok(Self { clock, store })
    }
}

impl ClockKind {
    /// A new clock of this kind.
    pub(crate) fn clock(self) -> Clock {
        match self {
            Self::System => Clock::System,
            Self::Virtual => Clock::new_virtual(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[(&str, &str)]) -> Result<Config, Fault> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::parse(&Settings::new(SETTINGS, values)?)
    }

    #[test]
    fn settings_are_read_with_their_defaults() {
        let read = |values| parse(values).unwrap();
        assert_eq!(read(&[]), Config { clock: ClockKind::System, store: None });
        assert_eq!(read(&[("clock", "system")]), read(&[]));
        assert_eq!(
            read(&[("clock", "virtual"), ("store", "a")]),
            Config { clock: ClockKind::Virtual, store: Some("a".to_owned()) }
        );
    }

    #[test]
    fn values_that_cannot_be_used_are_refused() {
        for bad in [("clock", ""), ("clock", "Virtual"), ("store", ""), ("url", "x")] {
            assert!(parse(&[bad]).is_err(), "{bad:?}");
        }
    }
}
