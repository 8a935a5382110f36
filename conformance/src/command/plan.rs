//! `plan`: divides a run into groups for separate machines.

use crate::{
    cli::{PLAN_FILE, PlanArgs, PlanFormat, REPORT_FOLDER},
    command::{
        Trouble, commit, planned, print, registry, report::write_file, routes, run::REPORT_FILES, say,
    },
    patterns::ReferencePatterns,
};
use prism_reports::{Plan, read_report};
use prism_runner::{
    PlannedTarget, Selection, digests,
    registry::Registry,
    shards::{Durations, Request, Touched, divide, setups_left_out},
};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Shown by `plan --help`.
pub const EXAMPLES: &str = "\
Examples:
  prism-conformance plan
  prism-conformance plan --durations prism-report --max-groups 20
  prism-conformance plan --changed-since origin/main --format matrix
  prism-conformance plan --changed backends/redis/src/client.rs

The plan goes to plan.json, its matrix to the `strategy` of a GitHub job, and what is left out to standard error. What a
file touches: the folder of a backend or of its driver, that backend and the patterns over it; the cases of an interface,
that interface; anything else that could matter, everything. New files that this program has written itself (plan.json or
--output, the reports in prism-report) are no change. Exit code 4 says that nothing is planned.";

/// Makes the plan, writes it, and says what it leaves out.
pub fn plan(args: &PlanArgs) -> Result<ExitCode, Trouble> {
    let registry = registry(&args.registry)?;
    let selection = Selection { routes: routes(args.via_proxy), ..args.selection.selection(&args.require) };
    let targets = planned(&registry, &selection)?;
    let touched = touched(args, &registry, &targets)?;
    if let Touched::Because(file) = &touched {
        say(&format!("everything is planned, because {file} can touch all of it"));
    }
    let named = !args.selection.backend.is_empty() || !args.selection.pattern.is_empty();
    let left_out = if named { Vec::new() } else { setups_left_out(&registry, &targets) };
    let request = Request {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        digests: digests(&ReferencePatterns),
        commit: commit(),
        seed: args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
        filters: args.selection.filters(),
        max_groups: args.max_groups,
        durations: args.durations.as_deref().map(durations).transpose()?.unwrap_or_default(),
        touched,
    };
    let plan = divide(&targets, left_out, &request);
    write_file(&args.output, |out| out.write_all(plan.to_json().as_bytes())).map_err(|error| {
        Trouble::usage(format!(
            "{} cannot be written: {error}; name another file with --output",
            args.output.display()
        ))
    })?;
    for left_out in &plan.left_out {
        say(&format!("left out: {} ({} cases): {}", left_out.what, left_out.cases, left_out.why));
    }
    print(&match args.format {
        PlanFormat::Text => text(&plan, &args.output),
        PlanFormat::Json => plan.to_json(),
        PlanFormat::Matrix => format!("{}\n", serde_json::json!(plan.matrix)),
    })?;
    if plan.groups.is_empty() {
        let why = if args.changed.is_empty() && args.changed_since.is_none() {
            "no case is selected; `prism-conformance list` shows them all"
        } else {
            "no changed file touches anything that is selected"
        };
        return Err(Trouble::nothing(why));
    }
    Ok(ExitCode::SUCCESS)
}

fn text(plan: &Plan, output: &Path) -> String {
    let mut text = String::new();
    for group in &plan.groups {
        let expected = group.expected_ms.map(|ms| format!(", {:.1} s of cases", ms as f64 / 1e3));
        let _ = writeln!(
            text,
            "{:4}  {} ({} cases{})",
            group.group,
            group.name,
            group.cases,
            expected.unwrap_or_default()
        );
        for part in &group.parts {
            let _ = writeln!(text, "        {}: {}", part.target, part.interfaces.join(", "));
        }
    }
    let cases: u64 = plan.groups.iter().map(|group| group.cases).sum();
    let _ = writeln!(
        text,
        "\n{} groups, {cases} cases on {} targets, seed {}\n{}: {}",
        plan.groups.len(),
        plan.targets.len(),
        plan.seed,
        output.display(),
        plan.digest
    );
    text
}

/// What the changed files leave to be tested.
fn touched(args: &PlanArgs, registry: &Registry, targets: &[PlannedTarget]) -> Result<Touched, Trouble> {
    let (top, files) = match &args.changed_since {
        Some(revision) => changed_since(revision, &args.output)?,
        None if args.changed.is_empty() => return Ok(Touched::Everything),
        None => {
            let here = std::env::current_dir()
                .map_err(|error| Trouble::usage(format!("this folder cannot be told: {error}")))?;
            let top =
                git(&["rev-parse", "--show-toplevel"]).map_or(here, |top| PathBuf::from(top.trim_end()));
            let relative = |file: &PathBuf| {
                let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
                file.strip_prefix(&top).unwrap_or(&file).display().to_string()
            };
            let files = args.changed.iter().map(relative).collect();
            (top, files)
        }
    };
    Ok(Touched::by_files(&files, &top, registry, targets))
}

/// The top of the work tree, and the files in it that differ from a revision, new ones included, but for what this program
/// has left there itself.
fn changed_since(revision: &str, output: &Path) -> Result<(PathBuf, Vec<String>), Trouble> {
    let git = |arguments: &[&str]| {
        git(arguments).map_err(|why| {
            Trouble::usage(format!(
                "--changed-since {revision}: {why}; name the files with --changed instead"
            ))
        })
    };
    if revision.starts_with('-') {
        return Err(Trouble::usage(format!("--changed-since: `{revision}` is no revision")));
    }
    let top = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?.trim_end());
    let top_text = top.display().to_string();
    // Both sides of a move are changes.
    let changed = git(&["-C", &top_text, "diff", "--name-only", "--no-renames", "-z", revision, "--"])?;
    let new = git(&["-C", &top_text, "ls-files", "--others", "--exclude-standard", "-z"])?;
    let own = own_files(&top, output);
    let new = new.split('\0').filter(|name| !own.contains(&top.join(name)));
    let names = changed.split('\0').chain(new).filter(|name| !name.is_empty());
    let mut files: Vec<String> = names.map(str::to_owned).collect();
    files.sort();
    files.dedup();
    Ok((top, files))
}

/// What this program writes where nothing else is said, and the plan that is about to be written. A file that has such a
/// name and is no plan is somebody else's.
fn own_files(top: &Path, output: &Path) -> Vec<PathBuf> {
    let in_tree = |path: &Path| {
        let whole = path.canonicalize().ok()?;
        // Git spells the top without links, and so does this.
        Some(top.join(whole.strip_prefix(top.canonicalize().ok()?).ok()?))
    };
    let plan = Path::new(PLAN_FILE);
    let is_plan = std::fs::read(plan).is_ok_and(|text| Plan::read(&text).is_ok());
    let reports = REPORT_FILES.iter().map(|name| Path::new(REPORT_FOLDER).join(name));
    let written = [output.to_owned()].into_iter().chain(is_plan.then(|| plan.to_owned())).chain(reports);
    written.filter_map(|path| in_tree(&path)).collect()
}

fn git(arguments: &[&str]) -> Result<String, String> {
    let ran = Command::new("git").args(arguments).output().map_err(|error| format!("git: {error}"))?;
    if ran.status.success() {
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&ran.stderr);
        Err(format!("git says: {}", said.lines().next().unwrap_or("nothing")))
    }
}

/// What an earlier report or log recorded.
fn durations(path: &Path) -> Result<Durations, Trouble> {
    let report = read_report(path).map_err(|error| Trouble::usage(format!("--durations {error}")))?;
    Ok(Durations::of_report(&report))
}
