//! An expired key is gone for every operation.

use crate::{
    Context, Failure, Verdict,
    client::{Expected, KeyValue, Ttl},
    expect::{expect_eq, expect_value},
    timeline::Timeline,
};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

/// Sets the keys with a TTL, beside one that stays, and lets the TTL pass.
async fn expired(context: &Context, keys: &[&str]) -> Result<KeyValue, Failure> {
    let (kv, time) = (context.keyvalue(), Timeline::new(context));
    let ttl = time.slack().granularity.max(Duration::from_millis(30));
    kv.set("x-stays", "stays").await?;
    for key in keys {
        kv.set_with_ttl(key, "5", ttl).await?;
    }
    time.outlive(ttl).await?;
    Ok(kv)
}

pub(super) async fn for_basic(context: Context) -> Verdict {
    // A key for each operation, because the first to notice may be the one that cleans up.
    let kv = expired(&context, &["get", "exists", "delete", "ttl", "persist", "expire"]).await?;
    expect_value("Get of an expired key", &kv.get("get").await?, None)?;
    expect_eq("Exists of an expired key", kv.exists("exists").await?, false)?;
    expect_eq("Delete of an expired key", kv.delete("delete").await?, false)?;
    expect_eq("GetTtl of an expired key", kv.get_ttl("ttl").await?, Ttl::Missing)?;
    expect_eq("Persist of an expired key", kv.persist("persist").await?, false)?;
    expect_eq("Expire of an expired key", kv.expire("expire", HOUR).await?, false)?;
    for key in ["persist", "expire"] {
        expect_value("Get of an expired key that was to be revived", &kv.get(key).await?, None)?;
    }
    Ok(())
}

pub(super) async fn for_scan(context: Context) -> Verdict {
    let kv = expired(&context, &["x-a", "x-b", "x-z"]).await?;
    expect_eq("Count where all keys but one have expired", kv.count("x-").await?, 1)?;
    expect_eq("ScanKeys there", kv.all_keys("x-", 1, 10).await?, ["x-stays"])?;
    let pages = kv.scan_pages("", 10, 10).await?;
    let scanned: Vec<String> = pages.into_iter().flatten().map(|entry| entry.key).collect();
    expect_eq("Scan there", scanned, ["x-stays"])
}

pub(super) async fn for_batch(context: Context) -> Verdict {
    let kv = expired(&context, &["get", "delete"]).await?;
    let keys = |key: &str| [key.to_owned(), "x-stays".to_owned()];
    let values = kv.batch_get(&keys("get")).await?;
    expect_eq("BatchGet of an expired key and one that stays", values, [None, Some("stays".into())])?;
    let existed = kv.batch_delete(&keys("delete")).await?;
    expect_eq("BatchDelete of an expired key and one that stays", existed, [false, true])
}

pub(super) async fn for_cas(context: Context) -> Verdict {
    let kv = expired(&context, &["swap", "absent", "delete", "increment"]).await?;
    let old = Some(Expected::Value("5".into()));
    let swapped = kv.compare_and_swap("swap", old, "new").await?;
    expect_eq("CompareAndSwap that expects the value of an expired key", swapped, false)?;
    expect_value("Get after that", &kv.get("swap").await?, None)?;
    let swapped = kv.compare_and_swap("absent", Some(Expected::Absent), "new").await?;
    expect_eq("CompareAndSwap that expects an expired key to be absent", swapped, true)?;
    let deleted = kv.compare_and_delete("delete", "5").await?;
    expect_eq("CompareAndDelete that expects the value of an expired key", deleted, false)?;
    expect_eq("Increment of an expired key by 2", kv.increment("increment", 2).await?, 2)?;
    for key in ["absent", "increment"] {
        let what = "GetTtl of a key that was created in place of an expired one";
        expect_eq(what, kv.get_ttl(key).await?, Ttl::Persistent)?;
    }
    Ok(())
}

pub(super) async fn for_transactions(context: Context) -> Verdict {
    let kv = expired(&context, &["get", "delete"]).await?;
    let id = kv.begin().await?;
    expect_value("TransactionGet of an expired key", &kv.transaction_get(&id, "get").await?, None)?;
    let existed = kv.transaction_delete(&id, "delete").await?;
    expect_eq("TransactionDelete of an expired key", existed, false)?;
    kv.commit(&id).await?;
    Ok(())
}
