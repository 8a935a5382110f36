//! Identities that expire.

use super::{
    Build, Registry,
    client::{identity, integer},
    register::refused,
    slots::{registry, registry_over},
};
use crate::twist::hiding;
use prism_interfaces::time;
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq},
};
use prost_types::{Duration as ProtoDuration, Timestamp};
use std::time::{Duration, Instant};
use tonic::Code;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_multicast_registry/expires_when_its_ttl_has_passed",
            &["MCR-07"],
            "An identity with a TTL is there until then and neither listed nor published to afterwards",
            expires,
        ),
        case(
            "pattern_multicast_registry/expires_without_help",
            &["MCR-07"],
            "The same where the slot can neither expire nor compare",
            expires_without_help,
        ),
        case(
            "pattern_multicast_registry/expired_makes_room",
            &["MCR-07", "MCR-12", "MCR-14"],
            "An expired identity counts for no limit, is not there to unregister, and can be registered anew",
            expired_makes_room,
        ),
        case(
            "pattern_multicast_registry/default_ttl_holds",
            &["MCR-07"],
            "What is registered without a TTL has the default one, and what has its own keeps that",
            default_ttl,
        ),
        case(
            "pattern_multicast_registry/replacing_renews_the_ttl",
            &["MCR-06", "MCR-07"],
            "A replacement expires by its own TTL, counted from then, or not at all where it has none",
            replacing_renews,
        ),
        case(
            "pattern_multicast_registry/bad_ttl_is_refused",
            &["MCR-08"],
            "A TTL that is not positive or too long is refused and changes nothing",
            bad_ttl,
        ),
    ]
}

/// Long enough that a slow machine does not get there by itself; where time is real, it is waited for.
fn unit(context: &Context) -> Duration {
    if context.is_time_virtual() { Duration::from_mins(1) } else { Duration::from_secs(5) }
}

/// Demands that what came since `begin` took less than the TTL, where time is real: else nothing had to be there any more.
fn in_time(context: &Context, begin: Instant, ttl: Duration) -> Verdict {
    if context.is_time_virtual() || begin.elapsed() < ttl {
        return Ok(());
    }
    let took = begin.elapsed().as_millis();
    Err(Failure::inconclusive(format!("the answer came after {took} ms, when the TTL had passed")))
}

fn since_epoch(timestamp: Option<&Timestamp>) -> Option<Duration> {
    timestamp.map(|at| Duration::new(at.seconds as u64, at.nanos as u32))
}

async fn expires_of(context: &Context, registry: &Registry) -> Verdict {
    let (ttl, begin) = (unit(context), Instant::now());
    let answer = registry.register(identity("short").ttl(ttl)).await?;
    registry.register_all([identity("long").ttl(ttl * 100), identity("for ever")]).await?;
    let (from, to) = (since_epoch(answer.registered_at.as_ref()), since_epoch(answer.expires_at.as_ref()));
    expect_eq("when it expires", to, from.map(|from| from + ttl))?;
    context.pass(ttl / 2).await?;
    let names = registry.names(None).await?;
    in_time(context, begin, ttl)?;
    expect_eq("the identities before the TTL has passed", names, ["for ever", "long", "short"])?;
    context.pass(ttl / 2 + Duration::from_millis(1)).await?;
    expect_eq("the identities after it", registry.names(None).await?, ["for ever", "long"])?;
    let sent = registry.send(None, "payload").await?;
    expect_eq("the number of targets", sent.targets, 2)
}

async fn expires(context: Context) -> Verdict {
    expires_of(&context, &Registry::new(context.endpoint())).await
}

async fn expires_without_help(context: Context) -> Verdict {
    let hidden = |slot| hiding(slot, &["keyvalue_ttl", "keyvalue_cas"]);
    expires_of(&context, &registry_over(&context, &[], "registry", hidden).await?).await
}

async fn expired_makes_room(context: Context) -> Verdict {
    let ttl = unit(&context);
    // What is in the slot stays there, as it does where a slot is late to remove it.
    let hidden = |slot| hiding(slot, &["keyvalue_ttl"]);
    let registry = registry_over(&context, &[("max_identities", "2")], "registry", hidden).await?;
    registry.register_all(["a", "b"].map(|name| identity(name).ttl(ttl))).await?;
    context.pass(ttl + Duration::from_millis(1)).await?;
    expect(!registry.unregister("b").await?, "Unregister of an expired identity says that it was there")?;
    registry.register(identity("c")).await?;
    let answer = registry.register(identity("a").with("life", integer(2))).await?;
    expect(!answer.replaced, "Register in place of an expired identity says that one was replaced")?;
    expect_eq("the identities", registry.names(None).await?, ["a", "c"])?;
    let full = registry.register(identity("d")).await;
    refused("Register of one more than may be", full, Code::ResourceExhausted, "REGISTRY_FULL").map(|_| ())
}

async fn default_ttl(context: Context) -> Verdict {
    let (ttl, begin) = (unit(&context), Instant::now());
    let default = format!("{}s", ttl.as_secs());
    let registry = registry(&context, &[("default_ttl", &default)]).await?;
    registry.register_all([identity("default"), identity("own").ttl(ttl * 100)]).await?;
    context.pass(ttl / 2).await?;
    let names = registry.names(None).await?;
    in_time(&context, begin, ttl)?;
    expect_eq("the identities before it has passed", names, ["default", "own"])?;
    context.pass(ttl / 2 + Duration::from_millis(1)).await?;
    expect_eq("the identities after it has", registry.names(None).await?, ["own"])
}

async fn replacing_renews(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let ttl = unit(&context);
    registry.register_all(["renewed", "kept", "shortened"].map(|name| identity(name).ttl(ttl))).await?;
    context.pass(ttl / 2).await?;
    let begin = Instant::now();
    registry
        .register_all([
            identity("renewed").ttl(ttl).replacing(),
            identity("kept").replacing(),
            identity("shortened").ttl(ttl / 4).replacing(),
        ])
        .await?;
    // By then the old TTL has passed, and the shorter one too.
    context.pass(ttl / 2 + Duration::from_millis(1)).await?;
    let names = registry.names(None).await?;
    in_time(&context, begin, ttl)?;
    expect_eq("the identities after the old TTL", names, ["kept", "renewed"])?;
    context.pass(ttl / 2).await?;
    expect_eq("the identities after the new TTL", registry.names(None).await?, ["kept"])
}

async fn bad_ttl(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    registry.register(identity("a")).await?;
    let before = registry.list(None).await?;
    let day = 86_400;
    for (seconds, nanos) in
        [(0, 0), (-1, 0), (0, -1), (3650 * day, 1), (3651 * day, 0), (i64::MAX, 0), (i64::MIN, 0)]
    {
        for mut request in [identity("a").replacing(), identity("b")] {
            request.ttl = Some(ProtoDuration { seconds, nanos });
            let what = format!("Register with a TTL of {seconds} s and {nanos} ns");
            refused(&what, registry.register(request).await, Code::InvalidArgument, "TTL_INVALID")?;
        }
    }
    expect_eq("what is registered", registry.list(None).await?, before)?;
    let mut longest = identity("b");
    let ttl = Duration::from_secs(3650 * day as u64);
    longest.ttl = Some(time::from_std(ttl));
    let answer = registry.register(longest).await?;
    let (from, to) = (since_epoch(answer.registered_at.as_ref()), since_epoch(answer.expires_at.as_ref()));
    expect_eq("when the longest TTL ends", to, from.map(|from| from + ttl))?;
    expect_eq("the identities", registry.names(None).await?, ["a", "b"])
}
