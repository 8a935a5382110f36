//! `prism-conformance`: proves or refutes what data backends declare.

use clap::Parser;
use prism_conformance::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    Cli::parse().run()
}
