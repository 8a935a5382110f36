//! The file that GitHub shows: appended to, never over its limit, never cut.

use std::fs;

use prism_reports::render::markdown::{Options, render};
use prism_reports::{Report, STEP_SUMMARY_LIMIT, append_step_summary};

use crate::fixture;

fn append(existing: Option<&[u8]>) -> (Vec<u8>, prism_reports::SummaryWritten) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.md");
    if let Some(existing) = existing {
        fs::write(&path, existing).unwrap();
    }
    let report = Report::from_events(&fixture::full_run());
    let written =
        append_step_summary(&path, |budget_bytes| render(&report, &Options { budget_bytes })).unwrap();
    (fs::read(&path).unwrap(), written)
}

#[test]
fn what_is_there_stays_and_the_page_follows() {
    let (fresh, written) = append(None);
    assert_eq!((written.existing, written.appended), (0, fresh.len()));
    assert!(fresh.starts_with(b"# "));
    for (existing, glue) in [("before\n", "\n"), ("before", "\n\n")] {
        let (bytes, written) = append(Some(existing.as_bytes()));
        let expected = [existing.as_bytes(), glue.as_bytes(), &fresh].concat();
        assert_eq!(bytes, expected);
        assert_eq!(written.appended, bytes.len() - existing.len());
    }
}

#[test]
fn a_file_that_is_almost_full_gets_a_shorter_page_or_none() {
    let limit = usize::try_from(STEP_SUMMARY_LIMIT).unwrap();
    for missing in [0, 1, 100, 16_384, 16_390, 16_500, 17_500, 20_000, 25_000] {
        let existing = vec![b'x'; limit - missing];
        let (bytes, written) = append(Some(&existing));
        assert!(bytes.len() <= limit, "{missing} bytes were left, the file has {}", bytes.len());
        assert!(bytes.starts_with(&existing));
        assert_eq!(written.appended, bytes.len() - existing.len());
        if missing <= 16_384 {
            assert_eq!(written.appended, 0);
        }
        if missing == 20_000 {
            assert!(String::from_utf8_lossy(&bytes[existing.len()..]).contains("Left out to stay within"));
        }
    }
    let over = vec![b'x'; limit + 5];
    assert_eq!(append(Some(&over)).0, over);
}

#[test]
fn a_page_that_ignores_its_budget_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.md");
    let written = append_step_summary(&path, |budget| "x".repeat(budget + 1)).unwrap();
    assert_eq!(written.appended, 0);
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    assert!(append_step_summary(&folder.path().join("absent/summary.md"), |_| "x".into()).is_err());
}
