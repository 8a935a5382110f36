//! Runs by hand, of one target, to be compared.

use prism_reports::diff::{CaseChangeKind, compare};
use prism_reports::event::{CaseFinished, RunStarted, TargetPlanned};
use prism_reports::render::changes;
use prism_reports::{Diff, Event, EventKind, Outcome, Report};

use crate::fixture::{self, Log, case, done, finished, planned, ready};

/// One target, and what its cases come to.
pub(crate) struct Run {
    pub(crate) started: RunStarted,
    pub(crate) plan: TargetPlanned,
    pub(crate) results: Vec<(String, Outcome)>,
    /// By rpc, the median time in the first case, in microseconds.
    pub(crate) times: Vec<(String, f64)>,
}

impl Run {
    /// `redis`, which declares `keyvalue_basic`; the cases are of the interface that their ids say.
    pub(crate) fn of(results: &[(&str, Outcome)]) -> Self {
        let EventKind::RunStarted(started) = fixture::started() else {
            unreachable!("it is the first record")
        };
        let cases = results.iter().map(|(id, _)| case(id, &["KVB-01"], "Holds.")).collect();
        Self {
            started: *started,
            plan: planned("redis", "redis-7.0", &["keyvalue_basic"], cases),
            results: results.iter().map(|(id, outcome)| ((*id).to_owned(), *outcome)).collect(),
            times: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut RunStarted, &mut TargetPlanned)) -> Self {
        change(&mut self.started, &mut self.plan);
        self
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let target = &self.plan.target;
        let mut log = Log::default();
        log.push(EventKind::RunStarted(Box::new(self.started.clone())));
        log.push(EventKind::TargetPlanned(self.plan.clone())).push(ready(target, "process", None));
        let finishing = self.results.iter().filter(|(_, outcome)| *outcome != Outcome::NotRun);
        for (number, (id, outcome)) in finishing.enumerate() {
            let times = self.times.iter();
            let p50_us = times.map(|(rpc, us)| (rpc.clone(), us * (1.0 + number as f64 / 50.0))).collect();
            log.push(done(CaseFinished { p50_us, ..finished(target, id, *outcome, 1.0) }));
        }
        log.close(false).events.clone()
    }

    pub(crate) fn report(&self) -> Report {
        Report::from_events(&self.events())
    }
}

pub(crate) fn diff(before: &Run, after: &Run) -> Diff {
    compare(&before.report(), &after.report()).expect("they can be compared")
}

pub(crate) fn kinds(diff: &Diff) -> Vec<(CaseChangeKind, &str)> {
    diff.cases.iter().map(|change| (change.kind, change.case.as_str())).collect()
}

/// The targets of two runs in one report.
pub(crate) fn both(runs: &[&Run]) -> Report {
    let mut log = Log::default();
    log.push(runs[0].events()[0].kind.clone());
    for run in runs {
        let events = run.events();
        events[1..events.len() - 1].iter().for_each(|event| {
            log.push(event.kind.clone());
        });
    }
    Report::from_events(&log.close(false).events)
}

pub(crate) fn json(diff: &Diff) -> String {
    let mut bytes = Vec::new();
    changes::json(diff, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}
