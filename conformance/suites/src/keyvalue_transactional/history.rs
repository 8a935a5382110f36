//! Concurrent transactions, judged afterwards.

use super::step::Transaction as Live;
use crate::{
    Context, Failure, Verdict,
    concurrent::{is_unknown, joined, setting},
    expect::{expect, show},
};
use bytes::Bytes;
use futures::future::join_all;
use prism_check::{
    accounting::judge_bank,
    anomaly::{self, Level},
    history::Outcome,
    serializability::{Contents, MAX_TRANSACTIONS, serialize},
    transaction::{Action, Transaction},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use tokio::{sync::Barrier, task::yield_now};
use tonic::{Code, Status};

const ACCOUNTS: usize = 4;

/// What is on every account at first.
const BALANCE: i64 = 100;

/// How often a transaction is tried again that was ABORTED. Whoever is ABORTED lost against somebody who made progress,
/// so a client that gives up has been unlucky, and nothing is wrong.
const TRIES: usize = 50;

pub(super) async fn money_is_conserved(context: Context) -> Verdict {
    for round in 0..context.effort().pick(1, 2, 4) {
        bank(&context.elsewhere(), round).await?;
    }
    Ok(())
}

async fn bank(context: &Context, round: usize) -> Verdict {
    const CLIENTS: usize = 5;
    let transfers = context.effort().pick(12, 16, 24);
    let mut opening = Live::begin(context).await?;
    for account in 0..ACCOUNTS {
        opening.set(&account_key(account), BALANCE.to_string()).await?;
    }
    opening.must_commit("Commit of the only transaction there is").await?;

    let barrier = Arc::new(Barrier::new(CLIENTS));
    let clients = (0..CLIENTS).map(|client| {
        let (context, barrier) = (context.clone(), Arc::clone(&barrier));
        let mut rng = context.rng((round * CLIENTS + client) as u64);
        tokio::spawn(async move {
            let mut readings = Vec::new();
            barrier.wait().await;
            for _ in 0..transfers {
                if rng.random_range(0..3) == 0 {
                    readings.extend(reading(&context).await?);
                } else {
                    transfer(&context, &mut rng).await?;
                }
            }
            Ok(readings)
        })
    });
    let mut readings = Vec::new();
    for result in join_all(clients).await {
        readings.extend(joined(result)?);
    }
    readings.extend(reading(context).await?);
    expect(!readings.is_empty(), "a transaction that only reads was ABORTED although nobody else was there")
        .map_err(|failure| failure.clause("KVX-11"))?;
    let total = i128::from(BALANCE) * ACCOUNTS as i128;
    match judge_bank(ACCOUNTS, total, &readings).first() {
        None => Ok(()),
        Some(fault) => Err(Failure::violation(format!("money was made or lost: {fault}"))
            .expected(format!("{total} in all, on {ACCOUNTS} accounts"))
            .got(format!("{readings:?}"))),
    }
}

fn account_key(account: usize) -> String {
    format!("account-{account}")
}

/// All accounts, read in one committed transaction; `None` where it was ABORTED too often.
async fn reading(context: &Context) -> Result<Option<Vec<i64>>, Failure> {
    for _ in 0..TRIES {
        let mut transaction = Live::begin(context).await?;
        let mut values = Vec::new();
        for account in 0..ACCOUNTS {
            values.push(transaction.get(&account_key(account)).await?);
        }
        if transaction.commit().await?.is_none() {
            return values
                .into_iter()
                .map(|value| number(value.as_ref()))
                .collect::<Result<_, _>>()
                .map(Some);
        }
        yield_now().await;
    }
    Ok(None)
}

/// Moves money between two accounts, if there is enough on the first.
async fn transfer(context: &Context, rng: &mut ChaCha8Rng) -> Verdict {
    let from = rng.random_range(0..ACCOUNTS);
    let to = (from + rng.random_range(1..ACCOUNTS)) % ACCOUNTS;
    let amount = rng.random_range(1..=30);
    for _ in 0..TRIES {
        let mut transaction = Live::begin(context).await?;
        let source = transaction.get(&account_key(from)).await?;
        let target = transaction.get(&account_key(to)).await?;
        if let (Some(source), Some(target)) = (source, target) {
            let (source, target): (i64, i64) = (number(Some(&source))?, number(Some(&target))?);
            if rng.random_range(0..2) == 0 {
                yield_now().await;
            }
            if source >= amount {
                transaction.set(&account_key(from), (source - amount).to_string()).await?;
                transaction.set(&account_key(to), (target + amount).to_string()).await?;
            }
        }
        if transaction.commit().await?.is_none() {
            return Ok(());
        }
        yield_now().await;
    }
    Ok(())
}

fn number<T: std::str::FromStr>(value: Option<&Bytes>) -> Result<T, Failure> {
    let Some(value) = value else {
        return Err(Failure::violation("a key that nobody has deleted is missing"));
    };
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Failure::violation("a value was read that nobody wrote").got(show(value)))
}

/// What a history of transactions is made of.
#[derive(Clone, Copy)]
struct Shape {
    clients: usize,
    keys: usize,
    /// Of each client.
    transactions: usize,
    /// Of each transaction, at most.
    steps: usize,
}

pub(super) async fn isolation_holds(context: Context) -> Verdict {
    let level = match context.traits("keyvalue_transactional").choice("isolation") {
        "serializable" => Level::Serializable,
        "snapshot" => Level::Snapshot,
        _ => Level::ReadCommitted,
    };
    for number in 0..context.effort().pick(3, 6, 12) {
        let (clients, keys) = setting(number);
        let shape = Shape { clients, keys, transactions: 60 / clients, steps: 4 };
        let space = context.elsewhere();
        let transactions = record(&space, number, shape).await?;
        let committed = transactions.iter().filter(|one| one.outcome == Outcome::Ok(())).count();
        expect(committed > 0, format!("of {} transactions none was committed", transactions.len()))
            .map_err(|failure| failure.clause("KVX-11"))?;
        let anomalies = anomaly::judge(&transactions);
        if let Some(worst) = anomalies.iter().find(|anomaly| anomaly.breaks() <= level) {
            return Err(Failure::violation(format!("transactions of {clients} clients show an anomaly"))
                .expected(format!("none that breaks {level:?}"))
                .got(worst)
                .detail(table(&transactions)));
        }
    }
    Ok(())
}

pub(super) async fn short_histories_have_an_order(context: Context) -> Verdict {
    for number in 0..context.effort().histories() {
        let clients = 2 + number % 3;
        let shape =
            Shape { clients, keys: 1 + number % 2, transactions: MAX_TRANSACTIONS / clients, steps: 3 };
        let space = context.elsewhere();
        let transactions = record(&space, number + 1_000, shape).await?;
        let mut last = Contents::new();
        for key in 0..shape.keys {
            let key = format!("key-{key}");
            if let Some(value) = space.keyvalue().get(&key).await? {
                last.insert(key, self::number(Some(&value))?);
            }
        }
        if serialize(&Contents::new(), &transactions, Some(&last)).is_none() {
            return Err(Failure::violation(format!(
                "no serial order explains {} transactions",
                transactions.len()
            ))
            .got(format!("in the end {last:?}"))
            .detail(table(&transactions)));
        }
    }
    Ok(())
}

fn table(transactions: &[Transaction]) -> String {
    let line = |one: &Transaction| {
        let end = match one.outcome {
            Outcome::Ok(()) => "committed",
            Outcome::Fail => "aborted",
            Outcome::Info => "unknown",
        };
        format!("{one}; {end}")
    };
    transactions.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Runs transactions of several clients that begin together.
async fn record(context: &Context, number: usize, shape: Shape) -> Result<Vec<Transaction>, Failure> {
    let barrier = Arc::new(Barrier::new(shape.clients));
    let clients = (0..shape.clients).map(|client| {
        let (context, barrier) = (context.clone(), Arc::clone(&barrier));
        let mut rng = context.rng((number * 16 + client) as u64);
        tokio::spawn(async move {
            let mut transactions = Vec::new();
            barrier.wait().await;
            for turn in 0..shape.transactions {
                let id = (client * shape.transactions + turn) as u32;
                let (actions, end) = one(&context, &mut rng, shape, id).await;
                let outcome = match end {
                    Ok(()) => Outcome::Ok(()),
                    Err(status) if is_unknown(&status) => Outcome::Info,
                    Err(status) if status.code() == Code::Aborted => Outcome::Fail,
                    Err(status) => return Err(Failure::from(status).during("a transaction beside others")),
                };
                let actions = actions?;
                transactions.push(Transaction { id, actions, outcome });
            }
            Ok(transactions)
        })
    });
    let mut transactions = Vec::new();
    for result in join_all(clients).await {
        transactions.extend(joined(result)?);
    }
    Ok(transactions)
}

/// One transaction: what it did, as far as it came, and how it ended.
async fn one(
    context: &Context,
    rng: &mut ChaCha8Rng,
    shape: Shape,
    id: u32,
) -> (Result<Vec<Action>, Failure>, Result<(), Status>) {
    let kv = context.keyvalue();
    let mut actions = Vec::new();
    let mut read_badly = None;
    let run = async {
        let live = kv.begin().await?;
        for step in 0..rng.random_range(1..=shape.steps) {
            let key = format!("key-{}", rng.random_range(0..shape.keys));
            let reads = rng.random_range(0..10) < 8;
            if reads {
                let value = kv.transaction_get(&live, &key).await?;
                match value.map(|value| self::number(Some(&value))).transpose() {
                    Ok(value) => actions.push(Action::Read { key: key.clone(), value }),
                    Err(failure) => read_badly = Some(failure),
                }
            }
            if rng.random_range(0..2) == 0 {
                yield_now().await;
            }
            if !reads || rng.random_range(0..2) == 0 {
                let value = u64::from(id) * 100 + step as u64 + 1;
                kv.transaction_set(&live, &key, value.to_string()).await?;
                actions.push(Action::Write { key, value });
            }
        }
        kv.commit(&live).await
    };
    let end = run.await;
    (read_badly.map_or(Ok(actions), Err), end)
}
