//! Expire, GetTtl and Persist.

use crate::{
    Context, Failure, Verdict,
    client::{KeyValue, Ttl},
    expect::{expect, expect_eq, expect_value},
    timeline::Timeline,
};
use prism_check::ttl::Expiry;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

pub(super) async fn expire_changes_the_ttl(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let (short, long) = (time.life(), time.life() * 100);
    let began = time.now();
    kv.set_with_ttl("longer", "value", short).await?;
    kv.set_with_ttl("shorter", "value", long).await?;
    kv.set("from none", "value").await?;
    for (key, ttl) in [("longer", long), ("shorter", short), ("from none", short)] {
        let existed = kv.expire(key, ttl).await?;
        time.demand_younger(began, short)?;
        expect_eq(format!("Expire of a key that is there ({key})"), existed, true)?;
        let value = kv.get(key).await?;
        time.demand_younger(began, short)?;
        expect_value("Get after Expire", &value, Some(b"value"))?;
    }
    time.outlive(short).await?;
    expect_value("Get of a key whose TTL Expire made longer", &kv.get("longer").await?, Some(b"value"))?;
    expect_value("Get of a key whose TTL Expire made shorter", &kv.get("shorter").await?, None)?;
    expect_value("Get of a key that Expire gave its first TTL", &kv.get("from none").await?, None)
}

pub(super) async fn expire_of_a_missing_key(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("deleted", "value").await?;
    kv.delete("deleted").await?;
    for key in ["missing", "deleted"] {
        expect_eq(format!("Expire of a {key} key"), kv.expire(key, HOUR).await?, false)?;
        expect_eq(format!("Exists of a {key} key after Expire"), kv.exists(key).await?, false)?;
        kv.set(key, "later").await?;
        let what = format!("GetTtl of a key that is set after Expire found it {key}");
        expect_eq(what, kv.get_ttl(key).await?, Ttl::Persistent)?;
    }
    Ok(())
}

pub(super) async fn states_are_told_apart(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let expiring = async |what: &str, key: &str| {
        let ttl = kv.get_ttl(key).await?;
        expect(matches!(ttl, Ttl::Expiring(_)), format!("GetTtl of a key {what} answers {ttl:?}"))
    };
    expect_eq("GetTtl of a key that never was", kv.get_ttl("key").await?, Ttl::Missing)?;
    kv.set("key", "").await?;
    expect_eq("GetTtl of a key with an empty value", kv.get_ttl("key").await?, Ttl::Persistent)?;
    kv.expire("key", HOUR).await?;
    expiring("after Expire", "key").await?;
    kv.persist("key").await?;
    expect_eq("GetTtl of a key after Persist", kv.get_ttl("key").await?, Ttl::Persistent)?;
    kv.set_with_ttl("key", "value", HOUR).await?;
    expiring("after SetWithTtl", "key").await?;
    kv.delete("key").await?;
    expect_eq("GetTtl of a deleted key", kv.get_ttl("key").await?, Ttl::Missing)
}

/// Gives keys TTLs of many lengths, some by SetWithTtl and some by Expire.
async fn many(kv: &KeyValue, time: &Timeline) -> Result<Vec<(String, Expiry)>, Failure> {
    let unit = time.slack().granularity.max(Duration::from_millis(1));
    let ttls = [
        unit / 2,
        unit,
        unit * 3 / 2,
        unit * 20,
        Duration::from_millis(499),
        Duration::from_millis(999),
        Duration::from_millis(1_500),
        Duration::from_secs(59),
        HOUR,
        HOUR * 24 * 300,
    ];
    let mut keys = Vec::new();
    for (number, ttl) in ttls.into_iter().enumerate() {
        let key = format!("key-{number}");
        let (written, done) = time.timed(kv.set_with_ttl(&key, "value", ttl)).await;
        done?;
        keys.push((key, Expiry { written, ttl }));

        let key = format!("expire-{number}");
        kv.set(&key, "value").await?;
        let (written, existed) = time.timed(kv.expire(&key, ttl)).await;
        expect_eq("Expire of a key that is there", existed?, true)?;
        keys.push((key, Expiry { written, ttl }));
    }
    Ok(keys)
}

/// The times at which remaining TTLs are looked at, as pauses between them.
fn pauses(time: &Timeline) -> [Duration; 4] {
    let unit = time.slack().granularity.max(Duration::from_millis(1));
    [Duration::ZERO, unit / 3, unit * 10, Duration::from_millis(400)]
}

pub(super) async fn remaining_is_bounded(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let keys = many(&kv, &time).await?;
    for pause in pauses(&time) {
        if !pause.is_zero() {
            time.pass(pause).await?;
        }
        for (key, expiry) in &keys {
            let (seen, ttl) = time.timed(kv.get_ttl(key)).await;
            let presence = expiry.presence(time.slack(), seen);
            match ttl? {
                Ttl::Missing if presence.allows(false) => {}
                Ttl::Expiring(remaining) if presence.allows(true) => {
                    let granularity = time.slack().granularity;
                    expiry.judge_remaining(granularity, seen, remaining).map_err(|fault| {
                        Failure::violation(format!("of a TTL of {:?}, {fault}", expiry.ttl))
                    })?;
                }
                other => {
                    let message = format!("GetTtl of a key with a TTL of {:?} is wrong", expiry.ttl);
                    let age = seen.to.saturating_sub(expiry.written.from);
                    return Err(Failure::violation(message)
                        .clause("KVT-12")
                        .expected(format!("{presence:?} at most {age:?} after the write"))
                        .got(format!("{other:?}")));
                }
            }
        }
    }
    Ok(())
}

pub(super) async fn remaining_runs_down(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let keys = many(&kv, &time).await?;
    for pause in pauses(&time) {
        if !pause.is_zero() {
            time.pass(pause).await?;
        }
        for (key, expiry) in &keys {
            let (seen, ttl) = time.timed(kv.get_ttl(key)).await;
            let Ttl::Expiring(remaining) = ttl? else { continue };
            let slack = time.slack();
            let gone = expiry.written.to + expiry.ttl + slack.granularity + slack.sweep;
            expect(
                seen.from + remaining <= gone,
                format!(
                    "of a TTL of {:?}, {remaining:?} are said to remain at least {:?} after the write",
                    expiry.ttl,
                    seen.from.saturating_sub(expiry.written.to)
                ),
            )?;
        }
    }
    Ok(())
}

pub(super) async fn persist_keeps_the_key(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let began = time.now();
    kv.set_with_ttl("set", "value", time.life()).await?;
    kv.set("expire", "value").await?;
    kv.expire("expire", time.life()).await?;
    for key in ["set", "expire"] {
        let removed = kv.persist(key).await?;
        time.demand_younger(began, time.life())?;
        expect_eq("Persist of a key that expires", removed, true)?;
        expect_eq("GetTtl after Persist", kv.get_ttl(key).await?, Ttl::Persistent)?;
        expect_eq("a second Persist", kv.persist(key).await?, false)?;
    }
    time.outlive(time.life()).await?;
    for key in ["set", "expire"] {
        let value = kv.get(key).await?;
        expect_value("Get of a persisted key when its TTL has passed", &value, Some(b"value"))?;
    }
    Ok(())
}

pub(super) async fn persist_without_a_ttl(context: Context) -> Verdict {
    let kv = context.keyvalue();
    expect_eq("Persist of a missing key", kv.persist("missing").await?, false)?;
    expect_eq("Exists of a missing key after Persist", kv.exists("missing").await?, false)?;
    kv.set("key", "value").await?;
    expect_eq("Persist of a key without a TTL", kv.persist("key").await?, false)?;
    expect_value("Get of a key without a TTL after Persist", &kv.get("key").await?, Some(b"value"))?;
    expect_eq("GetTtl of a key without a TTL after Persist", kv.get_ttl("key").await?, Ttl::Persistent)
}
