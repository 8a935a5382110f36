//! The subcommands, as a user meets them.

use crate::tool::Tool;
use prism_reports::{Outcome, Report};

/// A few cases, so that these tests are quick.
const FEW: &[&str] =
    &["run", "--backend", "memstore", "--case", "keyvalue_basic/set_*", "--case", "keyvalue_basic/get_*"];

#[test]
fn a_run_writes_every_report_and_they_agree() {
    let tool = Tool::new();
    tool.run(FEW).exits(0).says("CONFORMANT").complains("seed ");
    let report: Report = serde_json::from_str(&tool.read("prism-report/report.json")).expect("report.json");
    let passed = report.cases().filter(|(_, case)| case.outcome == Outcome::Pass).count();
    assert!(passed >= 2, "{passed}");
    assert_eq!(tool.read("prism-report/junit.xml").matches("<testcase").count(), passed);
    assert!(tool.read("prism-report/summary.md").contains("memstore"));
    let lines = tool.read("prism-report/events.jsonl");
    assert!(lines.lines().last().expect("a line").contains("run_finished"), "{lines}");
}

#[test]
fn report_renders_the_log_of_a_run_again() {
    let tool = Tool::new();
    tool.run(FEW).exits(0);
    for (format, file) in [
        ("json", "report.json"),
        ("junit", "junit.xml"),
        ("ctrf", "ctrf.json"),
        ("markdown", "summary.md"),
        ("html", "report.html"),
    ] {
        let again = tool.run(&["report", "prism-report", "--format", format]).exits(0);
        assert_eq!(again.stdout, tool.read(&format!("prism-report/{file}")), "{format}");
        tool.run(&["report", "prism-report", "--format", format, "--output", "again"]).exits(0);
        assert_eq!(tool.read("again"), again.stdout, "{format}");
    }
    tool.run(&["report", "prism-report/events.jsonl"]).exits(0).says("CONFORMANT");
    let annotations = tool.run(&["report", "prism-report", "--format", "annotations"]).exits(0);
    assert_eq!(annotations.stdout, "", "a conformant run needs no annotation");
}

#[test]
fn badges_speak_of_the_run_or_of_one_target() {
    let tool = Tool::new();
    tool.run(FEW).exits(0);
    let report = |rest: &[&str]| tool.run(&[&["report", "prism-report", "--format"], rest].concat());
    report(&["badge"]).exits(0).says("prism conformance: 100%");
    report(&["badge-endpoint", "--target", "memstore"]).exits(0).says(r#""label":"prism: memstore""#);
    report(&["badge", "--target", "memstor"])
        .exits(2)
        .complains("no target `memstor` in this report; it has memstore");
    report(&["html", "--target", "memstore"]).exits(2).complains("--target goes with --format badge");
    report(&["badge", "--output", "no/such/folder"]).exits(2).complains("name another file with --output");
}

#[test]
fn a_log_that_was_cut_off_is_incomplete() {
    let tool = Tool::new();
    tool.run(FEW).exits(0);
    let log = tool.read("prism-report/events.jsonl");
    let cut = &log[..log.trim_end().rfind('\n').expect("several lines") + 20];
    let path = tool.file("cut/events.jsonl", cut);
    tool.run(&["report", path.to_str().expect("a path")]).exits(3).says("INCOMPLETE");
}

#[test]
fn the_same_seed_draws_the_same_cases_and_is_shown() {
    let tool = Tool::new();
    let mut arguments = FEW.to_vec();
    arguments.extend(["--seed", "12345", "--format", "json"]);
    let report = tool.run(&arguments).exits(0);
    assert!(report.stdout.contains(r#""seed": "12345""#), "{}", report.stdout);
}

#[test]
fn list_and_explain_lead_from_a_backend_to_its_clauses() {
    let tool = Tool::new();
    let list = tool
        .run(&["list", "--backend", "memstore", "--interface", "keyvalue_basic", "--format", "json"])
        .exits(0);
    let list: serde_json::Value = serde_json::from_str(&list.stdout).expect("JSON");
    let case = &list[0]["cases"][0];
    let (id, clause) = (case["id"].as_str().expect("an id"), case["clauses"][0].as_str().expect("a clause"));
    tool.run(&["explain", id]).exits(0).says(case["sentence"].as_str().expect("a sentence")).says(clause);
    tool.run(&["explain", &clause.to_ascii_lowercase()]).exits(0).says(&format!("[{clause}] MUST")).says(id);
    tool.run(&["explain", "KVT"]).exits(0).says("[KVT-01]").says("[KVT-14]");
    tool.run(&["explain", "lifecycle"]).exits(0).says("[LIF-01]");
}

#[test]
fn validate_says_what_is_there() {
    Tool::new()
        .run(&["validate"])
        .exits(0)
        .says("memstore: 8 interfaces")
        .says("3 backends, 4 patterns, no mistakes");
}

#[test]
fn kept_namespaces_are_named() {
    let tool = Tool::new();
    let mut arguments = FEW.to_vec();
    arguments.push("--keep");
    tool.run(&arguments).exits(0);
    let report: Report = serde_json::from_str(&tool.read("prism-report/report.json")).expect("report.json");
    assert!(
        report.cases().all(|(_, case)| case.namespace.as_deref().is_some_and(|name| name.starts_with("pc-")))
    );
}

#[test]
fn the_step_summary_is_appended_to_and_never_overfilled() {
    let tool = Tool::new();
    let summary = tool.file("summary", "what was there\n");
    let run = |name: &std::path::Path| {
        let output = tool.command(FEW).env("GITHUB_STEP_SUMMARY", name).output().expect("the tool runs");
        assert_eq!(output.status.code(), Some(0));
    };
    run(&summary);
    let text = tool.read("summary");
    assert!(text.starts_with("what was there\n") && text.contains("memstore"), "{text}");

    let limit = 1 << 20;
    let full = tool.file("full", &"x".repeat(limit - 600));
    run(&full);
    assert!(tool.read("full").len() <= limit);
    let append = ["report", "prism-report", "--format", "markdown", "--append", "--output", "full"];
    tool.run(&append).exits(0).complains("nothing was appended to full");

    let crowded = tool.file("crowded", &"x".repeat(900 << 10));
    tool.run(&["report", "prism-report", "--format", "markdown", "--append", "--output", "crowded"]).exits(0);
    let text = std::fs::read_to_string(crowded).expect("the summary");
    assert!(text.len() <= limit && text.contains("Prism conformance: conformant"));
    let html = ["report", "prism-report", "--format", "html", "--append", "--output", "crowded"];
    tool.run(&html).exits(2).complains("--append goes with --format markdown");
}
