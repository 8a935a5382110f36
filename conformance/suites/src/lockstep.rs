//! Generated lists of operations, run against the driver in lock-step with a model, and shrunk when they disagree.

use crate::{Context, Failure, FailureKind, Verdict};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rand::Rng;
use std::{
    fmt::Debug,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::runtime::Handle;

/// How many times a failing list is made simpler, at most.
const MAX_SHRINKS: usize = 400;

/// Generates lists of operations and runs each in a fresh namespace; `run` compares answers with its model. The first
/// list that fails is shrunk, and the failure of the smallest one is told with its operations.
///
/// The list number `n` depends on the seed of the case and on `n` alone, so that a run with more effort begins with the
/// lists of one with less.
pub async fn lockstep<S, Op, F, Fut>(context: &Context, strategy: S, run: F) -> Verdict
where
    S: Strategy<Value = Vec<Op>> + Send + 'static,
    Op: Debug + Clone + 'static,
    F: Fn(Context, Vec<Op>) -> Fut + Send + 'static,
    Fut: Future<Output = Verdict>,
{
    let stop = StopOnDrop(Arc::default());
    let stopped = Arc::clone(&stop.0);
    let context = context.clone();
    let handle = Handle::current();
    // Value trees cannot move between threads, so the search has a thread of its own.
    let search = tokio::task::spawn_blocking(move || {
        handle.block_on(async {
            for number in 0..context.effort().sequences() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                one_list(&context, &strategy, &run, number as u64, &stopped).await?;
            }
            Ok(())
        })
    });
    search.await.unwrap_or_else(|error| Err(Failure::harness(format!("the case broke off: {error}"))))
}

async fn one_list<S, Op, F, Fut>(
    context: &Context,
    strategy: &S,
    run: &F,
    number: u64,
    stopped: &AtomicBool,
) -> Verdict
where
    S: Strategy<Value = Vec<Op>>,
    Op: Debug + Clone,
    F: Fn(Context, Vec<Op>) -> Fut,
    Fut: Future<Output = Verdict>,
{
    let mut seed = [0; 32];
    context.rng(number).fill_bytes(&mut seed);
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let mut tree = strategy
        .new_tree(&mut runner)
        .map_err(|reason| Failure::harness(format!("no operations could be generated: {reason}")))?;

    let operations = tree.current();
    let Err(mut failure) = run(context.elsewhere(), operations.clone()).await else { return Ok(()) };
    let mut smallest = operations;
    let mut tries = 0;
    // Only a violation says the same again; shrinking anything else would chase noise.
    while failure.kind == FailureKind::Violation && tries < MAX_SHRINKS && !stopped.load(Ordering::Relaxed) {
        if !tree.simplify() {
            break;
        }
        loop {
            tries += 1;
            let simpler = tree.current();
            match run(context.elsewhere(), simpler.clone()).await {
                Err(again) if again.kind == FailureKind::Violation => {
                    (failure, smallest) = (again, simpler);
                    break;
                }
                _ if tries < MAX_SHRINKS && tree.complicate() => {}
                _ => {
                    tries = MAX_SHRINKS;
                    break;
                }
            }
        }
    }
    let list = smallest.iter().enumerate().map(|(index, op)| format!("{:3}  {op:?}", index + 1));
    let detail = format!(
        "list {number} of generated operations, shrunk to {}:\n{}",
        smallest.len(),
        list.collect::<Vec<_>>().join("\n")
    );
    failure.detail = Some(match failure.detail {
        Some(more) => format!("{detail}\n{more}"),
        None => detail,
    });
    Err(failure)
}

/// Tells the search to stop when the case is dropped, by a deadline for instance.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
