//! Patterns on the command line: planned, run, as processes, and what is wrong with them.

use crate::tool::Tool;
use prism_reports::Report;

#[test]
fn bindings_are_listed_with_their_cases() {
    let tool = Tool::new();
    let listed = tool.run(&["list", "--pattern", "keyvalue", "--format", "json"]).exits(0);
    let targets: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let labels: Vec<&str> =
        targets.as_array().expect("a list").iter().filter_map(|target| target["target"].as_str()).collect();
    assert_eq!(labels, ["keyvalue[store=memstore]", "keyvalue[store=redis]", "keyvalue[store=sqlite]"]);
    let cases = targets[0]["cases"].as_array().expect("cases");
    for id in ["keyvalue_basic/deadlines_are_kept", "pattern_keyvalue/sees_nothing_else"] {
        assert!(cases.iter().any(|case| case["id"] == id), "{id}");
    }
}

#[test]
fn a_pattern_runs_over_what_is_there_and_says_what_is_not() {
    let tool = Tool::new();
    tool.run(&["run", "--pattern", "keyvalue", "--case", "pattern_*", "--seed", "1"]).exits(0);
    let report: Report = serde_json::from_str(&tool.read("prism-report/report.json")).expect("report.json");
    let outcomes: Vec<(&str, bool)> = report
        .targets
        .iter()
        .map(|target| (target.target.as_str(), target.cases.iter().all(|case| case.outcome.proves())))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("keyvalue[store=memstore]", true),
            ("keyvalue[store=redis]", false),
            ("keyvalue[store=sqlite]", true)
        ]
    );
    tool.run(&["run", "--pattern", "keyvalue", "--case", "pattern_*", "--require", "redis"])
        .exits(3)
        .says("slot `store`");
    let sqlite = ["run", "--pattern", "keyvalue[store=sqlite]", "--case", "keyvalue_basic/*"];
    tool.run(&sqlite).exits(0);
    tool.run(&[&sqlite[..], &["--require", "redis"]].concat())
        .exits(2)
        .complains("`redis` is required but not selected");
}

#[test]
fn the_multicast_registry_holds_over_the_embedded_backends() {
    let tool = Tool::new();
    let listed = tool.run(&["list", "--pattern", "multicast-registry", "--format", "json"]).exits(0);
    let targets: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let labels: Vec<&str> =
        targets.as_array().expect("a list").iter().filter_map(|target| target["target"].as_str()).collect();
    assert_eq!(
        labels,
        [
            "multicast-registry[registry=memstore,messaging=memstore]",
            "multicast-registry[registry=memstore,messaging=redis]",
            "multicast-registry[registry=redis,messaging=memstore]",
            "multicast-registry[registry=redis,messaging=redis]",
            "multicast-registry[registry=sqlite,messaging=memstore]",
            "multicast-registry[registry=sqlite,messaging=redis]",
        ]
    );
    let embedded = [labels[0], labels[4]].map(|label| ["--pattern", label]).concat();
    tool.run(&[&["run", "--case", "pattern_*", "--seed", "1"][..], &embedded].concat()).exits(0);
}

#[test]
fn a_pattern_that_is_not_there_is_refused_with_the_nearest_name() {
    Tool::new()
        .run(&["run", "--pattern", "keyvalu"])
        .exits(2)
        .complains("there is no pattern `keyvalu`; did you mean `keyvalue`?");
}

#[test]
fn every_mistake_in_a_pattern_yaml_is_told() {
    let tool = Tool::new();
    tool.file(
        "mine/pattern.yaml",
        "pattern: mine\ndescription: Mine\ndriver: { builtin: keyvalu }\nslots:\n  store: { description: keys }\n",
    );
    tool.run(&["validate", "--registry", "mine"])
        .exits(2)
        .complains("there is no built-in pattern `keyvalu`")
        .complains("write `keyvalue`")
        .complains("the slot `store` asks for no interface")
        .complains("pattern.yaml:5");
}

#[test]
fn a_pattern_of_the_registry_is_planned_too() {
    let tool = Tool::new();
    tool.file(
        "mine/pattern.yaml",
        "pattern: mine\ndescription: Mine\ndriver: { builtin: keyvalue }\nserves: [pattern_keyvalue, pattern_slots]\n\
         passes_on: store\nslots:\n  store: { description: keys, requires: [pubsub_basic, keyvalue_basic] }\n",
    );
    let listed = tool.run(&["list", "--registry", "mine", "--pattern", "mine"]).exits(0);
    assert!(listed.stdout.contains("mine[store=memstore]"), "{}", listed.stdout);
    assert!(!listed.stdout.contains("sqlite"), "it lacks pubsub_basic: {}", listed.stdout);
}

#[test]
fn a_bad_configuration_of_a_process_is_told_with_its_lines_and_exit_code_1() {
    let tool = Tool::new();
    tool.file(
        "pattern.yaml",
        "listen: 127.0.0.1:0\nslots:\n  stor: { endpoint: http://127.0.0.1:1 }\nparameters: { default_ttl: 0s }\n",
    );
    tool.run(&["pattern", "keyvalue", "--config", "pattern.yaml"])
        .exits(1)
        .complains("pattern.yaml:3")
        .complains("write `store`")
        .complains("nothing is bound to the slot `store`")
        .complains("pattern.yaml:4");
    tool.run(&["pattern", "keyvalues", "--config", "pattern.yaml"])
        .exits(1)
        .complains("there is no pattern `keyvalues`; there are keyvalue");
}
