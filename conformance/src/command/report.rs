//! `report`: renders an event log again.

use crate::{
    cli::{ReportArgs, ReportFormat},
    command::{Trouble, colour, print},
};
use prism_reports::{LogError, Report, exit_code, read_log, render};
use std::process::ExitCode;

/// The budget of a page that goes nowhere in particular: what a GitHub step may show.
pub(crate) const PAGE_BYTES: usize = prism_reports::STEP_SUMMARY_LIMIT as usize;

/// Renders; the exit code is the one of the run.
pub fn report(args: &ReportArgs) -> Result<ExitCode, Trouble> {
    let path = if args.events.is_dir() { args.events.join("events.jsonl") } else { args.events.clone() };
    let (events, _) =
        read_log(&path).map_err(|error: LogError| Trouble::usage(format!("{}: {error}", path.display())))?;
    let report = Report::from_events(&events);
    print(&rendered(&report, args.format))?;
    Ok(exit_code(&report).into())
}

/// A report in one of its forms.
pub(crate) fn rendered(report: &Report, format: ReportFormat) -> String {
    match format {
        ReportFormat::Terminal => {
            let width = terminal_width();
            render::terminal::render(report, &render::terminal::Options { color: colour(), width })
        }
        ReportFormat::Json => render::json::render(report),
        ReportFormat::Markdown => {
            render::markdown::render(report, &render::markdown::Options { budget_bytes: PAGE_BYTES })
        }
        ReportFormat::Junit => render::junit::render(report),
    }
}

/// The width of the terminal; 110 columns where there is none.
fn terminal_width() -> usize {
    terminal_size::terminal_size().map_or(110, |(width, _)| usize::from(width.0)).clamp(60, 160)
}
