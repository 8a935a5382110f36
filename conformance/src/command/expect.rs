//! `expect`: looks after expectation files.

use crate::{
    cli::{ExpectCommand, UpdateArgs},
    command::{Trouble, planned, print, registry, render_problems},
};
use prism_reports::{event::Route, read_report};
use prism_runner::{
    PlannedTarget, Selection,
    expectations::{
        self, Entries,
        update::{Excuse, Update, update},
    },
    registry::Registry,
};
use prism_yaml::{File, Problems};
use std::{fmt::Write as _, path::Path, process::ExitCode};

/// Shown by `expect --help`.
pub const EXAMPLES: &str = "\
A file says which failures are known:

  expectations:
    - backend: redis                  # a backend, a set-up, 'keyvalue[store=redis]'; or a list; * stands for anything
      case: keyvalue_ttl/accepts_max_ttl  # or a list; * stands for anything
      because: the server takes no more than a year
      issue: https://example.com/issues/7
      expires: 2027-03-31             # the last day, in UTC
      route: proxy                    # optional: direct or proxy, where the other way holds
      clause: KVT-04                  # optional: the clause that has to be the broken one
      error: INVALID_ARGUMENT         # optional: a gRPC status or a reason that has to be among what came

Examples:
  prism-conformance run --expect known-failures.yaml
  prism-conformance expect update known-failures.yaml --from prism-report
  prism-conformance expect update known-failures.yaml --from prism-report --add \\
    --because 'the server takes no more than a year' --issue https://example.com/issues/7 --expires 2027-03-31

Exit codes of update:
  0  the file excuses every failure of the report
  1  something fails that the file does not excuse
  2  bad usage, or a mistake in a file";

/// What a new file says where nothing is added to it.
const NEW: &str = "expectations:\n";

/// Does what was asked for.
pub fn expect(command: &ExpectCommand) -> Result<ExitCode, Trouble> {
    match command {
        ExpectCommand::Update(args) => update_file(args),
    }
}

/// Reads the entries of a file against everything that is registered.
pub(crate) fn read_expectations(registry: &Registry, path: &Path) -> Result<Entries, Trouble> {
    let problems = |problem| Problems::new("the expectation file", vec![problem]);
    let file = File::read(path).map_err(|problem| Trouble::usage(render_problems(&problems(problem))))?;
    read(&file, &everything(registry)?)
}

fn read(file: &File, everything: &[PlannedTarget]) -> Result<Entries, Trouble> {
    expectations::read(file, everything).map_err(|problems| Trouble::usage(render_problems(&problems)))
}

/// Every set-up of every backend and every binding of every pattern, each way, with all its cases.
fn everything(registry: &Registry) -> Result<Vec<PlannedTarget>, Trouble> {
    let routes = vec![Route::Direct, Route::Proxy];
    let backends: Vec<String> = registry
        .backends()
        .iter()
        .flat_map(|backend| {
            backend.setups.iter().map(move |setup| format!("{}@{}", backend.name, setup.name))
        })
        .collect();
    let patterns = registry.patterns().iter().map(|pattern| pattern.name.clone()).collect();
    planned(registry, &Selection { backends, patterns, routes, ..Selection::default() })
}

fn update_file(args: &UpdateArgs) -> Result<ExitCode, Trouble> {
    let registry = registry(&args.registry)?;
    let report = read_report(&args.from).map_err(|error| Trouble::usage(error.to_string()))?;
    let everything = everything(&registry)?;
    let excuse = excuse(args)?;
    let file = if args.file.exists() {
        let problems = |problem| Problems::new("the expectation file", vec![problem]);
        File::read(&args.file).map_err(|problem| Trouble::usage(render_problems(&problems(problem))))?
    } else if excuse.is_some() {
        File::new(args.file.display().to_string(), NEW, None)
    } else {
        return Err(Trouble::usage(format!("there is no file {}; --add makes one", args.file.display())));
    };
    let entries = read(&file, &everything)?;
    let now = jiff::Timestamp::now().to_string();
    let update = update(&file, &entries, &report, &now);
    if update.changes() || (excuse.is_some() && !update.missing.is_empty()) {
        let text = update.apply(&file, &entries, excuse.as_ref());
        // Nothing is written that could not be read again.
        let label = args.file.display().to_string();
        read(&File::new(label, &text, None), &everything)?;
        std::fs::write(&args.file, text)
            .map_err(|error| Trouble::usage(format!("{} cannot be written: {error}", args.file.display())))?;
    }
    print(&told(&update, excuse.as_ref()))?;
    let open = !update.left.is_empty() || (excuse.is_none() && !update.missing.is_empty());
    Ok(ExitCode::from(u8::from(open)))
}

/// What was done, what is left to do, and what would be or was added.
fn told(update: &Update, excuse: Option<&Excuse<'_>>) -> String {
    let mut text = String::new();
    for line in update.done.iter().chain(&update.left) {
        let _ = writeln!(text, "{line}");
    }
    if !update.missing.is_empty() {
        let placeholder = Excuse { because: "…", issue: "https://…", expires: "YYYY-MM-DD" };
        let heading = if excuse.is_some() {
            "added:"
        } else {
            "not excused; --add with --because, --issue and --expires would add:"
        };
        let _ = writeln!(text, "{heading}");
        for missing in &update.missing {
            text.push_str(&missing.entry(2, excuse.unwrap_or(&placeholder)));
        }
    }
    if text.is_empty() {
        text.push_str("the file and the report agree\n");
    }
    text
}

fn excuse(args: &UpdateArgs) -> Result<Option<Excuse<'_>>, Trouble> {
    let (Some(because), Some(issue), Some(expires)) = (&args.because, &args.issue, &args.expires) else {
        return Ok(None);
    };
    let mut mistakes = Vec::new();
    if because.trim().is_empty() {
        mistakes.push("--because is empty".to_owned());
    }
    if !expectations::is_link(issue) {
        mistakes
            .push("--issue is no link; write its address, such as https://example.com/issues/7".to_owned());
    }
    if !expectations::is_date(expires) {
        mistakes.push(format!("--expires is `{expires}`, which is no day; write one as 2027-03-31"));
    }
    if mistakes.is_empty() {
        Ok(args.add.then_some(Excuse { because, issue, expires }))
    } else {
        Err(Trouble::usage(mistakes.join("; ")))
    }
}
