//! Where the state is: in the slot, so that replicas share it and a restart forgets nothing.

use super::{
    Build, Registry,
    client::{identity, integer},
    slots::{registry, registry_over},
};
use crate::{
    instance::{Instance, slot},
    twist::{Counter, failing, fault::Fault, silent},
};
use prism_interfaces::fault;
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    client::KeyValue,
    expect::{expect, expect_eq, expect_refused, expect_value},
};
use std::time::Duration;
use tonic::{Code, Status};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_multicast_registry/replicas_agree",
            &["MCR-01"],
            "What one instance was told, another one over the same slots answers",
            replicas_agree,
        ),
        case(
            "pattern_multicast_registry/stored_under_the_prefix",
            &["MCR-02"],
            "Identities are in the slot under the prefix, and what is beside them is left alone",
            stored_under_the_prefix,
        ),
        case(
            "pattern_multicast_registry/restart_forgets_nothing",
            &["MCR-02"],
            "A registry whose process is killed and started again still has everything it acknowledged",
            restart_forgets_nothing,
        ),
        case(
            "pattern_multicast_registry/namespaces_are_apart",
            &["GEN-03"],
            "Identities of one namespace are neither listed nor published to in another",
            namespaces_are_apart,
        ),
        case(
            "pattern_multicast_registry/failing_registry_is_told",
            &["MCR-03"],
            "Where the slot fails, is silent or answers late, calls fail with the slot's name, and nothing is published",
            failing_registry,
        ),
        case(
            "pattern_multicast_registry/corrupt_record_is_told",
            &["MCR-03"],
            "What is no identity under the prefix is told with its key and not passed over, until it is registered or unregistered",
            corrupt_record_is_told,
        ),
    ]
}

async fn replicas_agree(context: Context) -> Verdict {
    let (one, other) = (registry(&context, &[]).await?, registry(&context, &[]).await?);
    one.register(identity("a").with("version", integer(1))).await?;
    expect_eq("what the other lists", other.names(None).await?, ["a"])?;
    let again = other.register(identity("a")).await;
    super::register::refused("Register elsewhere", again, Code::AlreadyExists, "IDENTITY_EXISTS")?;
    other.register(identity("a").with("version", integer(2)).replacing()).await?;
    other.register(identity("b")).await?;
    let listed = one.list(None).await?;
    expect_eq("what both list", &listed, &other.list(None).await?)?;
    expect_eq("the version", listed[0].metadata.get("version"), Some(&integer(2)))?;
    expect_eq("the number of targets", one.send(None, "payload").await?.targets, 2)?;
    expect(one.unregister("b").await?, "what the other has registered is not there")?;
    expect_eq("what the other lists", other.names(None).await?, ["a"])
}

async fn stored_under_the_prefix(context: Context) -> Verdict {
    let registry = registry(&context, &[("key_prefix", "of.a/")]).await?;
    let store = KeyValue::new(slot(&context, "registry")?);
    let beside = ["a", "of.a", "of.b/a", "Of.a/a", "xof.a/a"];
    for key in beside {
        store.set(key, "beside").await?;
    }
    registry.register(identity("a")).await?;
    expect(store.get("of.a/a").await?.is_some(), "there is nothing under the prefix and the identity")?;
    expect_eq("the identities", registry.names(None).await?, ["a"])?;
    registry.unregister("a").await?;
    expect_eq("the identities", registry.names(None).await?, Vec::<String>::new())?;
    for key in beside {
        expect_value(format!("{key:?} in the slot"), &store.get(key).await?, Some(b"beside"))?;
    }
    Ok(())
}

async fn restart_forgets_nothing(context: Context) -> Verdict {
    let bench = context.bench()?;
    let mut expected = Vec::new();
    for round in 0..3 {
        let process = bench.launch_process(bench.slots()).await?;
        let instance = Instance::of(&context, &process.endpoint());
        instance.bring_up(&[]).await?;
        let registry = Registry::new(instance.endpoint());
        expect_eq("what was registered before", registry.list(None).await?, expected)?;
        registry.register(identity(&format!("round-{round}")).with("round", integer(round))).await?;
        let response = registry.send(None, "payload").await?;
        expect_eq("the number of targets", i64::from(response.targets), round + 1)?;
        expected = registry.list(None).await?;
        process.kill().await;
    }
    Ok(())
}

async fn namespaces_are_apart(context: Context) -> Verdict {
    let (here, there) = (Registry::new(context.endpoint()), Registry::new(context.elsewhere().endpoint()));
    here.register(identity("a").with("here", integer(1))).await?;
    there.register(identity("a").with("there", integer(1))).await?;
    there.register(identity("b")).await?;
    expect_eq("the identities here", here.names(None).await?, ["a"])?;
    expect_eq("the targets here", here.send(None, "payload").await?.targets, 1)?;
    expect(!here.unregister("b").await?, "an identity of another namespace was there to unregister")?;
    expect_eq("the identities there", there.names(None).await?, ["a", "b"])
}

/// Demands a refusal that names the slot.
fn told<T: std::fmt::Debug>(what: &str, answer: Result<T, Status>) -> Verdict {
    let status = match answer {
        Err(status) => status,
        Ok(answer) => {
            return Err(Failure::violation(format!("{what} was answered where the slot was not"))
                .expected("an error")
                .got(format!("{answer:?}")));
        }
    };
    expect_eq(
        format!("the reason of {what}"),
        fault::reason(&status).as_deref(),
        Some("BACKEND_UNAVAILABLE"),
    )?;
    expect(
        status.message().contains("`registry`"),
        format!("{what}: the refusal does not name the slot: {}", status.message()),
    )
}

async fn failing_registry(context: Context) -> Verdict {
    let broken = || Status::unavailable("it is a test");
    let published = Counter::default();
    for (rpc, silence) in
        [("Scan", false), ("Get", false), ("CompareAndSwap", false), ("Delete", false), ("Scan", true)]
    {
        let mut slots = context.bench()?.slots();
        for (name, slot) in &mut slots {
            *slot = match name.as_str() {
                "registry" if silence => silent(slot.clone(), rpc),
                "registry" => failing(slot.clone(), rpc, broken()),
                _ => published.on(slot.clone()),
            };
        }
        let given = [("slot_timeout", "100ms")];
        let registry = Registry::new(Instance::over(&context, slots, &given).await?.endpoint());
        let how = if silence { "silent" } else { "failing" };
        let what = |call: &str| format!("{call} over a slot that is {how} at {rpc}");
        match rpc {
            "Scan" => {
                told(&what("Enumerate"), registry.names(None).await)?;
                told(&what("Multicast"), registry.send(None, "payload").await)?;
            }
            "Delete" => told(&what("Unregister"), registry.unregister("a").await)?,
            _ => told(&what("Register"), registry.register(identity("a")).await)?,
        }
    }
    expect_eq("the number of messages", published.count(), 0)?;
    let well = registry_over(&context, &[], "registry", |slot| slot).await?;
    expect_eq("what is registered", well.names(None).await?, Vec::<String>::new())?;

    let late = Fault::late("KeyValueCas/CompareAndSwap", Duration::from_secs(1));
    let given = [("slot_timeout", "100ms")];
    let registry = registry_over(&context, &given, "registry", |slot| late.on(slot)).await?;
    late.begin();
    let answer = registry.register(identity("late").with("age", integer(1))).await;
    told("Register over a slot that answers late", answer)?;
    // Nobody can know whether it is there. Whoever comes next decides.
    well.register(identity("late").with("age", integer(2)).replacing()).await?;
    let found = well.list(None).await?;
    let ages: Vec<_> = found.iter().map(|found| found.metadata.get("age")).collect();
    expect_eq("what is registered in the end", ages, [Some(&integer(2))])
}

async fn corrupt_record_is_told(context: Context) -> Verdict {
    let published = Counter::default();
    let given = [("key_prefix", "of.a/")];
    let registry = registry_over(&context, &given, "messaging", |slot| published.on(slot)).await?;
    let store = KeyValue::new(slot(&context, "registry")?);
    registry.register(identity("whole")).await?;
    // The last one is an identity, and another than its key says.
    let stranger = store.get("of.a/whole").await?.unwrap_or_default();
    for (name, value) in [("empty", "".into()), ("torn", "\n\u{7f}".into()), ("another", stranger)] {
        store.set(&format!("of.a/{name}"), value).await?;
        let calls = [
            ("Enumerate", registry.names(None).await.map(drop)),
            ("Multicast", registry.send(None, "payload").await.map(drop)),
        ];
        for (what, answer) in calls {
            let status = expect_refused(format!("{what} over a corrupt record"), answer, Code::DataLoss)?;
            expect_eq(
                format!("the reason of {what}"),
                fault::reason(&status).as_deref(),
                Some("BACKEND_FAILED"),
            )?;
            expect(
                status.message().contains(&format!("of.a/{name}")),
                format!("{what}: the refusal does not name the key: {}", status.message()),
            )?;
        }
        if name == "torn" {
            let answer = registry.register(identity(name)).await?;
            expect(!answer.replaced, "a corrupt record is told to be an identity that was replaced")?;
            registry.unregister(name).await?;
        } else {
            expect(!registry.unregister(name).await?, "a corrupt record is told to be registered")?;
        }
        expect_eq("the identities", registry.names(None).await?, ["whole"])?;
    }
    expect_eq("the number of messages", published.count(), 0)
}
