//! The server behind the driver. Replace this file by what speaks with yours; the rest of the driver may stay.
//!
//! Here it is a map in memory, which cannot fail. Where a server can, this is the one place to turn its errors into
//! statuses: `Fault::unavailable(Reason::BackendUnavailable, …)`, with `unknown_outcome()` for a write that may have
//! been applied all the same.

use prism_interfaces::Namespace;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tonic::Status;

type Keys = HashMap<String, Vec<u8>>;

/// An open store; clones share what it holds.
#[derive(Debug, Clone, Default)]
pub struct Store(Arc<Mutex<HashMap<Namespace, Keys>>>);

impl Store {
    fn namespaces(&self) -> MutexGuard<'_, HashMap<Namespace, Keys>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores a value under a key, in place of what was there.
    pub async fn set(
        &self,
        namespace: &Namespace,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Status> {
        self.namespaces()
            .entry(namespace.clone())
            .or_default()
            .insert(key, value);
        Ok(())
    }

    /// What is stored under a key.
    pub async fn get(&self, namespace: &Namespace, key: &str) -> Result<Option<Vec<u8>>, Status> {
        Ok(self
            .namespaces()
            .get(namespace)
            .and_then(|keys| keys.get(key).cloned()))
    }

    /// Removes a key, and says whether it was there.
    pub async fn delete(&self, namespace: &Namespace, key: &str) -> Result<bool, Status> {
        let existed = self
            .namespaces()
            .get_mut(namespace)
            .and_then(|keys| keys.remove(key))
            .is_some();
        Ok(existed)
    }

    /// Whether a key is there.
    pub async fn exists(&self, namespace: &Namespace, key: &str) -> Result<bool, Status> {
        Ok(self
            .namespaces()
            .get(namespace)
            .is_some_and(|keys| keys.contains_key(key)))
    }

    /// Removes everything that a namespace holds.
    pub async fn drop(&self, namespace: &Namespace) -> Result<(), Status> {
        self.namespaces().remove(namespace);
        Ok(())
    }
}
