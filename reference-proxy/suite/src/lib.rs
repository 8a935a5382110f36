//! The proxy's own conformance suite.
//!
//! - [`mod@clauses`]: what a proxy must do, from the comments of its contract.
//! - [`mod@case`], [`cases`]: how it is found out; one file for each part of the contract.
//! - [`context`], [`subject`]: what a case is given, and the proxy that it is run against: a process, or one in this
//!   process that may have a fault.
//! - [`upstream`], [`client`], [`mod@patience`]: the two ends of a call, and waiting for what must happen.
//! - [`driver`]: an upstream that is a process: the executable that runs the suite.
//! - [`faults`], [`mutants`]: proxies with one thing wrong each, and the cases that must notice.

pub mod case;
pub mod cases;
pub mod clauses;
pub mod client;
pub mod context;
pub mod driver;
pub mod faults;
pub mod mutants;
pub mod patience;
pub mod subject;
pub mod upstream;

pub use case::{Case, case};
pub use client::{Client, next, told};
pub use context::{Context, config};
pub use faults::Faults;
pub use mutants::Mutant;
pub use patience::{eventually, patience, within};
pub use subject::{End, Signal, Subject};
pub use upstream::{Seen, Upstream};
