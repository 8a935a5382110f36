//! The numbered clauses of the proxy's contract, from the comments of `prism/proxy/v1/contract.proto`.

use prism_interfaces::{Clause, Level};

/// Every clause, in the order of the file.
pub static CLAUSES: &[Clause] = include!(concat!(env!("OUT_DIR"), "/clauses.rs"));

/// The clause with this id.
pub fn clause(id: &str) -> Option<&'static Clause> {
    CLAUSES.iter().find(|clause| clause.id == id)
}
