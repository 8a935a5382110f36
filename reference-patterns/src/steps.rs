//! The steps of a pattern between which it may die.
//!
//! A process can be told to halt at one of them, to be killed there: so a suite finds out what is lost between any two.

use std::{
    io::{self, Write},
    sync::OnceLock,
};

static HALT_AT: OnceLock<String> = OnceLock::new();

/// Halts this process for good when it gets to a step of this name. The first one told is the one.
pub(crate) fn halt_at(step: &str) {
    let _ = HALT_AT.set(step.to_owned());
}

/// Says that a step is reached. Returns at once, unless the process is to halt here.
pub(crate) async fn reached(step: &str) {
    if HALT_AT.get().is_some_and(|halt| halt == step) {
        // Whoever told it to halt waits for this line; where standard error is closed, nobody does.
        let _ = writeln!(io::stderr(), "halted at {step}");
        std::future::pending::<()>().await;
    }
}
