//! `run`: the main job.

use crate::{
    builtins,
    cli::{ReportFormat, RunArgs},
    command::{
        Trouble,
        baseline::Baseline,
        colour, commit,
        expect::read_expectations,
        pattern_command, planned,
        planned::{of_group, read_plan},
        print_with, quoted, registry,
        report::{write_file, write_report},
        routes, say,
        serve::stop_signal,
    },
    patterns::ReferencePatterns,
    progress::Progress,
};
use prism_interfaces::catalogue;
use prism_reports::{
    Event, EventKind, EventWriter, Expectations, LogError, Plan, Report, append_step_summary,
    event::{Host, RunStarted},
    exit_code,
    render::{self, changes::Since},
};
use prism_runner::{
    PlannedTarget, Selection, clauses, digests,
    engine::{self, Builtins, RunOptions},
    provision::Mode,
    proxied::ProxyCommand,
    target::Launcher,
};
use std::{
    fmt::Write as _, fs::File, io::BufWriter, path::Path, process::ExitCode, sync::Arc, time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Shown by `run --help`.
pub const EXAMPLES: &str = "\
Examples:
  prism-conformance run
  prism-conformance run --backend redis --require redis
  prism-conformance run --backend memstore --case 'keyvalue_ttl/*' --seed 7
  prism-conformance run --backend redis --via-proxy
  prism-conformance run --expect known-failures.yaml
  prism-conformance run --registry ./my-backends --backend my-backend --fail-fast
  prism-conformance run --baseline main/report.json
  prism-conformance run --plan plan.json --group 3

The output folder gets events.jsonl (the log that everything else is made from), report.json, junit.xml, ctrf.json,
summary.md and report.html. Where GITHUB_STEP_SUMMARY is set, the summary is appended to that file as well.

Exit codes:
  0  every selected case that counts passed, and something counted
  1  non-conformant: a case failed, timed out, an interface is served though not declared, or an expectation is not true
  2  bad usage, or a mistake in the registry or in the expectation file
  3  incomplete: an error of the infrastructure, a case without a verdict, a required backend without a server
  4  nothing was selected, or nothing was measured";

/// What a run leaves in its folder.
pub(crate) const REPORT_FILES: &[&str] =
    &["events.jsonl", "report.json", "junit.xml", "ctrf.json", "summary.md", "report.html"];

/// The most cases at once per target, for each processor, where nothing else is said. Most of them wait for the
/// driver most of the time.
const JOBS_PER_PROCESSOR: usize = 4;

/// Writes the log of a run.
type LogWriter = EventWriter<BufWriter<File>>;

/// Runs the plan, writes the reports, prints one.
pub fn run(args: &RunArgs) -> Result<ExitCode, Trouble> {
    Ok(exit_code(&carry_out(args)?).into())
}

/// As [`run`], with the report for whoever has a further use for it.
pub(crate) fn carry_out(args: &RunArgs) -> Result<Report, Trouble> {
    let registry = registry(&args.registry)?;
    let routes = routes(args.via_proxy);
    let plan = args.plan.as_deref().map(read_plan).transpose()?;
    let targets = match (&plan, args.group) {
        (Some(plan), Some(group)) => of_group(&registry, plan, group)?,
        _ => planned(&registry, &Selection { routes, ..args.selection.selection(&args.require) })?,
    };
    if targets.iter().all(|target| target.cases.is_empty()) {
        return Err(Trouble::nothing("no case is selected; `prism-conformance list` shows them all"));
    }
    let baseline = Baseline::read(args.baseline.as_deref())?;
    let expectations = match &args.expect {
        Some(path) => {
            read_expectations(&registry, path)?.entries.into_iter().map(|entry| entry.expectation).collect()
        }
        None => Vec::new(),
    };
    let mut log = open_log(&args.output)?;
    let started_at = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string();
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    let options = RunOptions {
        run_id: format!("{:08x}", rand::random::<u32>()),
        // Short enough to be typed.
        seed: plan
            .as_ref()
            .map(|plan| plan.seed)
            .or(args.seed)
            .unwrap_or_else(|| u64::from(rand::random::<u32>())),
        effort: args.effort.map(Into::into),
        jobs: args.jobs.map_or(processors * JOBS_PER_PROCESSOR, usize::from),
        case_limit: Duration::from_secs(args.case_timeout),
        start_limit: Duration::from_secs(args.start_timeout),
        keep: args.keep,
        fail_fast: args.fail_fast,
        mode: args.provision.map(Mode::from).unwrap_or_default(),
        proxy: targets
            .iter()
            .any(|target| !target.route.is_direct())
            .then(|| proxy_command(args))
            .transpose()?,
        patterns: Some(Arc::new(ReferencePatterns)),
        pattern_command: pattern_command(),
        expectations: Arc::new(Expectations::new(expectations, &started_at)),
        reproduce_with: args.registry.registry.iter().fold(String::new(), |mut text, folder| {
            let _ = write!(text, " --registry {}", quoted(&folder.display().to_string()));
            text
        }),
    };
    let started = RunStarted {
        plan: plan.as_ref().map(|plan| plan.reference(args.group)),
        ..started(args, plan.as_ref(), &options, started_at, processors)
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Trouble::incomplete(error.to_string()))?;
    let events = runtime.block_on(conduct(targets, options, started, &mut log));
    // Blocking threads of cases that were cut off may still be busy; they have nothing to say any more.
    runtime.shutdown_timeout(Duration::from_millis(500));
    let report = Report::from_events(&events.map_err(|error| unwritable(&args.output, &error))?);
    let since = baseline.map(|baseline| baseline.since(&report));
    write_reports(&args.output, &report, since.as_ref())?;
    print_with(|out| write_report(&report, since.as_ref(), args.format, colour(), out))?;
    Ok(report)
}

/// Runs the engine, shows progress, writes the log as things happen.
async fn conduct(
    targets: Vec<PlannedTarget>,
    options: RunOptions,
    started: RunStarted,
    log: &mut LogWriter,
) -> Result<Vec<Event>, LogError> {
    let cancel = CancellationToken::new();
    let interrupted = cancel.clone();
    tokio::spawn(async move {
        stop_signal().await;
        say(
            "stopping: servers are taken away and the report is written; press Ctrl-C again to leave at once",
        );
        interrupted.cancel();
        stop_signal().await;
        std::process::exit(130);
    });
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut progress = Progress::new(started.seed, Arc::clone(&options.expectations));
    let engine = tokio::spawn(engine::run(targets, launchers(), options, sender, cancel.clone()));

    let mut events = vec![log.append(EventKind::RunStarted(Box::new(started)))?];
    while let Some(kind) = receiver.recv().await {
        progress.see(&kind);
        match log.append(kind) {
            Ok(event) => events.push(event),
            Err(error) => {
                // Nothing that is measured from here on could be told; end in order, servers included.
                cancel.cancel();
                let _ = engine.await;
                return Err(error);
            }
        }
    }
    progress.finish();
    let broke_off = engine.await.is_err();
    if broke_off {
        // Without a closing record the report says that the run was cut off.
        return Ok(events);
    }
    let closing = log.closing_record(cancel.is_cancelled(), peak_rss_kib());
    events.push(log.append(closing)?);
    Ok(events)
}

/// The proxy that is part of this program, where no other is named.
fn proxy_command(args: &RunArgs) -> Result<ProxyCommand, Trouble> {
    if let Some(program) = &args.proxy_program {
        let program = std::path::absolute(program).map_err(|error| Trouble::usage(error.to_string()))?;
        if !program.is_file() {
            return Err(Trouble::usage(format!("--proxy-program: there is no file {}", program.display())));
        }
        return Ok(ProxyCommand { program, arguments: Vec::new() });
    }
    let program = std::env::current_exe()
        .map_err(|error| Trouble::incomplete(format!("the proxy cannot be found: {error}")))?;
    Ok(ProxyCommand { program, arguments: vec!["proxy".to_owned()] })
}

fn launchers() -> Builtins {
    Arc::new(|name| {
        let launch = builtins::find(name)?.launch;
        Some(Arc::new(launch) as Launcher)
    })
}

pub(crate) fn open_log(folder: &Path) -> Result<LogWriter, Trouble> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Trouble::usage(format!(
            "the output folder {} cannot be made: {error}; choose another with --output",
            folder.display()
        ))
    })?;
    EventWriter::create(&folder.join("events.jsonl")).map_err(|error| unwritable(folder, &error))
}

pub(crate) fn unwritable(folder: &Path, error: &LogError) -> Trouble {
    Trouble::usage(format!(
        "the report cannot be written to {}: {error}; choose another folder with --output",
        folder.display()
    ))
}

/// Writes everything that is made from the report. The summary on GitHub is a courtesy: where it cannot be written,
/// that is said, and changes nothing.
pub(crate) fn write_reports(folder: &Path, report: &Report, since: Option<&Since>) -> Result<(), Trouble> {
    let page = |budget_bytes| {
        render::markdown::render_since(report, since, &render::markdown::Options { budget_bytes })
    };
    for (name, format) in [
        ("report.json", ReportFormat::Json),
        ("junit.xml", ReportFormat::Junit),
        ("ctrf.json", ReportFormat::Ctrf),
        ("summary.md", ReportFormat::Markdown),
        ("report.html", ReportFormat::Html),
    ] {
        let path = folder.join(name);
        write_file(&path, |out| write_report(report, since, format, false, out))
            .map_err(|error| Trouble::incomplete(format!("{} cannot be written: {error}", path.display())))?;
    }
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty())
        && let Err(error) = append_step_summary(Path::new(&path), page)
    {
        say(&format!("warning: the step summary {} cannot be written: {error}", Path::new(&path).display()));
    }
    Ok(())
}

fn started(
    args: &RunArgs,
    plan: Option<&Plan>,
    options: &RunOptions,
    started_at: String,
    processors: usize,
) -> RunStarted {
    let filters = plan.map_or_else(|| args.selection.filters(), |plan| plan.filters.clone());
    RunStarted {
        schema_version: prism_reports::SCHEMA_VERSION,
        run_id: options.run_id.clone(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        contract_revision: catalogue::REVISION.to_owned(),
        digests: Some(digests(&ReferencePatterns)),
        plan: None,
        seed: options.seed,
        effort: options.effort.map(|effort| effort.to_string()),
        started_at,
        command: std::env::args().map(|argument| quoted(&argument)).collect::<Vec<_>>().join(" "),
        commit: commit(),
        host: Host {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores: processors as u32,
        },
        case_filter: filters.cases,
        interface_filter: filters.interfaces,
        target_filter: filters.targets,
        narrowed: filters.narrowed,
        expectations: options.expectations.entries().to_vec(),
        clauses: clauses(),
    }
}

/// The most memory that this process has had, where the system tells.
fn peak_rss_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
