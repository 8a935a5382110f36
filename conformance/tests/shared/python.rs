//! What becomes of tests that need Python where there is none.

use std::io::Write;

/// Set where Python must be there, as in CI. Elsewhere the tests that need it say that they were left out, because Rust
/// is all that a newcomer has to have.
const REQUIRED: &str = "PRISM_REQUIRE_PYTHON";

/// Says that something was not tested, and why; a failure where Python is required.
pub(crate) fn left_out(what: &str, why: &str) {
    let required = std::env::var_os(REQUIRED).is_some_and(|value| !value.is_empty());
    assert!(!required, "{what} cannot be tested without Python, and {REQUIRED} is set: {why}");
    let _ = writeln!(std::io::stderr(), "not tested: {what}: {why}");
}
