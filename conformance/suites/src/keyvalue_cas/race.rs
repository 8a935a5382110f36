//! CompareAndSwap, CompareAndDelete and Increment by several clients at once.

use crate::{
    Context, Failure, Verdict,
    client::Expected,
    concurrent::{joined, outcome, setting},
    expect::expect_value,
    session,
};
use futures::future::join_all;
use prism_check::{
    accounting::{Increment, judge_counter},
    history::{History, Keyed, Outcome},
    linearizability::{self, DEFAULT_STEPS, check_by_key},
    register::{RegisterModel, RegisterOp},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use tokio::{sync::Barrier, task::yield_now};

pub(super) async fn one_winner(context: Context) -> Verdict {
    const RACERS: usize = 6;
    for round in 0..context.effort().pick(10, 20, 40) {
        let key = format!("key-{round}");
        let expected = if round % 2 == 0 {
            Expected::Absent
        } else {
            context.keyvalue().set(&key, "start").await?;
            Expected::Value("start".into())
        };
        let barrier = Arc::new(Barrier::new(RACERS));
        let racers = (0..RACERS).map(|racer| {
            let (kv, key, expected) = (context.keyvalue(), key.clone(), expected.clone());
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                let swapped = kv.compare_and_swap(&key, Some(expected), format!("racer {racer}")).await?;
                Ok(swapped.then_some(racer))
            })
        });
        let mut winners = Vec::new();
        for result in join_all(racers).await {
            winners.extend(joined(result)?);
        }
        let [winner] = winners[..] else {
            return Err(Failure::violation(format!(
                "{RACERS} CompareAndSwaps raced with the same expectation and not exactly one won"
            ))
            .expected("one winner")
            .got(format!("{} winners: {winners:?}", winners.len())));
        };
        let there = context.keyvalue().get(&key).await?;
        expect_value("Get after the race", &there, Some(format!("racer {winner}").as_bytes()))?;
    }
    Ok(())
}

pub(super) async fn concurrent_increments_count(context: Context) -> Verdict {
    const CLIENTS: usize = 8;
    for round in 0..context.effort().pick(3, 6, 12) {
        let key = format!("key-{round}");
        let barrier = Arc::new(Barrier::new(CLIENTS));
        let clients = (0..CLIENTS).map(|client| {
            let (kv, key, barrier) = (context.keyvalue(), key.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                let mut done = Vec::new();
                barrier.wait().await;
                for step in 0..12_i64 {
                    let delta = 1 + (step + client as i64) % 3;
                    let answer = kv.increment(&key, delta).await;
                    let outcome = outcome(answer.as_ref().copied());
                    if outcome == Outcome::Fail
                        && let Err(status) = answer
                    {
                        return Err(Failure::from(status).during("Increment beside other Increments"));
                    }
                    done.push(Increment { delta, outcome });
                }
                Ok(done)
            })
        });
        let mut increments = Vec::new();
        for result in join_all(clients).await {
            increments.extend(joined(result)?);
        }
        let last = context.keyvalue().increment(&key, 0).await?;
        if let Some(fault) = judge_counter(0, &increments, last).first() {
            return Err(Failure::violation(format!(
                "of {} concurrent Increments, {fault}",
                increments.len()
            )));
        }
    }
    Ok(())
}

pub(super) async fn linearizable(context: Context) -> Verdict {
    for number in 0..context.effort().histories() {
        one_history(&context.elsewhere(), number).await?;
    }
    Ok(())
}

async fn one_history(context: &Context, number: usize) -> Verdict {
    const OPERATIONS: usize = 48;
    let (clients, keys) = setting(number);
    let history = Arc::new(History::new());
    let barrier = Arc::new(Barrier::new(clients));
    let tasks = (0..clients).map(|client| {
        let (kv, history, barrier) = (context.keyvalue(), Arc::clone(&history), Arc::clone(&barrier));
        let mut rng = context.rng((number * 16 + client) as u64);
        tokio::spawn(async move {
            let mut process = client as u32;
            barrier.wait().await;
            for step in 0..OPERATIONS / clients {
                let key = format!("key-{}", rng.random_range(0..keys));
                let op = draw(&mut rng, client * 100 + step);
                if rng.random_range(0..4) == 0 {
                    yield_now().await;
                }
                let id = history.invoke(process, Keyed { key: key.clone(), op: op.clone() });
                let answer = session::register(&kv, &key, &op).await;
                let outcome = outcome(answer.as_ref().cloned());
                if outcome == Outcome::Info {
                    // A process has nothing after an operation of unknown outcome.
                    process += 100;
                }
                history.complete(id, outcome);
            }
            Ok(())
        })
    });
    for result in join_all(tasks).await {
        joined(result)?;
    }
    let history = Arc::into_inner(history).ok_or_else(|| Failure::harness("a client is still there"))?;
    let entries = history.into_entries();
    let done = entries.iter().filter(|entry| matches!(entry.outcome, Outcome::Ok(_))).count();
    if done * 2 < entries.len() {
        let message = format!("{done} of {} operations were answered", entries.len());
        return Err(Failure::violation(message).clause("KVC-02"));
    }
    let verdicts = check_by_key::<RegisterModel, _>(&entries, DEFAULT_STEPS);
    match linearizability::worst(&verdicts) {
        None | Some((_, linearizability::Verdict::Unknown)) => {
            Err(Failure::harness("the search for an order that explains the history was given up"))
        }
        Some((_, linearizability::Verdict::Valid)) => Ok(()),
        Some((key, verdict)) => {
            let detail = linearizability::explain::<RegisterModel, Keyed<String, RegisterOp>>(
                &entries,
                verdict,
                |keyed| &keyed.op,
            );
            Err(Failure::violation(format!(
                "no order explains what {clients} concurrent clients were told about {key}"
            ))
            .detail(detail.unwrap_or_default()))
        }
    }
}

/// An operation on a key that holds one of a few values most of the time, so that expectations are often met.
fn draw(rng: &mut ChaCha8Rng, unique: usize) -> RegisterOp {
    let few = |number: u32| format!("v{number}").into_bytes();
    let expected = few(rng.random_range(0..3));
    match rng.random_range(0..12) {
        0..4 => RegisterOp::Get,
        4..6 => {
            let absent = rng.random_range(0..3) == 0;
            let value = if rng.random_range(0..2) == 0 {
                few(rng.random_range(0..3))
            } else {
                few(unique as u32 + 10)
            };
            RegisterOp::Cas { expected: (!absent).then_some(expected), value }
        }
        6..8 => RegisterOp::Cas { expected: Some(expected), value: few(rng.random_range(0..3)) },
        8 => RegisterOp::Cas { expected: None, value: few(rng.random_range(0..3)) },
        9 => RegisterOp::CompareAndDelete(expected),
        10 => RegisterOp::Set(expected),
        _ => RegisterOp::Delete,
    }
}
