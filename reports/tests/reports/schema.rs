//! The published schema is the code's, and what the code writes keeps to it.

use std::path::PathBuf;

use prism_reports::render::json;
use prism_reports::{Report, certificate_schema, diff_schema, plan_schema, report_schema};

use crate::fixture;

#[test]
fn the_published_schemas_are_current() {
    is_current("schema/report.v1.schema.json", &report_schema());
    is_current("schema/plan.v1.schema.json", &plan_schema());
    is_current("schema/certificate.v1.schema.json", &certificate_schema());
    is_current("schema/diff.v1.schema.json", &diff_schema());
}

fn is_current(path: &str, current: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("PRISM_BLESS").is_some() {
        std::fs::write(&path, current).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = published.lines().zip(current.lines()).position(|(old, new)| old != new);
    let line = differs.unwrap_or_else(|| published.lines().count().min(current.lines().count()));
    let part = |text: &str| text.lines().skip(line.saturating_sub(3)).take(8).collect::<Vec<_>>().join("\n");
    assert!(
        published == current,
        "the published schema is stale from line {} on; set PRISM_BLESS=1 to rewrite it\n--- published\n{}\n--- current\n{}",
        line + 1,
        part(&published),
        part(current),
    );
}

#[test]
fn reports_keep_to_the_schema_and_come_back() {
    let schema = serde_json::from_str(&report_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut cut_off = fixture::full_run();
    cut_off.truncate(12);
    for events in [fixture::full_run(), fixture::empty_run(), fixture::good_run(), cut_off, Vec::new()] {
        let report = Report::from_events(&events);
        let text = json::render(&report);
        let value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        let back: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(back, report);
        assert_eq!(json::render(&back), text);
    }
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let schema = serde_json::from_str(&report_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let report = Report::from_events(&fixture::full_run());
    let changed = |pointer: &str, value: serde_json::Value| {
        let mut json = serde_json::to_value(&report).unwrap();
        *json.pointer_mut(pointer).unwrap() = value;
        json
    };
    assert!(validator.is_valid(&serde_json::to_value(&report).unwrap()));
    assert!(!validator.is_valid(&changed("/verdict", "green".into())));
    assert!(!validator.is_valid(&changed("/targets/0/cases/0/outcome", "skip".into())));
    assert!(!validator.is_valid(&changed("/provenance/seed", 7.into())));
    assert!(!validator.is_valid(&changed("/totals", serde_json::json!({"skip": 1}))));
    assert!(!validator.is_valid(&changed("/targets/0/status", serde_json::json!({"state": "maybe"}))));
}
