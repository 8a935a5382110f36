//! Digests of the contract and of the suites that are built in.

use crate::Patterns;
use prism_interfaces::FILE_DESCRIPTOR_SET;
use prism_reports::{digest, event::Digests};
use prism_suites::{Case, suite};

/// What this build proves and by what, the suites of its patterns included. Two builds with the same digests ask the same.
pub fn digests(patterns: &dyn Patterns) -> Digests {
    let cases = suite::all().into_iter().chain(patterns.cases());
    let cases: Vec<serde_json::Value> = cases.map(|case| described(&case)).collect();
    Digests { contract: digest::of_bytes(FILE_DESCRIPTOR_SET), suite: digest::of_json(&cases) }
}

/// Everything about a case but its code.
fn described(case: &Case) -> serde_json::Value {
    let given = case.given.iter().map(|given| (given.interface, given.name, given.any_of));
    serde_json::json!({
        "id": case.id,
        "kind": case.kind.as_str(),
        "clauses": case.clauses,
        "sentence": case.sentence,
        "needs": case.needs,
        "given": given.collect::<Vec<_>>(),
        "clock": case.needs_clock,
    })
}
