//! Carries out one case and says what it came to.

use crate::{Target, instances::CaseInstances};
use prism_interfaces::catalogue;
use prism_reports::{
    Outcome,
    event::{CallRecord, CaseFinished, Failure as FailureRecord},
};
use prism_suites::{
    Case, Context, ContextParts, Failure, FailureKind, Instances, Kind, Verdict, client::Lifecycle,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;

/// How often a case is run again whose verdict about time the machine has spoilt.
const MORE_TRIES: usize = 2;

/// What a case is run with.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The seed of the run; each case derives its own from it.
    pub seed: u64,
    /// Unique in the run; namespaces of the case start with it.
    pub namespace: String,
    /// How long the case may take.
    pub limit: Duration,
    /// Whether its namespaces are left as they are.
    pub keep: bool,
    /// The command that runs this case again.
    pub reproduce: String,
}

/// Runs a case to its end, in the place among those that work now that it was given. What a case does to its target is its own business; what it says is not trusted further
/// than its calls: one that made none is vacuous.
pub async fn execute(
    target: &Arc<Target>,
    case: &Case,
    execution: &Execution,
    mut slot: Option<OwnedSemaphorePermit>,
) -> CaseFinished {
    let began = Instant::now();
    let mut tries = 0;
    loop {
        let namespace = if tries == 0 {
            execution.namespace.clone()
        } else {
            format!("{}-r{tries}", execution.namespace)
        };
        let instances = CaseInstances::new(&target.instances).await;
        let context = Context::new(
            ContextParts {
                endpoint: target.endpoint.clone(),
                namespace,
                declaration: Arc::clone(&target.declaration),
                seed: case_seed(execution.seed, &case.id),
                effort: target.effort,
                clock: target.clock,
                instances: Arc::clone(&instances) as Arc<dyn Instances>,
                slots: Arc::clone(&target.slots),
                watchdog: target.watchdog.clone(),
            },
            slot.take(),
        );
        let mut verdict = carry_out(case, &context, execution.limit).await;
        if let Err(failure) = &mut verdict
            && failure.kind == FailureKind::Violation
            && context.tap().lost() > 0
        {
            // What a case makes of answers that never came says nothing about the driver's.
            failure.kind = FailureKind::Unreachable;
            failure.message = format!("the connection to the driver failed; then: {}", failure.message);
        }
        let found = instances.examine(verdict.is_ok(), context.namespace()).await;
        if let Some(crash) = found.crash {
            // Whatever the case made of it, it was not about the driver's answers.
            verdict = Err(Failure::harness(crash));
        }
        let inconclusive = matches!(&verdict, Err(failure) if failure.kind == FailureKind::Inconclusive);
        if !execution.keep {
            drop_namespaces(&context).await;
        }
        if inconclusive && tries < MORE_TRIES {
            tries += 1;
            slot = Arc::clone(&target.slots).acquire_owned().await.ok();
            continue;
        }
        let outcome = outcome(case.kind, &verdict, context.tap().calls());
        return CaseFinished {
            target: target.label.clone(),
            case: case.id.clone(),
            outcome,
            duration_ms: (began.elapsed().as_secs_f64() * 1e6).round() / 1e3,
            calls: context.tap().calls(),
            failure: failure_record(case, &context, outcome, verdict.err(), execution),
            notes: context.notes().into_iter().chain(found.note).collect(),
            logs: if outcome.proves() { Vec::new() } else { found.logs },
            namespace: execution.keep.then(|| context.namespace().to_owned()),
            p50_us: context.tap().medians().into_iter().map(|(rpc, time)| (rpc, micros(time))).collect(),
        };
    }
}

async fn carry_out(case: &Case, context: &Context, limit: Duration) -> Verdict {
    // A task of its own, so that a panic is a result and not the end of the run.
    let task = AbortOnDrop(tokio::spawn(case.run(context.clone())));
    let mut task = std::pin::pin!(task);
    match tokio::time::timeout(limit, &mut task.as_mut().0).await {
        Err(_) => Err(Failure::timeout(format!("the case did not end within {} s", limit.as_secs()))),
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => Err(Failure::harness(format!("the case broke off: {}", panic_message(error)))),
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<Verdict>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn panic_message(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic".to_owned()),
        Err(error) => error.to_string(),
    }
}

/// Failing to drop is not the case's failure; the namespaces of a run are never used again.
async fn drop_namespaces(context: &Context) {
    for namespace in context.namespaces() {
        let endpoint = context.bare_endpoint().layer(prism_suites::Seam::namespace(&namespace));
        if Lifecycle::new(endpoint).drop_namespace().await.is_err() {
            return;
        }
    }
}

/// The outcome of a verdict.
fn outcome(kind: Kind, verdict: &Verdict, calls: u64) -> Outcome {
    match verdict {
        Ok(()) if calls == 0 => Outcome::Vacuous,
        Ok(()) if kind == Kind::Refusal => Outcome::Refused,
        Ok(()) => Outcome::Pass,
        Err(failure) => match failure.kind {
            FailureKind::Violation if kind == Kind::Refusal => Outcome::Undeclared,
            FailureKind::Violation => Outcome::Fail,
            FailureKind::Timeout => Outcome::Timeout,
            FailureKind::Inconclusive => Outcome::Inconclusive,
            FailureKind::Unreachable | FailureKind::Harness => Outcome::Error,
        },
    }
}

fn failure_record(
    case: &Case,
    context: &Context,
    outcome: Outcome,
    failure: Option<Failure>,
    execution: &Execution,
) -> Option<FailureRecord> {
    let failure = match (failure, outcome) {
        (Some(failure), _) => failure,
        (None, Outcome::Vacuous) => {
            Failure::harness("the case made no call to the target, so it proves nothing")
        }
        (None, _) => return None,
    };
    let violation = matches!(failure.kind, FailureKind::Violation | FailureKind::Timeout);
    let clause = violation.then(|| failure.clause.or(case.clauses.first().copied())).flatten();
    let clause_text = clause.and_then(catalogue::clause).map(|clause| clause.text.to_owned());
    let cause = match clause {
        Some(clause) => format!("{clause}: {}", failure.message),
        None => failure.message.clone(),
    };
    let calls = context.tap().last().into_iter().map(|call| CallRecord {
        rpc: call.rpc,
        at_ms: call.at.as_millis() as u64,
        took_us: call.took.as_micros() as u64,
        status: status_name(call.code),
    });
    Some(FailureRecord {
        clause: clause.map(str::to_owned),
        clause_text,
        message: failure.message,
        expected: failure.expected,
        got: failure.got,
        detail: failure.detail,
        calls: calls.collect(),
        reproduce: execution.reproduce.clone(),
        cause,
    })
}

/// In microseconds, to ten nanoseconds.
fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e8).round() / 100.0
}

/// `InvalidArgument` is `INVALID_ARGUMENT` in gRPC's own spelling.
fn status_name(code: tonic::Code) -> String {
    let mut name = String::new();
    for (index, character) in format!("{code:?}").chars().enumerate() {
        if index > 0 && character.is_ascii_uppercase() && !name.ends_with('O') {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

/// The seed of a case follows from the seed of the run and the id alone, so that it does not matter which other cases
/// run: FNV-1a of the id, mixed with the run's seed by one step of SplitMix64.
pub fn case_seed(run: u64, case: &str) -> u64 {
    let hash = case.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut mixed = (run ^ hash).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_trouble_has_its_outcome() {
        let violation = || Err(Failure::violation(""));
        for (kind, verdict, calls, expected) in [
            (Kind::Example, Ok(()), 1, Outcome::Pass),
            (Kind::Example, Ok(()), 0, Outcome::Vacuous),
            (Kind::Refusal, Ok(()), 0, Outcome::Vacuous),
            (Kind::Refusal, Ok(()), 1, Outcome::Refused),
            (Kind::Refusal, violation(), 1, Outcome::Undeclared),
            (Kind::Model, violation(), 1, Outcome::Fail),
            (Kind::Model, violation(), 0, Outcome::Fail),
            (Kind::Example, Err(Failure::timeout("")), 1, Outcome::Timeout),
            (Kind::Example, Err(Failure::harness("")), 1, Outcome::Error),
            (Kind::Example, Err(Failure::inconclusive("")), 1, Outcome::Inconclusive),
            (Kind::Example, Err(tonic::Status::unavailable("").into()), 1, Outcome::Error),
            (Kind::Example, Err(tonic::Status::deadline_exceeded("").into()), 1, Outcome::Timeout),
            (Kind::Example, Err(tonic::Status::internal("").into()), 1, Outcome::Fail),
        ] {
            assert_eq!(outcome(kind, &verdict, calls), expected, "{kind:?} {verdict:?} {calls}");
        }
    }

    #[test]
    fn statuses_are_spelt_as_grpc_does() {
        assert_eq!(status_name(tonic::Code::InvalidArgument), "INVALID_ARGUMENT");
        assert_eq!(status_name(tonic::Code::Ok), "OK");
        assert_eq!(status_name(tonic::Code::OutOfRange), "OUT_OF_RANGE");
        assert_eq!(status_name(tonic::Code::NotFound), "NOT_FOUND");
    }

    #[test]
    fn seeds_differ_by_case_and_by_run() {
        assert_ne!(case_seed(1, "a"), case_seed(1, "b"));
        assert_ne!(case_seed(1, "a"), case_seed(2, "a"));
    }
}
