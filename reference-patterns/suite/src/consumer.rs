//! Cases of the consumer pattern.
//!
//! - [`handler`]: a handler that answers as it is told and remembers what it was handed.
//! - [`consuming`]: a consumer with its handler, its topic and its status.

pub mod consuming;
mod dead_letters;
mod delivery;
mod end_to_end;
mod ending;
pub mod handler;
mod order;
mod restart;
mod steps;

pub use consuming::{Consuming, Setup};
pub use handler::{Answer, Handler, Seen};

use prism_suites::{Case, client::PATIENCE};
use std::time::Duration;

/// How long nothing at all may happen before what is waited for counts as not coming. As long as something happens, a
/// consumer is only slow: each message can take a write to a disk that others use too.
const QUIET: Duration = PATIENCE.saturating_mul(2);

/// The topic.
pub const MESSAGES: &str = "messages";
/// What messages are handed to.
pub const HANDLER: &str = "handler";
/// What is kept.
pub const STATE: &str = "state";
/// What cannot be handled.
pub const DEAD_LETTERS: &str = "dead_letters";

pub(crate) fn cases() -> Vec<Case> {
    [
        delivery::cases(),
        order::cases(),
        dead_letters::cases(),
        restart::cases(),
        steps::cases(),
        ending::cases(),
        end_to_end::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Of a consumer with a slot for what is kept.
fn with_state(case: Case) -> Case {
    case.given("pattern_consumer", "resumes", &["true"])
}

/// Of a consumer with a slot for dead letters.
fn with_dead_letters(case: Case) -> Case {
    case.given("pattern_consumer", "dead_letters", &["true"])
}
