//! Every case of the suites as a test of its own, under `cargo test` and nextest.
//!
//! A backend's crate has a test without the built-in harness (`harness = false` in its manifest):
//!
//! ```no_run
//! # use std::process::ExitCode;
//! fn main() -> ExitCode {
//!     let backend = concat!(env!("CARGO_MANIFEST_DIR"), "/backend.yaml");
//!     prism_conformance_test::Backend::declared_in(backend).main()
//! }
//! ```
//!
//! The driver is the one that backend.yaml says, or, with [`Backend::in_process`], one of this process: no socket, no
//! process to start, and a debugger sees both sides. What runs is what `prism-conformance run` would run, with the
//! same servers, seeds and judgement; only that each case is a test, named by its id, such as
//! `keyvalue_basic/set_then_get`. Filters, `--exact`, `--skip`, `--list`, `--test-threads` are those of every test.
//!
//! A test that fails tells the clause and its sentence, what was expected and what came, and the command that shows it
//! again. A case that cannot be measured on this backend is ignored, with the reason; a backend that cannot be measured
//! at all (its server is missing, its driver does not start) fails every test.
//!
//! `PRISM_SEED` is the seed of everything random, `PRISM_EFFORT` (quick, standard, thorough) how much generated cases
//! do; both are in the command of a failure.

mod backend;
mod conduct;
mod tell;

pub use backend::{Backend, Unusable};
pub use libtest_mimic::{Arguments, Conclusion};
