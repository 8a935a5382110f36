//! Clients that work at the same time.

use crate::{
    Case, Context, Failure, Verdict, case,
    client::KeyValue,
    concurrent::{is_unknown, joined, setting},
    expect::show,
};
use prism_check::{
    Entry, History, Keyed, Outcome, linearizability,
    linearizability::{DEFAULT_STEPS, Verdict as Judged},
    payload::{self, Stamp},
    register::{RegisterModel, RegisterOp, RegisterRet},
};
use rand::RngExt;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::{
    sync::Barrier,
    task::{JoinSet, yield_now},
};
use tonic::Status;

/// Operations of one history. Many short histories find more than a long one.
const OPERATIONS: usize = 48;

type Op = Keyed<String, RegisterOp>;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "keyvalue_basic/readers_see_whole_values",
            &["KVB-03"],
            "While a key is overwritten, readers see a whole old value or a whole new one",
            readers_see_whole_values,
        )
        .history(),
        case(
            "keyvalue_basic/linearizable",
            &["GEN-14", "KVB-02"],
            "Concurrent operations on a key have an order that explains every answer",
            linearizable,
        )
        .history()
        .given("guarantees", "consistency", &["linearizable"]),
        case(
            "keyvalue_basic/linearizable_across_instances",
            &["GEN-14", "GEN-15"],
            "Concurrent operations through two instances have an order that explains every answer",
            linearizable_across_instances,
        )
        .history()
        .second_instance()
        .given("guarantees", "consistency", &["linearizable"]),
    ]
}

async fn readers_see_whole_values(context: Context) -> Verdict {
    const READERS: usize = 3;
    const READS_A_WRITE: usize = 20;
    let writes = context.effort().pick(60, 120, 200);
    let value = |seq: u64| {
        // Lengths go up and down, so that what is left of a longer value would show.
        let len = payload::MIN_LEN + [4000, 10, 20_000, 300][seq as usize % 4];
        Stamp { run: 1, client: 0, seq }.payload(len)
    };
    context.keyvalue().set("key", value(0)).await?;

    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (kv, done) = (context.keyvalue(), Arc::clone(&done));
        readers.spawn(async move {
            // Where writing is slow, readers need not go on for ever.
            for _ in 0..writes * READS_A_WRITE {
                if done.load(Ordering::Acquire) {
                    break;
                }
                let Some(read) = kv.get("key").await? else {
                    return Err(Failure::violation("a reader saw nothing while the key was overwritten"));
                };
                payload::verify(&read).map_err(|error| {
                    Failure::violation(format!("a reader saw a value that nobody wrote: {error}"))
                        .got(show(&read))
                })?;
                yield_now().await;
            }
            Ok(())
        });
    }
    let mut written = Ok(());
    for seq in 1..=writes as u64 {
        written = context.keyvalue().set("key", value(seq)).await;
        if written.is_err() {
            break;
        }
        yield_now().await;
    }
    done.store(true, Ordering::Release);
    while let Some(reader) = readers.join_next().await {
        joined(reader)?;
    }
    written.map_err(Failure::from)
}

async fn linearizable(context: Context) -> Verdict {
    histories(&context, &[context.keyvalue()]).await
}

async fn linearizable_across_instances(context: Context) -> Verdict {
    let second = KeyValue::new(context.second_endpoint().await?);
    histories(&context, &[context.keyvalue(), second]).await
}

/// Records histories of clients that are spread over the instances, and judges each.
async fn histories(context: &Context, instances: &[KeyValue]) -> Verdict {
    for number in 0..context.effort().histories() {
        let (clients, keys) = setting(number);
        let entries = record(context, instances, number, clients, keys).await?;
        judge(&entries).map_err(|failure| {
            failure.during(format!("{clients} clients on {keys} keys, history {number}"))
        })?;
    }
    Ok(())
}

async fn record(
    context: &Context,
    instances: &[KeyValue],
    number: usize,
    clients: usize,
    keys: usize,
) -> Result<Vec<Entry<Op, RegisterRet>>, Failure> {
    let history = Arc::new(History::new());
    let start = Arc::new(Barrier::new(clients));
    let mut running = JoinSet::new();
    for client in 0..clients {
        let mut rng = context.rng((number * 16 + client) as u64);
        let kv = instances[client % instances.len()].clone();
        let (history, start) = (Arc::clone(&history), Arc::clone(&start));
        running.spawn(async move {
            start.wait().await;
            let mut process = client as u32;
            let mut trouble = None;
            for seq in 0..OPERATIONS / clients {
                let key = format!("history-{number}-key-{}", rng.random_range(0..keys));
                // Every value is written once, so that a read says which write it saw.
                let op = match rng.random_range(0..10) {
                    0..4 => RegisterOp::Set(format!("{client}.{seq}").into_bytes()),
                    4..8 => RegisterOp::Get,
                    8 => RegisterOp::Delete,
                    _ => RegisterOp::Exists,
                };
                let id = history.invoke(process, Keyed { key: key.clone(), op: op.clone() });
                let outcome = match perform(&kv, &key, op).await {
                    Ok(ret) => Outcome::Ok(ret),
                    Err(status) => {
                        let unknown = is_unknown(&status);
                        trouble = Some(status);
                        if unknown {
                            process += clients as u32;
                            Outcome::Info
                        } else {
                            Outcome::Fail
                        }
                    }
                };
                history.complete(id, outcome);
                // Some clients rush on, others let the rest go first.
                if rng.random_bool(0.5) {
                    yield_now().await;
                }
            }
            Ok(trouble)
        });
    }
    let mut trouble = None;
    while let Some(client) = running.join_next().await {
        trouble = joined(client)?.or(trouble);
    }
    let history = Arc::into_inner(history)
        .ok_or_else(|| Failure::harness("a client still holds the history after its end"))?;
    let entries = history.into_entries();
    let answered = entries.iter().filter(|entry| matches!(entry.outcome, Outcome::Ok(_))).count();
    match trouble {
        // With hardly any answers there is nothing to judge.
        Some(status) if answered * 2 < entries.len() => Err(status.into()),
        _ => Ok(entries),
    }
}

async fn perform(kv: &KeyValue, key: &str, op: RegisterOp) -> Result<RegisterRet, Status> {
    Ok(match op {
        RegisterOp::Set(value) => {
            kv.set(key, value).await?;
            RegisterRet::Done
        }
        RegisterOp::Delete => RegisterRet::Existed(kv.delete(key).await?),
        RegisterOp::Exists => RegisterRet::Exists(kv.exists(key).await?),
        _ => RegisterRet::Value(kv.get(key).await?.map(|value| value.to_vec())),
    })
}

fn judge(entries: &[Entry<Op, RegisterRet>]) -> Verdict {
    let verdicts = linearizability::check_by_key::<RegisterModel, String>(entries, DEFAULT_STEPS);
    match linearizability::worst(&verdicts) {
        Some((_, Judged::Valid)) => Ok(()),
        Some((key, verdict @ Judged::Invalid { .. })) => {
            let failure = Failure::violation(format!("no order explains what clients were told about {key}"));
            Err(match linearizability::explain::<RegisterModel, Op>(entries, verdict, |keyed| &keyed.op) {
                Some(why) => failure.detail(why),
                None => failure,
            })
        }
        Some((key, Judged::Unknown)) => {
            Err(Failure::inconclusive(format!("the search for an order of {key} was given up")))
        }
        None => Err(Failure::harness("the history is empty")),
    }
}
