//! Mutants of Register and Unregister.

use super::{client, face, parameter};
use crate::PatternMutant;
use prism_interfaces::{
    Endpoint, fault,
    pattern::multicast_registry::v1::{
        EnumerateRequest, Identity, RegisterRequest, RegisterResponse, UnregisterRequest, UnregisterResponse,
        Value, value::Kind,
    },
    time,
};
use prism_mutants::forward::{self, RegistryTwist, like};
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<PatternMutant> {
    vec![
        changes("pattern_multicast_registry/overwrites_duplicates", "Register always replaces", |request| {
            request.replace = true;
        }),
        changes("pattern_multicast_registry/never_replaces", "`replace` is ignored", |request| {
            request.replace = false;
        }),
        changes(
            "pattern_multicast_registry/folds_identities",
            "Identities differ in more than case",
            |request| {
                request.identity = request.identity.to_lowercase();
            },
        ),
        changes(
            "pattern_multicast_registry/trims_identities",
            "Spaces around an identity get lost",
            |request| {
                request.identity = request.identity.trim().to_owned();
            },
        ),
        changes(
            "pattern_multicast_registry/stores_integers_as_numbers",
            "After a round trip all integers are numbers",
            |request| {
                for value in request.metadata.values_mut() {
                    if let Some(Kind::Integer(integer)) = value.kind {
                        value.kind = Some(Kind::Number(integer as f64));
                    }
                }
            },
        ),
        changes(
            "pattern_multicast_registry/forgets_nulls",
            "A null is taken for a field that is not there",
            |request| {
                request.metadata.retain(|_, value| !matches!(value.kind, Some(Kind::Null(_))));
            },
        ),
        changes(
            "pattern_multicast_registry/names_its_own_topic",
            "Identities listen to a topic of their name's",
            |request| {
                request.topic = format!("to.{}", request.identity);
            },
        ),
        changes("pattern_multicast_registry/never_expires", "TTLs are ignored", |request| {
            if is_positive(request) {
                request.ttl = None;
            }
        }),
        changes(
            "pattern_multicast_registry/expires_at_the_next_cleanup",
            "What has expired is there for another 30 s",
            |request| {
                stretch(request, |ttl| ttl + Duration::from_secs(30));
            },
        ),
        changes("pattern_multicast_registry/expires_early", "Half of a TTL is enough", |request| {
            stretch(request, |ttl| ttl / 2);
        }),
        changes(
            "pattern_multicast_registry/takes_any_ttl",
            "A TTL that is not positive means none, and a long one the longest",
            |request| {
                if !is_positive(request) {
                    request.ttl = None;
                }
                stretch(request, |ttl| ttl.min(LONGEST));
            },
        ),
        changes("pattern_multicast_registry/shortens_long_ttls", "The longest TTL is a day", |request| {
            stretch(request, |ttl| if ttl > LONGEST { ttl } else { ttl.min(Duration::from_secs(86_400)) });
        }),
        changes(
            "pattern_multicast_registry/drops_bad_metadata",
            "Metadata that make no sense are left out",
            |request| {
                request.metadata.retain(|name, value| !name.is_empty() && makes_sense(value));
            },
        ),
        face(
            "pattern_multicast_registry/acknowledges_what_failed",
            "A registration that the slot has not taken is acknowledged",
            |endpoint| forward::multicast_registry(endpoint, Swallows("BACKEND_UNAVAILABLE")),
        ),
        face(
            "pattern_multicast_registry/acknowledges_what_is_too_large",
            "A registration with too many metadata is acknowledged and not made",
            |endpoint| forward::multicast_registry(endpoint, Swallows("VALUE_TOO_LARGE")),
        ),
        face(
            "pattern_multicast_registry/cuts_long_identities",
            "The end of an identity that is too long gets lost",
            |endpoint| forward::multicast_registry(endpoint, Swallows("NAME_TOO_LONG")),
        ),
        face(
            "pattern_multicast_registry/says_nothing_was_replaced",
            "A replacement does not say that it was one",
            |endpoint| forward::multicast_registry(endpoint, SaysNothing),
        ),
        face(
            "pattern_multicast_registry/replacing_merges",
            "The metadata of a replacement are added to the old ones",
            |endpoint| forward::multicast_registry(endpoint, Merges),
        ),
        face(
            "pattern_multicast_registry/expired_blocks_registration",
            "An identity that has expired cannot be registered again without `replace`",
            |endpoint| forward::multicast_registry(endpoint, Remembers::default()),
        ),
        face(
            "pattern_multicast_registry/replacing_keeps_the_ttl",
            "A replacement expires when what it replaces would have",
            |endpoint| forward::multicast_registry(endpoint, KeepsTtl),
        ),
        face(
            "pattern_multicast_registry/unregisters_by_prefix",
            "Unregister takes everything with it whose name begins so",
            |endpoint| forward::multicast_registry(endpoint, ByPrefix),
        ),
        face(
            "pattern_multicast_registry/unregister_always_finds",
            "Unregister says that everything was registered",
            |endpoint| forward::multicast_registry(endpoint, AlwaysFinds),
        ),
        face(
            "pattern_multicast_registry/unregister_says_done",
            "Unregister answers and does nothing",
            |endpoint| forward::multicast_registry(endpoint, OnlySays),
        ),
        parameter(
            "pattern_multicast_registry/ignores_the_default_ttl",
            "What is registered without a TTL stays",
            "default_ttl",
            None,
        ),
        parameter(
            "pattern_multicast_registry/ignores_the_number",
            "There can be any number of identities",
            "max_identities",
            None,
        ),
        parameter(
            "pattern_multicast_registry/one_too_few",
            "There can only be one identity",
            "max_identities",
            Some("1"),
        ),
        parameter(
            "pattern_multicast_registry/ignores_the_size",
            "Metadata can have any size",
            "max_metadata_bytes",
            None,
        ),
        parameter(
            "pattern_multicast_registry/a_byte_too_few",
            "Metadata of exactly the limit are refused",
            "max_metadata_bytes",
            Some("63"),
        ),
        parameter(
            "pattern_multicast_registry/ignores_the_types",
            "Fields can have any kind, whatever the parameter says",
            "field_types",
            None,
        ),
        parameter(
            "pattern_multicast_registry/types_without_integers",
            "A field for numbers takes no integers",
            "field_types",
            Some("zone=text count=integer load=text up=flag key=data tags=list"),
        ),
    ]
}

/// The longest TTL.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

fn ttl(request: &RegisterRequest) -> Option<Duration> {
    request.ttl.as_ref().and_then(time::to_std).filter(|ttl| !ttl.is_zero())
}

fn is_positive(request: &RegisterRequest) -> bool {
    ttl(request).is_some()
}

fn stretch(request: &mut RegisterRequest, by: impl Fn(Duration) -> Duration) {
    if let Some(ttl) = ttl(request) {
        request.ttl = Some(time::from_std(by(ttl)));
    }
}

fn makes_sense(value: &Value) -> bool {
    match &value.kind {
        None => false,
        Some(Kind::Number(number)) => !number.is_nan(),
        Some(Kind::List(list)) => {
            list.values.iter().all(|value| !matches!(value.kind, Some(Kind::List(_))) && makes_sense(value))
        }
        Some(_) => true,
    }
}

/// What is registered is not what was asked for.
fn changes(id: &'static str, sentence: &'static str, change: fn(&mut RegisterRequest)) -> PatternMutant {
    face(id, sentence, move |endpoint| forward::multicast_registry(endpoint, Changes(change)))
}

struct Changes(fn(&mut RegisterRequest));

#[tonic::async_trait]
impl RegistryTwist for Changes {
    async fn register(
        &self,
        next: &Endpoint,
        mut request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        (self.0)(request.get_mut());
        client(next).register(request).await
    }
}

/// Refusals with this reason are answered OK.
struct Swallows(&'static str);

#[tonic::async_trait]
impl RegistryTwist for Swallows {
    async fn register(
        &self,
        next: &Endpoint,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        match client(next).register(request).await {
            Err(status) if fault::reason(&status).as_deref() == Some(self.0) => {
                Ok(Response::new(RegisterResponse::default()))
            }
            other => other,
        }
    }
}

struct SaysNothing;

#[tonic::async_trait]
impl RegistryTwist for SaysNothing {
    async fn register(
        &self,
        next: &Endpoint,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let mut response = client(next).register(request).await?;
        response.get_mut().replaced = false;
        Ok(response)
    }
}

/// What is registered under a name now.
async fn registered<T>(
    next: &Endpoint,
    request: &Request<T>,
    name: &str,
) -> Result<Option<Identity>, Status> {
    let all = EnumerateRequest { limit: 1000, ..EnumerateRequest::default() };
    let listed = client(next).enumerate(like(request, all)).await?.into_inner().identities;
    Ok(listed.into_iter().find(|identity| identity.identity == name))
}

struct Merges;

#[tonic::async_trait]
impl RegistryTwist for Merges {
    async fn register(
        &self,
        next: &Endpoint,
        mut request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        if request.get_ref().replace
            && let Some(old) = registered(next, &request, &request.get_ref().identity).await?
        {
            for (name, value) in old.metadata {
                request.get_mut().metadata.entry(name).or_insert(value);
            }
        }
        client(next).register(request).await
    }
}

/// Every identity that was registered with a TTL and not unregistered.
#[derive(Default)]
struct Remembers(Mutex<HashSet<String>>);

#[tonic::async_trait]
impl RegistryTwist for Remembers {
    async fn register(
        &self,
        next: &Endpoint,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let RegisterRequest { identity, replace, ttl, .. } = request.get_ref().clone();
        let known = !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(identity.clone());
        if known && !replace && registered(next, &request, &identity).await?.is_none() {
            return Err(Status::already_exists("it has not been cleaned up"));
        }
        let response = client(next).register(request).await;
        if ttl.is_none() || response.is_err() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&identity);
        }
        response
    }
}

struct KeepsTtl;

#[tonic::async_trait]
impl RegistryTwist for KeepsTtl {
    async fn register(
        &self,
        next: &Endpoint,
        mut request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        if request.get_ref().replace
            && let Some(old) = registered(next, &request, &request.get_ref().identity).await?
            && let (Some(from), Some(to)) = (old.registered_at, old.expires_at)
        {
            // As if it had been registered now with what is left, which is about half of it in the cases.
            let half = Duration::from_secs((to.seconds - from.seconds) as u64) / 2;
            request.get_mut().ttl = Some(time::from_std(half.max(Duration::from_millis(1))));
        }
        client(next).register(request).await
    }
}

struct ByPrefix;

#[tonic::async_trait]
impl RegistryTwist for ByPrefix {
    async fn unregister(
        &self,
        next: &Endpoint,
        request: Request<UnregisterRequest>,
    ) -> Result<Response<UnregisterResponse>, Status> {
        let all = EnumerateRequest { limit: 1000, ..EnumerateRequest::default() };
        let listed = client(next).enumerate(like(&request, all)).await?.into_inner().identities;
        for Identity { identity, .. } in listed {
            if identity.starts_with(&request.get_ref().identity) && identity != request.get_ref().identity {
                client(next).unregister(like(&request, UnregisterRequest { identity })).await?;
            }
        }
        client(next).unregister(request).await
    }
}

struct AlwaysFinds;

#[tonic::async_trait]
impl RegistryTwist for AlwaysFinds {
    async fn unregister(
        &self,
        next: &Endpoint,
        request: Request<UnregisterRequest>,
    ) -> Result<Response<UnregisterResponse>, Status> {
        client(next).unregister(request).await?;
        Ok(Response::new(UnregisterResponse { existed: true }))
    }
}

struct OnlySays;

#[tonic::async_trait]
impl RegistryTwist for OnlySays {
    async fn unregister(
        &self,
        next: &Endpoint,
        request: Request<UnregisterRequest>,
    ) -> Result<Response<UnregisterResponse>, Status> {
        let existed = registered(next, &request, &request.get_ref().identity).await?.is_some();
        Ok(Response::new(UnregisterResponse { existed }))
    }
}
