//! A run on several machines: planned, run group by group, merged, and refused where the parts do not fit.

use crate::tool::Tool;
use prism_interfaces::catalogue;
use prism_reports::{EventKind, EventWriter, Outcome, Plan, Report, read_log, read_report};
use std::{collections::BTreeSet, path::Path, process::Command};

/// A few cases of two backends that need no server.
const FEW: &[&str] = &[
    "--backend",
    "memstore",
    "--backend",
    "sqlite",
    "--case",
    "keyvalue_basic/set_*",
    "--case",
    "keyvalue_scan/co*",
];

fn planned(tool: &Tool, more: &[&str]) -> Plan {
    tool.run(&[&["plan", "--seed", "7"], FEW, more].concat()).exits(0);
    Plan::read(tool.read("plan.json").as_bytes()).expect("a plan")
}

fn run_group(tool: &Tool, group: u32) -> crate::tool::Ran {
    let (number, output) = (group.to_string(), format!("shards/{group}"));
    tool.run(&["run", "--plan", "plan.json", "--group", &number, "--effort", "quick", "--output", &output])
}

fn report(tool: &Tool, name: &str) -> Report {
    read_report(&tool.path().join(name)).expect("a report")
}

#[test]
fn groups_together_are_the_run() {
    let tool = Tool::new();
    let plan = planned(&tool, &["--max-groups", "3"]);
    assert!(plan.groups.len() > 1, "{:?}", plan.matrix);
    for group in &plan.groups {
        run_group(&tool, group.group).exits(0);
        let of_group = report(&tool, &format!("shards/{}", group.group));
        assert_eq!(of_group.totals.total(), group.cases);
        let provenance = of_group.provenance.expect("provenance");
        assert_eq!(provenance.plan, Some(plan.reference(Some(group.group))));
        assert_eq!((provenance.seed, provenance.digests.as_ref()), (7, Some(&plan.digests)));
    }
    tool.run(&["merge", "--plan", "plan.json", "shards"]).exits(0).says("CONFORMANT");
    for name in ["events.jsonl", "report.json", "junit.xml", "ctrf.json", "summary.md", "report.html"] {
        assert!(tool.path().join("prism-report").join(name).is_file(), "{name}");
    }
    let together = report(&tool, "prism-report");
    let run = [&["run", "--seed", "7", "--effort", "quick", "--output", "at-once"], FEW].concat();
    tool.run(&run).exits(0);
    let at_once = report(&tool, "at-once");
    let results = |report: &Report| -> Vec<(String, String, Outcome)> {
        let cases = report.cases();
        cases.map(|(target, case)| (target.target.clone(), case.id.clone(), case.outcome)).collect()
    };
    assert_eq!(results(&together), results(&at_once));
    tool.run(&["plan", "--seed", "7", "--durations", "prism-report", "--output", "next.json"]).exits(0);

    // One group is lost, then its log is cut off in the middle of a line, then it is there twice.
    let log = tool.path().join("shards/1/events.jsonl");
    let text = std::fs::read_to_string(&log).expect("a log");
    std::fs::remove_file(&log).expect("the log goes");
    let lost = tool.run(&["merge", "--plan", "plan.json", "shards"]).exits(3);
    assert!(lost.stdout.contains("group 1 ("), "{}", lost.stdout);
    std::fs::write(&log, &text[..text.len() - 30]).expect("the log is cut");
    tool.run(&["merge", "--plan", "plan.json", "shards"]).exits(3).says("was cut off");
    std::fs::write(&log, &text).expect("the log is back");
    tool.file("shards/copy/events.jsonl", &text);
    tool.run(&["merge", "--plan", "plan.json", "shards"])
        .exits(2)
        .complains("shards/1/events.jsonl and shards/copy/events.jsonl both hold group 1");
    tool.run(&["merge", "shards/1"]).exits(2).complains("give it with --plan");
    tool.file("shards/copy/events.jsonl", &text.replacen("\"schema_version\":1", "\"schema_version\":99", 1));
    tool.run(&["merge", "--plan", "plan.json", "shards"])
        .exits(2)
        .complains("copy/events.jsonl: the event log has schema version 99; this tool reads up to 1");
    tool.run(&["merge", "shards/1/report.json"]).exits(2).complains("merge takes event logs");
    tool.run(&["merge", "nowhere"]).exits(2).complains("nowhere");
}

/// The baseline is a run of everything; the plan is of what a change touches.
#[test]
fn a_merge_says_what_changed_since_a_baseline() {
    let tool = Tool::new();
    let everything = [&["run", "--seed", "7", "--effort", "quick", "--output", "main"], FEW].concat();
    tool.run(&everything).exits(0);
    let plan = planned(
        &tool,
        &["--changed", "conformance/suites/src/keyvalue_scan/pages.rs", "backends/sqlite/src/driver.rs"],
    );
    for group in &plan.groups {
        run_group(&tool, group.group).exits(0);
    }
    let merge = |plan: &str, baseline: &str| {
        let since = ["--baseline", baseline, "--format", "markdown"];
        tool.run(&[&["merge", "--plan", plan, "shards", "--output", "merged"], &since[..]].concat())
    };
    let page = merge("plan.json", "main").exits(0).stdout;
    assert!(page.contains("## Changes since the baseline\n\n**Nothing worse**"), "{page}");
    assert!(page.contains("less of some targets\\): 6 cases of the older one"), "{page}");
    assert_eq!(tool.read("merged/summary.md"), page);
    let again = ["report", "merged", "--format", "markdown", "--baseline", "main/report.json"];
    assert_eq!(tool.run(&again).exits(0).stdout, page);
    tool.run(&["diff", "main", "merged"]).exits(0);

    // Every log says that one case failed, and another one is not planned any more.
    let mut less = plan.clone();
    for target in &mut less.targets {
        target.planned.cases.retain(|case| case.id != "keyvalue_scan/count_agrees_with_scan");
    }
    let less = less.sealed();
    tool.file("less.json", &less.to_json());
    for group in &plan.groups {
        let log = tool.path().join(format!("shards/{}/events.jsonl", group.group));
        let (events, _) = read_log(&log).expect("a log");
        let mut written = EventWriter::create(&log).expect("a log");
        for event in events {
            let kind = match event.kind {
                EventKind::RunStarted(mut run) => {
                    run.plan = Some(less.reference(Some(group.group)));
                    EventKind::RunStarted(run)
                }
                EventKind::TargetPlanned(mut planned) => {
                    planned.cases.retain(|case| case.id != "keyvalue_scan/count_agrees_with_scan");
                    EventKind::TargetPlanned(planned)
                }
                EventKind::CaseFinished(case) if case.case == "keyvalue_scan/count_agrees_with_scan" => {
                    continue;
                }
                EventKind::CaseFinished(mut case) if case.case == "keyvalue_basic/set_overwrites" => {
                    case.outcome = Outcome::Fail;
                    EventKind::CaseFinished(case)
                }
                EventKind::RunFinished(end) => written.closing_record(end.cancelled, end.peak_rss_kib),
                kind => kind,
            };
            written.append(kind).expect("a line");
        }
    }
    let page = merge("less.json", "main").exits(1).stdout;
    let section = page.split("## Changes since the baseline").nth(1).expect("the section");
    let section = section.split("| this run |").next().expect("what follows");
    assert!(section.contains("**Worse**: 1 case newly failing"), "{section}");
    assert!(section.contains("3 cases removed"), "{section}");
    assert!(!section.contains("target removed"), "{section}");

    tool.file("nonsense.json", "{ \"name\": \"something else\" }");
    merge("less.json", "nonsense.json").exits(2).complains("--baseline nonsense.json: it is neither");
    merge("less.json", "nowhere").exits(2).complains("--baseline nowhere");
    merge("less.json", "shards/1").exits(2).complains("it cannot be compared: it is group 1 of the");
    let contract = |text: String| text.replace("\"contract_revision\": \"", "\"contract_revision\": \"1999-");
    tool.file("other.json", &contract(tool.read("main/report.json")));
    let page = merge("less.json", "other.json").exits(1).stdout;
    assert!(page.contains("another contract: 1999-"), "{page}");
}

#[test]
fn a_plan_of_something_else_is_refused() {
    let tool = Tool::new();
    planned(&tool, &[]);
    let text = tool.read("plan.json");
    run_group(&tool, 99).exits(2).complains("the plan has the groups 1 to");
    let edit = |edit: &dyn Fn(&mut Plan)| {
        let mut plan = Plan::read(text.as_bytes()).expect("a plan");
        edit(&mut plan);
        tool.file("plan.json", &plan.sealed().to_json());
    };
    let other = || "sha256:00".to_owned();
    edit(&|plan| plan.digests.suite = other());
    run_group(&tool, 1).exits(2).complains("made with other suites").complains("make the plan again");
    edit(&|plan| plan.digests.contract = other());
    run_group(&tool, 1).exits(2).complains("another contract");
    edit(&|plan| plan.tool_version = "9.9.9".to_owned());
    run_group(&tool, 1).exits(2).complains("another version of this program");
    edit(&|plan| plan.targets.iter_mut().for_each(|target| target.definition = other()));
    run_group(&tool, 1).exits(2).complains("is not declared as it was");
    edit(&|plan| plan.targets.iter_mut().for_each(|target| target.planned.cases[0].id.push('x')));
    run_group(&tool, 1).exits(2).complains("has other cases than were planned");
    edit(&|plan| plan.targets.iter_mut().for_each(|target| target.name = "memstor".to_owned()));
    run_group(&tool, 1).exits(2).complains("did you mean `memstore`?");
    edit(&|plan| plan.commit = Some("0123456".to_owned()));
    let mut command = tool.command(&["run", "--plan", "plan.json", "--group", "1"]);
    let ran = command.env("GITHUB_SHA", "89abcde").output().expect("the tool runs");
    crate::tool::Ran::from(ran).exits(2).complains("another commit (0123456, here it is 89abcde)");

    tool.file("plan.json", &text.replacen("\"seed\": \"7\"", "\"seed\": \"8\"", 1));
    run_group(&tool, 1).exits(2).complains("the plan is not as it was made");
    tool.file("plan.json", &text.replacen("\"schema_version\": 1", "\"schema_version\": 2", 1));
    run_group(&tool, 1).exits(2).complains("schema version 2; this tool reads up to 1");
    tool.file("plan.json", &text[..text.len() / 2]);
    run_group(&tool, 1).exits(2).complains("plan.json: line ");
    tool.run(&["run", "--plan", "plan.json"]).exits(2).complains("--group");
    tool.run(&["run", "--plan", "plan.json", "--group", "1", "--backend", "redis"]).exits(2);
    assert!(!tool.path().join("prism-report").exists(), "nothing was run, so nothing is written");
}

#[test]
fn a_plan_says_what_a_change_leaves_out() {
    let tool = Tool::new();
    let driver = ["plan", "--changed", "backends/sqlite/src/driver.rs"];
    let ran = tool.run(&driver).exits(0).complains("left out: memstore");
    assert!(ran.stdout.contains("keyvalue[store=sqlite]"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("keyvalue[store=redis]"), "{}", ran.stdout);
    let all = tool.run(&["plan", "--changed", "Cargo.lock", "--format", "matrix"]).exits(0);
    assert!(all.stderr.contains("everything is planned, because Cargo.lock"), "{}", all.stderr);
    let matrix: serde_json::Value = serde_json::from_str(&all.stdout).expect("a matrix");
    let groups = matrix["include"].as_array().expect("jobs").len();
    assert!((8..=256).contains(&groups), "{groups}");
    let nothing = tool.run(&["plan", "--changed", "README.md"]).exits(4);
    nothing.complains("no changed file touches anything that is selected");
    assert!(Plan::read(tool.read("plan.json").as_bytes()).expect("a plan").groups.is_empty());
    tool.run(&["plan", "--max-groups", "257"]).exits(2);
    // A backend that is required is there where a slot holds it.
    let require = |pattern: &str| tool.run(&["plan", "--pattern", pattern, "--require", "memstore"]);
    require("keyvalue[store=memstore]").exits(0);
    require("keyvalue[store=sqlite]").exits(2).complains("`memstore` is required but not selected");
    tool.file("no-report.json", "{}");
    tool.run(&["plan", "--durations", "no-report.json"]).exits(2).complains("no-report.json");
    tool.run(&["plan", "--changed-since", "--output=x"]).exits(2);
}

/// What git says has changed, in a repository of a backend's own.
#[test]
fn a_change_is_what_git_says() {
    let tool = Tool::new();
    let path = std::env::var_os("PATH").expect("a PATH");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=me", "-c", "user.email=me@example.org"]).args(arguments);
        assert!(command.current_dir(tool.path()).output().expect("git").status.success(), "{arguments:?}");
    };
    let mine = "backend: mine\ndescription: Mine\ndriver: { command: [./driver, \"{address}\"] }\n\
        interfaces: { keyvalue_basic: { max_key_bytes: 4KiB, max_value_bytes: 1MiB } }\n\
        guarantees: { consistency: linearizable, durability: none }\n";
    tool.file("mine/backend.yaml", mine);
    tool.file("README.md", "mine");
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    let plan = |revision: &str| {
        let arguments = ["plan", "--registry", "mine", "--changed-since", revision];
        let ran = tool.command(&arguments).env("PATH", &path).output().expect("the tool runs");
        crate::tool::Ran::from(ran)
    };
    // What this program has written is no change, however often it was asked.
    plan("HEAD").exits(4);
    tool.run(&["run", "--backend", "memstore", "--case", "keyvalue_basic/set_overwrites"]).exits(0);
    plan("HEAD").exits(4);
    let elsewhere = |output: &str| {
        let arguments = ["plan", "--registry", "mine", "--changed-since", "HEAD", "--output", output];
        let ran = tool.command(&arguments).env("PATH", &path).output().expect("the tool runs");
        crate::tool::Ran::from(ran)
    };
    for output in ["next.json", "mine/../next.json"] {
        elsewhere(output).exits(4);
        elsewhere(output).exits(4);
    }
    // What somebody else has written is one, whatever its name.
    let everything = |file: &str| {
        plan("HEAD")
            .exits(0)
            .complains(&format!("everything is planned, because {file} can touch all of it"));
    };
    everything("next.json");
    std::fs::remove_file(tool.path().join("next.json")).expect("it goes");
    tool.file("prism-report/driver.py", "mine");
    everything("prism-report/driver.py");
    std::fs::remove_file(tool.path().join("prism-report/driver.py")).expect("it goes");
    tool.file("plan.json", "{}");
    elsewhere("mine/next.json").exits(0).complains("everything is planned, because plan.json");
    std::fs::remove_file(tool.path().join("mine/next.json")).expect("it goes");
    plan("HEAD").exits(4);
    tool.file("mine/driver", "changed");
    let changed = plan("HEAD").exits(0);
    assert!(changed.stdout.contains(" mine: "), "{}", changed.stdout);
    assert!(!changed.stdout.contains("memstore"), "{}", changed.stdout);
    plan("nowhere").exits(2).complains("--changed-since nowhere: git says");
    tool.run(&["plan", "--changed-since", "HEAD"]).exits(2).complains("name the files with --changed");
}

/// `plan --changed` takes a file of an interface's cases to be part of that interface alone.
#[test]
fn no_interface_is_tested_with_the_files_of_another() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/src");
    let interfaces: BTreeSet<&str> = catalogue::services().map(|service| service.id).collect();
    let mut files = Vec::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let shared = ["suite.rs", "lib.rs"].map(|name| source.join(name));
    for file in files.into_iter().filter(|file| !shared.contains(file)) {
        let text = std::fs::read_to_string(&file).expect("a source");
        for interface in &interfaces {
            let own = file.strip_prefix(&source).expect("inside").starts_with(interface)
                || file == source.join(format!("{interface}.rs"));
            // Words such as `lifecycle` are modules of the contract as well.
            let uses = if interface.contains('_') {
                format!("{interface}::")
            } else {
                format!("crate::{interface}::")
            };
            assert!(own || !text.contains(&uses), "{} uses {interface}", file.display());
        }
    }
}
