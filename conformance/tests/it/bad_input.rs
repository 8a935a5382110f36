//! What goes wrong on the user's side: a clear word and the documented exit code.

use crate::tool::Tool;

#[test]
fn names_that_do_not_exist_are_met_with_the_nearest_that_do() {
    let tool = Tool::new();
    tool.run(&["run", "--backend", "nope"]).exits(2).complains("there is no backend `nope`");
    tool.run(&["run", "--backend", "memstor"]).exits(2).complains("did you mean `memstore`?");
    tool.run(&["run", "--backend", "memstore@virtual"])
        .exits(2)
        .complains("there are virtual-clock, system-clock");
    tool.run(&["run", "--interface", "keyvalue_tll"]).exits(2).complains("did you mean `keyvalue_ttl`?");
    tool.run(&["run", "--backend", "memstore", "--require", "redis"])
        .exits(2)
        .complains("`redis` is required but not selected");
    tool.run(&["explain", "KVB-99"]).exits(2).complains("is no clause");
    tool.run(&["serve", "memstoer"]).exits(2).complains("did you mean `memstore`?");
    assert!(!tool.path().join("prism-report").exists(), "nothing was run, so nothing is written");
}

#[test]
fn arguments_that_make_no_sense_are_usage_errors() {
    let tool = Tool::new();
    for arguments in [
        &["run", "--seed", "x"][..],
        &["run", "--effort", "great"],
        &["run", "--provision", "cloud"],
        &["run", "--jobs", "0"],
        &["run", "--case-timeout", "0"],
        &["frobnicate"],
        &[],
    ] {
        tool.run(arguments).exits(2);
    }
}

#[test]
fn a_filter_that_matches_nothing_is_not_green() {
    let tool = Tool::new();
    tool.run(&["run", "--case", "keyvalue_basic/no_such_case"]).exits(4).complains("no case is selected");
    tool.run(&["list", "--case", "nothing*"]).exits(4);
    tool.run(&["mutants", "--mutant", "nothing"]).exits(4);
}

#[test]
fn without_servers_a_run_says_what_was_not_measured_and_how_to_change_that() {
    let tool = Tool::new();
    let few = ["--case", "keyvalue_basic/set_*"];
    let arguments = [&["run", "--backend", "redis", "--backend", "memstore"][..], &few].concat();
    let ran = tool.run(&arguments).exits(0).says("not measured");
    for part in ["PRISM_REDIS_URL", "redis-server"] {
        assert!(ran.stdout.contains(part), "no `{part}` in:\n{}", ran.stdout);
    }
    tool.run(&[&["run", "--backend", "redis"][..], &few].concat()).exits(4);
    tool.run(&[&arguments[..], &["--require", "redis"]].concat()).exits(3).says("INCOMPLETE");
}

#[test]
fn an_output_folder_that_cannot_be_written_is_found_out_before_anything_runs() {
    let tool = Tool::new();
    tool.file("taken", "a file where a folder should be");
    tool.run(&["run", "--output", "taken"]).exits(2).complains("choose another with --output");
    tool.run(&["run", "--output", "taken/deeper"]).exits(2).complains("--output");
    tool.run(&["run", "--output", "/proc/nowhere"]).exits(2).complains("--output");
}

#[test]
fn a_log_that_is_none_is_told_with_its_line() {
    let tool = Tool::new();
    tool.run(&["report", "missing.jsonl"]).exits(2).complains("missing.jsonl");
    tool.file("events.jsonl", "{\"seq\":0}\nnot json\n{\"seq\":2}\n");
    tool.run(&["report", "events.jsonl"]).exits(2).complains("line 1");
}

#[test]
fn every_mistake_of_a_backend_yaml_is_told_at_once_with_its_place() {
    let tool = Tool::new();
    tool.file(
        "mine/backend.yaml",
        "backend: My Backend\n\
         descripton: misspelt\n\
         driver: { builtin: memstor }\n\
         concurrency: 0\n\
         servers:\n\
         \x20 one: { container: { image: \"x:1\" } }\n\
         interfaces:\n\
         \x20 keyvalue_basic: { max_key_bytes: 12, max_value_bytes: 16MB }\n\
         \x20 keyvalue_tll: { granularity: 1ms }\n\
         \x20 pubsub_wildcards: {}\n\
         guarantees: { consistency: strong }\n",
    );
    let ran = tool.run(&["validate", "--registry", "mine"]).exits(2);
    for (line, part) in [
        (1, "My Backend"),
        (2, "description"),
        (3, "memstore"),
        (4, "concurrency"),
        (6, "port"),
        (8, "256"),
        (8, "16MiB"),
        (9, "keyvalue_ttl"),
        (10, "pubsub_basic"),
        (11, "linearizable"),
    ] {
        assert!(ran.stderr.contains(&format!("backend.yaml:{line}:")), "no line {line} in:\n{}", ran.stderr);
        assert!(ran.stderr.contains(part), "no `{part}` in:\n{}", ran.stderr);
    }
    tool.run(&["run", "--registry", "mine"]).exits(2);
    tool.run(&["validate", "--registry", "not-there"]).exits(2).complains("not-there");
}
