//! `pattern`: a reference pattern as a process of this program, so that a run has it without building anything else.

use crate::command::Trouble;
use prism_patterns::command::{self, Arguments};
use std::process::ExitCode;

/// Serves until a signal.
pub fn pattern(arguments: Arguments) -> Result<ExitCode, Trouble> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Trouble::incomplete(error.to_string()))?;
    Ok(runtime.block_on(command::run(arguments)))
}
