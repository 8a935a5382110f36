//! `prism-proxy --config FILE`: the reference proxy as a process.

use clap::Parser;
use prism_proxy::command::{self, Arguments};
use std::process::ExitCode;

/// Routes gRPC calls by namespace to drivers and patterns.
#[derive(Debug, Parser)]
#[command(name = "prism-proxy", version)]
struct Cli {
    #[command(flatten)]
    arguments: Arguments,
}

#[tokio::main]
async fn main() -> ExitCode {
    command::run(Cli::parse().arguments, &[]).await
}
