//! Python with packages from its index, in an environment of a test's own.

use crate::tool::Ran;
use std::{io::Write, process::Command};
use tempfile::TempDir;

/// Set where Python must be there, as in CI. Elsewhere the tests that need it say that they were left out, because Rust
/// is all that a newcomer has to have.
const REQUIRED: &str = "PRISM_REQUIRE_PYTHON";

/// Says that something was not tested, and why; a failure where Python is required.
pub(crate) fn left_out(what: &str, why: &str) {
    let required = std::env::var_os(REQUIRED).is_some_and(|value| !value.is_empty());
    assert!(!required, "{what} cannot be tested without Python, and {REQUIRED} is set: {why}");
    let _ = writeln!(std::io::stderr(), "not tested: {what}: {why}");
}

/// A virtual environment.
pub(crate) struct Python {
    folder: TempDir,
}

impl Python {
    /// With what a requirements.txt names; `None`, which is said, where there is no Python or no package index.
    pub(crate) fn with(what: &str, requirements: &str) -> Option<Self> {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::write(folder.path().join("requirements.txt"), requirements).expect("a file");
        let line = "python3 -m venv venv && venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt";
        let made = Command::new("/bin/sh").args(["-c", line]).current_dir(folder.path()).output();
        let made = Ran::from(made.expect("a shell runs"));
        if made.code != 0 {
            left_out(what, &format!("`{line}` failed\n{}{}", made.stdout, made.stderr));
            return None;
        }
        Some(Self { folder })
    }

    /// Runs a script to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let python = self.folder.path().join("venv/bin/python");
        Ran::from(Command::new(python).args(arguments).output().expect("python runs"))
    }
}
