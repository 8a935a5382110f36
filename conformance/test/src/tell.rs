//! What a test that fails says.

use crate::conduct::FailedCase;
use prism_reports::{
    Event, EventKind, Report, SCHEMA_VERSION,
    event::{Host, RunStarted},
    render::terminal,
};
use std::{
    collections::{BTreeMap, HashSet},
    env,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Puts texts together.
pub(crate) struct Teller {
    seed: u64,
    binary: String,
    /// Reasons that a test has given in full.
    told: Mutex<HashSet<String>>,
}

impl Teller {
    pub(crate) fn new(seed: u64) -> Self {
        let path = env::args_os().next().unwrap_or_default();
        let stem = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self { seed, binary: target_of(&stem).to_owned(), told: Mutex::default() }
    }

    /// A case that is not as it should be.
    pub(crate) fn case(&self, name: &str, failed: FailedCase) -> String {
        let FailedCase { planned, ready, mut finished } = failed;
        let (target, case) = (finished.target.clone(), finished.case.clone());
        if let Some(failure) = &mut finished.failure {
            let effort = ready.as_ref().map(|ready| format!("PRISM_EFFORT={} ", ready.provision.effort));
            failure.reproduce = format!(
                "PRISM_SEED={} {}cargo test --test {} -- --exact {name}",
                self.seed,
                effort.unwrap_or_default(),
                self.binary
            );
        }
        let kinds = [
            Some(EventKind::RunStarted(Box::new(self.started()))),
            Some(EventKind::TargetPlanned(planned)),
            ready.map(EventKind::TargetReady),
            Some(EventKind::CaseFinished(Box::new(finished))),
        ];
        let events: Vec<Event> =
            (0..).zip(kinds.into_iter().flatten()).map(|(seq, kind)| Event { seq, at_ms: 0, kind }).collect();
        terminal::case(&Report::from_events(&events), &target, &case, &terminal::Options::default())
    }

    /// Why there is no result: in full the first time, because every test of a target says the same.
    pub(crate) fn reason(&self, why: &str) -> String {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(why.to_owned()) {
            why.to_owned()
        } else {
            format!("as above: {}", why.lines().next().unwrap_or_default())
        }
    }

    fn started(&self) -> RunStarted {
        RunStarted {
            schema_version: SCHEMA_VERSION,
            run_id: String::new(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            contract_revision: prism_interfaces::catalogue::REVISION.to_owned(),
            digests: None,
            plan: None,
            seed: self.seed,
            effort: None,
            started_at: String::new(),
            command: String::new(),
            commit: None,
            host: Host { os: String::new(), arch: String::new(), cores: 0 },
            case_filter: Vec::new(),
            interface_filter: Vec::new(),
            target_filter: Vec::new(),
            narrowed: BTreeMap::new(),
            expectations: Vec::new(),
            clauses: prism_runner::clauses(),
        }
    }
}

/// The target that cargo made this binary of: `conformance` of `conformance-0123456789abcdef`.
fn target_of(stem: &str) -> &str {
    match stem.rsplit_once('-') {
        Some((target, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            target
        }
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_called_as_cargo_calls_its_target() {
        for (stem, target) in [
            ("conformance-0123456789abcdef", "conformance"),
            ("my-tests-0123456789abcdef", "my-tests"),
            ("my-tests", "my-tests"),
        ] {
            assert_eq!(target_of(stem), target);
        }
    }

    #[test]
    fn a_reason_is_told_in_full_once() {
        let teller = Teller::new(1);
        assert_eq!(teller.reason("no server\nlast lines"), "no server\nlast lines");
        assert_eq!(teller.reason("no server\nlast lines"), "as above: no server");
        assert_eq!(teller.reason("another"), "another");
    }
}
