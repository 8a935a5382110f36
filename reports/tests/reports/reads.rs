//! What a run leaves is read alike, whatever it is.

use prism_reports::render::json;
use prism_reports::{ReadError, Report, read_report};

use crate::fixture;

#[test]
fn json_reports_and_logs_are_read_alike_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let events = fixture::full_run();
    let report = Report::from_events(&events);
    let log: String = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    let text = json::render(&report);
    assert_eq!(read_report(&file("a.jsonl", log.as_bytes())).unwrap(), report);
    assert_eq!(read_report(&file("a.json", text.as_bytes())).unwrap(), report);
    file("both/events.jsonl", log.as_bytes());
    file("both/report.json", b"{}");
    assert_eq!(read_report(&folder.path().join("both")).unwrap(), report, "the log is what all is made from");
    file("one/report.json", text.as_bytes());
    assert_eq!(read_report(&folder.path().join("one")).unwrap(), report);

    let said = |path: &std::path::Path| read_report(path).unwrap_err();
    assert!(matches!(said(&folder.path().join("missing")), ReadError::Io { .. }));
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    assert!(matches!(said(&folder.path().join("empty")), ReadError::NoReportInside { .. }));
    for text in [
        &b""[..],
        b"  \n",
        b"{\"name\": \"package\"}",
        b"[]",
        b"<html>",
        &[0xff, 0xfe],
        &text.as_bytes()[..900],
    ] {
        assert!(matches!(said(&file("other", text)), ReadError::NoReport { .. }), "{text:?}");
    }
    let later = text.replacen("\"schema_version\": 1", "\"schema_version\": 2", 1);
    let error = said(&file("later.json", later.as_bytes()));
    assert!(matches!(error, ReadError::Version { found: 2, .. }), "{error}");
    assert!(error.to_string().contains("schema version 2; this tool reads version 1"), "{error}");
    let error = said(&file("log", b"{\"seq\":0}\nnot json\n"));
    assert!(matches!(error, ReadError::Log { .. }) && error.to_string().contains("line 1"), "{error}");
}
