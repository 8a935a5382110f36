//! Cases for the interfaces that a backend does not declare: each of their rpcs is refused and changes nothing.

use crate::{
    Case, Context, Verdict, case,
    expect::{expect_refused, expect_value},
    sample,
};
use prism_interfaces::{RpcSpec, catalogue, traits::Declaration};
use std::time::Duration;
use tonic::{Code, metadata::MetadataMap};

/// How long a refusal may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longer than any TTL in a sample request.
const LATER: Duration = Duration::from_mins(2);

/// One case for every rpc of every interface that is not declared.
pub fn cases(declaration: &Declaration) -> Vec<Case> {
    catalogue::INTERFACES
        .iter()
        .filter(|interface| !declaration.has(interface.id))
        .flat_map(|interface| {
            interface.rpcs.iter().map(|rpc| {
                case(
                    format!("{}/refuses_{}", interface.id, snake_case(rpc.name)),
                    &["GEN-13"],
                    "An rpc of an interface that is not declared answers UNIMPLEMENTED and changes nothing",
                    move |context| refuses(context, rpc),
                )
                .refusal()
            })
        })
        .collect()
}

async fn refuses(context: Context, rpc: &'static RpcSpec) -> Verdict {
    // What can be looked at is what keyvalue_basic shows.
    let kv = context.declaration().has("keyvalue_basic").then(|| context.keyvalue());
    if let Some(kv) = &kv {
        kv.set("refused", "kept").await?;
    }
    for key in ["refused", "refused-and-missing"] {
        let body = sample::request(rpc, key, b"changed");
        let answer = sample::call(&context.endpoint(), rpc, body, MetadataMap::new(), PATIENCE).await;
        expect_refused(rpc.path, answer, Code::Unimplemented)?;
    }
    if let Some(kv) = &kv {
        if context.is_time_virtual() {
            // A TTL that was put on a key shows when its time has come.
            context.pass(LATER).await?;
        }
        expect_value("the key that was there before", &kv.get("refused").await?, Some(b"kept"))?;
        expect_value("the key that was not there before", &kv.get("refused-and-missing").await?, None)?;
    }
    Ok(())
}

/// `SetWithTtl` is `set_with_ttl`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::traits::Traits;
    use std::collections::BTreeMap;

    #[test]
    fn every_rpc_of_what_is_not_declared_has_a_case() {
        let interfaces = BTreeMap::from([("keyvalue_basic".to_owned(), Traits::default())]);
        let declaration = Declaration { interfaces, guarantees: Traits::default() };
        let ids: Vec<_> = cases(&declaration).into_iter().map(|case| case.id).collect();
        let rpcs = catalogue::INTERFACES.iter().map(|interface| interface.rpcs.len()).sum::<usize>();
        assert_eq!(ids.len(), rpcs - 4);
        assert!(ids.contains(&"keyvalue_ttl/refuses_set_with_ttl".to_owned()));
        assert!(!ids.iter().any(|id| id.starts_with("keyvalue_basic/")));
    }
}
