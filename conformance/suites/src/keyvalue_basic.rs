//! Cases of keyvalue_basic.

mod apart;
mod cancelled;
mod concurrent;
mod limits;

use crate::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq, expect_value, show},
    keyvalue::{bulk, steps},
    lockstep::lockstep,
};
use bytes::Bytes;
use prism_check::{pools, quote};

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("keyvalue_basic/set_then_get", &["KVB-01"], "What Set stored, Get returns", set_then_get),
        case(
            "keyvalue_basic/values_byte_for_byte",
            &["KVB-01", "GEN-09"],
            "Values of any bytes come back as they were stored",
            values_byte_for_byte,
        ),
        case("keyvalue_basic/set_overwrites", &["KVB-02"], "The later Set is what is there", set_overwrites),
        case(
            "keyvalue_basic/get_missing",
            &["KVB-06"],
            "Get of a missing key says so without an error",
            get_missing,
        ),
        case(
            "keyvalue_basic/empty_value_is_there",
            &["KVB-07", "GEN-09"],
            "A key with an empty value is there",
            empty_value_is_there,
        ),
        case(
            "keyvalue_basic/delete_removes",
            &["KVB-08"],
            "Delete removes a key that is there, and that key alone, and says so",
            delete_removes,
        ),
        case(
            "keyvalue_basic/delete_missing",
            &["KVB-09"],
            "Delete of a missing key says that it was not there, however often",
            delete_missing,
        ),
        case(
            "keyvalue_basic/set_after_delete",
            &["KVB-01", "KVB-08"],
            "A key that was deleted can be set again",
            set_after_delete,
        ),
        case("keyvalue_basic/exists_agrees_with_get", &["KVB-10"], "Exists agrees with Get", exists_agrees),
        case(
            "keyvalue_basic/names_byte_for_byte",
            &["GEN-06", "KVB-01"],
            "Keys that differ in a byte are different keys",
            names_byte_for_byte,
        ),
        case(
            "keyvalue_basic/nothing_is_evicted",
            &["KVB-05"],
            "Thousands of keys that were set are all there",
            nothing_is_evicted,
        ),
        case(
            "keyvalue_basic/model",
            &["KVB-01", "KVB-02", "KVB-06", "KVB-08", "KVB-09", "KVB-10"],
            "Any sequence of operations is answered as the model answers it",
            model,
        )
        .model(),
    ];
    cases.extend(limits::cases());
    cases.extend(apart::cases());
    cases.extend(concurrent::cases());
    cases.extend(cancelled::cases());
    cases
}

async fn set_then_get(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("key", "value").await?;
    // Asked more than once: reading takes nothing away.
    for _ in 0..3 {
        expect_value("Get of a key that was set", &kv.get("key").await?, Some(b"value"))?;
    }
    Ok(())
}

async fn values_byte_for_byte(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let values = pools::values();
    let entries: Vec<_> = values
        .into_iter()
        .enumerate()
        .map(|(number, value)| (format!("value-{number}"), Bytes::from(value)))
        .collect();
    bulk::set_all(&kv, &entries).await?;
    bulk::demand_all(&kv, &entries).await
}

async fn set_overwrites(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for value in ["a longer value that comes first", "short", "", "back to a longer one", "short", "10", "9"]
    {
        kv.set("key", value).await?;
        expect_value("Get after the latest of several Sets", &kv.get("key").await?, Some(value.as_bytes()))?;
    }
    Ok(())
}

async fn get_missing(context: Context) -> Verdict {
    let kv = context.keyvalue();
    expect_value("Get where nothing was ever set", &kv.get("missing").await?, None)?;
    kv.set("key", "value").await?;
    expect_value("Get of a missing key beside one that is there", &kv.get("key-2").await?, None)
}

async fn empty_value_is_there(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("key", "").await?;
    expect_value("Get of a key with an empty value", &kv.get("key").await?, Some(b""))?;
    expect_eq("Exists of a key with an empty value", kv.exists("key").await?, true)?;
    expect_eq("Delete of a key with an empty value: `existed`", kv.delete("key").await?, true)
}

async fn delete_removes(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("key", "value").await?;
    kv.set("key-2", "other").await?;
    expect_eq("Delete of a key that is there: `existed`", kv.delete("key").await?, true)?;
    expect_value("Get of a deleted key", &kv.get("key").await?, None)?;
    expect_value("Get of another key after a Delete", &kv.get("key-2").await?, Some(b"other"))
}

async fn delete_missing(context: Context) -> Verdict {
    let kv = context.keyvalue();
    expect_eq("Delete of a key that was never there: `existed`", kv.delete("key").await?, false)?;
    kv.set("key", "value").await?;
    kv.delete("key").await?;
    for _ in 0..2 {
        expect_eq("Delete of a deleted key: `existed`", kv.delete("key").await?, false)?;
    }
    expect_value("Get of a key that was deleted often", &kv.get("key").await?, None)
}

async fn set_after_delete(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for round in 0..3 {
        // The same value again as well: what is remembered of the deleted key must not matter.
        for value in ["same".to_owned(), format!("new in round {round}")] {
            kv.set("key", value.clone()).await?;
            expect_value(
                "Get of a key that was deleted and set again",
                &kv.get("key").await?,
                Some(value.as_bytes()),
            )?;
            expect_eq("Delete of it: `existed`", kv.delete("key").await?, true)?;
        }
    }
    Ok(())
}

async fn exists_agrees(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let agree = async |when: &str, there: bool| {
        let (exists, found) = (kv.exists("key").await?, kv.get("key").await?.is_some());
        expect(
            exists == found && exists == there,
            format!("{when}, Exists answers {exists} and Get answers found = {found}"),
        )
    };
    agree("before the key was set", false).await?;
    kv.set("key", "value").await?;
    agree("after Set", true).await?;
    kv.set("key", "").await?;
    agree("after Set of an empty value", true).await?;
    kv.delete("key").await?;
    agree("after Delete", false).await?;
    kv.set("key", "value").await?;
    agree("after another Set", true).await
}

async fn names_byte_for_byte(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let entries: Vec<_> = pools::keys()
        .into_iter()
        .enumerate()
        .map(|(number, key)| (key, Bytes::from(format!("value {number}"))))
        .collect();
    bulk::set_all(&kv, &entries)
        .await
        .map_err(|status| Failure::from(status).during("Set of unusual keys"))?;
    bulk::demand_all(&kv, &entries).await?;
    // Now every second one goes, and the others stay.
    for (number, (key, _)) in entries.iter().enumerate().filter(|(number, _)| number % 2 == 0) {
        let existed = kv.delete(key).await?;
        expect(existed, format!("Delete({}) finds nothing, though it is key {number}", quote(key)))?;
    }
    for (number, (key, value)) in entries.iter().enumerate() {
        let expected = (number % 2 == 1).then_some(&value[..]);
        let got = kv.get(key).await?;
        if got.as_deref() != expected {
            let words = |value: Option<&[u8]>| value.map_or_else(|| "nothing".to_owned(), show);
            return Err(Failure::violation(format!("Get({}) after other keys were deleted", quote(key)))
                .expected(words(expected))
                .got(words(got.as_deref())));
        }
    }
    Ok(())
}

async fn nothing_is_evicted(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let entries = bulk::numbered("key-", context.effort().pick(2000, 2000, 3000));
    bulk::set_all(&kv, &entries).await?;
    bulk::demand_all(&kv, &entries).await
}

async fn model(context: Context) -> Verdict {
    let lists = steps::lists(context.effort().operations(), steps::basic);
    lockstep(&context, lists, steps::judge).await
}
