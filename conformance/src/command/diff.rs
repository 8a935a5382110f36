//! `diff`: says what changed from one run to another.

use crate::{
    cli::{DiffArgs, DiffFormat},
    command::{Trouble, colour, print_with, report::terminal_options},
};
use prism_reports::{
    Diff, Incomparable, Report,
    diff::{self, Which},
    exit, read_report,
    render::{changes, markdown},
};
use std::{io::Write, path::Path, process::ExitCode};

/// Shown by `diff --help`.
pub const EXAMPLES: &str = "\
Examples:
  prism-conformance diff baseline/report.json prism-report
  prism-conformance diff --format markdown before/events.jsonl after/events.jsonl

Worse is: a case that newly fails, has no result any more or is gone; a target that is gone or not measured any more; an
interface that is not declared any more; a level that is lost. Claims that changed are shown and are not worse by
themselves. Only what both runs selected is compared.

Exit codes:
  0  nothing is worse
  1  something is worse
  2  bad usage, a file that is no report or was cut off, or two reports that cannot be compared";

/// Compares; the exit code says whether anything is worse.
pub fn diff(args: &DiffArgs) -> Result<ExitCode, Trouble> {
    let before = read_report(&args.before).map_err(|error| Trouble::usage(error.to_string()))?;
    let after = read_report(&args.after).map_err(|error| Trouble::usage(error.to_string()))?;
    let diff = compare(args, &before, &after)?;
    print_with(|out: &mut dyn Write| match args.format {
        DiffFormat::Json => changes::json(&diff, out),
        DiffFormat::Text => out.write_all(changes::terminal(&diff, &terminal_options(colour())).as_bytes()),
        DiffFormat::Markdown => {
            out.write_all(changes::markdown(&diff, &markdown::Options::default()).as_bytes())
        }
    })?;
    Ok(ExitCode::from(if diff.worse { exit::NON_CONFORMANT } else { exit::CONFORMANT }))
}

fn compare(args: &DiffArgs, before: &Report, after: &Report) -> Result<Diff, Trouble> {
    diff::compare(before, after).map_err(|error| {
        Trouble::usage(match error {
            Incomparable::Unusable { which: Which::Before, why } => unusable(&args.before, &why),
            Incomparable::Unusable { which: Which::After, why } => unusable(&args.after, &why),
            error => {
                format!("{} and {} cannot be compared: {error}", args.before.display(), args.after.display())
            }
        })
    })
}

fn unusable(path: &Path, why: &str) -> String {
    format!("{}: it cannot be compared: {why}", path.display())
}
