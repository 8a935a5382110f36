//! The log of a process of ours.

use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// Has events written to standard error from now on: for people where it is a terminal, else as lines of JSON. `filter`
/// is a level, or `target=level,…`.
///
/// # Errors
///
/// Where it is neither; the text says so.
pub fn to_stderr(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("`{filter}`: {error}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if io::stderr().is_terminal() {
        log.init();
    } else {
        log.json().flatten_event(true).init();
    }
    Ok(())
}
