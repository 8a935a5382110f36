//! The arguments of the command line.

use crate::command::{
    certify, diff, expect, explain, init, list, merge, mutants, plan, proxy, report, run, serve, validate,
    verify,
};
use crate::init::Language;
use clap::{Args, Parser, Subcommand, ValueEnum};
use prism_reports::plan::Filters;
use prism_runner::{
    plan::Selection,
    provision::{Mode, Way},
    shards::MOST_GROUPS,
};
use prism_suites::Effort;
use std::{collections::BTreeMap, io::Write, path::PathBuf, process::ExitCode};

/// The end of every `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0  every selected case that counts passed, and something counted
  1  non-conformant: a case failed, timed out, an interface is served though not declared, or an expectation is not true
  2  bad usage, or a mistake in the registry or in the expectation file
  3  incomplete: an error of the infrastructure, a case without a verdict, a required backend without a server
  4  nothing was selected, or nothing was measured";

/// Proves or refutes what data backends declare.
#[derive(Debug, Parser)]
#[command(name = "prism-conformance", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the suites against the declared backends and report.
    #[command(after_help = run::EXAMPLES)]
    Run(Box<RunArgs>),
    /// List backends and patterns with their cases, and what each case says.
    #[command(
        after_help = "Examples:\n  prism-conformance list\n  prism-conformance list --backend redis --interface keyvalue_ttl\n  prism-conformance list --pattern 'keyvalue[store=redis]'\n  prism-conformance list --format json"
    )]
    List(ListArgs),
    /// Divide a run into groups for separate machines, as a matrix for GitHub; say what is left out, and why.
    #[command(after_help = plan::EXAMPLES)]
    Plan(Box<PlanArgs>),
    /// Print clauses of the contract, with the cases that prove them.
    #[command(
        after_help = "Examples:\n  prism-conformance explain KVB-07\n  prism-conformance explain keyvalue_ttl\n  prism-conformance explain keyvalue_ttl/persist_keeps_the_key"
    )]
    Explain(ExplainArgs),
    /// Check every backend.yaml and say everything that is wrong with them.
    #[command(after_help = "Example:\n  prism-conformance validate --registry ./my-backends")]
    Validate(ValidateArgs),
    /// Run every seeded fault against the suite: each must be killed, and every case must kill one.
    #[command(
        after_help = "Examples:\n  prism-conformance mutants\n  prism-conformance mutants --mutant 'keyvalue_ttl/*' --case 'keyvalue_ttl/*'"
    )]
    Mutants(MutantsArgs),
    /// Make one report of the event logs of the groups of a plan, or of runs of different backends.
    #[command(after_help = merge::EXAMPLES)]
    Merge(MergeArgs),
    /// Render what a run found again.
    #[command(
        after_help = "Examples:\n  prism-conformance report prism-report/events.jsonl\n  prism-conformance report --format markdown prism-report/events.jsonl\n  prism-conformance report --format html --output report.html prism-report\n  prism-conformance report --format badge --target redis --output redis.svg prism-report\n  prism-conformance report --format markdown --append --output $GITHUB_STEP_SUMMARY prism-report\n\nThe exit code is the one of the run."
    )]
    Report(ReportArgs),
    /// Say what changed from one run to another; the exit code is a gate.
    #[command(after_help = diff::EXAMPLES)]
    Diff(DiffArgs),
    /// Run everything that a backend or a pattern declares, and certify it where all of it holds.
    #[command(after_help = certify::EXAMPLES)]
    Certify(CertifyArgs),
    /// Check a certificate without a network, and say what has become stale.
    #[command(after_help = verify::EXAMPLES)]
    Verify(VerifyArgs),
    /// Look after files of known failures.
    #[command(after_help = expect::EXAMPLES)]
    Expect {
        #[command(subcommand)]
        command: ExpectCommand,
    },
    /// Write the skeleton of a backend: a driver that conforms as it is, to be made into your own.
    #[command(after_help = init::EXAMPLES)]
    Init(InitArgs),
    /// Serve a built-in driver over gRPC on an address.
    #[command(
        after_help = "Examples:\n  prism-conformance serve memstore --listen 127.0.0.1:50051\n  prism-conformance serve redis --listen 127.0.0.1:0 --set url=redis://127.0.0.1:6379"
    )]
    Serve(ServeArgs),
    /// Run the reference proxy; `run --via-proxy` starts it in front of every driver.
    #[command(after_help = "Example:\n  prism-conformance proxy --config proxy.yaml")]
    Proxy(prism_proxy::command::Arguments),
    /// Run a reference pattern over the backends that its configuration binds to its slots.
    #[command(after_help = format!(
        "Example:\n  prism-conformance pattern keyvalue --config sessions.yaml\n\n{}",
        prism_patterns::command::EXIT_CODES
    ))]
    Pattern(prism_patterns::command::Arguments),
}

/// The most seconds that a case, a server and a driver may take, where nothing else is said.
pub const TIMEOUT_SECONDS: u64 = 60;

/// The folder for the reports of a run, where nothing else is said.
pub const REPORT_FOLDER: &str = "prism-report";

/// The file for a plan, where nothing else is said.
pub const PLAN_FILE: &str = "plan.json";

/// Where backends are declared.
#[derive(Debug, Clone, Args)]
pub struct RegistryArgs {
    /// A folder to search for backend.yaml files, besides the built-in backends; can be repeated.
    #[arg(long, value_name = "DIR")]
    pub registry: Vec<PathBuf>,
}

/// What to select.
#[derive(Debug, Clone, Args)]
pub struct SelectionArgs {
    /// A backend (its default set-ups) or backend@set-up; can be repeated. Default: every backend, unless patterns are
    /// named.
    #[arg(long, value_name = "NAME")]
    pub backend: Vec<String>,
    /// A pattern (every binding of its slots that is tried), or one binding as `list` shows it; `*` stands for any
    /// characters; can be repeated. Default: every pattern, unless backends are named.
    #[arg(long, value_name = "NAME")]
    pub pattern: Vec<String>,
    /// An interface, or `lifecycle` or `clock`; can be repeated. Default: all.
    #[arg(long, value_name = "ID")]
    pub interface: Vec<String>,
    /// A case by its id, in which `*` stands for any characters; can be repeated. Default: all.
    #[arg(long, value_name = "ID")]
    pub case: Vec<String>,
}

impl SelectionArgs {
    /// As a report tells what was asked for.
    pub(crate) fn filters(&self) -> Filters {
        Filters {
            cases: self.case.clone(),
            interfaces: self.interface.clone(),
            targets: [&self.backend[..], &self.pattern].concat(),
            narrowed: BTreeMap::new(),
        }
    }

    /// For the planner.
    pub fn selection(&self, required: &[String]) -> Selection {
        Selection {
            backends: self.backend.clone(),
            interfaces: self.interface.clone(),
            cases: self.case.clone(),
            required: required.to_vec(),
            patterns: self.pattern.clone(),
            routes: Vec::new(),
        }
    }
}

/// How much generated cases do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum EffortArg {
    /// A first look, or a slow network.
    Quick,
    /// What a server on this machine gets by default.
    Standard,
    /// What a driver in this process gets by default.
    Thorough,
}

impl From<EffortArg> for Effort {
    fn from(effort: EffortArg) -> Self {
        match effort {
            EffortArg::Quick => Self::Quick,
            EffortArg::Standard => Self::Standard,
            EffortArg::Thorough => Self::Thorough,
        }
    }
}

/// Where servers come from.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ProvisionArg {
    /// A server that runs already, named by the environment variable that backend.yaml says.
    External,
    /// A container.
    Container,
    /// A binary on PATH.
    Process,
}

impl From<ProvisionArg> for Mode {
    fn from(arg: ProvisionArg) -> Self {
        Self::Only(match arg {
            ProvisionArg::External => Way::External,
            ProvisionArg::Container => Way::Container,
            ProvisionArg::Process => Way::Process,
        })
    }
}

/// Which ways lead to a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ViaProxyArg {
    /// Directly and through the proxy.
    Both,
    /// Through the proxy alone.
    Only,
}

/// Arguments of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Where backends are declared.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// What to select.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// A backend without which the run is incomplete (exit code 3); can be repeated, or separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub require: Vec<String>,
    /// Where servers come from. Default: the first that is there of external, container, process.
    #[arg(long, value_name = "KIND")]
    pub provision: Option<ProvisionArg>,
    /// The seed that everything random comes from. Default: a new one, which is printed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How many operations and histories are generated. Default: what the cost of a call to the backend allows.
    #[arg(long)]
    pub effort: Option<EffortArg>,
    /// The most cases to run at once against one backend.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// The most seconds that a case may take.
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub case_timeout: u64,
    /// The most seconds that a server, and then a driver, may take to start.
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub start_timeout: u64,
    /// Reach every backend through a process of the reference proxy as well, and compare; `only` leaves the direct way out.
    #[arg(
        long,
        value_name = "WAYS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "both"
    )]
    pub via_proxy: Option<ViaProxyArg>,
    /// Another proxy than the reference one; it is called with `--config FILE`, and reads the same configuration.
    #[arg(long, value_name = "FILE", requires = "via_proxy")]
    pub proxy_program: Option<PathBuf>,
    /// The failures that are known, each with a reason, an issue and a last day. One that passes, fails differently, has
    /// expired or matches nothing fails the run.
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Leave the namespaces of the cases as they are, and name them in the report.
    #[arg(long)]
    pub keep: bool,
    /// Stop at the first case that is not as it should be.
    #[arg(long)]
    pub fail_fast: bool,
    /// A plan made by `plan`: only one of its groups is run. What to select and the seed are in the plan.
    #[arg(
        long,
        value_name = "FILE",
        requires = "group",
        conflicts_with_all = ["backend", "pattern", "interface", "case", "require", "via_proxy", "seed"]
    )]
    pub plan: Option<PathBuf>,
    /// The group of the plan, from 1.
    #[arg(long, value_name = "N", requires = "plan")]
    pub group: Option<u32>,
    /// The folder for events.jsonl, report.json, junit.xml, ctrf.json, summary.md and report.html.
    #[arg(long, value_name = "DIR", default_value = REPORT_FOLDER)]
    pub output: PathBuf,
    /// What to print at the end.
    #[arg(long, default_value = "terminal")]
    pub format: ReportFormat,
    /// A report of an earlier run (events.jsonl, report.json, or a folder that holds one): the pages say what changed
    /// since. The exit code stays the one of this run.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
}

/// Arguments of `list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Where backends are declared.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// What to select.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// What to print.
    #[arg(long, default_value = "text")]
    pub format: TextFormat,
}

/// Arguments of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Where backends are declared.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// What to select.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// A backend without which the run is incomplete (exit code 3); can be repeated, or separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub require: Vec<String>,
    /// Reach every backend through a process of the reference proxy as well, and compare; `only` leaves the direct way out.
    #[arg(
        long,
        value_name = "WAYS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "both"
    )]
    pub via_proxy: Option<ViaProxyArg>,
    /// The seed that everything random in every group comes from. Default: a new one.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The most groups to make.
    #[arg(long, value_name = "N", default_value_t = MOST_GROUPS, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_GROUPS)))]
    pub max_groups: u16,
    /// A report.json or events.jsonl of an earlier run, or a folder that holds one, by whose durations groups are
    /// balanced. Default: interfaces are spread by a hash, so that a new one moves no other.
    #[arg(long, value_name = "FILE")]
    pub durations: Option<PathBuf>,
    /// Plan only what the files touch that differ from a revision of git.
    #[arg(long, value_name = "REV", conflicts_with = "changed")]
    pub changed_since: Option<String>,
    /// Plan only what these files touch.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub changed: Vec<PathBuf>,
    /// The file for the plan.
    #[arg(long, value_name = "FILE", default_value = PLAN_FILE)]
    pub output: PathBuf,
    /// What to print.
    #[arg(long, default_value = "text")]
    pub format: PlanFormat,
}

/// What a plan can look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    Text,
    /// The plan itself.
    Json,
    /// Its matrix alone, on one line, as GitHub takes it.
    Matrix,
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// A clause (KVB-07), a prefix (KVB), an interface, or a case.
    #[arg(required = true)]
    pub what: Vec<String>,
}

/// Arguments of `validate`.
#[derive(Debug, Clone, Args)]
pub struct ValidateArgs {
    /// Where backends are declared.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// Arguments of `mutants`.
#[derive(Debug, Clone, Args)]
pub struct MutantsArgs {
    /// A mutant by its id, in which `*` stands for any characters; can be repeated. Default: all.
    #[arg(long, value_name = "ID")]
    pub mutant: Vec<String>,
    /// A case by its id, likewise.
    #[arg(long, value_name = "ID")]
    pub case: Vec<String>,
    /// The seed that everything random comes from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many operations and histories are generated.
    #[arg(long, default_value = "standard")]
    pub effort: EffortArg,
    /// How many mutants to try at once. Default: four for each processor.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// What to print.
    #[arg(long, default_value = "text")]
    pub format: MatrixFormat,
}

/// Arguments of `merge`.
#[derive(Debug, Clone, Args)]
pub struct MergeArgs {
    /// Event logs, or folders that are searched for files named events.jsonl.
    #[arg(required = true)]
    pub logs: Vec<PathBuf>,
    /// The plan whose groups they are; it says what is missing.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// The folder for events.jsonl, report.json, junit.xml, ctrf.json, summary.md and report.html.
    #[arg(long, value_name = "DIR", default_value = REPORT_FOLDER)]
    pub output: PathBuf,
    /// What to print at the end.
    #[arg(long, default_value = "terminal")]
    pub format: ReportFormat,
    /// A report of an earlier run (events.jsonl, report.json, or a folder that holds one): the pages say what changed
    /// since. The exit code stays the one of the merged run.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
}

/// Arguments of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// An events.jsonl, a report.json, or a folder that holds one.
    pub events: PathBuf,
    /// What to make of it.
    #[arg(long, default_value = "terminal")]
    pub format: ReportFormat,
    /// The file to write. Default: standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Append a Markdown page to the file, in the room that GitHub leaves: it shows nothing of a step summary that is
    /// larger than 1 MiB.
    #[arg(long, requires = "output")]
    pub append: bool,
    /// A report of an earlier run: the page says what changed since. Goes with the formats terminal, markdown and html; the
    /// exit code stays the one of the run.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// The target that a badge speaks of. Default: the whole run.
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
}

/// Arguments of `diff`.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// The older run: an events.jsonl, a report.json, or a folder that holds one.
    pub before: PathBuf,
    /// The newer run, likewise.
    pub after: PathBuf,
    /// What to print.
    #[arg(long, default_value = "text")]
    pub format: DiffFormat,
    /// Something is worse, too, where the calls of an rpc clearly take more than this many times as long: all of the
    /// interval that is printed lies above. Default: times are shown, and gate nothing.
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub fail_slower: Option<f64>,
}

/// Arguments of `certify`.
#[derive(Debug, Clone, Args)]
pub struct CertifyArgs {
    /// The backend (its default set-ups), or backend@set-up.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["pattern", "new_key"])]
    pub backend: Option<String>,
    /// Instead of a backend: a pattern (every binding that is tried), or one binding as `list` shows it.
    #[arg(long, value_name = "NAME", conflicts_with = "backend")]
    pub pattern: Option<String>,
    /// The certificate to write.
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    pub output: Option<PathBuf>,
    /// The Ed25519 key to sign with: PEM, PKCS#8.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Make a key that only its owner can read, and FILE.pub for `verify`; nothing is run.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["backend", "pattern", "output", "key"])]
    pub new_key: Option<PathBuf>,
    /// Where backends are declared.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Where servers come from. Default: the first that is there of external, container, process.
    #[arg(long, value_name = "KIND")]
    pub provision: Option<ProvisionArg>,
    /// The seed that everything random comes from. Default: a new one.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The failures that are known; those that are excused are in the certificate.
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// The folder for the reports of the run.
    #[arg(long, value_name = "DIR", default_value = REPORT_FOLDER)]
    pub report: PathBuf,
}

/// Arguments of `verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The certificate.
    pub file: PathBuf,
    /// The key that it has to be signed by: PEM. Default: any, or none.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// Where backends are declared.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// How many days old it may be.
    #[arg(long, value_name = "DAYS")]
    pub max_age: Option<u32>,
}

/// What to do to a file of known failures.
#[derive(Debug, Clone, Subcommand)]
pub enum ExpectCommand {
    /// Remove from a file what passes in a report, and print what fails without being in it.
    #[command(after_help = expect::EXAMPLES)]
    Update(UpdateArgs),
}

/// Arguments of `expect update`.
#[derive(Debug, Clone, Args)]
pub struct UpdateArgs {
    /// The file.
    pub file: PathBuf,
    /// An events.jsonl, a report.json, or a folder that holds one.
    #[arg(long, value_name = "REPORT")]
    pub from: PathBuf,
    /// Where backends are declared.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Add what fails without being in the file, with the reason, the issue and the last day that are given.
    #[arg(long, requires_all = ["because", "issue", "expires"])]
    pub add: bool,
    /// Why what is added fails.
    #[arg(long, value_name = "TEXT", requires = "add")]
    pub because: Option<String>,
    /// Where that is looked after.
    #[arg(long, value_name = "URL", requires = "add")]
    pub issue: Option<String>,
    /// The last day on which it is excused.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "add")]
    pub expires: Option<String>,
}

/// Arguments of `init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The name of the backend, or a folder to make whose name it is.
    #[arg(value_name = "NAME")]
    pub folder: PathBuf,
    /// The language of the driver.
    #[arg(long)]
    pub language: Language,
    /// Where the skeleton gets Prism Conformance from: a git URL, or a checkout. Default: the checkout that this
    /// program was built from, where that is still there.
    #[arg(long, value_name = "URL|DIR")]
    pub prism: Option<String>,
}

/// Arguments of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// The driver.
    pub driver: String,
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: std::net::SocketAddr,
    /// A setting of the driver; can be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Leave it to the client to call Initialize and Start.
    #[arg(long)]
    pub no_start: bool,
}

/// What a report can look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people at a terminal.
    Terminal,
    /// report.json.
    Json,
    /// For a GitHub page.
    Markdown,
    /// For CI systems.
    Junit,
    /// For dashboards: the Common Test Report Format.
    Ctrf,
    /// One page with everything, for a browser.
    Html,
    /// Workflow commands for GitHub: at most ten, the most important first.
    Annotations,
    /// A badge as SVG.
    Badge,
    /// A badge for a badge service, as JSON.
    BadgeEndpoint,
}

/// For people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What a comparison can look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people at a terminal.
    Text,
    /// For a GitHub page.
    Markdown,
    /// For programs.
    Json,
}

/// What a kill matrix can look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MatrixFormat {
    /// For people at a terminal.
    Text,
    /// For a page.
    Markdown,
    /// For programs.
    Json,
}

/// How many times as long something may take.
fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if ratio.is_finite() && ratio >= 1.0 => Ok(ratio),
        _ => Err("a number from 1 on, such as 2.5, is needed".to_owned()),
    }
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Run(args) => run::run(&args),
            Command::List(args) => list::list(&args),
            Command::Plan(args) => plan::plan(&args),
            Command::Explain(args) => explain::explain(&args),
            Command::Validate(args) => validate::validate(&args),
            Command::Mutants(args) => mutants::mutants(&args),
            Command::Merge(args) => merge::merge(&args),
            Command::Report(args) => report::report(&args),
            Command::Diff(args) => diff::diff(&args),
            Command::Certify(args) => certify::certify(&args),
            Command::Verify(args) => verify::verify(&args),
            Command::Expect { command } => expect::expect(&command),
            Command::Init(args) => init::init(&args),
            Command::Serve(args) => serve::serve(&args),
            Command::Proxy(args) => proxy::proxy(args),
            Command::Pattern(args) => Ok(prism_patterns::command::run(args)),
        };
        match result {
            Ok(code) => code,
            Err(trouble) => {
                // Where even this cannot be written there is nobody left to tell.
                let _ = writeln!(std::io::stderr(), "{trouble}");
                ExitCode::from(trouble.code)
            }
        }
    }
}
