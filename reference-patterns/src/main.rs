//! A pattern as a process: `prism-pattern NAME --config FILE`.

use clap::Parser;
use std::process::ExitCode;

/// Runs a reference pattern over backends that are bound to its slots.
#[derive(Debug, Parser)]
#[command(
    name = "prism-pattern",
    version,
    after_help = "Example:\n  prism-pattern keyvalue --config sessions.yaml\n\nExit codes:\n  0  everything in flight came to its end\n  1  it did not start, or stopped with an error\n  2  something had to be cut off, or a second signal came"
)]
struct Cli {
    #[command(flatten)]
    arguments: prism_patterns::command::Arguments,
}

#[tokio::main]
async fn main() -> ExitCode {
    prism_patterns::command::run(Cli::parse().arguments).await
}
