//! The crate from the outside: logs in, reports and pages out.

mod exits;
mod fixture;
mod folds;
mod junit;
mod logs;
mod markdown;
mod pages;
mod schema;
mod step_summary;
