//! The event log: there and back, cut off anywhere, damaged anywhere.

use std::fs;
use std::io::{self, Write};

use prism_reports::event::SCHEMA_VERSION;
use prism_reports::{Completeness, Event, EventKind, EventWriter, LogError, Outcome, read_events, read_log};

use crate::fixture::{self, done, finished};

fn written(events: &[Event]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        serde_json::to_writer(&mut bytes, event).unwrap();
        bytes.push(b'\n');
    }
    bytes
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let mut writer = EventWriter::create(&path).unwrap();
    let mut appended: Vec<Event> = Vec::new();
    for event in &fixture::full_run()[..fixture::full_run().len() - 1] {
        appended.push(writer.append(event.kind.clone()).unwrap());
        // Each line is there as soon as it is appended: a run that dies leaves what it knew.
        assert_eq!(read_log(&path).unwrap(), (appended.clone(), Completeness::Truncated));
    }
    let closing = writer.closing_record(true, Some(1));
    appended.push(writer.append(closing).unwrap());
    assert_eq!(read_log(&path).unwrap(), (appended.clone(), Completeness::Complete));
    assert!(appended.iter().enumerate().all(|(n, event)| event.seq == n as u64));
    assert!(appended.is_sorted_by_key(|event| event.at_ms));
    let EventKind::RunFinished(closing) = &appended.last().unwrap().kind else { panic!("no closing record") };
    assert_eq!(closing.outcome_counts[&Outcome::Fail], 2);
    assert_eq!(closing.outcome_counts.values().sum::<u64>(), 17);
    assert!(closing.cancelled);
}

#[test]
fn a_line_is_flat_and_names_its_kind() {
    let mut writer = EventWriter::new(Vec::new());
    let event = writer.stamp(done(finished("redis", "a/b", Outcome::ExpectedFail, 1.5)));
    let json = serde_json::to_value(&event).unwrap();
    assert_eq!(json["event"], "case_finished");
    assert_eq!(json["seq"], 0);
    assert_eq!(json["outcome"], "expected_fail");
    assert_eq!(json["duration_ms"], 1.5);
    let json = serde_json::to_value(writer.stamp(fixture::started())).unwrap();
    assert_eq!(json["seed"], (u64::MAX - 1).to_string());
    assert_eq!(json["seq"], 1);
    let json = serde_json::to_value(writer.stamp(fixture::ready("redis", "container", Some("7.0")))).unwrap();
    assert_eq!(json["provision"], "container");
}

#[test]
fn a_log_cut_off_anywhere_is_truncated_not_broken() {
    let events = fixture::full_run();
    let bytes = written(&events);
    for cut in 0..bytes.len() {
        let (read, completeness) =
            read_events(&bytes[..cut]).unwrap_or_else(|error| panic!("{cut}: {error}"));
        let whole = bytes[..cut].split(|byte| *byte == b'\n').count() - 1;
        // A line that only lacks its line end is whole.
        assert!(read.len() == whole || read.len() == whole + 1);
        assert_eq!(read[..], events[..read.len()]);
        assert_eq!(completeness == Completeness::Complete, read.len() == events.len(), "cut at {cut}");
    }
    assert_eq!(read_events(&bytes[..]).unwrap(), (events, Completeness::Complete));
}

fn error_of(lines: &[&str]) -> LogError {
    read_events(lines.join("").as_bytes()).unwrap_err()
}

#[test]
fn damage_in_the_middle_is_an_error_with_its_line() {
    let text = String::from_utf8(written(&fixture::good_run())).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert!(matches!(error_of(&[lines[0], "{\"seq\":1,\n", lines[2]]), LogError::BadLine { line: 2, .. }));
    assert!(matches!(error_of(&[lines[0], "\n", lines[1]]), LogError::BadLine { line: 2, .. }));
    assert!(matches!(
        error_of(&[lines[0], "{\"seq\":1,\"at_ms\":1,\"event\":\"party\"}\n"]),
        LogError::BadLine { line: 2, .. }
    ));
    assert!(matches!(
        error_of(&[lines[0], lines[2]]),
        LogError::OutOfSequence { line: 2, expected: 1, found: 2 }
    ));
    assert!(matches!(
        error_of(&[lines[0], lines[0]]),
        LogError::OutOfSequence { line: 2, expected: 1, found: 0 }
    ));
    let whole = text.clone() + lines[0];
    assert!(matches!(error_of(&[&whole]), LogError::AfterTheEnd { line: 7 }));
    let mut bytes = text.into_bytes();
    bytes[10] = 0xff;
    assert!(matches!(read_events(&bytes[..]).unwrap_err(), LogError::BadLine { line: 1, .. }));
}

#[test]
fn a_newer_log_is_refused_by_its_version() {
    let mut events = fixture::good_run();
    if let EventKind::RunStarted(run) = &mut events[0].kind {
        run.schema_version = SCHEMA_VERSION + 1;
    }
    let found = SCHEMA_VERSION + 1;
    let error = read_events(&written(&events)[..]).unwrap_err();
    assert!(matches!(error, LogError::Version { found: version } if version == found));
    let unknown = format!(
        "{{\"seq\":0,\"at_ms\":0,\"event\":\"run_started\",\"schema_version\":{found},\"host\":\"a\"}}\n"
    );
    assert!(matches!(error_of(&[&unknown]), LogError::Version { found: version } if version == found));
}

#[test]
fn files_that_cannot_be_opened_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent").join("events.jsonl");
    for error in [EventWriter::create(&absent).unwrap_err(), read_log(&absent).unwrap_err()] {
        assert!(matches!(&error, LogError::Open { path, .. } if *path == absent), "{error}");
        assert!(error.to_string().contains("absent"));
    }
    fs::write(folder.path().join("empty"), "").unwrap();
    assert_eq!(read_log(&folder.path().join("empty")).unwrap(), (Vec::new(), Completeness::Truncated));
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_and_the_event_is_still_known() {
    let mut writer = EventWriter::new(Full);
    let event = writer.stamp(fixture::started());
    let error = writer.write(&event).unwrap_err();
    assert!(matches!(&error, LogError::Io(error) if error.kind() == io::ErrorKind::StorageFull), "{error:?}");
    assert_eq!(event.kind, fixture::started());
}
