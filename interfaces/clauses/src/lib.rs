//! The numbered clauses in the comments of `.proto` files, for build scripts: of the interfaces, and of the proxy.
//!
//! - [`extract`]: the clauses of a compiled file, or everything that is wrong with them, each with file and line.
//! - [`table`]: the same as Rust source, for the `Clause` of prism-interfaces.

mod extract;
mod table;

pub use extract::{ClauseError, RawClause, extract};
pub use table::table;
