//! `--baseline`: what to say the changes of a run since.

use crate::command::{Trouble, diff::refused};
use prism_reports::{Report, diff, read_report, render::changes::Since};
use std::path::Path;

/// A report that others can be held against.
#[derive(Debug)]
pub(crate) struct Baseline(Report);

impl Baseline {
    /// Reads it, where one is named. What is no report, or was cut off, is a mistake of the caller's.
    pub(crate) fn read(path: Option<&Path>) -> Result<Option<Self>, Trouble> {
        let Some(path) = path else { return Ok(None) };
        let trouble = |why: String| refused(&format!("--baseline {why}"));
        let report = read_report(path).map_err(|error| trouble(error.to_string()))?;
        match diff::unusable(&report) {
            Some(why) => Err(trouble(format!("{}: it cannot be compared: {why}", path.display()))),
            None => Ok(Some(Self(report))),
        }
    }

    /// What changed since.
    pub(crate) fn since(&self, report: &Report) -> Since {
        diff::compare(&self.0, report)
    }
}
