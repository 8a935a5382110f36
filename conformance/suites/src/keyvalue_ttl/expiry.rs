//! When keys expire.

use crate::{
    Context, Failure, Verdict,
    expect::{expect, expect_eq, expect_value, show},
    timeline::Timeline,
};
use futures::{StreamExt, TryStreamExt, stream};
use prism_check::{
    pools::values,
    ttl::{Expiry, Span, TtlVerdict},
};
use std::time::Duration;

/// How many calls are under way at once where there are hundreds.
const AT_ONCE: usize = 32;

/// How many keys share one wait.
const KEYS: u32 = 200;

pub(super) async fn stores_the_value(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let ttl = Duration::from_hours(1);
    for (number, value) in values().into_iter().enumerate() {
        let key = format!("key-{number}");
        kv.set_with_ttl(&key, value.clone(), ttl).await?;
        let what = format!("Get of a key that SetWithTtl gave the value {}", show(&value));
        expect_value(what, &kv.get(&key).await?, Some(&value))?;
        expect_eq("Exists of that key", kv.exists(&key).await?, true)?;
    }
    Ok(())
}

pub(super) async fn never_early_never_late(context: Context) -> Verdict {
    let (kv, time) = (&context.keyvalue(), &Timeline::new(&context));
    let shortest = time.slack().granularity.max(Duration::from_millis(1));
    let longest = Duration::from_secs(1).max(shortest * 2);
    let keys: Vec<(String, Expiry)> = stream::iter(0..KEYS)
        .map(|number| async move {
            let key = format!("key-{number}");
            let ttl = shortest + longest.saturating_sub(shortest) * number / (KEYS - 1);
            let (written, answer) = time.timed(kv.set_with_ttl(&key, "value", ttl)).await;
            answer.map(|()| (key, Expiry { written, ttl }))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;

    let step = longest / 6;
    for round in 0..7 {
        stream::iter(keys.clone())
            .map(|(key, expiry)| async move {
                let (seen, present) = if round % 2 == 0 {
                    let (seen, value) = time.timed(kv.get(&key)).await;
                    (seen, value?.is_some())
                } else {
                    let (seen, exists) = time.timed(kv.exists(&key)).await;
                    (seen, exists?)
                };
                judge(time, &expiry, seen, present)
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        time.pass(step).await?;
    }
    time.outlive(Duration::ZERO).await?;
    let left = stream::iter(keys)
        .map(|(key, _)| async move { kv.exists(&key).await })
        .buffer_unordered(AT_ONCE)
        .try_fold(0, |left, exists| async move { Ok(left + u32::from(exists)) })
        .await?;
    expect_eq("the number of keys left when the longest TTL has passed", left, 0)
        .map_err(|failure| failure.clause("KVT-02"))
}

fn judge(time: &Timeline, expiry: &Expiry, seen: Span, present: bool) -> Verdict {
    let (clause, message) = match expiry.judge(time.slack(), seen, present) {
        TtlVerdict::Ok | TtlVerdict::Undecided => return Ok(()),
        TtlVerdict::Early => ("KVT-01", "a key was gone before its TTL had passed"),
        TtlVerdict::Late => ("KVT-02", "a key was there after its TTL had passed"),
    };
    let age = |end: Duration, begin: Duration| end.saturating_sub(begin);
    Err(Failure::violation(message)
        .clause(clause)
        .expected(format!(
            "a TTL of {:?}, kept with a granularity of {:?} and a sweep of {:?}",
            expiry.ttl,
            time.slack().granularity,
            time.slack().sweep
        ))
        .got(format!(
            "{} {:?} to {:?} after the write",
            if present { "there" } else { "gone" },
            age(seen.from, expiry.written.to),
            age(seen.to, expiry.written.from)
        )))
}

pub(super) async fn to_the_nanosecond(context: Context) -> Verdict {
    const NANO: Duration = Duration::from_nanos(1);
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let granularity = time.slack().granularity.max(NANO);
    let settle = granularity + time.slack().sweep;
    // Each TTL is a good deal longer than the one before, so that one can be looked at after the other.
    let first = settle * 2;
    let max = context.traits("keyvalue_ttl").duration("max_ttl");
    let ttls = [1_u32, 3, 10, 97, 1_000, 7_001, 86_400_000].map(|factor| first * factor);
    for ttl in ttls.into_iter().filter(|ttl| *ttl <= max) {
        kv.set_with_ttl(&format!("{ttl:?}"), "value", ttl).await?;
    }
    for ttl in ttls.into_iter().filter(|ttl| *ttl <= max) {
        let key = format!("{ttl:?}");
        time.pass(ttl.saturating_sub(NANO + time.now())).await?;
        expect(
            kv.get(&key).await?.is_some(),
            format!("a nanosecond before its TTL of {ttl:?} had passed, the key was gone"),
        )?;
        time.pass(NANO + settle).await?;
        expect(
            kv.get(&key).await?.is_none(),
            format!("granularity and sweep after its TTL of {ttl:?}, the key was still there"),
        )
        .map_err(|failure| failure.clause("KVT-02"))?;
    }
    Ok(())
}

pub(super) async fn fractions_of_the_granularity(context: Context) -> Verdict {
    const NANO: Duration = Duration::from_nanos(1);
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let granularity = time.slack().granularity.max(NANO);
    let ttls = [
        NANO,
        granularity / 2,
        granularity + NANO,
        granularity * 3 / 2,
        (granularity * 5).saturating_sub(NANO),
    ];
    for (number, ttl) in ttls.into_iter().filter(|ttl| !ttl.is_zero()).enumerate() {
        let key = format!("key-{number}");
        let (written, answer) = time.timed(kv.set_with_ttl(&key, "value", ttl)).await;
        answer?;
        let expiry = Expiry { written, ttl };
        // On a real clock these are too short to be seen in time, and the judge decides little; on a virtual one they
        // are exact.
        for pass in [Duration::ZERO, ttl.saturating_sub(NANO)] {
            if !pass.is_zero() && context.is_time_virtual() {
                time.pass(pass).await?;
            }
            let (seen, value) = time.timed(kv.get(&key)).await;
            judge(&time, &expiry, seen, value?.is_some())?;
        }
        time.outlive(NANO).await?;
        let (seen, value) = time.timed(kv.get(&key)).await;
        judge(&time, &expiry, seen, value?.is_some())?;
    }
    Ok(())
}
