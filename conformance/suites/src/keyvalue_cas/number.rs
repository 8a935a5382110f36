//! Increment, one client at a time.

use crate::{
    Context, Verdict,
    client::Ttl,
    expect::{expect, expect_eq, expect_refused, expect_value, show},
    timeline::Timeline,
};
use std::time::Duration;
use tonic::Code;

pub(super) async fn increment_adds(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for (delta, sum) in [(0, 0), (5, 5), (-7, -2), (0, -2), (1, -1), (1, 0), (-1, -1), (43, 42)] {
        expect_eq(format!("Increment by {delta}"), kv.increment("key", delta).await?, sum)?;
    }
    expect_eq("Increment of a missing key by -3", kv.increment("other", -3).await?, -3)?;
    kv.delete("key").await?;
    expect_eq("Increment of a deleted number by 1", kv.increment("key", 1).await?, 1)
}

pub(super) async fn increment_is_exact(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let beyond_double = (1_i64 << 53) + 1;
    let steps = [
        (beyond_double, beyond_double),
        (2, beyond_double + 2),
        (i64::MAX - beyond_double - 2, i64::MAX),
        (-1, i64::MAX - 1),
        (1, i64::MAX),
        (i64::MIN, -1),
        (i64::MIN + 1, i64::MIN),
        (i64::MAX, -1),
        (1, 0),
    ];
    for (delta, sum) in steps {
        expect_eq(format!("Increment by {delta}"), kv.increment("key", delta).await?, sum)?;
        let stored = kv.get("key").await?;
        expect_value(format!("Get after Increment by {delta}"), &stored, Some(sum.to_string().as_bytes()))?;
    }
    Ok(())
}

pub(super) async fn numbers_are_their_shortest_text(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for number in [0, -12, 7, 1_000_000, i64::MAX, i64::MIN] {
        let (made, text) = (format!("made-{number}"), number.to_string());
        kv.increment(&made, number).await?;
        expect_value(format!("Get of the number {number}"), &kv.get(&made).await?, Some(text.as_bytes()))?;
        let set = format!("set-{number}");
        kv.set(&set, text).await?;
        let sum = kv.increment(&set, 0).await?;
        expect_eq(format!("Increment by 0 of {number} that Set has written"), sum, number)?;
    }
    Ok(())
}

pub(super) async fn overflow_is_refused(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for (number, delta) in [
        (i64::MAX, 1),
        (i64::MAX, i64::MAX),
        (1, i64::MAX),
        (i64::MIN, -1),
        (i64::MIN, i64::MIN),
        (-1, i64::MIN),
    ] {
        let key = format!("{number} and {delta}");
        let text = number.to_string();
        kv.set(&key, text.clone()).await?;
        let what = format!("Increment of {number} by {delta}");
        expect_refused(what, kv.increment(&key, delta).await, Code::OutOfRange)?;
        expect_value("Get after that", &kv.get(&key).await?, Some(text.as_bytes()))?;
        expect_eq("Increment by 0 after that", kv.increment(&key, 0).await?, number)?;
    }
    Ok(())
}

/// Values that are not the shortest text of a number of 64 bits, though some read it into them.
const NO_NUMBERS: [&[u8]; 22] = [
    b"",
    b"007",
    b" 1",
    b"1 ",
    b"1\n",
    b"+1",
    b"-0",
    b"00",
    b"-",
    b"--1",
    b"1.0",
    b"1.",
    b"1e3",
    b"0x10",
    b"1_000",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"1\0",
    b"\xd9\xa3",
    b"\xff",
    b"one",
    b"true",
];

pub(super) async fn only_numbers_are_incremented(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for (number, value) in NO_NUMBERS.into_iter().enumerate() {
        let key = format!("key-{number}");
        kv.set(&key, value).await?;
        for delta in [1, 0] {
            let what = format!("Increment of {} by {delta}", show(value));
            expect_refused(what, kv.increment(&key, delta).await, Code::FailedPrecondition)?;
            expect_value("Get after that", &kv.get(&key).await?, Some(value))?;
        }
    }
    Ok(())
}

pub(super) async fn increment_keeps_the_ttl(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let hour = Duration::from_hours(1);
    let began = time.now();
    kv.set_with_ttl("short", "40", time.life()).await?;
    kv.set_with_ttl("long", "40", hour * 10).await?;
    kv.set("stays", "40").await?;
    for key in ["short", "long", "stays"] {
        let sum = kv.increment(key, 2).await?;
        time.demand_younger(began, time.life())?;
        expect_eq("Increment of a number by 2", sum, 42)?;
    }
    let stays = kv.get_ttl("stays").await?;
    expect_eq("GetTtl of an incremented number that does not expire", stays, Ttl::Persistent)?;
    let ttl = kv.get_ttl("long").await?;
    expect(
        matches!(ttl, Ttl::Expiring(remaining) if remaining > hour * 9),
        format!("GetTtl of an incremented number that had ten hours to live answers {ttl:?}"),
    )?;
    time.outlive(time.life()).await?;
    expect_value("Get of an incremented number when its TTL has passed", &kv.get("short").await?, None)
}
