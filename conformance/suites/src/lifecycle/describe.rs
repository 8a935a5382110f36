//! What a driver says of itself.

use super::fresh::{STATES, on_fresh};
use crate::{
    Context, Failure, Seam, Verdict, client,
    expect::{expect, expect_eq},
};
use prism_interfaces::{
    catalogue,
    lifecycle::v1::{DescribeResponse, Health},
    traits::{Traits, specs},
};
use std::collections::BTreeMap;

/// The hash and the traits of each interface.
type Interfaces = BTreeMap<String, (String, BTreeMap<String, String>)>;

/// What must not change in the life of a driver; lists in an order of their own.
fn lasting(described: &DescribeResponse) -> (String, String, Interfaces) {
    let interfaces = described.interfaces.iter().map(|interface| {
        let traits = interface.traits.clone().into_iter().collect();
        (interface.id.clone(), (interface.proto_hash.clone(), traits))
    });
    (described.name.clone(), described.version.clone(), interfaces.collect())
}

pub(super) async fn in_every_state(context: Context) -> Verdict {
    on_fresh(context, |_, fresh| async move {
        let mut first = None;
        for state in STATES {
            let described = fresh.lifecycle.describe().await;
            let described = described
                .map_err(|status| Failure::from(status).during(format!("Describe when {state:?}")))?;
            expect(!described.name.is_empty(), format!("the driver has no name when {state:?}"))?;
            expect(!described.version.is_empty(), format!("the driver has no version when {state:?}"))?;
            let described = lasting(&described);
            let first = first.get_or_insert_with(|| described.clone());
            expect_eq(format!("the answer of Describe when {state:?}"), &described, &*first)?;
            if let Some(call) = state.onwards() {
                fresh.call(call).await?;
            }
        }
        Ok(())
    })
    .await
}

pub(super) async fn health_in_every_state(context: Context) -> Verdict {
    on_fresh(context, |_, fresh| async move {
        for state in STATES {
            let health = fresh.lifecycle.health().await;
            let (health, message) = health
                .map_err(|status| Failure::from(status).during(format!("HealthCheck when {state:?}")))?;
            expect_eq(format!("the health when {state:?}"), health, state.health())?;
            if health == Health::Healthy {
                expect_eq("what is wrong with a healthy driver", message.as_str(), "")?;
            }
            if let Some(call) = state.onwards() {
                fresh.call(call).await?;
            }
        }
        Ok(())
    })
    .await
}

pub(super) async fn what_is_declared(context: Context) -> Verdict {
    let described = context.lifecycle().describe().await?;
    let mut ids: Vec<_> = described.interfaces.iter().map(|interface| interface.id.as_str()).collect();
    ids.sort_unstable();
    let declared: Vec<_> = context.declaration().interfaces.keys().map(String::as_str).collect();
    expect_eq("the list of interfaces", ids, declared)?;
    for interface in &described.interfaces {
        let id = interface.id.as_str();
        let hash = catalogue::interface(id).map(|spec| spec.proto_hash);
        expect_eq(format!("the proto hash of {id}"), Some(interface.proto_hash.as_str()), hash)?;
        let said = interface.traits.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let said = Traits::parse(specs(id), said).map_err(|problems| {
            let problems = problems.iter().map(|(name, problem)| format!("`{name}` {problem}"));
            Failure::violation(format!("the traits of {id} are not in the notation of backend.yaml"))
                .got(problems.collect::<Vec<_>>().join("; "))
        })?;
        let table = |traits: &Traits| {
            traits.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
        };
        expect_eq(format!("the traits of {id}"), table(&said), table(&context.traits(id)))?;
    }
    Ok(())
}

pub(super) async fn without_a_namespace(context: Context) -> Verdict {
    let lifecycle = client::Lifecycle::new(context.bare_endpoint().layer(Seam::bare()));
    let described = lifecycle.describe().await.map_err(|status| Failure::from(status).during("Describe"))?;
    expect(!described.interfaces.is_empty(), "Describe lists no interfaces without a namespace")?;
    let (health, _) = lifecycle
        .health()
        .await
        .map_err(|status| Failure::from(status).during("HealthCheck").clause("LIF-09"))?;
    expect_eq("the health", health, Health::Healthy)
}
