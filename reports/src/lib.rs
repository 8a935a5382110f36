//! The outcome model, the event log, and everything that is rendered from it.
//!
//! A run writes [`event`]s to a [`log`]; [`Report::from_events`] folds them into a [`Report`]; [`render`] turns that into
//! what people and machines read, and [`exit_code`] into the exit code. Each step is a pure function of the one before.
//! A [`certificate`] is what is left of a conformant one. [`read_report`] reads what a run has left, and [`diff::compare`] says what changed from one report to another.

pub mod certificate;
pub mod diff;
pub mod digest;
pub mod escape;
pub mod event;
pub mod exit;
pub mod expectation;
mod fold;
pub mod log;
mod merge;
pub mod model;
pub mod outcome;
pub mod pattern;
pub mod plan;
mod read;
pub mod render;
mod schema;
mod summary_file;

pub use diff::{Diff, Incomparable};
pub use event::{Event, EventKind, SCHEMA_VERSION};
pub use exit::{ExitCode, Verdict, exit_code};
pub use expectation::{Expectation, Expectations};
pub use log::{Completeness, EventWriter, LogError, read_events, read_log};
pub use merge::{MergeError, Shard, merge};
pub use model::{Counts, Level, Report};
pub use outcome::Outcome;
pub use plan::Plan;
pub use read::{ReadError, read_report};
pub use schema::{certificate_schema, diff_schema, plan_schema, report_schema};
pub use summary_file::{STEP_SUMMARY_LIMIT, SummaryWritten, append_step_summary};
