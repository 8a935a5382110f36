//! Clauses as Rust source.

use crate::RawClause;
use std::fmt::Write as _;

/// An expression of type `&[Clause]`; `Clause` and `Level` of prism-interfaces are in scope where it stands.
pub fn table(clauses: &[RawClause], file: &str) -> String {
    let mut table = String::from("&[\n");
    for clause in clauses {
        let level = match clause.level.as_str() {
            "MUST" => "Must",
            "SHOULD" => "Should",
            _ => "May",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "Clause {{ id: {:?}, level: Level::{level}, from: {:?}, text: {:?}, element: {:?}, file: {file:?}, line: {} }},",
            clause.id, clause.from, clause.text, clause.element, clause.line
        );
    }
    table.push(']');
    table
}
