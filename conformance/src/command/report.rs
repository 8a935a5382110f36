//! `report`: renders an event log again.

use crate::{
    cli::{ReportArgs, ReportFormat},
    command::{Trouble, baseline::Baseline, colour, diff::read, print_with, say},
};
use prism_reports::{
    Report, append_step_summary, exit_code,
    render::{self, badge::Badge, changes::Since},
};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    process::ExitCode,
};

/// The budget of a page that goes nowhere in particular: what a GitHub step may show.
const PAGE_BYTES: usize = prism_reports::STEP_SUMMARY_LIMIT as usize;

/// Renders; the exit code is the one of the run.
pub fn report(args: &ReportArgs) -> Result<ExitCode, Trouble> {
    let report = read(&args.events)?;
    let badge = badge(args, &report)?;
    let tells_changes = [ReportFormat::Terminal, ReportFormat::Markdown, ReportFormat::Html];
    if args.baseline.is_some() && !tells_changes.contains(&args.format) {
        return Err(Trouble::usage(
            "--baseline goes with --format terminal, markdown or html; `diff` compares for the others",
        ));
    }
    let since = Baseline::read(args.baseline.as_deref())?.map(|baseline| baseline.since(&report));
    let since = since.as_ref();
    if args.append && args.format != ReportFormat::Markdown {
        return Err(Trouble::usage("--append goes with --format markdown: no other format can be continued"));
    }
    let write = |out: &mut dyn Write| match args.format {
        ReportFormat::Badge => out.write_all(badge.svg().as_bytes()),
        ReportFormat::BadgeEndpoint => out.write_all(badge.endpoint().as_bytes()),
        // Colours are for a terminal, not for a file.
        format => write_report(&report, since, format, args.output.is_none() && colour(), out),
    };
    match &args.output {
        Some(path) if args.append => append(path, &report, since)?,
        Some(path) => write_file(path, write).map_err(|error| {
            Trouble::usage(format!(
                "{} cannot be written: {error}; name another file with --output",
                path.display()
            ))
        })?,
        None => print_with(write)?,
    }
    Ok(exit_code(&report).into())
}

fn append(path: &Path, report: &Report, since: Option<&Since>) -> Result<(), Trouble> {
    let page = |budget_bytes| {
        render::markdown::render_since(report, since, &render::markdown::Options { budget_bytes })
    };
    let written = append_step_summary(path, page)
        .map_err(|error| Trouble::usage(format!("{} cannot be written: {error}", path.display())))?;
    if written.appended == 0 {
        say(&format!(
            "warning: nothing was appended to {}: it holds {} bytes already, and GitHub takes {} at most",
            path.display(),
            written.existing,
            prism_reports::STEP_SUMMARY_LIMIT,
        ));
    }
    Ok(())
}

fn badge(args: &ReportArgs, report: &Report) -> Result<Badge, Trouble> {
    let is_badge = matches!(args.format, ReportFormat::Badge | ReportFormat::BadgeEndpoint);
    let Some(name) = &args.target else { return Ok(render::badge::of_run(report)) };
    if !is_badge {
        return Err(Trouble::usage(
            "--target goes with --format badge or badge-endpoint: the others show every target",
        ));
    }
    let target = report.targets.iter().find(|target| target.target == *name);
    target.map(|target| render::badge::of_target(report, target)).ok_or_else(|| {
        let names: Vec<&str> = report.targets.iter().map(|target| target.target.as_str()).collect();
        Trouble::usage(format!("no target `{name}` in this report; it has {}", names.join(", ")))
    })
}

/// Writes a report in one of its forms; the terminal and the pages also say what changed since a baseline.
pub(crate) fn write_report(
    report: &Report,
    since: Option<&Since>,
    format: ReportFormat,
    color: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let text = match format {
        ReportFormat::Json => return render::json::write(report, out),
        ReportFormat::Junit => return render::junit::write(report, out),
        ReportFormat::Ctrf => return render::ctrf::write(report, out),
        ReportFormat::Html => return render::html::write_since(report, since, out),
        ReportFormat::Terminal => render::terminal::render_since(report, since, &terminal_options(color)),
        ReportFormat::Markdown => {
            let options = render::markdown::Options { budget_bytes: PAGE_BYTES };
            render::markdown::render_since(report, since, &options)
        }
        ReportFormat::Annotations => render::annotations::render(report),
        ReportFormat::Badge => render::badge::of_run(report).svg(),
        ReportFormat::BadgeEndpoint => render::badge::of_run(report).endpoint(),
    };
    out.write_all(text.as_bytes())
}

/// Writes a file piece by piece.
pub(crate) fn write_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    write(&mut out)?;
    out.flush()
}

/// As wide as the terminal; 110 columns where there is none.
pub(crate) fn terminal_options(color: bool) -> render::terminal::Options {
    let width = terminal_size::terminal_size().map_or(110, |(width, _)| usize::from(width.0)).clamp(60, 160);
    render::terminal::Options { color, width }
}
