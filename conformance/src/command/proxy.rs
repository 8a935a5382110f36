//! `proxy`: the reference proxy as a process of this program, so that a run has it without building anything else.

use crate::command::{Trouble, pattern_command};
use prism_proxy::command::{self, Arguments};
use std::process::ExitCode;

/// Serves until a signal.
pub fn proxy(arguments: Arguments) -> Result<ExitCode, Trouble> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Trouble::incomplete(error.to_string()))?;
    let patterns = pattern_command().map(|command| {
        let program = std::iter::once(command.program.display().to_string());
        program.chain(command.arguments).collect::<Vec<_>>()
    });
    Ok(runtime.block_on(command::run(arguments, &patterns.unwrap_or_default())))
}
