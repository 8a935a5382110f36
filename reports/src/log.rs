//! Writes and reads `events.jsonl`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use thiserror::Error;

use crate::event::{Event, EventKind, RunFinished, SCHEMA_VERSION};
use crate::outcome::Outcome;

/// A log that cannot be written or read.
#[derive(Debug, Error)]
pub enum LogError {
    /// The file could not be created or opened.
    #[error("cannot open the event log {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading or writing failed.
    #[error("cannot read or write the event log")]
    Io(#[from] io::Error),
    /// A line is not an event.
    #[error("line {line} of the event log is not an event: {reason}")]
    BadLine {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A line is missing, doubled or out of order.
    #[error(
        "line {line} of the event log has number {found} where {expected} belongs: lines were lost or moved"
    )]
    OutOfSequence {
        /// The line, from 1.
        line: usize,
        /// The `seq` that belongs there.
        expected: u64,
        /// The `seq` that is there.
        found: u64,
    },
    /// Something follows the closing record.
    #[error("line {line} of the event log follows its closing record")]
    AfterTheEnd {
        /// The line, from 1.
        line: usize,
    },
    /// The log was written by a newer tool.
    #[error("the event log has schema version {found}; this tool reads up to {SCHEMA_VERSION}")]
    Version {
        /// The version of the log.
        found: u32,
    },
}

/// Whether a log has its closing record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// The last line is the closing record.
    Complete,
    /// The run was cut off, or is still going on.
    Truncated,
}

/// Numbers, times and writes events, one a line. Each line is flushed, so that a run that dies leaves what it knew.
#[derive(Debug)]
pub struct EventWriter<W: Write> {
    sink: W,
    opened: Instant,
    next_seq: u64,
    outcome_counts: BTreeMap<Outcome, u64>,
}

impl EventWriter<BufWriter<File>> {
    /// Opens a new log; a file of that name is overwritten.
    pub fn create(path: &Path) -> Result<Self, LogError> {
        let file = File::create(path).map_err(|source| LogError::Open { path: path.to_owned(), source })?;
        Ok(Self::new(BufWriter::new(file)))
    }
}

impl<W: Write> EventWriter<W> {
    /// A log that is written to `sink`; `io::sink()` serves where the events are only wanted in memory.
    pub fn new(sink: W) -> Self {
        Self { sink, opened: Instant::now(), next_seq: 0, outcome_counts: BTreeMap::new() }
    }

    /// Gives the event its number and time, without writing it. A stamped event that is never written is a gap in
    /// the log, which the reader refuses.
    pub fn stamp(&mut self, kind: EventKind) -> Event {
        if let EventKind::CaseFinished(case) = &kind {
            *self.outcome_counts.entry(case.outcome).or_default() += 1;
        }
        let event = Event { seq: self.next_seq, at_ms: self.elapsed_ms(), kind };
        self.next_seq += 1;
        event
    }

    /// Writes a stamped event and flushes.
    pub fn write(&mut self, event: &Event) -> Result<(), LogError> {
        let mut line = serde_json::to_vec(event).map_err(io::Error::from)?;
        line.push(b'\n');
        self.sink.write_all(&line)?;
        self.sink.flush()?;
        Ok(())
    }

    /// [`stamp`](Self::stamp) and [`write`](Self::write): for whoever has no use for an event that cannot be written.
    pub fn append(&mut self, kind: EventKind) -> Result<Event, LogError> {
        let event = self.stamp(kind);
        self.write(&event)?;
        Ok(event)
    }

    /// The closing record that belongs to what was stamped so far.
    pub fn closing_record(&self, cancelled: bool, peak_rss_kib: Option<u64>) -> EventKind {
        EventKind::RunFinished(RunFinished {
            outcome_counts: self.outcome_counts.clone(),
            cancelled,
            peak_rss_kib,
            wall_ms: self.elapsed_ms(),
        })
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Reads a log from a file.
pub fn read_log(path: &Path) -> Result<(Vec<Event>, Completeness), LogError> {
    let file = File::open(path).map_err(|source| LogError::Open { path: path.to_owned(), source })?;
    read_events(BufReader::new(file))
}

/// Reads a log. A torn last line is dropped, since it is what a run that was cut off leaves; anything else that is not
/// an event in its place is an error.
pub fn read_events(mut reader: impl BufRead) -> Result<(Vec<Event>, Completeness), LogError> {
    let mut events: Vec<Event> = Vec::new();
    let mut closed = false;
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if closed {
            return Err(LogError::AfterTheEnd { line });
        }
        let torn = bytes.last() != Some(&b'\n');
        let event: Event = match serde_json::from_slice(&bytes) {
            Ok(event) => event,
            Err(_) if torn => break,
            Err(error) => return Err(bad_line(line, &bytes, &error)),
        };
        let expected = events.len() as u64;
        if event.seq != expected {
            return Err(LogError::OutOfSequence { line, expected, found: event.seq });
        }
        if let EventKind::RunStarted(run) = &event.kind
            && run.schema_version > SCHEMA_VERSION
        {
            return Err(LogError::Version { found: run.schema_version });
        }
        closed = matches!(event.kind, EventKind::RunFinished(_));
        events.push(event);
    }
    Ok((events, if closed { Completeness::Complete } else { Completeness::Truncated }))
}

/// A newer tool may write lines that this one cannot parse; then the version is what has to be said.
fn bad_line(line: usize, bytes: &[u8], error: &serde_json::Error) -> LogError {
    let version = serde_json::from_slice::<serde_json::Value>(bytes)
        .ok()
        .and_then(|value| value.get("schema_version")?.as_u64())
        .and_then(|version| u32::try_from(version).ok());
    match version {
        Some(found) if found > SCHEMA_VERSION => LogError::Version { found },
        _ => LogError::BadLine { line, reason: error.to_string() },
    }
}
