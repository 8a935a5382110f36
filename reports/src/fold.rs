//! From events to the report.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::event::{
    CaseFinished, ClauseInfo, ClauseLevel, Event, EventKind, PlannedCase, Provision, RunFinished, RunStarted,
    SCHEMA_VERSION, TargetPlanned,
};
use crate::exit::{Verdict, verdict};
use crate::expectation::{Expectations, ExpectedHere, Ledger, Standing, Subject};
use crate::model::{
    CaseReport, Counts, InterfaceSummary, Level, Provenance, Report, SlowCase, TargetReport, TargetStatus,
};
use crate::outcome::{ExitClass, Outcome};

/// How many of the slowest cases are listed.
const SLOWEST: usize = 10;

impl Report {
    /// The report of a log: the same for every order in which the cases ended. A planned case without a result is
    /// `error` if its target broke, `not_measured` if there was no server, `not_run` otherwise.
    pub fn from_events(events: &[Event]) -> Self {
        let mut fold = Fold::default();
        for event in events {
            fold.take(&event.kind);
        }
        fold.finish()
    }
}

/// What is known so far.
#[derive(Default)]
struct Fold<'a> {
    run: Option<&'a RunStarted>,
    planned: Vec<&'a TargetPlanned>,
    ready: HashMap<&'a str, &'a Provision>,
    status: HashMap<&'a str, TargetStatus>,
    results: HashMap<(&'a str, &'a str), &'a CaseFinished>,
    finished: Vec<Outcome>,
    closing: Option<&'a RunFinished>,
    // A set, because the order in which cases end must not show.
    problems: BTreeSet<String>,
}

impl<'a> Fold<'a> {
    fn take(&mut self, event: &'a EventKind) {
        match event {
            EventKind::RunStarted(run) if self.run.is_none() => self.run = Some(run),
            EventKind::RunStarted(run) => {
                self.problems.insert(format!("the log holds a second run, {}", run.run_id));
            }
            EventKind::TargetPlanned(plan)
                if self.planned.iter().any(|known| known.target == plan.target) =>
            {
                self.problems.insert(format!("{} is planned twice", plan.target));
            }
            EventKind::TargetPlanned(plan) => self.planned.push(plan),
            EventKind::TargetReady(ready) => {
                self.ready.insert(&ready.target, &ready.provision);
                self.status.entry(&ready.target).or_insert(TargetStatus::Measured);
            }
            EventKind::TargetNotMeasured(absent) => {
                let (reason, remedy) = (absent.reason.clone(), absent.remedy.clone());
                self.status.insert(&absent.target, TargetStatus::NotMeasured { reason, remedy });
            }
            EventKind::TargetFailed(failed) => {
                self.status.insert(&failed.target, TargetStatus::Failed { reason: failed.reason.clone() });
            }
            EventKind::CaseFinished(case) => self.take_case(case),
            EventKind::ShardTrouble(trouble) => {
                self.problems.insert(format!("{}: {}", trouble.shard, trouble.problem));
            }
            EventKind::RunFinished(closing) => self.closing = Some(closing),
        }
    }

    /// Two results for one case are a mistake of the writer; the worse one stands, so that none is hidden.
    fn take_case(&mut self, case: &'a CaseFinished) {
        self.finished.push(case.outcome);
        let key = (case.target.as_str(), case.case.as_str());
        let Some(known) = self.results.get(&key) else {
            self.results.insert(key, case);
            return;
        };
        self.problems.insert(format!("{} has two results on {}", case.case, case.target));
        if severity(case.outcome) > severity(known.outcome) {
            self.results.insert(key, case);
        }
    }

    fn finish(mut self) -> Report {
        self.check();
        let whole_interfaces = self.run.is_none_or(|run| run.case_filter.is_empty());
        let catalogue = self.run.map_or(&[][..], |run| &run.clauses);

        let pending: BTreeSet<&str> = catalogue
            .iter()
            .filter(|clause| self.run.is_some_and(|run| clause.from.as_ref() > Some(&run.contract_revision)))
            .map(|clause| clause.id.as_str())
            .collect();
        let levels: HashMap<&str, ClauseLevel> = catalogue
            .iter()
            .filter(|clause| !pending.contains(clause.id.as_str()))
            .map(|clause| (clause.id.as_str(), clause.level))
            .collect();
        let expectations = self
            .run
            .map(|run| Expectations::new(run.expectations.clone(), &run.started_at))
            .unwrap_or_default();
        let mut ledger = Ledger::new(&expectations);

        let targets: Vec<TargetReport> = self
            .planned
            .iter()
            .map(|plan| {
                let status =
                    self.status.get(plan.target.as_str()).cloned().unwrap_or(TargetStatus::NotStarted);
                let mut cases: Vec<CaseReport> =
                    plan.cases.iter().map(|case| self.case(plan, &status, case)).collect();
                self.expect(plan, &mut cases, &expectations, &mut ledger);
                let (provisional, cases): (Vec<_>, Vec<_>) =
                    cases.into_iter().partition(|case| is_provisional(&case.clauses, &pending));
                let interfaces = summaries(plan, &cases, &levels, whole_interfaces);
                TargetReport {
                    target: plan.target.clone(),
                    backend: plan.backend.clone(),
                    setup: plan.setup.clone(),
                    required: plan.required,
                    route: plan.route,
                    provision: self.ready.get(plan.target.as_str()).map(|&ready| Provision {
                        call_cost_us: ready.call_cost_us.and_then(finite),
                        ..ready.clone()
                    }),
                    status,
                    declared: plan.declared.clone(),
                    guarantees: plan.guarantees.clone(),
                    composed: plan.composed.clone(),
                    counts: cases.iter().map(|case| case.outcome).collect(),
                    level: target_level(&interfaces),
                    interfaces,
                    cases,
                    provisional,
                }
            })
            .collect();

        let mut report = Report {
            schema_version: SCHEMA_VERSION,
            verdict: Verdict::Incomplete,
            exit_code: Verdict::Incomplete.exit_code().code(),
            complete: self.closing.is_some(),
            cancelled: self.closing.is_some_and(|closing| closing.cancelled),
            provenance: self.run.map(provenance),
            wall_ms: self.closing.map(|closing| closing.wall_ms),
            peak_rss_kib: self.closing.and_then(|closing| closing.peak_rss_kib),
            problems: self.problems.into_iter().collect(),
            totals: targets.iter().flat_map(|target| &target.cases).map(|case| case.outcome).collect(),
            interfaces: interface_rows(catalogue, &targets),
            expectations: ledger.close(),
            slowest: slowest(&targets),
            clauses: cited(catalogue, &targets),
            targets,
        };
        report.verdict = verdict(&report);
        report.exit_code = report.verdict.exit_code().code();
        report
    }

    /// Finds what does not add up.
    fn check(&mut self) {
        if self.run.is_none() {
            self.problems.insert("the log does not begin with the record of a run".to_owned());
        }
        let planned: HashMap<&str, BTreeSet<&str>> = self
            .planned
            .iter()
            .map(|plan| (plan.target.as_str(), plan.cases.iter().map(|case| case.id.as_str()).collect()))
            .collect();
        for (&(target, case), result) in &self.results {
            if !planned.get(target).is_some_and(|cases| cases.contains(case)) {
                let outcome = result.outcome;
                self.problems.insert(format!("{case} was never planned for {target}, and is `{outcome}`"));
            }
        }
        for &target in self.status.keys() {
            if !planned.contains_key(target) {
                self.problems.insert(format!("{target} was never planned"));
            }
        }
        for plan in &self.planned {
            let mut seen = BTreeSet::new();
            for case in plan.cases.iter().filter(|case| !seen.insert(case.id.as_str())) {
                self.problems.insert(format!("{} is planned twice for {}", case.id, plan.target));
            }
        }
        if let Some(closing) = self.closing {
            let counted: Counts = self.finished.iter().copied().collect();
            let written: BTreeMap<Outcome, u64> = counted.iter().collect();
            let claimed: BTreeMap<Outcome, u64> = closing
                .outcome_counts
                .iter()
                .filter(|(_, count)| **count > 0)
                .map(|(k, v)| (*k, *v))
                .collect();
            if written != claimed {
                let sum: u64 = claimed.values().sum();
                self.problems.insert(format!(
                    "the closing record counts {sum} results, the log holds {} or other ones",
                    counted.total()
                ));
            }
        }
    }

    /// What the case came to on the same backend and set-up without the proxy.
    fn direct(&self, plan: &TargetPlanned, case: &str) -> Option<Outcome> {
        if plan.route.is_direct() {
            return None;
        }
        let twin = self.planned.iter().find(|other| {
            other.route.is_direct() && other.backend == plan.backend && other.setup == plan.setup
        })?;
        self.results.get(&(twin.target.as_str(), case)).map(|result| result.outcome)
    }

    /// Applies the entries that speak of the target to its results.
    fn expect(
        &self,
        plan: &TargetPlanned,
        cases: &mut [CaseReport],
        expectations: &Expectations,
        ledger: &mut Ledger<'_>,
    ) {
        let subject = Subject::from(plan);
        let entries: Vec<_> = expectations.of(&subject).collect();
        if entries.is_empty() {
            return;
        }
        for case in cases {
            let Some(&(place, entry)) = entries.iter().find(|(_, entry)| entry.speaks_of_case(&case.id))
            else {
                continue;
            };
            let result = self.results.get(&(plan.target.as_str(), case.id.as_str()));
            let standing = result.map_or(Standing::Undecided, |result| {
                expectations.stand(entry, result.outcome, result.failure.as_ref())
            });
            ledger.note(place, &standing);
            let found = case.outcome;
            case.outcome = standing.outcome(found);
            if case.reason.is_none() {
                case.expectation = Some(ExpectedHere { entry: place, found, note: standing.note(entry) });
            }
        }
    }

    fn case(&self, plan: &TargetPlanned, status: &TargetStatus, planned: &PlannedCase) -> CaseReport {
        let result = self.results.get(&(plan.target.as_str(), planned.id.as_str())).copied();
        let (outcome, reason) = match (result, status) {
            (Some(result), _) => (result.outcome, None),
            (None, TargetStatus::Failed { reason }) => (Outcome::Error, Some(reason.clone())),
            (None, TargetStatus::NotMeasured { reason, .. }) => (Outcome::NotMeasured, Some(reason.clone())),
            (None, TargetStatus::Measured | TargetStatus::NotStarted) => {
                (Outcome::NotRun, Some("the run ended before this case did".to_owned()))
            }
        };
        CaseReport {
            id: planned.id.clone(),
            interface: planned.interface.clone(),
            kind: planned.kind.clone(),
            clauses: planned.clauses.clone(),
            sentence: planned.sentence.clone(),
            undeclared: planned.undeclared,
            outcome,
            direct: self.direct(plan, &planned.id),
            expectation: None,
            duration_ms: result.and_then(|result| finite(result.duration_ms)).unwrap_or(0.0),
            calls: result.map_or(0, |result| result.calls),
            reason,
            failure: result.and_then(|result| result.failure.clone()),
            notes: result.map(|result| result.notes.clone()).unwrap_or_default(),
            logs: result.map(|result| result.logs.clone()).unwrap_or_default(),
            namespace: result.and_then(|result| result.namespace.clone()),
            p50_us: result.map(|result| medians(&result.p50_us)).unwrap_or_default(),
        }
    }
}

fn medians(p50_us: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    p50_us.iter().filter_map(|(rpc, time)| Some((rpc.clone(), finite(*time)?))).collect()
}

/// JSON has no infinity and no NaN; a time that is none must not make the report unreadable.
fn finite(time: f64) -> Option<f64> {
    time.is_finite().then_some(time.max(0.0))
}

/// How bad an outcome is when two results contend for one case.
fn severity(outcome: Outcome) -> (u8, Outcome) {
    let class = match outcome.exit_class() {
        ExitClass::NonConforming => 3,
        ExitClass::Incomplete => 2,
        ExitClass::Neutral => 1,
        ExitClass::Conforming => 0,
    };
    (class, outcome)
}

fn provenance(run: &RunStarted) -> Provenance {
    Provenance {
        run_id: run.run_id.clone(),
        tool_version: run.tool_version.clone(),
        contract_revision: run.contract_revision.clone(),
        digests: run.digests.clone(),
        plan: run.plan.clone(),
        seed: run.seed,
        effort: run.effort.clone(),
        started_at: run.started_at.clone(),
        command: run.command.clone(),
        commit: run.commit.clone(),
        host: run.host.clone(),
        case_filter: run.case_filter.clone(),
        interface_filter: run.interface_filter.clone(),
        target_filter: run.target_filter.clone(),
        narrowed: run.narrowed.clone(),
    }
}

/// One summary for each interface that is declared or has a case: declared ones in their order, then the others.
fn summaries(
    plan: &TargetPlanned,
    cases: &[CaseReport],
    levels: &HashMap<&str, ClauseLevel>,
    whole_interfaces: bool,
) -> Vec<InterfaceSummary> {
    let mut names: Vec<&str> = Vec::new();
    let declared = plan.declared.iter().map(|declared| declared.interface.as_str());
    for name in declared.chain(cases.iter().map(|case| case.interface.as_str())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| {
            let of_it: Vec<&CaseReport> = cases.iter().filter(|case| case.interface == name).collect();
            // What every driver must serve, such as Lifecycle, has cases without being listed among the claims.
            let declared = plan.declared.iter().any(|declared| declared.interface == name)
                || of_it.iter().any(|case| !case.undeclared);
            InterfaceSummary {
                interface: name.to_owned(),
                declared,
                counts: of_it.iter().map(|case| case.outcome).collect(),
                level: if declared && whole_interfaces { level(&of_it, levels) } else { None },
            }
        })
        .collect()
}

/// Whether a case proves nothing that counts yet.
fn is_provisional(clauses: &[String], pending: &BTreeSet<&str>) -> bool {
    !clauses.is_empty() && clauses.iter().all(|clause| pending.contains(clause.as_str()))
}

/// The lowest level of what is declared.
fn target_level(interfaces: &[InterfaceSummary]) -> Option<Level> {
    let declared = interfaces.iter().filter(|summary| summary.declared);
    declared.map(|summary| summary.level).min().flatten()
}

/// The level that these cases, all those of one interface, prove.
fn level(cases: &[&CaseReport], levels: &HashMap<&str, ClauseLevel>) -> Option<Level> {
    let binding = |case: &&&CaseReport| {
        case.clauses.iter().any(|clause| levels.get(clause.as_str()) == Some(&ClauseLevel::Must))
    };
    let mut musts = cases.iter().filter(binding).peekable();
    musts.peek()?;
    if !musts.all(|case| case.outcome.proves()) {
        return None;
    }
    Some(if cases.iter().all(|case| case.outcome.proves()) { Level::Full } else { Level::Core })
}

/// The rows of the matrix: in the order of the catalogue, then what the catalogue does not know, by name.
fn interface_rows(catalogue: &[ClauseInfo], targets: &[TargetReport]) -> Vec<String> {
    let mut left: BTreeSet<&str> =
        targets.iter().flat_map(|target| &target.interfaces).map(|row| row.interface.as_str()).collect();
    let mut rows: Vec<String> = Vec::new();
    for clause in catalogue {
        if left.remove(clause.interface.as_str()) {
            rows.push(clause.interface.clone());
        }
    }
    rows.extend(left.into_iter().map(str::to_owned));
    rows
}

fn slowest(targets: &[TargetReport]) -> Vec<SlowCase> {
    let mut cases: Vec<SlowCase> = targets
        .iter()
        .flat_map(|target| target.cases.iter().map(move |case| (target, case)))
        .filter(|(_, case)| case.duration_ms > 0.0)
        .map(|(target, case)| SlowCase {
            target: target.target.clone(),
            case: case.id.clone(),
            duration_ms: case.duration_ms,
        })
        .collect();
    // The sort is stable: cases that took equally long stay in planned order.
    cases.sort_by(|a, b| b.duration_ms.total_cmp(&a.duration_ms));
    cases.truncate(SLOWEST);
    cases
}

fn cited(catalogue: &[ClauseInfo], targets: &[TargetReport]) -> Vec<ClauseInfo> {
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    for case in targets.iter().flat_map(|target| target.cases.iter().chain(&target.provisional)) {
        ids.extend(case.clauses.iter().map(String::as_str));
        ids.extend(case.failure.iter().filter_map(|failure| failure.clause.as_deref()));
    }
    catalogue.iter().filter(|clause| ids.contains(clause.id.as_str())).cloned().collect()
}
