//! CTRF is what its specification says, and comes back.

use prism_reports::render::ctrf;
use prism_reports::{Outcome, Report};
use serde_json::{Value, json};

use crate::fixture;

fn rendered(report: &Report) -> Value {
    let mut bytes = Vec::new();
    ctrf::write(report, &mut bytes).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// What the specification demands of the parts that are written, version 1.0.0: required members, closed objects, types.
fn schema() -> Value {
    let text = || json!({ "type": "string" });
    let name = || json!({ "type": "string", "minLength": 1 });
    let number = || json!({ "type": "integer" });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let test = json!({
        "type": "object",
        "required": ["name", "status", "duration"],
        "additionalProperties": false,
        "properties": {
            "name": name(), "duration": number(), "message": text(), "trace": text(), "rawStatus": text(),
            "type": text(), "tags": texts(), "stdout": texts(), "stderr": texts(),
            "status": { "enum": ["passed", "failed", "skipped", "pending", "other"] },
            "suite": { "type": "array", "minItems": 1, "items": { "type": "string" } },
        },
    });
    let counts = ["tests", "passed", "failed", "skipped", "pending", "other", "start", "stop"];
    let mut summary: serde_json::Map<String, Value> =
        counts.iter().map(|name| ((*name).to_owned(), number())).collect();
    summary.insert("suites".into(), number());
    json!({
        "type": "object",
        "required": ["results", "reportFormat", "specVersion"],
        "additionalProperties": false,
        "properties": {
            "reportFormat": { "const": "CTRF" },
            "specVersion": { "type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$" },
            "generatedBy": text(),
            "timestamp": { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$" },
            "results": {
                "type": "object",
                "required": ["tool", "summary", "tests"],
                "additionalProperties": false,
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["name"],
                        "additionalProperties": false,
                        "properties": { "name": name(), "version": text() },
                    },
                    "summary": {
                        "type": "object",
                        "required": counts,
                        "additionalProperties": false,
                        "properties": summary,
                    },
                    "tests": { "type": "array", "items": test },
                    "environment": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": { "osPlatform": text(), "commit": text() },
                    },
                    "extra": { "type": "object" },
                },
            },
        },
    })
}

#[test]
fn every_report_keeps_to_the_specification() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut cut_off = fixture::full_run();
    cut_off.truncate(9);
    for events in [fixture::full_run(), fixture::good_run(), fixture::empty_run(), cut_off, Vec::new()] {
        let value = rendered(&Report::from_events(&events));
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
    let mut wrong = rendered(&Report::from_events(&fixture::good_run()));
    wrong["results"]["tests"][0]["status"] = "green".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn every_outcome_comes_back() {
    let report = Report::from_events(&fixture::full_run());
    let value = rendered(&report);
    let tests = value["results"]["tests"].as_array().unwrap();
    assert_eq!(tests.len() as u64, report.totals.total());
    for ((target, case), test) in report.cases().zip(tests) {
        assert_eq!(test["name"], case.id);
        assert_eq!(test["suite"], json!([target.target, case.interface]));
        let back: Outcome = test["rawStatus"].as_str().unwrap().parse().unwrap();
        assert_eq!(back, case.outcome);
        assert_eq!(test["status"], serde_json::to_value(case.outcome.ctrf()).unwrap());
        let held = matches!(case.outcome, Outcome::Pass | Outcome::Refused);
        assert_eq!(test["status"] == "passed", held, "nothing but what held is green");
        assert_eq!(test.get("message").is_none(), held);
    }
    let summary = &value["results"]["summary"];
    let parts = ["passed", "failed", "skipped", "pending", "other"];
    let sum: u64 = parts.iter().map(|part| summary[part].as_u64().unwrap()).sum();
    assert_eq!(summary["tests"], sum);
    for part in parts {
        let counted = tests.iter().filter(|test| test["status"] == part).count();
        assert_eq!(summary[part], counted, "{part}");
    }
    assert_eq!(summary["stop"].as_u64().unwrap() - summary["start"].as_u64().unwrap(), 2_345);
}
