//! A pattern as a process: `prism-pattern NAME --config FILE`.

use clap::Parser;
use prism_patterns::command::{self, Arguments, EXIT_CODES};
use std::process::ExitCode;

/// Runs a reference pattern over backends that are bound to its slots.
#[derive(Debug, Parser)]
#[command(
    name = "prism-pattern",
    version,
    after_help = format!("Example:\n  prism-pattern keyvalue --config sessions.yaml\n\n{EXIT_CODES}")
)]
struct Cli {
    #[command(flatten)]
    arguments: Arguments,
}

fn main() -> ExitCode {
    command::run(Cli::parse().arguments)
}
