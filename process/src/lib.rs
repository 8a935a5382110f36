//! Processes that lead a group of their own: started, watched, and ended with everything that they started.
//!
//! - [`RunningProcess`], [`Spawn`]: one process.
//! - [`lines`]: the last lines that it wrote, bounded.
//! - [`log`]: the log of a process of ours.
//! - [`find_program`], [`free_port`], [`is_taken`]: what is needed to start one.

pub mod lines;
pub mod log;
mod running;

pub use running::{RunningProcess, Spawn, find_program, free_port, is_taken};
