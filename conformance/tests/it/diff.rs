//! What changed between two runs, as a user asks for it.

use crate::{odd_driver, tool::Tool};
use prism_reports::{
    Diff, EventKind, EventWriter, Outcome,
    diff::{CaseChangeKind, InterfaceChangeKind},
    read_log,
};
use std::path::Path;

/// A few cases of a driver that needs no other process.
const FEW: &[&str] =
    &["run", "--backend", "memstore", "--case", "keyvalue_basic/set_*", "--case", "keyvalue_basic/get_*"];

/// Declares a backend whose driver is this test binary.
fn declare(tool: &Tool, driver: &str) {
    let text = format!(
        "backend: mine\n\
         description: A driver that is started\n\
         driver: {driver}\n\
         interfaces: {{ keyvalue_basic: {{ max_key_bytes: 4KiB, max_value_bytes: 4MiB }} }}\n\
         guarantees: {{ consistency: linearizable, durability: none }}\n"
    );
    tool.file("mine/backend.yaml", &text);
}

fn run(tool: &Tool, output: &str, more: &[&str]) -> crate::tool::Ran {
    // The driver serves more than is declared here; that is not what these tests are about.
    let run = ["run", "--registry", "mine", "--backend", "mine", "--interface", "keyvalue_basic"];
    tool.run(&[&run[..], &["--effort", "quick", "--seed", "1", "--output", output], more].concat())
}

/// Writes the log of a run again with its events changed; an event that is to go becomes none.
fn altered(tool: &Tool, from: &str, to: &str, change: impl Fn(EventKind) -> Option<EventKind>) {
    let (events, _) = read_log(&tool.path().join(from).join("events.jsonl")).expect("the log of a run");
    let folder = tool.path().join(to);
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut log = EventWriter::create(&folder.join("events.jsonl")).expect("a log");
    for kind in events.into_iter().filter_map(|event| change(event.kind)) {
        let kind = match kind {
            EventKind::RunFinished(closing) => log.closing_record(closing.cancelled, closing.peak_rss_kib),
            kind => kind,
        };
        log.append(kind).expect("a line");
    }
}

fn read(text: &str) -> Diff {
    serde_json::from_str(text).expect("a diff")
}

#[test]
fn two_runs_of_the_same_driver_do_not_differ() {
    let tool = Tool::new();
    for folder in ["before", "after"] {
        tool.run(&[FEW, &["--output", folder, "--seed", "1"]].concat()).exits(0);
    }
    // How long calls took is shown too, and may differ.
    tool.run(&["diff", "before", "after"]).exits(0).says("NOTHING WORSE: ").says("times of ");
    tool.run(&["diff", "before/report.json", "after/events.jsonl"]).exits(0);
    let first = tool.run(&["diff", "before", "after", "--format", "json"]).exits(0).stdout;
    let again = tool.run(&["diff", "before", "after", "--format", "json"]).exits(0).stdout;
    assert_eq!(first, again);
    let diff = read(&first);
    assert!(diff.compared.cases >= 2 && diff.is_empty(), "{first}");
    let timed =
        |rpc: &str| diff.latencies.iter().any(|change| change.target == "memstore" && change.rpc == rpc);
    assert!(timed("KeyValueBasic/Get") && timed("KeyValueBasic/Set"), "{first}");
    let page = tool.run(&["diff", "before", "after", "--format", "markdown"]).exits(0);
    page.says("# ✓ Prism conformance, compared: nothing worse");
}

#[test]
fn a_seeded_fault_turns_the_gate_red_and_its_repair_is_told() {
    let tool = Tool::new();
    let fault = ", ODD_MUTANT: keyvalue_basic/empty_value_is_missing";
    declare(&tool, &odd_driver::driver("mutant", ""));
    run(&tool, "good", &[]).exits(0);
    declare(&tool, &odd_driver::driver("mutant", fault));
    let ran = run(&tool, "faulty", &["--baseline", "good"]).exits(1);
    let ran = ran.says("CHANGES SINCE THE BASELINE: worse: ").says("Newly failing: ");

    let diff = read(&tool.run(&["diff", "good", "faulty", "--format", "json"]).exits(1).stdout);
    let failing: Vec<&str> = diff
        .cases
        .iter()
        .filter(|change| change.kind == CaseChangeKind::NewlyFailing)
        .map(|change| change.case.as_str())
        .collect();
    assert!(failing.contains(&"keyvalue_basic/empty_value_is_there"), "{failing:?}");
    for case in &failing {
        assert!(ran.stdout.contains(case), "no {case} in:\n{}", ran.stdout);
    }
    let summary = tool.read("faulty/summary.md");
    let section = summary.find("## Changes since the baseline").expect("the section");
    assert!(section < summary.find("| this run |").expect("provenance"), "{summary}");
    let again = ["report", "faulty", "--format", "markdown", "--baseline", "good/report.json"];
    assert_eq!(tool.run(&again).exits(1).stdout, summary);
    let page = tool.read("faulty/report.html");
    let section = page.split("<h2 id=\"changes\">").nth(1).expect("the section");
    assert!(section.contains("<h3>Newly failing: "), "{section}");
    let again = ["report", "faulty", "--format", "html", "--baseline", "good/report.json"];
    assert_eq!(tool.run(&again).exits(1).stdout, page);

    tool.run(&["diff", "faulty", "good"]).exits(0).says("NOTHING WORSE: ").says("Fixed: ");
}

#[test]
fn a_claim_that_is_gone_and_one_that_changed_are_told() {
    let tool = Tool::new();
    tool.run(&[FEW, &["--case", "keyvalue_scan/*empty*", "--output", "before"]].concat()).exits(0);
    altered(&tool, "before", "after", |mut event| {
        match &mut event {
            EventKind::TargetPlanned(plan) => {
                plan.declared.retain(|declared| declared.interface != "keyvalue_scan");
                plan.cases.retain(|case| case.interface != "keyvalue_scan");
                let traits = plan.declared.iter_mut().find(|declared| declared.interface == "keyvalue_basic");
                traits.expect("a claim").traits.insert("max_key_bytes".into(), "1KiB".into());
            }
            EventKind::CaseFinished(case) if case.case.starts_with("keyvalue_scan/") => return None,
            _ => {}
        }
        Some(event)
    });
    let diff = read(&tool.run(&["diff", "before", "after", "--format", "json"]).exits(1).stdout);
    assert_eq!(diff.interfaces[0].kind, InterfaceChangeKind::NewlyRefused);
    assert_eq!(
        (diff.claims[0].name.as_str(), diff.claims[0].after.as_deref()),
        ("max_key_bytes", Some("1KiB"))
    );
    assert_eq!(diff.cases, []);
    let said = tool.run(&["diff", "before", "after"]).exits(1);
    said.says("Newly refused: 2 interfaces\n   keyvalue_scan on memstore: pass ");
}

#[test]
fn a_level_that_is_lost_is_worse_and_one_that_is_gained_is_not() {
    let tool = Tool::new();
    let clock = ["run", "--backend", "memstore", "--interface", "clock", "--output", "before"];
    tool.run(&clock).exits(0);
    altered(&tool, "before", "after", |mut event| {
        if let EventKind::CaseFinished(case) = &mut event
            && case.case == "clock/bad_advances_are_refused"
        {
            case.outcome = Outcome::Fail;
        }
        Some(event)
    });
    let lost = tool.run(&["diff", "before", "after"]).exits(1).says("1 case newly failing, 1 level lost");
    lost.says("Lost: 1 level\n   clock on memstore: full → no level");
    tool.run(&["diff", "after", "before"])
        .exits(0)
        .says("Gained: 1 level\n   clock on memstore: no level → full");
}

#[test]
fn slower_calls_gate_where_that_was_asked_for() {
    let tool = Tool::new();
    let run = ["run", "--backend", "memstore", "--case", "keyvalue_basic/*", "--effort", "quick"];
    tool.run(&[&run[..], &["--output", "before"]].concat()).exits(0);
    let slower_by = |factor: f64| {
        move |mut event: EventKind| {
            if let EventKind::CaseFinished(case) = &mut event {
                case.p50_us.entry("KeyValueBasic/Get".to_owned()).and_modify(|us| *us *= factor);
            }
            Some(event)
        }
    };
    altered(&tool, "before", "after", slower_by(3.0));
    let said = tool.run(&["diff", "before", "after"]).exits(0);
    said.says("Slower: 2 rpcs\n   KeyValueBasic/Get on memstore: ").says("3.00 times as long");
    tool.run(&["diff", "before", "after", "--fail-slower", "4"]).exits(0);
    let said = tool.run(&["diff", "before", "after", "--fail-slower", "2"]).exits(1);
    said.says("WORSE: 2 rpcs slower than allowed");
    tool.run(&["diff", "after", "before", "--fail-slower", "1"]).exits(0).says("Faster: 2 rpcs");

    altered(&tool, "before", "elsewhere", |mut event| {
        if let EventKind::RunStarted(run) = &mut event {
            run.host.cores += 1;
        }
        Some(event)
    });
    tool.run(&["diff", "before", "elsewhere"]).exits(0).says("the runs were made on different machines");
    let refused = tool.run(&["diff", "before", "elsewhere", "--fail-slower", "2"]).exits(2);
    refused.complains("--fail-slower: there are no times that can be compared");
    for ratio in ["0.5", "NaN", "inf", "-1", "x"] {
        tool.run(&["diff", "before", "after", &format!("--fail-slower={ratio}")])
            .exits(2)
            .complains("from 1 on");
    }
}

#[test]
fn a_part_is_compared_with_the_whole_over_what_both_selected() {
    let tool = Tool::new();
    tool.run(&["run", "--backend", "memstore", "--interface", "keyvalue_basic", "--effort", "quick"])
        .exits(0);
    let more = ["--output", "part", "--baseline", "prism-report", "--effort", "quick"];
    tool.run(&[FEW, &more].concat()).exits(0).says("CHANGES SINCE THE BASELINE: nothing worse");
    let said = tool.run(&["diff", "prism-report", "part"]).exits(0);
    let said = said.says("since the newer run did not select them (--case keyvalue_basic/set_*");
    said.says("levels are not compared");
}

#[test]
fn what_is_no_report_is_refused_before_anything_runs() {
    let tool = Tool::new();
    tool.run(&[FEW, &["--output", "good"]].concat()).exits(0);
    let log = tool.read("good/events.jsonl");
    let cut = &log[..log.trim_end().rfind('\n').expect("several lines") + 20];
    tool.file("cut/events.jsonl", cut);
    let report = tool.read("good/report.json");
    let later = report.replacen("\"schema_version\": 1", "\"schema_version\": 9", 1);
    tool.file("later.json", &later);
    tool.file("package.json", "{ \"name\": \"something else\" }");
    tool.file("page.html", "<html></html>");
    tool.file("empty.json", "");
    tool.file("nothing/here.txt", "");
    for (baseline, said) in [
        ("cut", "the run was cut off"),
        ("later.json", "schema version 9; this tool reads version 1"),
        ("package.json", "neither an event log nor a report.json: missing field"),
        ("page.html", "neither an event log nor a report.json"),
        ("empty.json", "it is empty"),
        ("nothing", "the folder holds neither events.jsonl nor report.json"),
        ("missing.json", "missing.json: it cannot be read"),
    ] {
        tool.run(&["diff", baseline, "good"]).exits(2).complains(said);
        tool.run(&["diff", "good", baseline]).exits(2).complains(said);
        let run = [FEW, &["--output", "never", "--baseline", baseline]].concat();
        tool.run(&run).exits(2).complains("--baseline ").complains(said);
        tool.run(&["report", "good", "--baseline", baseline]).exits(2).complains(said);
    }
    assert!(!Path::new(&tool.path().join("never")).exists(), "nothing was run, so nothing is written");
    tool.run(&["report", "good", "--baseline", "good", "--format", "junit"])
        .exits(2)
        .complains("--baseline goes with --format terminal, markdown or html");
}

#[test]
fn what_was_reached_in_another_way_is_not_compared() {
    let tool = Tool::new();
    tool.run(&[FEW, &["--output", "direct"]].concat()).exits(0);
    let proxied = ["--output", "proxied", "--via-proxy=only", "--baseline", "direct"];
    let ran = tool.run(&[FEW, &proxied].concat()).exits(0);
    ran.says(
        "CHANGES SINCE THE BASELINE: not compared: one was reached directly and the other through the proxy",
    );
    assert!(tool.read("proxied/summary.md").contains("Not compared: one was reached directly"));
    tool.run(&["diff", "direct", "proxied"]).exits(2).complains("run both the same way");
}
