//! Python with packages from its index, in an environment of a test's own.

use crate::tool::Ran;
use std::{io::Write, process::Command};
use tempfile::TempDir;

/// Set to a reason to leave out the tests that need Python and its package index.
pub(crate) const WITHOUT_PYTHON: &str = "PRISM_TEST_WITHOUT_PYTHON";

/// Whether Python is to be left out, which is then said.
pub(crate) fn left_out(what: &str) -> bool {
    let Some(reason) = std::env::var_os(WITHOUT_PYTHON) else { return false };
    let _ = writeln!(std::io::stderr(), "not tested: {what} ({WITHOUT_PYTHON}={})", reason.display());
    true
}

/// A virtual environment.
pub(crate) struct Python {
    folder: TempDir,
}

impl Python {
    /// With what a requirements.txt names; `None` where Python is to be left out.
    pub(crate) fn with(requirements: &str) -> Option<Self> {
        if left_out("clients in Python") {
            return None;
        }
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::write(folder.path().join("requirements.txt"), requirements).expect("a file");
        let line = "python3 -m venv venv && venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt";
        let made = Command::new("/bin/sh").args(["-c", line]).current_dir(folder.path()).output();
        let made = Ran::from(made.expect("a shell runs"));
        assert_eq!(
            made.code, 0,
            "`{line}` failed. This test needs python3 with venv, and the Python package index; {WITHOUT_PYTHON}=REASON \
             leaves it out.\n{}{}",
            made.stdout, made.stderr
        );
        Some(Self { folder })
    }

    /// Runs a script to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let python = self.folder.path().join("venv/bin/python");
        Ran::from(Command::new(python).args(arguments).output().expect("python runs"))
    }
}
