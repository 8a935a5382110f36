//! What becomes of a TTL when its key is written or read.

use crate::{
    Context, Failure, Verdict,
    client::Ttl,
    expect::{expect, expect_eq, expect_value},
    timeline::Timeline,
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{future::Future, time::Duration};
use tonic::Status;

pub(super) async fn set_with_ttl_replaces(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let (short, long) = (time.life(), time.life() * 100);
    kv.set_with_ttl("longer", "first", short).await?;
    kv.set_with_ttl("shorter", "first", long).await?;
    kv.set("from none", "first").await?;
    for (key, ttl) in [("longer", long), ("shorter", short), ("from none", short)] {
        kv.set_with_ttl(key, "second", ttl).await?;
        expect_value("Get after a second SetWithTtl", &kv.get(key).await?, Some(b"second"))?;
    }
    time.outlive(short).await?;
    expect_value("Get of a key with a longer second TTL", &kv.get("longer").await?, Some(b"second"))?;
    expect_value("Get of a key whose shorter second TTL has passed", &kv.get("shorter").await?, None)?;
    expect_value("Get of a key whose first TTL has passed", &kv.get("from none").await?, None)
}

/// Gives a key a TTL, overwrites it, and demands that it stays.
async fn clears<F: Future<Output = Result<(), Status>>>(
    context: &Context,
    rpc: &str,
    overwrite: impl FnOnce() -> F,
) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(context));
    kv.set_with_ttl("key", "expires", time.life()).await?;
    overwrite().await?;
    let ttl = kv.get_ttl("key").await?;
    expect_eq(format!("GetTtl of a key that {rpc} has overwritten"), ttl, Ttl::Persistent)?;
    time.outlive(time.life()).await?;
    let what = format!("Get of a key that {rpc} has overwritten, when the old TTL has passed");
    expect_value(what, &kv.get("key").await?, Some(b"stays"))
}

pub(super) async fn set_clears_ttl(context: Context) -> Verdict {
    let kv = context.keyvalue();
    clears(&context, "Set", || async move { kv.set("key", "stays").await }).await
}

pub(super) async fn batch_set_clears_ttl(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let entries = vec![("other".to_owned(), "o".into()), ("key".to_owned(), "stays".into())];
    clears(&context, "BatchSet", || async move { kv.batch_set(entries).await }).await
}

pub(super) async fn commit_clears_ttl(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let overwrite = || async move {
        let id = kv.begin().await?;
        kv.transaction_set(&id, "key", "stays").await?;
        kv.commit(&id).await
    };
    clears(&context, "a transaction", overwrite).await
}

pub(super) async fn delete_takes_the_ttl(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    kv.set_with_ttl("key", "expires", time.life()).await?;
    kv.delete("key").await?;
    expect_eq("GetTtl of a deleted key", kv.get_ttl("key").await?, Ttl::Missing)?;
    kv.set("key", "stays").await?;
    expect_eq("GetTtl of a key set after a Delete", kv.get_ttl("key").await?, Ttl::Persistent)?;
    time.outlive(time.life()).await?;
    let what = "Get of a key set after a Delete, when the TTL of the deleted one has passed";
    expect_value(what, &kv.get("key").await?, Some(b"stays"))
}

pub(super) async fn reading_does_not_prolong(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    kv.set_with_ttl("key", "value", time.life()).await?;
    for _ in 0..4 {
        time.pass(time.life() / 5).await?;
        kv.get("key").await?;
        kv.exists("key").await?;
        kv.get_ttl("key").await?;
    }
    time.outlive(time.life() / 5).await?;
    expect_value("Get of a key that was read all along, when its TTL has passed", &kv.get("key").await?, None)
}

pub(super) async fn expiry_spares_later_values(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let (short, long) = (time.life(), time.life() * 100);
    for key in ["set", "with a longer TTL", "after a Delete"] {
        kv.set_with_ttl(key, "old", short).await?;
    }
    kv.set("set", "new").await?;
    kv.set_with_ttl("with a longer TTL", "new", long).await?;
    kv.delete("after a Delete").await?;
    kv.set_with_ttl("after a Delete", "new", long).await?;
    time.outlive(short).await?;
    for key in ["set", "with a longer TTL", "after a Delete"] {
        // Twice, because the first look may be what sets off the removal.
        for _ in 0..2 {
            let what =
                format!("Get, after the time of the old value has come, of a key written anew ({key})");
            expect_value(what, &kv.get(key).await?, Some(b"new"))?;
        }
    }
    Ok(())
}

pub(super) async fn expiry_races_with_set(context: Context) -> Verdict {
    let (kv, time) = (&context.keyvalue(), Timeline::new(&context));
    let ttl = time.slack().granularity.max(Duration::from_millis(5));
    let rounds = context.effort().pick(3, 4, 6);
    for round in 0..rounds {
        let keys: Vec<String> = (0..24).map(|number| format!("key-{round}-{number}")).collect();
        stream::iter(keys.clone())
            .map(|key| async move { kv.set_with_ttl(&key, "old", ttl).await })
            .buffer_unordered(24)
            .try_collect::<()>()
            .await?;
        // Half of the rounds come a moment before the expiry, so that on a real clock it falls into the race.
        if round % 2 == 0 {
            time.outlive(ttl).await?;
        } else {
            time.pass(ttl).await?;
        }
        stream::iter(keys.clone())
            .map(|key| async move {
                let (value, exists, set) = futures::join!(kv.get(&key), kv.exists(&key), kv.set(&key, "new"));
                set?;
                exists?;
                expect(
                    value?.is_none_or(|value| ["old", "new"].iter().any(|one| value == one.as_bytes())),
                    "a reader got a value that nobody wrote",
                )
            })
            .buffer_unordered(24)
            .try_collect::<()>()
            .await?;
        for key in &keys {
            expect_value(
                "Get of a key that was set when its old value expired",
                &kv.get(key).await?,
                Some(b"new"),
            )?;
            if kv.get_ttl(key).await? != Ttl::Persistent {
                return Err(Failure::violation("a key that was set when its old value expired has a TTL"));
            }
        }
    }
    Ok(())
}
