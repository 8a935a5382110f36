//! Every case of the proxy's suite as a test of its own: against the executable, against the same in this process, and
//! every seeded fault against the cases that must notice it.
//!
//! `cargo test -p prism-proxy --test suite -- process/draining` runs some of them.

use libtest_mimic::{Arguments, Failed, Trial};
use prism_proxy_suite::{Context, Faults, cases, driver, mutants};
use std::{cell::Cell, panic, path::PathBuf, process::ExitCode};

thread_local! {
    // A mutant is meant to fail its cases, and each case has a thread for itself.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

fn main() -> ExitCode {
    if driver::is_asked() {
        return driver::serve();
    }
    let arguments = Arguments::from_args();
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !QUIET.get() {
            usual(info);
        }
    }));
    let executable = PathBuf::from(env!("CARGO_BIN_EXE_prism-proxy"));
    let mut trials = Vec::new();
    for case in cases::all() {
        let context = Context::process(executable.clone());
        trials.push(Trial::test(format!("process/{}", case.id), move || {
            case.run(context).map_err(|found| failed(case.sentence, &found))
        }));
    }
    for case in cases::all() {
        let context = Context::in_process(Faults::default());
        trials.push(Trial::test(format!("in_process/{}", case.id), move || {
            case.run(context).map_err(|found| failed(case.sentence, &found))
        }));
    }
    for mutant in mutants::all() {
        trials.push(Trial::test(format!("mutant/{}", mutant.id), move || {
            QUIET.set(true);
            let survived = mutant.survived();
            QUIET.set(false);
            if survived.is_empty() {
                return Ok(());
            }
            Err(format!("{}\nis not noticed by {}", mutant.sentence, survived.join(", ")).into())
        }));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn failed(sentence: &str, found: &str) -> Failed {
    format!("{sentence}:\n{found}").into()
}
