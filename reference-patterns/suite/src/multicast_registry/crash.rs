//! A registry that is killed in the middle of a call.

use super::{
    Build, Registry,
    client::{equals, identity, text},
    slots::{Reception, receiving},
};
use crate::instance::Instance;
use futures::future::try_join_all;
use prism_interfaces::pattern::multicast_registry::v1::{Identity, RegisterRequest};
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tonic::Status;

pub(super) fn cases() -> Vec<Case> {
    vec![case(
        "pattern_multicast_registry/killed_between_any_two_steps",
        &["MCR-02"],
        "A registry that is killed at any step leaves each identity as it was or as it was to be, and sends no target a message twice",
        killed_between_any_two_steps,
    )]
}

/// Long enough to be there while the case runs.
const TTL: Duration = Duration::from_hours(24);

/// What is under way when the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doomed {
    Register,
    Replace,
    Unregister,
    Multicast,
}

/// The calls that get to a step.
fn calls_at(step: &str) -> Result<&'static [Doomed], Failure> {
    match step {
        "looked" | "stored" | "registered" => Ok(&[Doomed::Register, Doomed::Replace]),
        "removed" => Ok(&[Doomed::Unregister]),
        "targeted" | "delivered" => Ok(&[Doomed::Multicast]),
        other => Err(Failure::harness(format!("no call is known that gets to the step `{other}`"))),
    }
}

async fn killed_between_any_two_steps(context: Context) -> Verdict {
    let heir = Registry::new(Instance::start(&context, &[]).await?.endpoint());
    heir.register(identity("bystander").with("of", text("nobody"))).await?;
    let steps = context.bench()?.steps();
    expect(!steps.is_empty(), "the pattern announces no steps")?;
    let mut kills = Vec::new();
    for step in &steps {
        for doomed in calls_at(step)? {
            kills.push(killed_at(&context, &heir, step, *doomed));
        }
    }
    try_join_all(kills).await?;
    if context.is_time_virtual() {
        context.pass(TTL + Duration::from_secs(1)).await?;
        let left = heir.names(Some(equals("ttl", text("a day")))).await?;
        expect_eq("the identities that are there after their TTL", left, Vec::<String>::new())?;
    }
    expect_eq(
        "the identities nobody touched",
        heir.names(Some(equals("of", text("nobody")))).await?,
        ["bystander"],
    )
}

/// The messages that were published, by topic.
#[derive(Debug, Clone, Default)]
struct Published(Arc<Mutex<BTreeMap<String, usize>>>);

impl Published {
    fn note(&self, topic: &str) {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *topics.entry(topic.to_owned()).or_default() += 1;
    }

    fn so_far(&self) -> Vec<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
    }
}

async fn killed_at(context: &Context, heir: &Registry, step: &str, doomed: Doomed) -> Verdict {
    let bench = context.bench()?;
    let at = format!("a {doomed:?} that was killed at `{step}`");
    let name = format!("{step}-{doomed:?}");
    let mine = || Some(equals("of", text(&name)));
    let old = || identity(&name).with("of", text(&name)).with("age", text("old"));
    let new = || identity(&name).with("of", text(&name)).with("ttl", text("a day")).ttl(TTL);
    match doomed {
        Doomed::Register => {}
        Doomed::Replace | Doomed::Unregister => drop(heir.register(old()).await?),
        Doomed::Multicast => {
            let targets = (0..3).map(|n| identity(&format!("{name}-{n}")).with("of", text(&name)));
            heir.register_all(targets).await?;
        }
    }
    // By name: what is half there may be without what a filter looks at.
    let listed = async || {
        let mut all = heir.list(None).await?;
        all.retain(|found| found.identity.starts_with(&name));
        Ok::<_, Failure>(all)
    };
    let before = listed().await?;

    let published = Published::default();
    let mut slots = bench.slots();
    if let Some(messaging) = slots.get_mut("messaging") {
        let published = published.clone();
        *messaging = receiving(messaging.clone(), move |topic| {
            published.note(topic);
            Reception::Accepted
        });
    }
    let process = bench.launch_halting(slots, step).await?;
    Instance::of(context, &process.endpoint()).bring_up(&[("fan_out", "1")]).await?;
    let registry = Registry::new(Instance::doomed(context, &process.endpoint()));
    let (filter, unregistered, registered) = (mine(), name.clone(), new());
    let call = tokio::spawn(async move {
        match doomed {
            Doomed::Register => registry.register(registered).await.map(drop),
            Doomed::Replace => registry.register(registered.replacing()).await.map(drop),
            Doomed::Unregister => registry.unregister(&unregistered).await.map(drop),
            Doomed::Multicast => registry.send(filter, "payload").await.map(drop),
        }
    });
    process.halted().await?;
    process.kill().await;
    let answer: Result<(), Status> = call.await.map_err(|error| Failure::harness(error.to_string()))?;
    expect(answer.is_err(), format!("{at} was answered"))?;

    let after = listed().await?;
    context.note(format!(
        "{at}: {} before, {} after, {:?} published",
        before.len(),
        after.len(),
        published.so_far()
    ));
    if doomed == Doomed::Multicast {
        expect_eq(format!("the identities after {at}"), &after, &before)?;
        let sent = published.so_far();
        let expected: &[usize] = if step == "targeted" { &[] } else { &[1] };
        return expect_eq(format!("how often each target was sent the message by {at}"), &*sent, expected);
    }
    let is_new = |found: &Identity| found.metadata == new().metadata && lives_for(found, TTL);
    let whole = match after.as_slice() {
        [] => before.is_empty() || doomed == Doomed::Unregister,
        [found] => before.first() == Some(found) || (doomed != Doomed::Unregister && is_new(found)),
        _ => false,
    };
    if !whole {
        return Err(Failure::violation(format!("{at} left half of it"))
            .expected("the identity as it was, or as it was to be")
            .got(format!("{after:?}")));
    }
    // And it is free for whatever comes next.
    register_anew(heir, new()).await
}

/// Whether a registration expires when a TTL has passed.
fn lives_for(found: &Identity, ttl: Duration) -> bool {
    let (Some(from), Some(to)) = (&found.registered_at, &found.expires_at) else { return false };
    to.seconds - from.seconds == ttl.as_secs() as i64 && to.nanos == from.nanos
}

async fn register_anew(heir: &Registry, request: RegisterRequest) -> Verdict {
    heir.register(request.replacing()).await.map(drop).map_err(Failure::from)
}
