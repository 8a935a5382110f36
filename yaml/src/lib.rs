//! YAML that people write: registries, configurations, expectations.
//!
//! Everything that is wrong with a file is told at once, each problem with file, line and column and with what to write
//! instead.
//!
//! - [`File`]: a text, and the places in it.
//! - [`node`]: the tree, in which every node knows its place and no key is lost.
//! - [`Checker`]: reads a tree by hand, so that every problem is found and none hides another.
//! - [`Problem`], [`Problems`]: what is wrong.
//! - [`nearest()`]: what somebody probably meant.

mod checker;
mod duration;
mod file;
mod nearest;
pub mod node;
mod problem;

pub use checker::{Checker, Field, Fields, quoted};
pub use file::File;
pub use nearest::nearest;
pub use node::{Node, Value};
pub use problem::{Problem, Problems, Span};
