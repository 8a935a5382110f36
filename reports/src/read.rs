//! Reads a report from whatever a run has left: its event log, its `report.json`, or the folder that holds them.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::event::SCHEMA_VERSION;
use crate::log::{LogError, read_events};
use crate::model::Report;

/// What cannot be read as a report.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file or folder could not be opened or read.
    #[error("{}: it cannot be read: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder without a report.
    #[error("{}: the folder holds neither events.jsonl nor report.json", path.display())]
    NoReportInside {
        /// The folder.
        path: PathBuf,
    },
    /// The file begins as an event log does, and is none.
    #[error("{}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: LogError,
    },
    /// The file is neither an event log nor a `report.json`.
    #[error("{}: it is neither an event log nor a report.json: {reason}", path.display())]
    NoReport {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The report was written by a tool of another generation.
    #[error("{}: the report has schema version {found}; this tool reads version {SCHEMA_VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version of the report.
        found: u64,
    },
}

/// Reads the report of a run from an event log, a `report.json`, or a folder that holds one; the log where it holds
/// both, because everything else is made from it.
pub fn read_report(path: &Path) -> Result<Report, ReadError> {
    if path.is_dir() {
        let inside = ["events.jsonl", "report.json"].map(|name| path.join(name));
        return match inside.iter().find(|file| file.is_file()) {
            Some(file) => read_file(file),
            None => Err(ReadError::NoReportInside { path: path.to_owned() }),
        };
    }
    read_file(path)
}

fn read_file(path: &Path) -> Result<Report, ReadError> {
    let unreadable = |source| ReadError::Io { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    if is_log(reader.fill_buf().map_err(unreadable)?) {
        let read = read_events(reader);
        let (events, _) = read.map_err(|source| ReadError::Log { path: path.to_owned(), source })?;
        return Ok(Report::from_events(&events));
    }
    let text = io::read_to_string(reader).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => no_report(path, "it is not text"),
        _ => unreadable(error),
    })?;
    parse(path, &text)
}

fn no_report(path: &Path, reason: impl Into<String>) -> ReadError {
    ReadError::NoReport { path: path.to_owned(), reason: reason.into() }
}

fn parse(path: &Path, text: &str) -> Result<Report, ReadError> {
    #[derive(Deserialize)]
    struct Head {
        schema_version: u64,
    }
    if text.trim().is_empty() {
        return Err(no_report(path, "it is empty"));
    }
    let head: Head = serde_json::from_str(text).map_err(|error| no_report(path, error.to_string()))?;
    if head.schema_version != u64::from(SCHEMA_VERSION) {
        return Err(ReadError::Version { path: path.to_owned(), found: head.schema_version });
    }
    serde_json::from_str(text).map_err(|error| no_report(path, error.to_string()))
}

/// Whether a file begins as an event log does: with an object whose first key is one of an event.
fn is_log(start: &[u8]) -> bool {
    let Some(rest) = start.trim_ascii_start().strip_prefix(b"{") else { return false };
    let rest = rest.trim_ascii_start();
    [&b"\"seq\""[..], b"\"at_ms\"", b"\"event\""].iter().any(|key| rest.starts_with(key))
}
