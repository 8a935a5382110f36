//! Drivers that the run starts as processes, good ones and odd ones.

use crate::{
    odd_driver,
    tool::{Ran, Tool},
};
use prism_reports::{
    Outcome, Report,
    model::{CaseReport, TargetReport, TargetStatus},
};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

const BASIC: &str = "{ keyvalue_basic: { max_key_bytes: 4KiB, max_value_bytes: 4MiB } }";

/// The arguments of every run here, besides what it selects.
const RUN: [&str; 7] = ["run", "--registry", "mine", "--backend", "mine", "--effort", "quick"];

/// Declares a backend of a driver; what it stores does not outlive its process.
fn declare(tool: &Tool, driver: &str, interfaces: &str) {
    declare_with(tool, driver, "", interfaces, "none");
}

fn declare_with(tool: &Tool, driver: &str, servers: &str, interfaces: &str, durability: &str) {
    let text = format!(
        "backend: mine\n\
         description: A driver that is started\n\
         driver: {driver}\n\
         {servers}\
         interfaces: {interfaces}\n\
         guarantees: {{ consistency: linearizable, durability: {durability} }}\n"
    );
    tool.file("mine/backend.yaml", &text);
}

/// A built-in driver as a process, started by a script beside backend.yaml that notes its process id.
fn script(tool: &Tool, builtin: &str) -> &'static str {
    let program = env!("CARGO_BIN_EXE_prism-conformance");
    let text =
        format!("#!/bin/sh\necho $$ >> pids\nexec {program} serve {builtin} --listen \"$1\" --no-start\n");
    let path = tool.file("mine/driver.sh", &text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
    "{ command: [./driver.sh, \"{address}\"] }"
}

fn run(tool: &Tool, more: &[&str]) -> Ran {
    tool.run(&[&RUN[..], more].concat())
}

fn report(tool: &Tool) -> Report {
    serde_json::from_str(&tool.read("prism-report/report.json")).expect("report.json")
}

/// The one target, with the reason why it broke.
fn broke(report: &Report) -> (&TargetReport, &str) {
    match &report.targets[..] {
        [target] => match &target.status {
            TargetStatus::Failed { reason } => (target, reason),
            status => panic!("{status:?}"),
        },
        targets => panic!("{} targets", targets.len()),
    }
}

/// Runs a driver that cannot be measured: one clear reason, and no case that says the same over again.
fn cannot_be_measured(tool: &Tool, more: &[&str], reasons: &[&str]) {
    let ran = run(tool, more).exits(3);
    let report = report(tool);
    let (target, reason) = broke(&report);
    for part in reasons {
        assert!(reason.contains(part), "no `{part}` in {reason}");
    }
    assert!(target.cases.iter().all(|case| case.outcome == Outcome::Error && case.failure.is_none()));
    assert!(ran.stdout.contains("1 cause"), "{}", ran.stdout);
}

#[test]
fn a_driver_in_a_process_conforms_and_leaves_nothing_behind() {
    let tool = Tool::new();
    // Two instances and fresh ones, all on one file.
    let servers = "servers: { default: { embedded: { path: \"{workdir}/store.sqlite\" } } }\n";
    let driver = script(&tool, "sqlite");
    declare_with(&tool, driver, servers, BASIC, "process_crash");
    let ran = run(&tool, &["--interface", "keyvalue_basic", "--interface", "lifecycle"]);
    let described = report(&tool).targets[0].provision.clone().expect("it was ready");
    assert_eq!(described.provision, "command", "{}", ran.stderr);
    // SQLite serves more than is declared here, which is what one case is about.
    let report = report(&tool);
    let red: Vec<&str> =
        report.cases().filter(|(_, case)| !case.outcome.proves()).map(|(_, case)| case.id.as_str()).collect();
    assert_eq!(red, ["lifecycle/describes_what_is_declared"], "{}", ran.stdout);
    assert!(report.cases().any(|(_, case)| case.id == "keyvalue_basic/second_instance_agrees"));

    assert!(left_behind(&tool) > 10, "fresh instances are processes of their own");
}

/// Demands that none of the processes that were noted is left; returns how many there were.
fn left_behind(tool: &Tool) -> usize {
    let pids = tool.read("mine/pids");
    for pid in pids.lines() {
        // Whoever takes in orphans here may let them stand as zombies, which is no life.
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let gone = state.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'));
        assert!(gone, "process {pid} was left behind: {state}");
    }
    pids.lines().count()
}

#[test]
fn a_driver_that_does_not_end_is_killed_with_everything_that_it_started() {
    let tool = Tool::new();
    let program = env!("CARGO_BIN_EXE_prism-conformance");
    // Neither the shell nor what it starts hears the signal, because what is ignored is inherited.
    let text = format!(
        "#!/bin/sh\ntrap '' TERM\necho $$ >> pids\n/bin/sleep 1000 & echo $! >> pids\n\
         {program} serve memstore --listen \"$1\" --no-start & echo $! >> pids\nwait\n"
    );
    let path = tool.file("mine/driver.sh", &text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
    declare(&tool, "{ command: [./driver.sh, \"{address}\"], instances: one }", BASIC);
    run(&tool, &["--case", "keyvalue_basic/set_then_get"]).exits(0);
    assert_eq!(left_behind(&tool), 3);
}

#[test]
fn an_interrupted_run_takes_its_driver_with_it() {
    let tool = Tool::new();
    let driver = script(&tool, "memstore").replace(" }", ", instances: one }");
    declare(&tool, &driver, BASIC);
    let arguments = [&RUN[..], &["--interface", "keyvalue_basic", "--jobs", "1"]].concat();
    let mut run =
        tool.command(&arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the tool runs");
    let mut lines = BufReader::new(run.stderr.take().expect("a pipe")).lines();
    let began = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("mine: command")));
    began.expect("the run began").expect("a line");
    let killed = Command::new("/bin/kill").args(["-INT", &run.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    for line in lines {
        drop(line);
    }
    assert_eq!(run.wait().expect("it ends").code(), Some(3));
    assert!(left_behind(&tool) > 0);
}

#[test]
fn a_driver_can_listen_on_a_socket_and_finds_its_settings_in_the_environment() {
    let tool = Tool::new();
    let driver = odd_driver::driver("socket", ", ODD_SOCKET: \"{socket}\"");
    let servers = "servers: { default: { embedded: { clock: system } } }\n";
    declare_with(&tool, &driver, servers, BASIC, "none");
    run(&tool, &["--interface", "keyvalue_basic"]).exits(0).says("CONFORMANT");
}

#[test]
fn a_command_that_does_not_exist_is_one_clear_error() {
    let tool = Tool::new();
    declare(&tool, "{ command: [./nope, \"{address}\"] }", BASIC);
    cannot_be_measured(
        &tool,
        &[],
        &["the driver did not start: ./nope is not an executable file in mine; build or install it first"],
    );
    declare(&tool, "{ command: [no-such-driver, \"{address}\"] }", BASIC);
    cannot_be_measured(&tool, &[], &["no-such-driver is not on PATH"]);
}

#[test]
fn a_driver_that_exits_at_once_is_shown_with_what_it_said() {
    let tool = Tool::new();
    declare(&tool, "{ command: [/bin/sh, -c, \"echo no configuration >&2; exit 4\"] }", BASIC);
    cannot_be_measured(
        &tool,
        &[],
        &["exited with code 4 before it answered at 127.0.0.1:", "no configuration"],
    );
}

#[test]
fn a_driver_that_never_gets_healthy_is_given_up() {
    let tool = Tool::new();
    declare(&tool, &odd_driver::driver("deaf", ""), BASIC);
    cannot_be_measured(&tool, &["--start-timeout", "1"], &["did not answer at 127.0.0.1:", "within 1 s"]);
    declare(&tool, &odd_driver::driver("sick", ""), BASIC);
    cannot_be_measured(&tool, &["--start-timeout", "1"], &["the driver is not healthy: it has a cold"]);
}

#[test]
fn a_driver_that_prints_megabytes_neither_stalls_nor_fills_the_report() {
    let tool = Tool::new();
    declare(&tool, &odd_driver::driver("floods", ""), BASIC);
    run(&tool, &["--interface", "keyvalue_basic"]).exits(0);
    declare(&tool, &odd_driver::driver("floods-and-exits", ""), BASIC);
    cannot_be_measured(&tool, &[], &["exited with code 5", "flood flood"]);
    let size = tool.read("prism-report/events.jsonl").len();
    assert!(size < 1 << 20, "the log of the run has {size} bytes");
}

#[test]
fn a_driver_that_speaks_another_protocol_is_one_clear_error() {
    let tool = Tool::new();
    declare(&tool, &odd_driver::driver("http1", ""), BASIC);
    cannot_be_measured(&tool, &[], &["accepts connections at 127.0.0.1:", "but does not speak gRPC"]);
}

#[test]
fn a_driver_that_answers_nothing_it_declares_is_one_clear_error() {
    let tool = Tool::new();
    let pubsub = "{ pubsub_basic: { max_topic_bytes: 4KiB, max_payload_bytes: 1MiB, buffer: 1024, overflow: disconnect } }";
    declare(&tool, script(&tool, "sqlite"), pubsub);
    cannot_be_measured(
        &tool,
        &[],
        &["it answers no call to what it declares: prism.pubsub.v1.PubSubBasic/Publish: Unimplemented"],
    );
}

/// Runs the cases of keyvalue_basic one at a time against a driver that is odd in its first life.
fn odd_once(odd: &str) -> (Tool, Report) {
    let tool = Tool::new();
    declare(&tool, &odd_driver::driver(odd, ", ODD_AFTER: \"20\", ODD_LIVES: \"1\""), BASIC);
    run(&tool, &["--interface", "keyvalue_basic", "--jobs", "1"]).exits(3);
    let report = report(&tool);
    assert_eq!(tool.read("mine/lives").lines().count(), 2, "it was started again once");
    (tool, report)
}

/// The one case that is not as it should be.
fn one_error(report: &Report) -> &CaseReport {
    let red: Vec<&CaseReport> = report
        .cases()
        .map(|(_, case)| case)
        .filter(|case| !case.outcome.proves() && case.outcome != Outcome::NotMeasured)
        .collect();
    match red[..] {
        [case] => {
            assert_eq!(case.outcome, Outcome::Error);
            case
        }
        _ => panic!("{:?}", red.iter().map(|case| (&case.id, case.outcome)).collect::<Vec<_>>()),
    }
}

#[test]
fn a_crash_is_reported_as_one_and_the_other_cases_go_on() {
    let (_tool, report) = odd_once("crashes");
    assert!(matches!(report.targets[0].status, TargetStatus::Measured));
    let case = one_error(&report);
    let message = &case.failure.as_ref().expect("a failure").message;
    assert!(message.starts_with("the driver exited with code 3 during the run\n"), "{message}");
    assert!(message.contains("| odd: this is the end"), "{message}");
    assert!(case.logs.iter().any(|line| line == "odd: this is the end"), "{:?}", case.logs);
}

#[test]
fn a_port_that_closes_is_noticed_and_the_driver_started_again() {
    let (_tool, report) = odd_once("closes-its-port");
    let case = one_error(&report);
    let message = &case.failure.as_ref().expect("a failure").message;
    assert!(
        message.starts_with("the driver runs but no longer accepts connections at 127.0.0.1:"),
        "{message}"
    );
}

#[test]
fn a_driver_that_crashes_again_and_again_is_given_up_after_three_restarts() {
    let tool = Tool::new();
    declare(&tool, &odd_driver::driver("crashes", ", ODD_AFTER: \"5\""), BASIC);
    run(&tool, &["--interface", "keyvalue_basic", "--jobs", "1"]).exits(3);
    let report = report(&tool);
    let (_, reason) = broke(&report);
    assert!(reason.contains("exited with code 3 during the run"), "{reason}");
    assert!(reason.contains("it was started again 3 times"), "{reason}");
    assert_eq!(tool.read("mine/lives").lines().count(), 4);
}

#[test]
fn a_driver_that_lies_about_itself_fails_with_both_sides_named() {
    let tool = Tool::new();
    let lie = "{ keyvalue_basic: { max_key_bytes: 8KiB, max_value_bytes: 4MiB } }";
    declare(&tool, script(&tool, "memstore"), lie);
    let case = ["--case", "lifecycle/describes_what_is_declared"];
    let differs = "the driver describes itself (got) otherwise than backend.yaml declares it (expected)";
    let ran = run(&tool, &case).exits(1).says(differs);
    let ran = ran
        .says("expected   keyvalue_basic: max_key_bytes: 8KiB")
        .says("got        keyvalue_basic: max_key_bytes: 4KiB");
    let ran = ran.says("no keyvalue_scan\n").says("keyvalue_scan\n");
    assert!(ran.stdout.contains("LIF-01"), "{}", ran.stdout);
    let report = report(&tool);
    let target = &report.targets[0];
    let described = target.provision.as_ref().and_then(|ready| ready.described.as_ref()).expect("described");
    assert_eq!((target.declared.len(), described.interfaces.len()), (1, 8));
    assert_eq!(described.name, "memstore");
    assert_eq!(described.interfaces[0].traits["max_key_bytes"], "4KiB");
    assert_eq!(target.declared[0].traits["max_key_bytes"], "8KiB");

    let yaml = prism_conformance::builtins::find("memstore").expect("memstore").yaml;
    let lie = yaml.replace("{ builtin: memstore }", script(&tool, "memstore")).replace("4KiB", "8KiB");
    tool.file("mine/backend.yaml", &lie.replace("backend: memstore", "backend: mine"));
    let ran = run(&tool, &case).exits(1).says(differs);
    ran.says("expected   keyvalue_basic: max_key_bytes: 8KiB")
        .says("got        keyvalue_basic: max_key_bytes: 4KiB");
}
