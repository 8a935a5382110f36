//! The crate from the outside: logs in, reports and pages out.

mod annotations;
mod certificates;
mod ctrf;
mod diffs;
mod exits;
mod expectations;
mod fixture;
mod folds;
mod html;
mod junit;
mod logs;
mod markdown;
mod merges;
mod pages;
mod reads;
mod schema;
mod step_summary;
