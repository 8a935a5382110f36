//! Which TTLs are accepted.

use crate::{
    Context, Verdict,
    client::{KeyValue, Ttl},
    expect::{expect, expect_eq, expect_refused, expect_value},
    timeline::Timeline,
};
use prism_interfaces::time::from_std;
use std::time::Duration;
use tonic::Code;

/// TTLs that are no length of time, and how they are called.
fn bad_ttls() -> [(&'static str, Option<prost_types::Duration>); 6] {
    let of = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    [
        ("no TTL", None),
        ("a TTL of zero", of(0, 0)),
        ("a TTL of -1 ns", of(0, -1)),
        ("a TTL of -1 s", of(-1, 0)),
        ("a TTL of -3650 days", of(-3650 * 86_400, 0)),
        ("the most negative TTL", of(i64::MIN, -999_999_999)),
    ]
}

/// A key that stays and one that expires, to see that both are left as they are.
async fn two_keys(kv: &KeyValue) -> Verdict {
    kv.set("stays", "before").await?;
    kv.set_with_ttl("expires", "before", HOUR).await?;
    Ok(())
}

const HOUR: Duration = Duration::from_hours(1);

async fn expect_untouched(kv: &KeyValue, what: &str) -> Verdict {
    for key in ["stays", "expires"] {
        expect_value(format!("Get after {what} was refused"), &kv.get(key).await?, Some(b"before"))?;
    }
    expect_eq(
        format!("GetTtl of a key that stays, after {what} was refused"),
        kv.get_ttl("stays").await?,
        Ttl::Persistent,
    )?;
    let ttl = kv.get_ttl("expires").await?;
    expect(
        matches!(ttl, Ttl::Expiring(remaining) if remaining > HOUR / 2),
        format!("after {what} was refused, a key that expires in an hour is {ttl:?}"),
    )?;
    expect_eq(format!("Exists of a key that was refused {what}"), kv.exists("missing").await?, false)
}

pub(super) async fn set_refuses_bad_ttl(context: Context) -> Verdict {
    let kv = context.keyvalue();
    two_keys(&kv).await?;
    for (what, ttl) in bad_ttls() {
        for key in ["stays", "expires", "missing"] {
            let answer = kv.set_with_raw_ttl(key, "after", ttl).await;
            expect_refused(format!("SetWithTtl with {what}"), answer, Code::InvalidArgument)?;
        }
        expect_untouched(&kv, what).await?;
    }
    Ok(())
}

pub(super) async fn expire_refuses_bad_ttl(context: Context) -> Verdict {
    let kv = context.keyvalue();
    two_keys(&kv).await?;
    for (what, ttl) in bad_ttls() {
        for key in ["stays", "expires", "missing"] {
            let answer = kv.expire_raw(key, ttl).await;
            expect_refused(format!("Expire with {what}"), answer, Code::InvalidArgument)?;
        }
        expect_untouched(&kv, what).await?;
    }
    Ok(())
}

pub(super) async fn accepts_max_ttl(context: Context) -> Verdict {
    let (kv, time) = (context.keyvalue(), Timeline::new(&context));
    let max = context.traits("keyvalue_ttl").duration("max_ttl");
    kv.set_with_ttl("set", "value", max).await?;
    kv.set("expire", "value").await?;
    expect_eq("Expire with max_ttl", kv.expire("expire", max).await?, true)?;
    time.pass(Duration::from_millis(20).min(max / 2)).await?;
    for key in ["set", "expire"] {
        expect_value("Get of a key with max_ttl", &kv.get(key).await?, Some(b"value"))
            .map_err(|failure| failure.clause("KVT-01"))?;
        let ttl = kv.get_ttl(key).await?;
        expect(
            matches!(ttl, Ttl::Expiring(remaining) if remaining > max / 4),
            format!("GetTtl of a key with max_ttl ({max:?}) answers {ttl:?}"),
        )?;
    }
    Ok(())
}

pub(super) async fn refuses_more_than_max_ttl(context: Context) -> Verdict {
    let kv = context.keyvalue();
    two_keys(&kv).await?;
    let max = context.traits("keyvalue_ttl").duration("max_ttl");
    let longer = [
        ("max_ttl and a nanosecond", from_std(max + Duration::from_nanos(1))),
        ("max_ttl and a second", from_std(max + Duration::from_secs(1))),
        ("three times max_ttl", from_std(max * 3)),
        ("as many seconds as there are", prost_types::Duration { seconds: i64::MAX, nanos: 0 }),
    ];
    for (what, ttl) in longer {
        for key in ["stays", "expires", "missing"] {
            let set = kv.set_with_raw_ttl(key, "after", Some(ttl)).await;
            expect_refused(format!("SetWithTtl with {what}"), set, Code::InvalidArgument)?;
            let expire = kv.expire_raw(key, Some(ttl)).await;
            expect_refused(format!("Expire with {what}"), expire, Code::InvalidArgument)?;
        }
        expect_untouched(&kv, what).await?;
    }
    Ok(())
}
