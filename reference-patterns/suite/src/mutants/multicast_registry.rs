//! Mutants of the multicast registry.

mod filtering;
mod listing;
mod multicasting;
mod records;
mod registering;

use crate::{PatternMutant, twist::hiding};
use http::HeaderValue;
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    pattern::multicast_registry::v1::multicast_registry_client::MulticastRegistryClient,
};
use prism_mutants::splice::every_request;
use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

const PATTERN: &str = "multicast-registry";

pub(super) fn mutants() -> Vec<PatternMutant> {
    [
        state(),
        registering::mutants(),
        listing::mutants(),
        filtering::mutants(),
        multicasting::mutants(),
        records::mutants(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn face(
    id: &'static str,
    sentence: &'static str,
    twist: impl Fn(Endpoint) -> Endpoint + Send + Sync + 'static,
) -> PatternMutant {
    PatternMutant::face(id, PATTERN, sentence, twist)
}

fn parameters(
    id: &'static str,
    sentence: &'static str,
    twist: impl Fn(&mut HashMap<String, String>) + Clone + Send + Sync + 'static,
) -> PatternMutant {
    PatternMutant::parameters(id, PATTERN, sentence, twist)
}

/// A parameter is not what it was given, but this, or its default.
fn parameter(
    id: &'static str,
    sentence: &'static str,
    name: &'static str,
    value: Option<&'static str>,
) -> PatternMutant {
    parameters(id, sentence, move |parameters| {
        if parameters.remove(name).is_some()
            && let Some(value) = value
        {
            parameters.insert(name.to_owned(), value.to_owned());
        }
    })
}

fn client(next: &Endpoint) -> MulticastRegistryClient<Endpoint> {
    MulticastRegistryClient::new(next.clone())
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX)
}

/// Numbers the instances of mutants that keep to themselves.
static INSTANCES: AtomicU64 = AtomicU64::new(0);

/// A slot whose contents only this instance sees.
fn private(endpoint: Endpoint) -> Endpoint {
    let number = INSTANCES.fetch_add(1, Ordering::Relaxed);
    every_request(endpoint, move |request| {
        let headers = request.headers_mut();
        let Some(namespace) = headers.get(NAMESPACE_HEADER).and_then(|value| value.to_str().ok()) else {
            return;
        };
        if let Ok(other) = HeaderValue::from_str(&format!("{namespace:.48}-own{number}")) {
            headers.insert(NAMESPACE_HEADER, other);
        }
    })
}

/// A slot in which all namespaces are one. Cases have their own namespaces, and what they call `elsewhere` begins like it.
fn mixed(endpoint: Endpoint) -> Endpoint {
    every_request(endpoint, |request| {
        let headers = request.headers_mut();
        let Some(namespace) = headers.get(NAMESPACE_HEADER).and_then(|value| value.to_str().ok()) else {
            return;
        };
        // A further namespace of a case is the first one with a number behind it.
        let first = match namespace.rsplit_once('-') {
            Some((first, number)) if first.matches('-').count() >= 2 && number.parse::<u64>().is_ok() => {
                first
            }
            _ => namespace,
        };
        if let Ok(other) = HeaderValue::from_str(first) {
            headers.insert(NAMESPACE_HEADER, other);
        }
    })
}

fn state() -> Vec<PatternMutant> {
    let registry = |id, sentence, twist: fn(Endpoint) -> Endpoint| {
        PatternMutant::slot(id, PATTERN, sentence, "registry", twist)
    };
    vec![
        registry(
            "pattern_multicast_registry/keeps_identities_to_itself",
            "Replicas do not share what they know, and a restart forgets it",
            private,
        ),
        registry(
            "pattern_multicast_registry/registers_in_two_steps",
            "Whether an identity is there is asked first, and it is written later, whoever comes in between",
            |slot| hiding(slot, &["keyvalue_cas"]),
        ),
        registry(
            "pattern_multicast_registry/mixes_namespaces",
            "What is registered in one namespace is seen in another",
            mixed,
        ),
        parameter(
            "pattern_multicast_registry/forgets_the_prefix",
            "Identities are stored under the prefix of the default",
            "key_prefix",
            None,
        ),
        PatternMutant::parameters(
            "pattern_multicast_registry/sees_the_whole_slot",
            PATTERN,
            "There is no prefix, and what others have stored is taken for identities",
            |parameters| {
                parameters.insert("key_prefix".to_owned(), String::new());
            },
        ),
    ]
}
