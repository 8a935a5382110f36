//! Mutants of keyvalue_basic.

mod absence;
mod apart;
mod changed;
mod limits;
mod lost;
mod races;

use crate::Mutant;
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER, keyvalue::v1::key_value_basic_client::KeyValueBasicClient,
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tonic::Request;

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    let parts = [
        changed::mutants(),
        absence::mutants(),
        limits::mutants(),
        lost::mutants(),
        apart::mutants(),
        races::mutants(),
    ];
    parts.into_iter().flatten().collect()
}

/// A client that takes answers of any size.
pub(crate) fn client(next: &Endpoint) -> KeyValueBasicClient<Endpoint> {
    KeyValueBasicClient::new(next.clone()).max_decoding_message_size(usize::MAX)
}

/// The namespace of a call; empty where it has none.
pub(crate) fn namespace_of<T>(request: &Request<T>) -> String {
    let header = request.metadata().get(NAMESPACE_HEADER);
    header.and_then(|header| header.to_str().ok()).unwrap_or_default().to_owned()
}

/// A lock that does not care who panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
