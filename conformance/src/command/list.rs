//! `list`: what a run would do.

use crate::{
    cli::{ListArgs, TextFormat},
    command::{Trouble, planned, print, registry},
};
use prism_runner::PlannedTarget;
use std::{fmt::Write as _, process::ExitCode};

/// Lists the plan.
pub fn list(args: &ListArgs) -> Result<ExitCode, Trouble> {
    let registry = registry(&args.registry)?;
    let targets = planned(&registry, &args.selection.selection(&[]))?;
    if targets.iter().all(|target| target.cases.is_empty()) {
        return Err(Trouble::nothing("no case is selected; `prism-conformance list` shows them all"));
    }
    print(&match args.format {
        TextFormat::Text => text(&targets),
        TextFormat::Json => json(&targets),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(targets: &[PlannedTarget]) -> String {
    let mut text = String::new();
    for target in targets {
        let _ =
            writeln!(text, "{} ({}, set-up {})", target.label, target.backend.description, target.setup.name);
        for case in &target.cases {
            let _ = writeln!(text, "  {}  [{}] {}", case.id, case.clauses.join(" "), case.kind.as_str());
            let _ = writeln!(text, "      {}", case.sentence);
        }
        let _ = writeln!(text, "  {} cases\n", target.cases.len());
    }
    text
}

fn json(targets: &[PlannedTarget]) -> String {
    let targets: Vec<serde_json::Value> = targets
        .iter()
        .map(|target| {
            let cases: Vec<serde_json::Value> = target
                .cases
                .iter()
                .map(|case| {
                    serde_json::json!({
                        "id": case.id,
                        "interface": case.interface(),
                        "kind": case.kind.as_str(),
                        "clauses": case.clauses,
                        "sentence": case.sentence,
                    })
                })
                .collect();
            serde_json::json!({
                "target": target.label,
                "backend": target.backend.name,
                "setup": target.setup.name,
                "cases": cases,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Array(targets))
}
