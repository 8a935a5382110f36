//! `merge`: one report of the logs of many machines.

use crate::{
    cli::MergeArgs,
    command::{
        Trouble,
        baseline::Baseline,
        colour,
        planned::read_plan,
        print_with, quoted,
        report::write_report,
        run::{open_log, unwritable, write_reports},
    },
};
use prism_reports::{Report, Shard, exit_code, merge as merged, read_log};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Shown by `merge --help`.
pub const EXAMPLES: &str = "\
Examples:
  prism-conformance merge --plan plan.json shards
  prism-conformance merge --plan plan.json shards --baseline main/report.json
  prism-conformance merge redis/events.jsonl memstore/events.jsonl --output together

Every planned case has one result or is told to be missing, which makes the merged run incomplete (exit code 3). Logs that
are not of one run, by their contract, suites, plan, commit, seed or expectations, and logs that hold the same case are
refused (exit code 2). The output folder gets what `run` writes.";

/// Reads, merges, writes the reports, prints one.
pub fn merge(args: &MergeArgs) -> Result<ExitCode, Trouble> {
    let plan = args.plan.as_deref().map(read_plan).transpose()?;
    let baseline = Baseline::read(args.baseline.as_deref())?;
    let files = logs(&args.logs)?;
    if files.is_empty() && plan.is_none() {
        return Err(Trouble::usage("there is no events.jsonl in what is to be merged"));
    }
    let shards = files.iter().map(|file| read(file)).collect::<Result<Vec<Shard>, Trouble>>()?;
    let command = std::env::args().map(|argument| quoted(&argument)).collect::<Vec<_>>().join(" ");
    let events =
        merged(&shards, plan.as_ref(), &command).map_err(|error| Trouble::usage(error.to_string()))?;
    drop(shards);
    let mut log = open_log(&args.output)?;
    for event in &events {
        log.write(event).map_err(|error| unwritable(&args.output, &error))?;
    }
    let report = Report::from_events(&events);
    drop(events);
    let since = baseline.map(|baseline| baseline.since(&report));
    write_reports(&args.output, &report, since.as_ref())?;
    print_with(|out| write_report(&report, since.as_ref(), args.format, colour(), out))?;
    Ok(exit_code(&report).into())
}

fn read(file: &Path) -> Result<Shard, Trouble> {
    let (events, completeness) = read_log(file).map_err(|error| {
        let is_log = file.extension().is_some_and(|extension| extension == "jsonl");
        let help = if is_log { "" } else { "; merge takes event logs, events.jsonl" };
        Trouble::usage(format!("{}: {error}{help}", file.display()))
    })?;
    Ok(Shard { file: file.display().to_string(), events, completeness })
}

/// The files that are named, and every events.jsonl in the folders that are, sorted.
fn logs(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Trouble> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let unreadable = |error: std::io::Error| Trouble::usage(format!("{}: {error}", path.display()));
            search(path, &mut found).map_err(unreadable)?;
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    Ok(found)
}

fn search(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // Links are not followed, because they can lead round in a circle.
        if entry.file_type()?.is_dir() {
            search(&entry.path(), found)?;
        } else if entry.file_name() == "events.jsonl" {
            found.push(entry.path());
        }
    }
    Ok(())
}
