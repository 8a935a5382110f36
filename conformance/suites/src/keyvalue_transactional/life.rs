//! How transactions begin and end.

use super::step::{Transaction, expect_not_found};
use crate::{
    Context, Failure, Verdict,
    expect::{expect, expect_eq, expect_refused, expect_value},
    timeline::Timeline,
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{collections::BTreeSet, future::Future, time::Duration};
use tonic::{Code, Status};

pub(super) async fn ids_are_distinct(context: Context) -> Verdict {
    const EACH: usize = 30;
    let spaces = [context.keyvalue(), context.elsewhere().keyvalue()];
    let ids: Vec<(usize, String)> = stream::iter(0..2 * EACH)
        .map(|number| {
            let kv = spaces[number % 2].clone();
            async move { kv.begin().await.map(|id| (number % 2, id)) }
        })
        .buffer_unordered(8)
        .try_collect()
        .await?;
    expect(ids.iter().all(|(_, id)| !id.is_empty()), "Begin answered an empty id")?;
    let distinct: BTreeSet<&String> = ids.iter().map(|(_, id)| id).collect();
    expect_eq(
        format!("the number of different ids of {} open transactions", ids.len()),
        distinct.len(),
        ids.len(),
    )?;
    for (space, id) in &ids {
        spaces[*space].rollback(id).await?;
    }
    Ok(())
}

pub(super) async fn abandoned_is_ended(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let timeout = context.traits("keyvalue_transactional").duration("timeout");
    kv.set("there", "before").await?;
    let mut transaction = Transaction::begin(&context).await?;
    transaction.get("there").await?;
    transaction.set("new", "abandoned").await?;
    transaction.set("there", "abandoned").await?;
    let idle = Transaction::begin(&context).await?;

    let slack = if context.is_time_virtual() { Duration::from_millis(1) } else { Duration::from_millis(100) };
    time.pass(timeout + slack).await?;
    expect_refused("Commit of an abandoned transaction", kv.commit(&transaction.id).await, Code::NotFound)?;
    expect_not_found(&kv, "the id of an abandoned transaction", &transaction.id, "there").await?;
    expect_not_found(&kv, "the id of an abandoned transaction that did nothing", &idle.id, "there").await?;
    expect_value("Get of a key that an abandoned transaction set", &kv.get("new").await?, None)?;
    let there = kv.get("there").await?;
    expect_value("Get of a key that an abandoned transaction overwrote", &there, Some(b"before"))?;

    let mut next = Transaction::begin(&context).await?;
    next.get("there").await?;
    next.set("there", "after").await?;
    next.must_commit("Commit after another transaction was abandoned").await
}

pub(super) async fn use_keeps_it_open(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let pause = context.traits("keyvalue_transactional").duration("timeout") * 3 / 5;
    kv.set("there", "before").await?;
    let id = kv.begin().await?;
    let used = |rpc: &str, status: Status| {
        Failure::from(status).during(format!("{rpc} in a transaction that was used {pause:?} ago"))
    };
    for round in 0..2 {
        time.pass(pause).await?;
        kv.transaction_set(&id, "key", format!("{round}")).await.map_err(|s| used("TransactionSet", s))?;
        time.pass(pause).await?;
        kv.transaction_get(&id, "there").await.map_err(|s| used("TransactionGet", s))?;
        time.pass(pause).await?;
        kv.transaction_delete(&id, "other").await.map_err(|s| used("TransactionDelete", s))?;
    }
    time.pass(pause).await?;
    kv.commit(&id).await.map_err(|s| used("Commit", s))?;
    expect_value("Get of what a long transaction has set", &kv.get("key").await?, Some(b"1"))
}

/// How long a call may take that waits for nobody. Generous, so that a busy machine is not taken for a lock.
const PATIENCE: Duration = Duration::from_secs(2);

async fn promptly<T>(what: &str, call: impl Future<Output = Result<T, Status>>) -> Result<T, Failure> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(answer) => answer.map_err(|status| {
            Failure::from(status)
                .during(format!("{what} while a transaction was open that has touched the key"))
        }),
        Err(_) => Err(Failure::violation(format!("{what} waited for an open transaction"))
            .expected("an answer without waiting")
            .got(format!("none in {} s", PATIENCE.as_secs()))),
    }
}

pub(super) async fn open_blocks_nobody(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let keys = ["read", "written", "deleted"];
    for key in keys {
        kv.set(key, "before").await?;
    }
    let mut open = Transaction::begin(&context).await?;
    open.get("read").await?;
    open.set("written", "inside").await?;
    open.delete("deleted").await?;

    for key in keys {
        let there = promptly("Get", kv.get(key)).await?;
        expect_value("Get beside an open transaction", &there, Some(b"before"))?;
        promptly("Set", kv.set(key, "outside")).await?;
        expect_eq("Exists beside an open transaction", promptly("Exists", kv.exists(key)).await?, true)?;
    }
    let other = promptly("Begin", kv.begin()).await?;
    for key in keys {
        promptly("TransactionGet", kv.transaction_get(&other, key)).await?;
        promptly("TransactionSet", kv.transaction_set(&other, key, "other")).await?;
    }
    promptly("Commit", kv.commit(&other)).await?;
    for key in keys {
        let what = "Get of what another transaction committed beside an open one";
        expect_value(what, &promptly("Get", kv.get(key)).await?, Some(b"other"))?;
        expect_eq("Delete beside an open transaction", promptly("Delete", kv.delete(key)).await?, true)?;
    }
    Ok(())
}

pub(super) async fn rollback_drops_everything(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("overwritten", "before").await?;
    kv.set("deleted", "before").await?;
    let id = kv.begin().await?;
    kv.transaction_set(&id, "new", "inside").await?;
    kv.transaction_set(&id, "overwritten", "inside").await?;
    kv.transaction_delete(&id, "deleted").await?;
    kv.rollback(&id).await?;
    expect_value("Get of a key that was set and rolled back", &kv.get("new").await?, None)?;
    let overwritten = kv.get("overwritten").await?;
    expect_value("Get of a key that was overwritten and rolled back", &overwritten, Some(b"before"))?;
    expect_value("Get of a key that was deleted and rolled back", &kv.get("deleted").await?, Some(b"before"))
}

pub(super) async fn unknown_ids_are_not_found(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("key", "before").await?;
    let real = kv.begin().await?;
    let ids = [
        "never-given-out".to_owned(),
        "00000000-0000-4000-8000-000000000000".to_owned(),
        "1".to_owned(),
        format!("{real}0"),
        format!("{real} "),
    ];
    for id in ids.iter().filter(|id| **id != real) {
        expect_not_found(&kv, &format!("the id {id:?}, which was never given out,"), id, "key").await?;
    }
    expect_value("Get after that", &kv.get("key").await?, Some(b"before"))?;
    kv.rollback(&real).await?;
    Ok(())
}

pub(super) async fn finished_ids_are_not_found(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for (what, committed) in [("the id of a committed transaction", true), ("a rolled back id", false)] {
        kv.set("key", "before").await?;
        let id = kv.begin().await?;
        kv.transaction_set(&id, "key", "inside").await?;
        if committed {
            kv.commit(&id).await?;
        } else {
            kv.rollback(&id).await?;
        }
        // What is written now must not be undone or done again by a second end of the transaction.
        kv.set("key", "after").await?;
        let again = if committed { kv.commit(&id).await } else { kv.rollback(&id).await };
        expect_refused("ending a transaction a second time", again, Code::NotFound)?;
        expect_not_found(&kv, what, &id, "key").await?;
        expect_value("Get after that", &kv.get("key").await?, Some(b"after"))?;
    }
    Ok(())
}

pub(super) async fn ids_belong_to_their_namespace(context: Context) -> Verdict {
    let (kv, elsewhere) = (context.keyvalue(), context.elsewhere().keyvalue());
    elsewhere.set("key", "elsewhere").await?;
    let id = kv.begin().await?;
    kv.transaction_set(&id, "key", "here").await?;
    expect_not_found(&elsewhere, "the id of a transaction of another namespace", &id, "key").await?;
    let inside = kv.transaction_get(&id, "key").await?;
    expect_value("TransactionGet after another namespace used the id", &inside, Some(b"here"))?;
    kv.commit(&id).await?;
    expect_value("Get of what was committed", &kv.get("key").await?, Some(b"here"))?;
    let there = elsewhere.get("key").await?;
    expect_value("Get of the same key in another namespace", &there, Some(b"elsewhere"))
}
