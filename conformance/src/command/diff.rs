//! `diff`: says what changed from one run to another.

use crate::{
    cli::{DiffArgs, DiffFormat},
    command::{Trouble, colour, print_with, report::terminal_options},
};
use prism_reports::{
    Diff, Incomparable, Report,
    diff::{self, Which},
    escape, exit, read_report,
    render::{changes, markdown},
};
use std::{io::Write, path::Path, process::ExitCode};

/// Shown by `diff --help`.
pub const EXAMPLES: &str = "\
Examples:
  prism-conformance diff baseline/report.json prism-report
  prism-conformance diff --format markdown before/events.jsonl after/events.jsonl
  prism-conformance diff --fail-slower 2 before after

Worse is: a case that newly fails, has no result any more or is gone; a target that is gone or not measured any more; an
interface that is not declared any more; a level that is lost. Claims that changed are shown and are not worse by
themselves. Only what both runs selected is compared.

How long calls take is compared where both runs were made on the same machine: for each rpc, the median over the cases
that passed in both of how many times as long its median call takes now, with its 99 % interval. Slower or faster is what
lies beyond 1.5 with all of the interval; that gates nothing without --fail-slower.

Exit codes:
  0  nothing is worse
  1  something is worse
  2  bad usage, a file that is no report or was cut off, or two reports that cannot be compared (with --fail-slower: no
     times that can be)";

/// Compares; the exit code says whether anything is worse.
pub fn diff(args: &DiffArgs) -> Result<ExitCode, Trouble> {
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let mut diff = compare(args, &before, &after)?;
    if let Some(ratio) = args.fail_slower {
        if diff.latencies.is_empty() {
            let notes = diff.notes.join("; ");
            return Err(refused(&format!(
                "--fail-slower: there are no times that can be compared ({notes})"
            )));
        }
        diff.fail_slower(ratio);
    }
    print_with(|out: &mut dyn Write| match args.format {
        DiffFormat::Json => changes::json(&diff, out),
        DiffFormat::Text => out.write_all(changes::terminal(&diff, &terminal_options(colour())).as_bytes()),
        DiffFormat::Markdown => {
            out.write_all(changes::markdown(&diff, &markdown::Options::default()).as_bytes())
        }
    })?;
    Ok(ExitCode::from(if diff.worse { exit::NON_CONFORMANT } else { exit::CONFORMANT }))
}

/// Reads the report of a run, from whatever that has left.
pub(crate) fn read(path: &Path) -> Result<Report, Trouble> {
    read_report(path).map_err(|error| refused(&error.to_string()))
}

/// What a report says is foreign text, and nothing of it steers the terminal.
pub(crate) fn refused(why: &str) -> Trouble {
    Trouble::usage(escape::line(&escape::cap(why, 4_000)))
}

fn compare(args: &DiffArgs, before: &Report, after: &Report) -> Result<Diff, Trouble> {
    let refused_as = |error| match error {
        Incomparable::Unusable { which: Which::Before, why } => unusable(&args.before, &why),
        Incomparable::Unusable { which: Which::After, why } => unusable(&args.after, &why),
        error => {
            format!("{} and {} cannot be compared: {error}", args.before.display(), args.after.display())
        }
    };
    diff::compare(before, after).map_err(|error| refused(&refused_as(error)))
}

fn unusable(path: &Path, why: &str) -> String {
    format!("{}: it cannot be compared: {why}", path.display())
}
