//! What a transaction sees, and what others see of it.

use super::step::Transaction;
use crate::{
    Context, Failure, Verdict,
    concurrent::joined,
    expect::{expect_eq, expect_value},
};
use futures::future::join_all;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::task::yield_now;

pub(super) async fn uncommitted_is_invisible(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("overwritten", "before").await?;
    kv.set("deleted", "before").await?;
    let id = kv.begin().await?;
    let mut other = Transaction::begin(&context).await?;
    kv.transaction_set(&id, "new", "inside").await?;
    kv.transaction_set(&id, "overwritten", "inside").await?;
    kv.transaction_delete(&id, "deleted").await?;
    for (key, outside) in [("new", None), ("overwritten", Some(&b"before"[..])), ("deleted", Some(b"before"))]
    {
        let what = format!("Get of a key that an open transaction has {key}");
        expect_value(what, &kv.get(key).await?, outside)?;
        expect_eq("Exists of that key", kv.exists(key).await?, outside.is_some())?;
        expect_value("TransactionGet of it in another transaction", &other.get(key).await?, outside)?;
    }
    other.must_commit("Commit of a transaction beside which nothing was committed").await?;
    kv.commit(&id).await?;
    Ok(())
}

pub(super) async fn reads_its_own_writes(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("key", "before").await?;
    let id = kv.begin().await?;
    let get = async |what: &str, key: &str, expected: Option<&[u8]>| {
        let there = kv.transaction_get(&id, key).await?;
        expect_value(format!("TransactionGet {what}"), &there, expected)
    };
    get("of what is committed", "key", Some(b"before")).await?;
    for value in ["first", "second", ""] {
        kv.transaction_set(&id, "key", value).await?;
        get("after TransactionSet", "key", Some(value.as_bytes())).await?;
    }
    kv.transaction_delete(&id, "key").await?;
    get("after TransactionDelete", "key", None).await?;
    kv.transaction_set(&id, "key", "third").await?;
    get("after TransactionSet of a deleted key", "key", Some(b"third")).await?;
    get("of a missing key", "new", None).await?;
    kv.transaction_set(&id, "new", "value").await?;
    get("after TransactionSet of a missing key", "new", Some(b"value")).await?;
    kv.rollback(&id).await?;
    Ok(())
}

pub(super) async fn delete_answers_as_seen_inside(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("there", "before").await?;
    let id = kv.begin().await?;
    let delete = async |what: &str, key: &str, existed: bool| {
        expect_eq(format!("TransactionDelete of {what}"), kv.transaction_delete(&id, key).await?, existed)
    };
    delete("a key that is there", "there", true).await?;
    delete("a key that the transaction has deleted", "there", false).await?;
    delete("a missing key", "missing", false).await?;
    kv.transaction_set(&id, "new", "value").await?;
    delete("a key that the transaction has set", "new", true).await?;
    kv.commit(&id).await?;
    expect_value("Get of a deleted key after Commit", &kv.get("there").await?, None)?;
    expect_value("Get of a key that was set and deleted", &kv.get("new").await?, None)
}

pub(super) async fn commit_applies_everything(context: Context) -> Verdict {
    const KEYS: usize = 60;
    let kv = context.keyvalue();
    for number in 0..KEYS / 2 {
        kv.set(&format!("key-{number}"), "before").await?;
    }
    let id = kv.begin().await?;
    for number in 0..KEYS {
        let key = format!("key-{number}");
        if number % 3 == 0 {
            kv.transaction_delete(&id, &key).await?;
        } else {
            kv.transaction_set(&id, &key, "inside").await?;
        }
        match number % 10 {
            1 => kv.transaction_set(&id, &key, "last").await?,
            2 => kv.transaction_delete(&id, &key).await.map(|_| ())?,
            _ => {}
        }
    }
    kv.commit(&id).await?;
    for number in 0..KEYS {
        let expected = match (number % 10, number % 3) {
            (1, _) => Some(&b"last"[..]),
            (2, _) | (_, 0) => None,
            _ => Some(&b"inside"[..]),
        };
        let there = kv.get(&format!("key-{number}")).await?;
        expect_value(format!("Get of key {number} of {KEYS} after Commit"), &there, expected)?;
    }
    Ok(())
}

pub(super) async fn commit_is_seen_as_a_whole(context: Context) -> Verdict {
    const KEYS: [&str; 3] = ["a", "b", "c"];
    let rounds = context.effort().pick(40, 80, 150);
    let done = Arc::new(AtomicBool::new(false));
    let readers = (0..2).map(|reader| {
        let (kv, done) = (context.keyvalue(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut turn = reader;
            loop {
                // The last look comes after the last commit, so that at least one meets all of them.
                let last = done.load(Ordering::Relaxed);
                let (first, second) = if turn % 2 == 0 { ("a", "c") } else { ("c", "a") };
                turn += 1;
                let earlier = round_of(kv.get(first).await?.as_deref())?;
                let later = round_of(kv.get(second).await?.as_deref())?;
                if later < earlier {
                    return Err(Failure::violation(format!(
                        "a reader saw {first:?} as commit {earlier} wrote it, and then {second:?} as commit {later} did"
                    )));
                }
                if last {
                    return Ok(());
                }
                // In process a call may well end without waiting for anything; the writer must get its turn.
                yield_now().await;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    let written = write_rounds(&context, &KEYS, rounds).await;
    done.store(true, Ordering::Relaxed);
    for result in join_all(readers).await {
        joined(result)?;
    }
    written
}

async fn write_rounds(context: &Context, keys: &[&str], rounds: usize) -> Verdict {
    for round in 1..=rounds {
        let mut transaction = Transaction::begin(context).await?;
        for key in keys {
            transaction.set(key, round.to_string()).await?;
        }
        transaction.must_commit("Commit of the only transaction there is").await?;
    }
    Ok(())
}

/// Which commit wrote a value; 0 where there is none.
fn round_of(value: Option<&[u8]>) -> Result<usize, Failure> {
    let Some(value) = value else { return Ok(0) };
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
        Failure::violation("a reader got a value that nobody wrote").got(crate::expect::show(value))
    })
}
