//! Every mutant is killed, and every case kills one or is exempt with a reason.

use prism_conformance::{
    builtins,
    kill_matrix::{self, MatrixOptions},
    patterns,
};
use prism_runner::{
    pattern::PatternCommand,
    registry::{Registry, Source},
};
use prism_suites::Effort;

#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_killed_and_every_case_kills() {
    let sources: Vec<Source> = builtins::sources().into_iter().chain(patterns::sources()).collect();
    let registry = Registry::load(&sources).expect("no mistakes");
    let program = env!("CARGO_BIN_EXE_prism-conformance").into();
    let options = MatrixOptions {
        mutants: vec![],
        cases: vec![],
        seed: 1,
        effort: Effort::Quick,
        jobs: 8,
        pattern_command: Some(PatternCommand { program, arguments: vec!["pattern".to_owned()] }),
    };
    let matrix = kill_matrix::run(&registry, &options, |_| {}).await.expect("the reference driver runs");
    assert_eq!(matrix.broken, [], "cases that are not green on the reference driver");
    let survivors: Vec<&str> = matrix.survivors().map(|mutant| mutant.id).collect();
    assert_eq!(survivors, Vec::<&str>::new(), "mutants that survive");
    let idle: Vec<&str> = matrix
        .idle()
        .map(|case| case.id.as_str())
        .filter(|id| kill_matrix::exemption(id).is_none())
        .collect();
    assert_eq!(idle, Vec::<&str>::new(), "cases that kill nothing");
    assert!(matrix.mutants.len() >= 60, "{} mutants are too few", matrix.mutants.len());
    // An exemption for a case that does kill is a leftover.
    let leftovers: Vec<&str> = matrix
        .cases
        .iter()
        .filter(|case| !case.kills.is_empty() && kill_matrix::exemption(&case.id).is_some())
        .map(|case| case.id.as_str())
        .collect();
    assert_eq!(leftovers, Vec::<&str>::new(), "exemptions that are not needed");
}
