//! Known failures, from the command line.

use crate::tool::Tool;
use prism_reports::{Outcome, Report};

/// The cases of `keyvalue_basic` that `mine` fails, because it claims longer keys than it takes.
const FAILING: [&str; 2] = ["keyvalue_basic/longest_names", "keyvalue_basic/too_long_name_changes_nothing"];

/// A backend that claims keys of this length; the driver takes 4 KiB.
fn mine(tool: &Tool, name: &str, keys: &str) {
    tool.file(
        &format!("{name}/backend.yaml"),
        &format!(
            "backend: {name}\n\
             description: Claims what it claims\n\
             driver: {{ builtin: memstore }}\n\
             servers:\n  one: {{ embedded: {{ clock: virtual, store: \"{{workdir}}\" }} }}\n\
             interfaces:\n  keyvalue_basic: {{ max_key_bytes: {keys}, max_value_bytes: 4MiB }}\n\
             guarantees: {{ consistency: linearizable, durability: driver_restart }}\n"
        ),
    );
}

/// Runs `keyvalue_basic` against `mine`, with more arguments.
fn run(tool: &Tool, more: &[&str]) -> crate::tool::Ran {
    let arguments =
        ["run", "--registry", ".", "--backend", "mine", "--interface", "keyvalue_basic", "--seed", "1"];
    tool.run(&[&arguments, more].concat())
}

fn update(tool: &Tool, more: &[&str]) -> crate::tool::Ran {
    tool.run(
        &[&["expect", "update", "known.yaml", "--from", "prism-report", "--registry", "."], more].concat(),
    )
}

const EXCUSE: &[&str] = &[
    "--add",
    "--because",
    "claims: too much",
    "--issue",
    "https://example.com/1",
    "--expires",
    "2999-12-31",
];

#[test]
fn every_mistake_of_an_expectation_file_is_told_at_once_with_its_place() {
    let tool = Tool::new();
    tool.file(
        "known.yaml",
        "expectations:\n\
         - backend: redsi\n\
         \x20 case: keyvalue_ttl/expire\n\
         \x20 becuase: misspelt\n\
         \x20 issue: '#7'\n\
         \x20 expires: next year\n\
         - { backend: 'keyvalue[store=redsi]', case: 'nothing/*', because: x, issue: 'https://x', expires: 2027-02-30 }\n\
         - backend: [redis, redis]\n\
         \x20 case: []\n\
         \x20 because: ''\n\
         \x20 issue: https://example.com/1\n\
         \x20 expires: 2027-01-01\n\
         \x20 route: both\n\
         \x20 clause: KVB-1\n\
         \x20 error: too much\n\
         - { backend: memstore, case: 'keyvalue_ttl/*', because: x, issue: 'https://x', expires: 2027-02-28 }\n\
         - { backend: mem*, case: keyvalue_ttl/persist_*, because: x, issue: 'https://x', expires: 2027-02-28 }\n",
    );
    let ran = tool.run(&["run", "--backend", "memstore", "--expect", "known.yaml"]).exits(2);
    for (line, part) in [
        (2, "write `redis`"),
        (3, "there is no case `keyvalue_ttl/expire`"),
        (4, "write `because`"),
        (5, "`issue` is no link"),
        (6, "which is no day"),
        (7, "write `keyvalue[store=redis]`"),
        (7, "there is no case `nothing/*`"),
        (7, "2027-02-30"),
        (8, "`redis` is named twice"),
        (9, "`case` names nothing"),
        (10, "`because` is empty"),
        (13, "neither direct nor proxy"),
        (14, "there is no clause `KVB-1`"),
        (15, "neither a gRPC status nor a reason"),
        (17, "line 16 speaks of keyvalue_ttl/persist_"),
    ] {
        assert!(ran.stderr.contains(&format!("known.yaml:{line}:")), "no line {line} in:\n{}", ran.stderr);
        assert!(ran.stderr.contains(part), "no `{part}` in:\n{}", ran.stderr);
    }
    assert!(!tool.path().join("prism-report").exists(), "nothing was run, so nothing is written");
    for (text, complaint) in [
        ("", "is empty"),
        ("[]", "the expectation file is a list, not a mapping"),
        ("expectation: []", "write `expectations`"),
        ("expectations: {}", "is a mapping, not a list"),
        ("expectations: [\n", "not YAML"),
    ] {
        tool.file("bad.yaml", text);
        tool.run(&["run", "--backend", "memstore", "--expect", "bad.yaml"]).exits(2).complains(complaint);
    }
    tool.run(&["run", "--expect", "missing.yaml"]).exits(2).complains("missing.yaml cannot be read");
}

#[test]
fn a_known_failure_is_excused_until_it_is_repaired() {
    let tool = Tool::new();
    mine(&tool, "mine", "8KiB");
    run(&tool, &[]).exits(1);
    update(&tool, &[]).exits(2).complains("--add makes one");

    // Nothing is added by itself.
    tool.file("known.yaml", "# What we know.\nexpectations: # nothing yet\n");
    update(&tool, &[]).exits(1).says("not excused").says(FAILING[0]);
    assert_eq!(tool.read("known.yaml"), "# What we know.\nexpectations: # nothing yet\n");
    update(&tool, &["--add"]).exits(2).complains("--because");
    update(&tool, EXCUSE).exits(0).says("added:");
    let known = tool.read("known.yaml");
    assert!(
        known.starts_with("# What we know.\nexpectations: # nothing yet\n  - backend: mine\n"),
        "{known}"
    );
    assert!(known.contains("because: 'claims: too much'\n"), "{known}");
    update(&tool, EXCUSE).exits(0).says("agree");

    let ran =
        run(&tool, &["--expect", "known.yaml", "--fail-fast"]).exits(0).says("FAILED AS EXPECTED: 2 cases");
    assert!(ran.stderr.contains("0 not as they should be"), "{}", ran.stderr);
    let report: Report = serde_json::from_str(&tool.read("prism-report/report.json")).expect("report.json");
    let excused: Vec<&str> = report
        .cases()
        .filter(|(_, case)| case.outcome == Outcome::ExpectedFail)
        .map(|(_, case)| case.id.as_str())
        .collect();
    assert_eq!(excused, FAILING);
    for file in ["junit.xml", "ctrf.json", "summary.md", "report.html"] {
        assert!(tool.read(&format!("prism-report/{file}")).contains("claims: too much"), "{file}");
    }
    tool.run(&["report", "prism-report"]).exits(0).says("FAILED AS EXPECTED: 2 cases");

    mine(&tool, "mine", "4KiB");
    run(&tool, &["--expect", "known.yaml"]).exits(1).says("unexpected pass").says("remove the entry");
    update(&tool, &[]).exits(0).says("removed, because");
    assert_eq!(tool.read("known.yaml"), "# What we know.\nexpectations: # nothing yet\n");
    run(&tool, &["--expect", "known.yaml"]).exits(0);
}

#[test]
fn an_entry_is_narrowed_to_what_still_fails_and_comments_stay() {
    let tool = Tool::new();
    mine(&tool, "mine", "8KiB");
    mine(&tool, "other", "8KiB");
    tool.file(
        "known.yaml",
        "expectations:\n\
         \x20 # Names.\n\
         \x20 - backend: [mine, other] # both\n\
         \x20   case:\n\
         \x20     - keyvalue_basic/*name* # all of them\n\
         \x20   because: of this # why\n\
         \x20   issue: https://example.com/1\n\
         \x20   expires: 2999-12-31\n\
         \x20 # The end.\n",
    );
    run(&tool, &["--expect", "known.yaml"]).exits(1);
    // `other` was not run: what is said of it stays.
    update(&tool, &[]).exits(0).says("known.yaml:3: narrowed, because");
    let known = tool.read("known.yaml");
    assert_eq!(known.matches("because: of this # why\n").count(), 2, "{known}");
    assert!(
        known.contains("- backend: other # both\n") && known.contains("keyvalue_basic/*name*"),
        "{known}"
    );
    assert!(known.contains("  # Names.\n") && known.ends_with("  # The end.\n"), "{known}");
    run(&tool, &["--expect", "known.yaml"]).exits(0);
}

#[test]
fn what_is_not_selected_is_not_dead_and_what_is_dead_fails_the_run() {
    let tool = Tool::new();
    mine(&tool, "mine", "4KiB");
    let entry = |backend: &str, case: &str| {
        format!(
            "  - {{ backend: '{backend}', case: {case}, because: x, issue: https://x.example, expires: 2999-12-31 }}\n"
        )
    };
    let live = format!("expectations:\n{}", entry("redis", "keyvalue_ttl/persist_keeps_the_key"));
    tool.file("known.yaml", &live);
    run(&tool, &["--expect", "known.yaml"]).exits(0);
    // `mine` does not declare the interface, so there is no such case.
    tool.file("known.yaml", &format!("{live}{}", entry("mine", "keyvalue_ttl/persist_keeps_the_key")));
    run(&tool, &["--expect", "known.yaml"]).exits(1).says("known.yaml:3").says("NOT TRUE: 1 expectation");
    update(&tool, &[]).exits(0).says("known.yaml:3: removed");
    assert_eq!(tool.read("known.yaml"), live);
    // An entry whose last day is over is told wherever it stands.
    tool.file("known.yaml", &live.replace("2999-12-31", "2026-01-31"));
    run(&tool, &["--expect", "known.yaml"]).exits(1).says("until 2026-01-31: it has");
}
