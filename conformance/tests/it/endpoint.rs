//! Drivers that somebody else serves.

use crate::{served::Served, tool::Tool};
use prism_reports::{Outcome, Report};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::Stdio,
};

fn declare(tool: &Tool, uri: &str, interfaces: &str) {
    tool.file(
        "mine/backend.yaml",
        &format!(
            "backend: mine\n\
             description: A driver that is served elsewhere\n\
             driver: {{ endpoint: \"{uri}\" }}\n\
             interfaces:\n{interfaces}\
             guarantees: {{ consistency: linearizable, durability: driver_restart }}\n"
        ),
    );
}

const BASIC: &str = "  keyvalue_basic: { max_key_bytes: 4KiB, max_value_bytes: 4MiB }\n";

/// What memstore declares, as it stands in its backend.yaml.
fn memstore() -> String {
    let yaml = prism_conformance::builtins::find("memstore").expect("memstore").yaml;
    let (_, interfaces) = yaml.split_once("interfaces:\n").expect("interfaces");
    interfaces.split_once("guarantees:").expect("guarantees").0.to_owned()
}

#[test]
fn a_served_driver_conforms_as_it_does_in_process() {
    let tool = Tool::new();
    let served = Served::start(&tool, &["serve", "memstore"]);
    declare(&tool, served.uri(), &memstore());
    tool.run(&["run", "--registry", "mine", "--backend", "mine", "--effort", "quick"])
        .exits(0)
        .says("CONFORMANT");
    // The driver was stopped and started again on the way, and still serves.
    tool.run(&["run", "--registry", "mine", "--backend", "mine", "--interface", "keyvalue_cas"]).exits(0);
}

#[test]
fn what_is_served_though_not_declared_is_non_conformant() {
    let tool = Tool::new();
    let served = Served::start(&tool, &["serve", "memstore"]);
    declare(&tool, served.uri(), BASIC);
    let ran = tool.run(&["run", "--registry", "mine", "--backend", "mine", "--effort", "quick"]);
    ran.exits(1).says("UNDECLARED 3/3");
    let report: Report = serde_json::from_str(&tool.read("prism-report/report.json")).expect("report.json");
    for (_, case) in report.cases().filter(|(_, case)| case.interface.starts_with("keyvalue_")) {
        let expected = match case.interface.as_str() {
            "keyvalue_basic" => [Outcome::Pass, Outcome::NotMeasured],
            _ => [Outcome::Undeclared; 2],
        };
        assert!(expected.contains(&case.outcome), "{}: {:?}", case.id, case.outcome);
    }
}

#[test]
fn an_endpoint_that_refuses_connections_is_an_error_and_not_a_failure() {
    let tool = Tool::new();
    // A port that was free a moment ago, and that nobody listens on.
    let address = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    declare(&tool, &format!("http://{address}"), BASIC);
    let ran = tool.run(&["run", "--registry", "mine", "--backend", "mine"]).exits(3).says("INCOMPLETE");
    ran.says(&format!("the driver at http://{address} cannot be used: Unavailable: tcp connect error"));
}

#[test]
fn an_endpoint_that_speaks_another_protocol_is_an_error_and_not_a_failure() {
    let tool = Tool::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 7\r\n\r\ngarbage");
        }
    });
    declare(&tool, &format!("http://{address}"), BASIC);
    tool.run(&["run", "--registry", "mine", "--backend", "mine"]).exits(3).says("INCOMPLETE");
}

#[test]
fn a_driver_that_dies_during_the_run_is_an_error_and_not_a_hang() {
    let tool = Tool::new();
    let mut served = Served::start(&tool, &["serve", "memstore"]);
    declare(&tool, served.uri(), &memstore());
    let mut run = tool
        .command(&["run", "--registry", "mine", "--backend", "mine", "--effort", "thorough", "--jobs", "1"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the tool runs");
    let mut lines = BufReader::new(run.stderr.take().expect("a pipe")).lines();
    lines
        .find(|line| line.as_ref().is_ok_and(|line| line.starts_with("mine: endpoint")))
        .expect("the run began")
        .expect("a line");
    served.kill();
    for line in lines {
        drop(line);
    }
    assert_eq!(run.wait().expect("it ends").code(), Some(3));
}

#[test]
fn serve_says_what_is_wrong_with_its_settings() {
    let tool = Tool::new();
    tool.run(&["serve", "redis"]).exits(2).complains("`url` is missing");
    tool.run(&["serve", "memstore", "--set", "clock=sundial"]).exits(2).complains("clock");
    tool.run(&["serve", "memstore", "--set", "clock"]).exits(2).complains("--set name=value");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    tool.run(&["serve", "memstore", "--listen", &address]).exits(2).complains(&address);
}
