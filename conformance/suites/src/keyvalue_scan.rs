//! Cases of keyvalue_scan.

mod concurrent;
mod pages;

use crate::{
    Case, Context, Failure, Verdict, case,
    client::KeyValue,
    expect::{expect, expect_eq, expect_value},
    keyvalue::{
        bulk::{self, patience},
        steps,
    },
    lockstep::lockstep,
};
use bytes::Bytes;
use futures::future::try_join_all;
use prism_check::{pools, quote};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case(
            "keyvalue_scan/prefix_is_literal",
            &["KVS-01", "GEN-06"],
            "A scan returns exactly the keys that start with the bytes of the prefix",
            prefix_is_literal,
        ),
        case(
            "keyvalue_scan/values_are_current",
            &["KVS-01", "GEN-09"],
            "A scan returns each key with its current value",
            values_are_current,
        ),
        case(
            "keyvalue_scan/large_values_are_listed",
            &["KVS-01", "KVS-05"],
            "Values that do not fit into one answer together are listed all the same",
            large_values,
        ),
        case(
            "keyvalue_scan/empty_prefix_is_the_whole_namespace",
            &["KVS-02", "GEN-03"],
            "An empty prefix matches every key of the namespace and none of another",
            empty_prefix,
        ),
        case(
            "keyvalue_scan/key_that_equals_the_prefix",
            &["KVS-03"],
            "A key that equals the prefix is part of the answer",
            key_equals_prefix,
        ),
        case(
            "keyvalue_scan/order_is_bytewise",
            &["KVS-06"],
            "Keys come in ascending order of their bytes",
            order_is_bytewise,
        )
        .given("keyvalue_scan", "ordered", &["true"]),
        case(
            "keyvalue_scan/deleted_keys_do_not_appear",
            &["KVS-07", "KVS-11"],
            "A key that was deleted before the scan is neither listed nor counted",
            deleted_keys,
        ),
        case(
            "keyvalue_scan/keys_agree_with_entries",
            &["KVS-10"],
            "ScanKeys yields the keys of Scan in the same order",
            keys_agree,
        ),
        case(
            "keyvalue_scan/count_agrees_with_scan",
            &["KVS-11"],
            "Count is the number of keys that a scan of the prefix yields",
            count_agrees,
        ),
        case(
            "keyvalue_scan/second_instance_agrees",
            &["GEN-15"],
            "What was set and deleted through one instance, a scan through another one shows",
            second_instance_agrees,
        )
        .second_instance(),
        case(
            "keyvalue_scan/model",
            &["KVS-01", "KVS-05", "KVS-06", "KVS-10", "KVS-11"],
            "Any sequence of writes and listings is answered as the model answers it",
            model,
        )
        .model(),
    ];
    cases.extend(pages::cases());
    cases.extend(concurrent::cases());
    // Every case writes through keyvalue_basic, which the interface needs.
    cases.into_iter().map(|case| case.needs(&["keyvalue_basic"])).collect()
}

/// The keys of the pool, each with a value of its own, in the order of their bytes.
fn pool() -> BTreeMap<String, Bytes> {
    let keys = pools::keys().into_iter().enumerate();
    keys.map(|(number, key)| (key, Bytes::from(format!("value {number}")))).collect()
}

async fn set_pool(kv: &KeyValue) -> Result<BTreeMap<String, Bytes>, Failure> {
    let pool = pool();
    let entries: Vec<_> = pool.clone().into_iter().collect();
    bulk::set_all(kv, &entries).await?;
    Ok(pool)
}

/// What is under a prefix, in whatever order it comes; a key that comes twice is a violation.
async fn listed(kv: &KeyValue, prefix: &str, limit: u32) -> Result<BTreeMap<String, Bytes>, Failure> {
    let mut all = BTreeMap::new();
    for (key, value) in bulk::scan(kv, prefix, limit).await?.concat() {
        if all.insert(key.clone(), value).is_some() {
            return Err(Failure::violation(format!("Scan({}) yields {} twice", quote(prefix), quote(key)))
                .clause("KVS-05"));
        }
    }
    Ok(all)
}

async fn prefix_is_literal(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let pool = set_pool(&kv).await?;
    let scans = pools::prefixes().into_iter().map(|prefix| {
        let (kv, pool) = (&kv, &pool);
        async move {
            let got = listed(kv, &prefix, 100).await?;
            let expected = pool.iter().filter(|(key, _)| key.starts_with(&prefix));
            let expected: BTreeMap<_, _> =
                expected.map(|(key, value)| (key.clone(), value.clone())).collect();
            if got == expected {
                return Ok(());
            }
            let list = |some: &BTreeMap<String, Bytes>, others: &BTreeMap<String, Bytes>| {
                let only = some.iter().filter(|(key, value)| others.get(*key) != Some(*value));
                only.map(|(key, _)| quote(key)).collect::<Vec<_>>().join(", ")
            };
            Err(Failure::violation(format!("Scan({}) does not yield what starts with it", quote(&prefix)))
                .expected(format!("{} keys, with [{}]", expected.len(), list(&expected, &got)))
                .got(format!("{} keys, with [{}]", got.len(), list(&got, &expected))))
        }
    });
    try_join_all(scans).await.map(|_| ())
}

async fn values_are_current(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let mut expected = BTreeMap::new();
    let values = pools::values();
    for round in 0..3 {
        // Each key gets another of the values, the empty one and binary ones among them.
        for number in 0..values.len() {
            let value = Bytes::from(values[(number + round) % values.len()].clone());
            expected.insert(format!("key-{number:02}"), value);
        }
        let entries: Vec<_> = expected.clone().into_iter().collect();
        bulk::set_all(&kv, &entries).await?;
        let got = listed(&kv, "key-", 100).await?;
        expect_eq("the number of keys listed", got.len(), expected.len())?;
        for (key, value) in &expected {
            let got = got.get(key).cloned();
            expect_value(format!("the value of {} in round {round}", quote(key)), &got, Some(value))?;
        }
    }
    Ok(())
}

async fn large_values(context: Context) -> Verdict {
    const KEYS: usize = 6;
    let kv = context.keyvalue();
    let (_, max) = bulk::limits(&context);
    let size = max.min(1 << 20);
    let entries: Vec<_> = (0..KEYS)
        .map(|number| (format!("large-{number}"), Bytes::from(bulk::noise(&context, number as u64, size))))
        .collect();
    bulk::set_all(&kv, &entries).await?;
    let got = listed(&kv, "large-", 100).await?;
    expect_eq("the number of keys listed", got.len(), KEYS)?;
    for (key, value) in &entries {
        expect_value(format!("the value listed for {key}"), &got.get(key).cloned(), Some(value))?;
    }
    Ok(())
}

async fn empty_prefix(context: Context) -> Verdict {
    // The name of the second namespace begins with that of the first.
    let (here, there) = (context.keyvalue(), context.elsewhere().keyvalue());
    for (kv, place) in [(&here, "here"), (&there, "there")] {
        let keys =
            ["a", "b", "\0", "-0", "\u{10ffff}"].iter().map(|key| (format!("{key}{place}"), Bytes::new()));
        let entries: Vec<_> = keys.chain([("both".to_owned(), Bytes::from(place))]).collect();
        bulk::set_all(kv, &entries).await?;
    }
    for (kv, place) in [(&here, "here"), (&there, "there")] {
        let got = listed(kv, "", 100).await?;
        expect_eq(format!("the number of keys listed {place}"), got.len(), 6)?;
        let foreign = got.keys().find(|key| !key.ends_with(place) && *key != "both");
        expect_eq(format!("a key of another namespace, listed {place}"), foreign, None)?;
        let both = got.get("both").cloned();
        expect_value("the value of a key that both have", &both, Some(place.as_bytes()))?;
        expect_eq(format!("Count of everything {place}"), kv.count("").await?, 6)?;
    }
    Ok(())
}

async fn key_equals_prefix(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for key in ["pre", "prefix", "prefix ", "prefix-1", "prefix/", "prefi"] {
        kv.set(key, "value").await?;
    }
    let got = listed(&kv, "prefix", 100).await?;
    expect(got.contains_key("prefix"), "Scan(\"prefix\") does not yield the key \"prefix\"")?;
    let keys = bulk::scan_keys(&kv, "prefix", 1).await?.concat();
    expect(keys.contains(&"prefix".to_owned()), "ScanKeys(\"prefix\") does not yield the key \"prefix\"")?;
    let alone = listed(&kv, "prefix-1", 100).await?;
    expect_eq("what Scan yields of a prefix that one key equals", alone.len(), 1)
}

async fn order_is_bytewise(context: Context) -> Verdict {
    let kv = context.keyvalue();
    set_pool(&kv).await?;
    for limit in [1000, 7] {
        let got: Vec<_> = bulk::scan(&kv, "", limit).await?.concat();
        let got: Vec<_> = got.into_iter().map(|(key, _)| key).collect();
        in_order(&format!("Scan in pages of {limit}"), &got)?;
        let got = bulk::scan_keys(&kv, "", limit).await?.concat();
        in_order(&format!("ScanKeys in pages of {limit}"), &got)?;
    }
    Ok(())
}

fn in_order(what: &str, keys: &[String]) -> Verdict {
    let Some([first, second]) = keys.windows(2).find(|pair| pair[0] >= pair[1]) else {
        return Ok(());
    };
    Err(Failure::violation(format!("{what} does not yield keys in ascending order")).got(format!(
        "{} before {}",
        quote(first),
        quote(second)
    )))
}

async fn deleted_keys(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let entries = bulk::numbered("key-", 12);
    bulk::set_all(&kv, &entries).await?;
    for (key, _) in entries.iter().step_by(3) {
        kv.delete(key).await?;
    }
    let expected: Vec<_> =
        entries.iter().enumerate().filter(|(number, _)| number % 3 != 0).map(|(_, entry)| &entry.0).collect();
    let got = listed(&kv, "key-", 5).await?;
    expect_eq("what Scan yields after Deletes", got.keys().collect::<Vec<_>>(), expected.clone())?;
    let mut keys = bulk::scan_keys(&kv, "key-", 5).await?.concat();
    keys.sort();
    expect_eq("what ScanKeys yields after Deletes", keys.iter().collect::<Vec<_>>(), expected)?;
    expect_eq("Count after Deletes", kv.count("key-").await?, 8)
}

async fn keys_agree(context: Context) -> Verdict {
    let kv = context.keyvalue();
    set_pool(&kv).await?;
    for (prefix, limit) in [("", 1000), ("", 7), ("a", 3), ("a%", 2), ("no such prefix", 5)] {
        let entries = bulk::scan(&kv, prefix, limit).await?.concat();
        let keys = bulk::scan_keys(&kv, prefix, limit).await?.concat();
        let expected: Vec<_> = entries.into_iter().map(|(key, _)| key).collect();
        expect_eq(format!("what ScanKeys({}) yields in pages of {limit}", quote(prefix)), keys, expected)?;
    }
    // Nor does it depend on the values.
    kv.set("empty", "").await?;
    let keys = bulk::scan_keys(&kv, "empty", 10).await?.concat();
    expect_eq("what ScanKeys yields of a key with an empty value", keys, ["empty"])
}

async fn count_agrees(context: Context) -> Verdict {
    let kv = context.keyvalue();
    expect_eq("Count of nothing", kv.count("").await?, 0)?;
    let pool = set_pool(&kv).await?;
    for prefix in pools::prefixes() {
        let expected = pool.keys().filter(|key| key.starts_with(&prefix)).count() as u64;
        expect_eq(format!("Count({})", quote(&prefix)), kv.count(&prefix).await?, expected)?;
    }
    Ok(())
}

async fn second_instance_agrees(context: Context) -> Verdict {
    let one = context.keyvalue();
    let other = KeyValue::new(context.second_endpoint().await?);
    let mut expected = BTreeMap::new();
    for round in 0..4 {
        let writer = if round % 2 == 0 { &one } else { &other };
        let (key, value) = (format!("key-{round}"), Bytes::from(format!("round {round}")));
        writer.set(&key, value.clone()).await?;
        writer.set("common", value.clone()).await?;
        expected.insert(key, value.clone());
        expected.insert("common".to_owned(), value);
        if round == 2 {
            writer.delete("key-0").await?;
            expected.remove("key-0");
        }
        // Both list after each round, so that whoever remembers a listing is found out in the next one.
        for reader in [&one, &other] {
            let expected = &expected;
            context
                .eventually("agreement of the instances about a listing", patience(&context), async || {
                    let agrees = listed(reader, "", 3).await? == *expected
                        && reader.count("").await? == expected.len() as u64;
                    Ok(agrees.then_some(()))
                })
                .await?;
        }
    }
    Ok(())
}

async fn model(context: Context) -> Verdict {
    let step = |keys: Vec<String>| prop_oneof![2 => steps::basic(keys.clone()), 1 => steps::scan(&keys)];
    lockstep(&context, steps::lists(context.effort().operations(), step), steps::judge).await
}
