//! Calls that a mutant makes of its own, in the namespace of the call that it twists.

use crate::forward;
use bytes::Bytes;
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    keyvalue::v1::{
        DeleteRequest, ExpireRequest, GetRequest, GetTtlRequest, SetRequest,
        key_value_basic_client::KeyValueBasicClient, key_value_ttl_client::KeyValueTtlClient,
    },
    testing::v1::{NowRequest, clock_client::ClockClient},
    time,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tonic::{Request, Status, metadata::MetadataMap};

/// A way to the driver behind a mutant.
pub(crate) struct Aside<'a> {
    next: &'a Endpoint,
    metadata: MetadataMap,
}

impl<'a> Aside<'a> {
    /// In the namespace of this request.
    pub(crate) fn of<T>(next: &'a Endpoint, request: &Request<T>) -> Self {
        Self { next, metadata: request.metadata().clone() }
    }

    /// A request with the same headers.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        request
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, Status> {
        let request = self.request(GetRequest { key: key.to_owned() });
        let answer = KeyValueBasicClient::new(self.next.clone()).get(request).await?.into_inner();
        Ok(answer.found.then_some(answer.value))
    }

    pub(crate) async fn set(&self, key: &str, value: Bytes) -> Result<(), Status> {
        let request = self.request(SetRequest { key: key.to_owned(), value });
        KeyValueBasicClient::new(self.next.clone()).set(request).await.map(|_| ())
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<bool, Status> {
        let request = self.request(DeleteRequest { key: key.to_owned() });
        Ok(KeyValueBasicClient::new(self.next.clone()).delete(request).await?.into_inner().existed)
    }

    /// Sets or deletes.
    pub(crate) async fn write(&self, key: &str, value: Option<Bytes>) -> Result<(), Status> {
        match value {
            Some(value) => self.set(key, value).await,
            None => self.delete(key).await.map(|_| ()),
        }
    }

    /// How long the key has left; `None` where it is missing or stays.
    pub(crate) async fn remaining(&self, key: &str) -> Result<Option<Duration>, Status> {
        let request = self.request(GetTtlRequest { key: key.to_owned() });
        let answer = KeyValueTtlClient::new(self.next.clone()).get_ttl(request).await?.into_inner();
        Ok(answer.remaining.as_ref().and_then(time::to_std))
    }

    pub(crate) async fn expire(&self, key: &str, ttl: Duration) -> Result<(), Status> {
        let request = self.request(ExpireRequest { key: key.to_owned(), ttl: Some(time::from_std(ttl)) });
        KeyValueTtlClient::new(self.next.clone()).expire(request).await.map(|_| ())
    }

    /// The time by which the driver judges expiry: its virtual clock, or else that of this machine.
    pub(crate) async fn now(&self) -> Duration {
        match ClockClient::new(self.next.clone()).now(self.request(NowRequest {})).await {
            Ok(answer) => {
                let now = answer.into_inner().now.unwrap_or_default();
                Duration::new(now.seconds.unsigned_abs(), now.nanos.unsigned_abs())
            }
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }
}

/// What a mutant remembers of keys, each in its namespace. Copies share it.
#[derive(Clone)]
pub(crate) struct Notes<V>(Arc<Mutex<HashMap<(String, String), V>>>);

impl<V> Default for Notes<V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<V: Clone> Notes<V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put<T>(&self, request: &Request<T>, key: &str, note: V) {
        self.lock().insert((namespace(request), key.to_owned()), note);
    }

    pub(crate) fn get<T>(&self, request: &Request<T>, key: &str) -> Option<V> {
        self.lock().get(&(namespace(request), key.to_owned())).cloned()
    }

    pub(crate) fn take<T>(&self, request: &Request<T>, key: &str) -> Option<V> {
        self.lock().remove(&(namespace(request), key.to_owned()))
    }

    /// The keys of the request's namespace of which something is noted.
    pub(crate) fn keys<T>(&self, request: &Request<T>) -> Vec<String> {
        let namespace = namespace(request);
        self.lock().keys().filter(|(space, _)| *space == namespace).map(|(_, key)| key.clone()).collect()
    }
}

/// The namespace that a request goes to.
pub(crate) fn namespace<T>(request: &Request<T>) -> String {
    request
        .metadata()
        .get(NAMESPACE_HEADER)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

/// Twists nothing: how a mutant hands on the calls that it overrides.
pub(crate) struct Plain;

impl forward::BasicTwist for Plain {}
impl forward::ScanTwist for Plain {}
impl forward::TtlTwist for Plain {}
impl forward::TransactionalTwist for Plain {}
impl forward::BatchTwist for Plain {}
impl forward::CasTwist for Plain {}
