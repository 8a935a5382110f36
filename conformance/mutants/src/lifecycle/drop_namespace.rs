//! DropNamespace that drops too little or too much.

use crate::{
    Mutant,
    aside::{Aside, Plain, namespace},
    events::elsewhere,
    forward::{LifecycleTwist, lifecycle, like},
    mutant::{mutant, mutant_with},
    splice::every_request,
};
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER, Namespace,
    keyvalue::v1::{ScanKeysRequest, key_value_scan_client::KeyValueScanClient},
    lifecycle::v1::{DropNamespaceRequest, DropNamespaceResponse},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "lifecycle/drop_namespace_does_nothing",
            "DropNamespace answers and removes nothing",
            |next| lifecycle(next, DropsNothing),
        ),
        mutant("lifecycle/drop_namespace_keeps_a_key", "DropNamespace leaves the last key", |next| {
            lifecycle(next, KeepsAKey)
        }),
        mutant_with(
            "lifecycle/drop_namespace_by_prefix",
            "DropNamespace also removes namespaces whose names begin with the name",
            || {
                let seen = Arc::new(Mutex::new(BTreeSet::new()));
                move |next| {
                    let noting = Arc::clone(&seen);
                    every_request(lifecycle(next, DropsByPrefix(Arc::clone(&seen))), move |request| {
                        if let Ok(namespace) = Namespace::from_headers(request.headers()) {
                            let mut seen = noting.lock().unwrap_or_else(PoisonError::into_inner);
                            seen.insert(namespace.as_str().to_owned());
                        }
                    })
                }
            },
        ),
        mutant_with("lifecycle/drop_namespace_once", "DropNamespace of what is gone is NOT_FOUND", || {
            let dropped = Arc::new(Mutex::new(BTreeSet::new()));
            move |next| lifecycle(next, DropsOnce(Arc::clone(&dropped)))
        }),
        mutant(
            "lifecycle/drop_namespace_has_a_default",
            "DropNamespace without a namespace drops a default one",
            |next| lifecycle(next, DropsADefault),
        ),
        mutant(
            "lifecycle/drop_namespace_makes_it_fit",
            "DropNamespace of a malformed name drops one like it",
            |next| lifecycle(next, MakesItFit),
        ),
    ]
}

type Answer = Result<Response<DropNamespaceResponse>, Status>;

struct DropsNothing;

#[tonic::async_trait]
impl LifecycleTwist for DropsNothing {
    async fn drop_namespace(&self, next: &Endpoint, request: Request<DropNamespaceRequest>) -> Answer {
        // A refusal stays one; what is not there can be dropped.
        if Namespace::new(namespace(&request)).is_err() {
            return Plain.drop_namespace(next, request).await;
        }
        Ok(Response::new(DropNamespaceResponse {}))
    }
}

struct KeepsAKey;

#[tonic::async_trait]
impl LifecycleTwist for KeepsAKey {
    async fn drop_namespace(&self, next: &Endpoint, request: Request<DropNamespaceRequest>) -> Answer {
        let aside = Aside::of(next, &request);
        let keys =
            aside.request(ScanKeysRequest { prefix: String::new(), limit: 1000, cursor: String::new() });
        let keys = KeyValueScanClient::new(next.clone()).scan_keys(keys).await;
        let last = keys.ok().and_then(|keys| keys.into_inner().keys.pop());
        let answer = Plain.drop_namespace(next, request).await?;
        if let Some(last) = last {
            aside.set(&last, "left".into()).await?;
        }
        Ok(answer)
    }
}

/// Every namespace that was seen.
struct DropsByPrefix(Arc<Mutex<BTreeSet<String>>>);

#[tonic::async_trait]
impl LifecycleTwist for DropsByPrefix {
    async fn drop_namespace(&self, next: &Endpoint, request: Request<DropNamespaceRequest>) -> Answer {
        let prefix = namespace(&request);
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for other in seen.iter().filter(|other| !prefix.is_empty() && other.starts_with(&prefix)) {
            Plain.drop_namespace(next, elsewhere(like(&request, DropNamespaceRequest {}), other)).await?;
        }
        Plain.drop_namespace(next, request).await
    }
}

/// Every namespace that was dropped.
struct DropsOnce(Arc<Mutex<BTreeSet<String>>>);

#[tonic::async_trait]
impl LifecycleTwist for DropsOnce {
    async fn drop_namespace(&self, next: &Endpoint, request: Request<DropNamespaceRequest>) -> Answer {
        let name = namespace(&request);
        let answer = Plain.drop_namespace(next, request).await?;
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
            return Ok(answer);
        }
        Err(Status::not_found("there is no such namespace"))
    }
}

struct DropsADefault;

#[tonic::async_trait]
impl LifecycleTwist for DropsADefault {
    async fn drop_namespace(&self, next: &Endpoint, mut request: Request<DropNamespaceRequest>) -> Answer {
        if !request.metadata().contains_key(NAMESPACE_HEADER) {
            request = elsewhere(request, "default");
        }
        Plain.drop_namespace(next, request).await
    }
}

struct MakesItFit;

#[tonic::async_trait]
impl LifecycleTwist for MakesItFit {
    async fn drop_namespace(&self, next: &Endpoint, mut request: Request<DropNamespaceRequest>) -> Answer {
        let name = namespace(&request);
        if request.metadata().contains_key(NAMESPACE_HEADER) && Namespace::new(name.as_str()).is_err() {
            let fits = |character: &char| character.is_ascii_lowercase() || character.is_ascii_digit();
            let name: String = name.to_lowercase().chars().filter(fits).chain(['x']).collect();
            request = elsewhere(request, &name);
        }
        Plain.drop_namespace(next, request).await
    }
}
