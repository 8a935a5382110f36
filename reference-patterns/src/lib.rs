//! The reference patterns: each is composed of backends through slots, and is a target like any backend.
//!
//! - [`builtin`]: the patterns of this build.
//! - [`slots`]: what is bound to a pattern.
//! - [`pattern`]: what a pattern implements; [`host()`] puts the lifecycle of a driver around it.
//! - [`keyvalue`], [`multicast_registry`], [`consumer`], [`producer`]: one folder per pattern, with its `pattern.yaml`.
//! - [`command`]: a pattern as a process.

pub mod builtin;
mod clock;
pub mod command;
mod config;
pub mod consumer;
pub mod keyvalue;
mod metrics;
pub mod multicast_registry;
pub mod pattern;
pub mod producer;
mod retry;
pub mod slots;
mod steps;

pub use builtin::{BUILTINS, Builtin, find};
pub use pattern::{Pattern, Start, host};
pub use slots::{Slot, Slots};
