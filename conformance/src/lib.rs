//! The command line, and what it is made of.
//!
//! - [`builtins`]: the drivers of this build.
//! - [`patterns`]: the patterns of this build.
//! - [`kill_matrix`]: every mutant against the cases that could kill it.
//! - [`init`]: skeletons of backends.
//! - [`progress`]: what is shown while a run goes on.
//! - [`cli`]: the arguments; [`command`]: one file per subcommand.

pub mod builtins;
pub mod cli;
pub mod command;
pub mod init;
pub mod kill_matrix;
pub mod patterns;
pub mod progress;
