//! How much generated cases do.

use std::{fmt, str::FromStr};

/// How many operations and histories are generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// For drivers with a slow network behind them, and for a first look.
    Quick,
    /// What a run does for a server on this machine.
    Standard,
    /// What a run does for a driver in this process.
    Thorough,
}

impl Effort {
    /// Picks the number for this effort.
    pub fn pick(self, quick: usize, standard: usize, thorough: usize) -> usize {
        match self {
            Self::Quick => quick,
            Self::Standard => standard,
            Self::Thorough => thorough,
        }
    }

    /// How many generated lists of operations a model case runs.
    pub fn sequences(self) -> usize {
        self.pick(8, 24, 64)
    }

    /// How many operations such a list holds at most.
    pub fn operations(self) -> usize {
        self.pick(40, 60, 80)
    }

    /// How many concurrent histories a history case judges.
    pub fn histories(self) -> usize {
        self.pick(8, 24, 64)
    }

    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Thorough => "thorough",
        }
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Effort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Quick, Self::Standard, Self::Thorough]
            .into_iter()
            .find(|effort| effort.as_str() == text)
            .ok_or_else(|| format!("`{text}` is none of `quick`, `standard`, `thorough`"))
    }
}
