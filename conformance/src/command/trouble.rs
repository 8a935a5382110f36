//! Why a command ends early.

use prism_reports::exit;
use std::fmt;

/// What to tell the user, and the exit code.
#[derive(Debug, Clone)]
pub struct Trouble {
    message: String,
    /// The exit code.
    pub code: u8,
}

impl Trouble {
    /// The user has to change something: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: exit::USAGE }
    }

    /// What there is to tell, without its heading.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The machine did not do its part: exit code 3.
    pub fn incomplete(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: exit::INCOMPLETE }
    }

    /// There is nothing to do: exit code 4.
    pub fn nothing(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: exit::NOTHING_MEASURED }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A report that was rendered elsewhere brings its own heading.
        if self.message.contains('\n') {
            f.write_str(self.message.trim_end())
        } else {
            write!(f, "error: {}", self.message)
        }
    }
}
