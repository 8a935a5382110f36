//! CompareAndSwap and CompareAndDelete, one client at a time.

use crate::{
    Context, Verdict,
    client::{Expected, Ttl},
    expect::{expect, expect_eq, expect_refused, expect_value, show},
    timeline::Timeline,
};
use prism_check::pools;
use std::time::Duration;
use tonic::Code;

fn value(bytes: &[u8]) -> Expected {
    Expected::Value(bytes.to_vec().into())
}

pub(super) async fn swaps_what_is_expected(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let values = pools::values();
    let mut before: Option<&[u8]> = None;
    // Every value is expected once and stored once.
    for after in &values {
        let expected = before.map_or(Expected::Absent, value);
        let swapped = kv.compare_and_swap("key", Some(expected), after.clone()).await?;
        let from = before.map_or_else(|| "nothing".to_owned(), show);
        expect_eq(format!("CompareAndSwap of {from} for {}", show(after)), swapped, true)?;
        expect_value("Get after CompareAndSwap", &kv.get("key").await?, Some(after))?;
        before = Some(after);
    }
    Ok(())
}

/// Values and expectations that a careless comparison takes for the same.
const NEAR_MISSES: [(&[u8], &[u8]); 16] = [
    (b"value", b"valu"),
    (b"value", b"value!"),
    (b"value", b"Value"),
    (b"value", b"value "),
    (b"value ", b"value"),
    (b" value", b"value"),
    (b"value", b"value\0"),
    (b"a\0b", b"a\0c"),
    (b"a\0b", b"a"),
    (b"7", b"007"),
    (b"7", b"7.0"),
    (b"\xff", b"\xfe"),
    (b"\xff", b"\xef\xbf\xbd"),
    (b"value", b""),
    (b"", b"value"),
    (b"{\"a\":1}", b"{\"a\": 1}"),
];

pub(super) async fn swap_compares_every_byte(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for (number, (there, expected)) in NEAR_MISSES.into_iter().enumerate() {
        let key = format!("key-{number}");
        kv.set(&key, there).await?;
        let swapped = kv.compare_and_swap(&key, Some(value(expected)), "new").await?;
        let what = format!("CompareAndSwap that expects {} where {} is", show(expected), show(there));
        expect_eq(what, swapped, false)?;
        expect_value("Get after a CompareAndSwap that was not met", &kv.get(&key).await?, Some(there))?;
    }
    Ok(())
}

pub(super) async fn delete_compares_every_byte(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for (number, (there, expected)) in NEAR_MISSES.into_iter().enumerate() {
        let key = format!("key-{number}");
        kv.set(&key, there).await?;
        let deleted = kv.compare_and_delete(&key, expected).await?;
        let what = format!("CompareAndDelete that expects {} where {} is", show(expected), show(there));
        expect_eq(what, deleted, false)?;
        expect_value("Get after a CompareAndDelete that was not met", &kv.get(&key).await?, Some(there))?;
    }
    Ok(())
}

pub(super) async fn failed_swap_changes_nothing(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("key", "value").await?;
    for (what, expected) in [("another value", value(b"other")), ("no key", Expected::Absent)] {
        let swapped = kv.compare_and_swap("key", Some(expected), "new").await?;
        expect_eq(format!("CompareAndSwap that expects {what}"), swapped, false)?;
        expect_value("Get after that", &kv.get("key").await?, Some(b"value"))?;
    }
    let swapped = kv.compare_and_swap("missing", Some(value(b"other")), "new").await?;
    expect_eq("CompareAndSwap that expects a value of a missing key", swapped, false)?;
    expect_eq("Exists after that", kv.exists("missing").await?, false)
}

pub(super) async fn absent_is_not_empty(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let swapped = kv.compare_and_swap("missing", Some(value(b"")), "new").await?;
    expect_eq("CompareAndSwap of a missing key that expects an empty value", swapped, false)?;
    expect_eq("Exists after that", kv.exists("missing").await?, false)?;
    let deleted = kv.compare_and_delete("missing", "").await?;
    expect_eq("CompareAndDelete of a missing key that expects an empty value", deleted, false)?;
    kv.set("empty", "").await?;
    let swapped = kv.compare_and_swap("empty", Some(Expected::Absent), "new").await?;
    expect_eq("CompareAndSwap of a key with an empty value that expects no key", swapped, false)?;
    expect_value("Get after that", &kv.get("empty").await?, Some(b""))?;
    let swapped = kv.compare_and_swap("empty", Some(value(b"")), "new").await?;
    expect_eq("CompareAndSwap of a key with an empty value that expects one", swapped, true)?;
    let swapped = kv.compare_and_swap("missing", Some(Expected::Absent), "").await?;
    expect_eq("CompareAndSwap of a missing key that expects none", swapped, true)?;
    expect_value("Get of a key that was swapped in empty", &kv.get("missing").await?, Some(b""))
}

pub(super) async fn absent_after_delete(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("key", "first").await?;
    kv.delete("key").await?;
    let swapped = kv.compare_and_swap("key", Some(Expected::Absent), "second").await?;
    expect_eq("CompareAndSwap that expects no key, after Delete", swapped, true)?;
    expect_eq("CompareAndDelete of what it stored", kv.compare_and_delete("key", "second").await?, true)?;
    let swapped = kv.compare_and_swap("key", Some(value(b"second")), "third").await?;
    expect_eq("CompareAndSwap that expects what was there before CompareAndDelete", swapped, false)?;
    let swapped = kv.compare_and_swap("key", Some(Expected::Absent), "third").await?;
    expect_eq("CompareAndSwap that expects no key, after CompareAndDelete", swapped, true)?;
    expect_value("Get after that", &kv.get("key").await?, Some(b"third"))
}

pub(super) async fn expectation_is_required(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for (key, there) in [("missing", None), ("key", Some(&b"value"[..])), ("empty", Some(&b""[..]))] {
        if let Some(there) = there {
            kv.set(key, there).await?;
        }
        let answer = kv.compare_and_swap(key, None, "new").await;
        expect_refused("CompareAndSwap without an expectation", answer, Code::InvalidArgument)?;
        expect_value("Get after that", &kv.get(key).await?, there)?;
    }
    Ok(())
}

pub(super) async fn swap_keeps_the_ttl(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let hour = Duration::from_hours(1);
    let began = time.now();
    kv.set_with_ttl("short", "value", time.life()).await?;
    kv.set_with_ttl("long", "value", hour * 10).await?;
    kv.set("stays", "value").await?;
    for key in ["short", "long", "stays"] {
        let swapped = kv.compare_and_swap(key, Some(value(b"value")), "new").await?;
        time.demand_younger(began, time.life())?;
        expect_eq("CompareAndSwap of a key that holds what is expected", swapped, true)?;
    }
    expect_eq("GetTtl of a swapped key that does not expire", kv.get_ttl("stays").await?, Ttl::Persistent)?;
    let ttl = kv.get_ttl("long").await?;
    expect(
        matches!(ttl, Ttl::Expiring(remaining) if remaining > hour * 9),
        format!("GetTtl of a swapped key that had ten hours to live answers {ttl:?}"),
    )?;
    time.outlive(time.life()).await?;
    expect_value("Get of a swapped key when its TTL has passed", &kv.get("short").await?, None)?;
    expect_value("Get of a swapped key with a longer TTL", &kv.get("long").await?, Some(b"new"))
}

pub(super) async fn deletes_what_is_expected(context: Context) -> Verdict {
    let kv = context.keyvalue();
    expect_eq("CompareAndDelete of a missing key", kv.compare_and_delete("key", "value").await?, false)?;
    for there in pools::values() {
        kv.set("key", there.clone()).await?;
        let deleted = kv.compare_and_delete("key", there.clone()).await?;
        expect_eq(format!("CompareAndDelete of {}", show(&there)), deleted, true)?;
        expect_value("Get after CompareAndDelete", &kv.get("key").await?, None)?;
        let again = kv.compare_and_delete("key", there).await?;
        expect_eq("a second CompareAndDelete", again, false)?;
    }
    Ok(())
}
