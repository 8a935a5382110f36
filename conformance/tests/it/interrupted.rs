//! Ctrl-C in the middle of a run.

use crate::tool::Tool;
use prism_reports::{Completeness, Report, read_log};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

#[test]
fn an_interrupted_run_still_writes_its_report_as_incomplete() {
    let tool = Tool::new();
    // One case at a time takes long enough to be interrupted.
    let mut run = tool
        .command(&["run", "--backend", "sqlite", "--jobs", "1", "--effort", "thorough"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the tool runs");
    let mut lines = BufReader::new(run.stderr.take().expect("a pipe")).lines();
    lines
        .find(|line| line.as_ref().is_ok_and(|line| line.starts_with("sqlite: ")))
        .expect("the run began")
        .expect("a line");
    let killed = Command::new("/bin/kill").args(["-INT", &run.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(rest.iter().any(|line| line.starts_with("stopping:")), "{rest:?}");
    assert_eq!(run.wait().expect("it ends").code(), Some(3));

    let (events, completeness) = read_log(&tool.path().join("prism-report/events.jsonl")).expect("a log");
    assert_eq!(completeness, Completeness::Complete);
    let report = Report::from_events(&events);
    let not_run = report.cases().filter(|(_, case)| case.outcome == prism_reports::Outcome::NotRun).count();
    assert!(not_run > 0, "the run was over before it was interrupted");
    assert!(tool.read("prism-report/report.json").contains("not_run"));
}
