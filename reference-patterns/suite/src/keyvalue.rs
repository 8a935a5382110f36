//! Cases of the keyvalue pattern. What its interfaces demand is found out by their own suites, which run through it.

use crate::{
    instance::{Instance, slot},
    twist::hiding,
};
use prism_suites::{
    Case, Context, Verdict, case,
    client::{Expected, KeyValue, Ttl},
    expect::{expect, expect_eq, expect_refused, expect_value},
};
use std::time::Duration;
use tonic::Code;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_keyvalue/stores_under_the_prefix",
            &["KVP-01"],
            "A key is stored in the backend under the prefix, with the value as it is",
            stores_under_the_prefix,
        ),
        case(
            "pattern_keyvalue/sees_nothing_else",
            &["KVP-01"],
            "Keys of the backend that do not start with the prefix are neither seen nor deleted",
            sees_nothing_else,
        )
        .needs(&["keyvalue_scan"]),
        case(
            "pattern_keyvalue/scans_without_the_prefix",
            &["KVP-02"],
            "Scans give keys back as they were set, those that start with the prefix themselves too",
            scans_without_the_prefix,
        )
        .needs(&["keyvalue_scan"]),
        case(
            "pattern_keyvalue/default_ttl_of_set",
            &["KVP-03"],
            "What Set writes expires after the default TTL, also where it overwrites what never would",
            default_ttl_of_set,
        )
        .needs(&["keyvalue_ttl"]),
        case(
            "pattern_keyvalue/default_ttl_of_batches",
            &["KVP-03"],
            "Everything that BatchSet writes expires after the default TTL",
            default_ttl_of_batches,
        )
        .needs(&["keyvalue_ttl", "keyvalue_batch"]),
        case(
            "pattern_keyvalue/default_ttl_of_swaps",
            &["KVP-03"],
            "What CompareAndSwap writes expires after the default TTL",
            default_ttl_of_swaps,
        )
        .needs(&["keyvalue_ttl", "keyvalue_cas"]),
        case(
            "pattern_keyvalue/default_ttl_of_transactions",
            &["KVP-03"],
            "What a committed transaction has set expires after the default TTL",
            default_ttl_of_transactions,
        )
        .needs(&["keyvalue_ttl", "keyvalue_transactional"]),
        case(
            "pattern_keyvalue/callers_ttl_wins",
            &["KVP-04"],
            "A TTL that the caller gives is kept, whatever the default is, and Persist removes it",
            callers_ttl_wins,
        )
        .needs(&["keyvalue_ttl"]),
        case(
            "pattern_keyvalue/default_ttl_needs_ttl",
            &["KVP-05"],
            "Initialize refuses a default TTL over a backend that serves no keyvalue_ttl",
            default_ttl_needs_ttl,
        )
        .needs(&["keyvalue_ttl"]),
        case(
            "pattern_keyvalue/serves_what_the_backend_serves",
            &["KVP-06"],
            "An interface that the backend does not serve is neither described nor served",
            serves_what_the_backend_serves,
        )
        .needs(&["keyvalue_ttl"]),
    ]
}

/// The pattern with these parameters, and the backend beneath.
async fn both(
    context: &Context,
    given: crate::instance::Given<'_>,
) -> Result<(KeyValue, KeyValue), prism_suites::Failure> {
    let instance = Instance::start(context, given).await?;
    Ok((KeyValue::new(instance.endpoint()), KeyValue::new(slot(context, "store")?)))
}

async fn stores_under_the_prefix(context: Context) -> Verdict {
    let (pattern, store) = both(&context, &[("key_prefix", "of.a/")]).await?;
    pattern.set("key", "value").await?;
    expect_value("`of.a/key` in the backend", &store.get("of.a/key").await?, Some(b"value"))?;
    expect_value("`key` in the backend", &store.get("key").await?, None)?;
    store.set("of.a/other", "from below").await?;
    expect_value("`other` through the pattern", &pattern.get("other").await?, Some(b"from below"))?;
    expect(pattern.delete("key").await?, "Delete through the pattern did not find the key")?;
    expect_value("`of.a/key` after Delete", &store.get("of.a/key").await?, None)
}

async fn sees_nothing_else(context: Context) -> Verdict {
    let (pattern, store) = both(&context, &[("key_prefix", "of.a/")]).await?;
    let beside = ["key", "of.a", "of.b/key", "Of.a/key", "of", "xof.a/key"];
    for key in beside {
        store.set(key, "beside").await?;
    }
    pattern.set("mine", "value").await?;
    expect_eq("the keys that the pattern sees", pattern.all_keys("", 100, 10).await?, ["mine"])?;
    expect_eq("the number of keys that the pattern counts", pattern.count("").await?, 1)?;
    for key in beside {
        expect(!pattern.delete(key).await?, format!("Delete found {key:?}, which is not under the prefix"))?;
        expect_value(format!("{key:?} in the backend"), &store.get(key).await?, Some(b"beside"))?;
    }
    Ok(())
}

async fn scans_without_the_prefix(context: Context) -> Verdict {
    let (pattern, _) = both(&context, &[("key_prefix", "ab")]).await?;
    let keys = ["a", "ab", "abab", "b", "ba"];
    for key in keys {
        pattern.set(key, key).await?;
    }
    let mut seen = pattern.all_keys("", 2, 10).await?;
    seen.sort();
    expect_eq("the keys of ScanKeys", seen, keys)?;
    let mut entries = pattern.scan("ab", 100, "").await?.entries;
    entries.sort_by(|left, right| left.key.cmp(&right.key));
    let entries: Vec<(String, Vec<u8>)> =
        entries.into_iter().map(|entry| (entry.key, entry.value.to_vec())).collect();
    let expected: Vec<(String, Vec<u8>)> =
        ["ab", "abab"].map(|key| (key.to_owned(), key.as_bytes().to_vec())).into();
    expect_eq("the entries of Scan(\"ab\")", entries, expected)
}

const DEFAULT: &[(&str, &str)] = &[("key_prefix", "p:"), ("default_ttl", "60s")];

/// Demands that a key expires within `ttl`, and not much earlier.
async fn expires(what: &str, kv: &KeyValue, key: &str, ttl: Duration) -> Verdict {
    match kv.get_ttl(key).await? {
        Ttl::Expiring(left) if left <= ttl && left > ttl / 2 => Ok(()),
        other => Err(prism_suites::Failure::violation(format!("what {what} wrote has another TTL"))
            .expected(format!("at most {} s, and more than half of it", ttl.as_secs()))
            .got(format!("{other:?}"))),
    }
}

const MINUTE: Duration = Duration::from_mins(1);

async fn default_ttl_of_set(context: Context) -> Verdict {
    let (pattern, store) = both(&context, DEFAULT).await?;
    store.set("p:there", "for ever").await?;
    for key in ["new", "there"] {
        pattern.set(key, "value").await?;
        expires("Set", &pattern, key, MINUTE).await?;
        expires("Set, seen from below", &store, &format!("p:{key}"), MINUTE).await?;
        expect_value(key, &pattern.get(key).await?, Some(b"value"))?;
    }
    Ok(())
}

async fn default_ttl_of_batches(context: Context) -> Verdict {
    let (pattern, _) = both(&context, DEFAULT).await?;
    pattern.batch_set(vec![("a".into(), "1".into()), ("b".into(), "2".into())]).await?;
    expires("BatchSet", &pattern, "a", MINUTE).await?;
    expires("BatchSet", &pattern, "b", MINUTE).await
}

async fn default_ttl_of_swaps(context: Context) -> Verdict {
    let (pattern, store) = both(&context, DEFAULT).await?;
    expect(
        pattern.compare_and_swap("key", Some(Expected::Absent), "first").await?,
        "the first swap was refused",
    )?;
    expires("CompareAndSwap", &pattern, "key", MINUTE).await?;
    store.set("p:kept", "as it is").await?;
    expect(
        !pattern.compare_and_swap("kept", Some(Expected::Absent), "other").await?,
        "a swap of the wrong value was made",
    )?;
    expect_eq("the TTL after a swap that was not made", pattern.get_ttl("kept").await?, Ttl::Persistent)
}

async fn default_ttl_of_transactions(context: Context) -> Verdict {
    let (pattern, _) = both(&context, DEFAULT).await?;
    let transaction = pattern.begin().await?;
    pattern.transaction_set(&transaction, "a", "1").await?;
    pattern.transaction_set(&transaction, "b", "2").await?;
    pattern.commit(&transaction).await?;
    expires("a transaction", &pattern, "a", MINUTE).await?;
    expires("a transaction", &pattern, "b", MINUTE).await
}

async fn callers_ttl_wins(context: Context) -> Verdict {
    let (pattern, _) = both(&context, DEFAULT).await?;
    pattern.set_with_ttl("long", "value", MINUTE * 60).await?;
    expires("SetWithTtl", &pattern, "long", MINUTE * 60).await?;
    pattern.set("short", "value").await?;
    pattern.expire("short", MINUTE / 6).await?;
    expires("Expire", &pattern, "short", MINUTE / 6).await?;
    pattern.set("kept", "value").await?;
    expect(pattern.persist("kept").await?, "Persist did not remove the default TTL")?;
    expect_eq("the TTL after Persist", pattern.get_ttl("kept").await?, Ttl::Persistent)
}

async fn default_ttl_needs_ttl(context: Context) -> Verdict {
    let mut slots = context.bench()?.slots();
    if let Some(store) = slots.get_mut("store") {
        *store = hiding(store.clone(), &["keyvalue_ttl"]);
    }
    let instance = Instance::created(&context, slots).await?;
    let refused = instance.initialize(DEFAULT).await;
    let status = expect_refused("Initialize with a default TTL", refused, Code::FailedPrecondition)?;
    for word in ["keyvalue_ttl", "store"] {
        expect(
            status.message().contains(word),
            format!("the refusal does not name `{word}`: {}", status.message()),
        )?;
    }
    instance.bring_up(&[]).await
}

async fn serves_what_the_backend_serves(context: Context) -> Verdict {
    let mut slots = context.bench()?.slots();
    if let Some(store) = slots.get_mut("store") {
        *store = hiding(store.clone(), &["keyvalue_ttl"]);
    }
    let instance = Instance::over(&context, slots, &[]).await?;
    let described = instance.lifecycle().describe().await?;
    expect(
        !described.interfaces.iter().any(|interface| interface.id == "keyvalue_ttl"),
        "Describe tells of keyvalue_ttl, which the backend does not serve",
    )?;
    let pattern = KeyValue::new(instance.endpoint());
    pattern.set("key", "value").await?;
    let refused = pattern.set_with_ttl("key", "other", MINUTE).await;
    expect_refused("SetWithTtl over a backend without it", refused, Code::Unimplemented)?;
    expect_value("the key", &pattern.get("key").await?, Some(b"value"))
}
