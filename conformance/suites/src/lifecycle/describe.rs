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
use std::collections::{BTreeMap, BTreeSet};

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
    let mut says: Says = BTreeMap::new();
    for interface in &described.interfaces {
        let id = interface.id.as_str();
        let traits = interface.traits.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let traits = Traits::parse(specs(id), traits).map_err(|problems| {
            let problems = problems.iter().map(|(name, problem)| format!("`{name}` {problem}"));
            Failure::violation(format!(
                "Describe gives traits of {id} that are not in the notation of backend.yaml"
            ))
            .got(problems.collect::<Vec<_>>().join("; "))
        })?;
        if says.insert(id.to_owned(), of_one(&interface.proto_hash, &traits)).is_some() {
            return Err(Failure::violation(format!("Describe lists {id} more than once")));
        }
    }
    let declares: Says = context
        .declaration()
        .interfaces
        .iter()
        .map(|(id, traits)| {
            let hash = catalogue::interface(id).map_or("", |spec| spec.proto_hash);
            (id.clone(), of_one(hash, traits))
        })
        .collect();
    let differences = differences(&declares, &says);
    if differences.is_empty() {
        return Ok(());
    }
    let (declared, said): (Vec<String>, Vec<String>) = differences.into_iter().unzip();
    Err(Failure::violation(
        "the driver describes itself (got) otherwise than backend.yaml declares it (expected)",
    )
    .expected(declared.join("\n"))
    .got(said.join("\n")))
}

/// What is said of each interface: its traits, and the hash of its proto, by name.
type Says = BTreeMap<String, BTreeMap<String, String>>;

fn of_one(hash: &str, traits: &Traits) -> BTreeMap<String, String> {
    let traits = traits.iter().map(|(name, value)| (name.to_owned(), value));
    traits.chain([("proto hash".to_owned(), hash.to_owned())]).collect()
}

/// Where the two differ: what the first says there, and what the second.
fn differences(first: &Says, second: &Says) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let ids: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    for id in ids {
        let (Some(one), Some(other)) = (first.get(id), second.get(id)) else {
            let says = |side: &Says| if side.contains_key(id) { id.clone() } else { format!("no {id}") };
            found.push((says(first), says(second)));
            continue;
        };
        let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for name in names.into_iter().filter(|name| one.get(*name) != other.get(*name)) {
            let says = |side: &BTreeMap<String, String>| match side.get(name) {
                Some(value) => format!("{id}: {name}: {value}"),
                None => format!("{id}: no {name}"),
            };
            found.push((says(one), says(other)));
        }
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_told_from_both_sides() {
        let side = |of: &[(&str, &[(&str, &str)])]| -> Says {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            of.iter().map(|(id, says)| ((*id).to_owned(), says.iter().map(owned).collect())).collect()
        };
        let declared = side(&[("a", &[("limit", "1"), ("proto hash", "x")]), ("b", &[])]);
        let described = side(&[("a", &[("limit", "2"), ("proto hash", "x"), ("more", "y")]), ("c", &[])]);
        let told: Vec<String> = differences(&declared, &described)
            .into_iter()
            .map(|(one, other)| format!("{one} | {other}"))
            .collect();
        assert_eq!(told, ["a: limit: 1 | a: limit: 2", "a: no more | a: more: y", "b | no b", "no c | c"]);
        assert!(differences(&declared, &declared).is_empty());
    }
}
