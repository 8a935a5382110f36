//! `run --via-proxy`: the same suites through a process of the proxy, and whose fault it is when they differ.

use crate::tool::Tool;
use prism_reports::{Outcome, Report, event::Route, read_log};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const TOOL: &str = env!("CARGO_BIN_EXE_prism-conformance");

fn report(tool: &Tool) -> Report {
    let (events, _) = read_log(&tool.path().join("prism-report/events.jsonl")).expect("a log");
    Report::from_events(&events)
}

/// A program in place of the proxy, called with `--config FILE`.
fn proxy(tool: &Tool, script: &str) -> PathBuf {
    let path = tool.file("proxy.sh", &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("an executable file");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn what_holds_directly_holds_through_the_proxy() {
    let tool = Tool::new();
    let interfaces = ["--interface", "keyvalue_basic", "--interface", "pubsub_basic"];
    let arguments = ["run", "--backend", "memstore@virtual-clock", "--via-proxy", "--effort", "quick"];
    let ran = tool.run(&[&arguments[..], &interfaces].concat()).exits(0);
    ran.says("memstore via proxy");
    let report = report(&tool);
    let [direct, proxied] = report.targets.as_slice() else { panic!("two targets") };
    assert_eq!((direct.route, proxied.route), (Route::Direct, Route::Proxy));
    assert_eq!(direct.counts, proxied.counts);
    assert!(proxied.cases.iter().all(|case| case.direct == Some(Outcome::Pass)));
}

#[test]
fn patterns_are_reached_through_the_proxy_as_a_way_of_their_own() {
    let tool = Tool::new();
    let arguments = ["run", "--pattern", "keyvalue[store=memstore]", "--via-proxy", "--effort", "quick"];
    let cases = ["--case", "keyvalue_basic/*", "--case", "pattern_*"];
    tool.run(&[&arguments[..], &cases].concat()).exits(0).says("keyvalue[store=memstore] via proxy");
    let report = report(&tool);
    let [direct, proxied] = report.targets.as_slice() else { panic!("two targets") };
    assert_eq!((direct.route, proxied.route), (Route::Direct, Route::Proxy));
    assert!(proxied.counts == direct.counts && !proxied.cases.is_empty(), "{:?}", proxied.counts);
}

#[test]
fn instances_of_a_case_s_own_are_behind_proxies_too() {
    let tool = Tool::new();
    let arguments = ["run", "--backend", "sqlite", "--via-proxy=only", "--interface", "lifecycle"];
    tool.run(&[&arguments[..], &["--effort", "quick"]].concat())
        .exits(0)
        .says("1 case of sqlite via proxy: a proxy routes by the namespace");
    let report = report(&tool);
    assert_eq!(report.targets.len(), 1);
    assert!(report.targets[0].cases.iter().all(|case| case.direct.is_none()));
    let unmeasured: Vec<&str> = report
        .cases()
        .filter(|(_, case)| case.outcome != Outcome::Pass)
        .map(|(_, case)| case.id.as_str())
        .collect();
    assert_eq!(unmeasured, ["lifecycle/questions_need_no_namespace"]);
}

#[test]
fn a_fault_of_the_proxy_is_told_from_one_of_the_driver() {
    let tool = Tool::new();
    let limit = "s/upstream: driver }/upstream: driver, limits: { max_message_bytes: 100000 } }/";
    let faulty = proxy(
        &tool,
        &format!("/bin/sed '{limit}' \"$2\" > \"$2.new\"; exec {TOOL} proxy --config \"$2.new\""),
    );
    let arguments =
        ["run", "--backend", "memstore@virtual-clock", "--via-proxy", "--interface", "keyvalue_basic"];
    let ran = tool
        .run(&[&arguments[..], &["--effort", "quick", "--proxy-program", text(&faulty)]].concat())
        .exits(1);
    let ran = ran.says("directly   pass: what is wrong is on the way through the proxy");
    let reproduce = ran.stdout.lines().find(|line| line.contains("reproduce")).expect("a reproduce line");
    assert!(
        reproduce.contains("--backend memstore --case ") && reproduce.contains(" --via-proxy"),
        "{reproduce}"
    );
    let report = report(&tool);
    for (target, case) in report.cases() {
        assert_eq!(
            case.outcome != Outcome::Pass,
            case.blames_the_proxy(),
            "{} on {}",
            case.id,
            target.target
        );
    }
    for page in ["summary.md", "junit.xml"] {
        assert!(tool.read(&format!("prism-report/{page}")).contains("through the proxy"), "{page}");
    }
}

#[test]
fn a_proxy_that_dies_or_never_listens_is_an_error_and_no_verdict() {
    for (script, told) in [
        ("echo no such luck >&2; exit 7".to_owned(), "the proxy exited with code 7 before it listened"),
        // It goes as soon as the first case has made a call.
        (
            format!(
                "{TOOL} proxy --config \"$2\" --log info & /bin/sh -c 'until /bin/ls go; do /bin/sleep 0.05; done'; kill $!; exit 3"
            ),
            "the proxy exited with code 3 during the run",
        ),
    ] {
        let tool = Tool::new();
        let program = proxy(&tool, &script.replace("ls go", &format!("ls {}/go", tool.path().display())));
        let arguments =
            ["run", "--backend", "memstore@virtual-clock", "--via-proxy=only", "--effort", "thorough"];
        let mut run =
            tool.command(&[&arguments[..], &["--jobs", "2", "--proxy-program", text(&program)]].concat());
        let run = run
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("it runs");
        let log = tool.path().join("prism-report/events.jsonl");
        while fs::read_to_string(&log)
            .map_or(true, |log| !log.contains("case_finished") && !log.contains("target_failed"))
        {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        tool.file("go", "");
        let output = run.wait_with_output().expect("it ends");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{stdout}");
        assert!(stdout.contains(told), "{stdout}");
    }
}
