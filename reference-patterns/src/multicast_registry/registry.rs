//! The identities in their slot.
//!
//! Each is a record of its own under the prefix, and says itself when it expires; where the backend can, it is told to
//! remove the record then. Nothing is kept in memory, so instances over the same slot are replicas.

use super::time::SlotTime;
use crate::{Slot, slots::within, steps};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint, Fault, Namespace,
    contract::v1::Reason,
    keyvalue::v1::{
        Absent, CompareAndDeleteRequest, CompareAndSwapRequest, CountRequest, DeleteRequest, ExpireRequest,
        GetRequest, ScanRequest, SetRequest, SetWithTtlRequest, compare_and_swap_request::Expected,
        key_value_basic_client::KeyValueBasicClient, key_value_cas_client::KeyValueCasClient,
        key_value_scan_client::KeyValueScanClient, key_value_ttl_client::KeyValueTtlClient,
    },
    pattern::multicast_registry::v1::Identity,
    time,
};
use prost::Message;
use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};
use tonic::{Code, Response, Status};

/// How many records are asked for at once.
const PAGE: u32 = 500;

/// The most expired records that one call removes.
const SWEEP: usize = 100;

/// The registry of all namespaces.
#[derive(Debug, Clone)]
pub(super) struct Registry {
    slot: Slot,
    prefix: Arc<str>,
    timeout: Duration,
    time: SlotTime,
    has_ttl: bool,
    has_cas: bool,
}

/// The registry of one namespace, at one moment.
pub(super) struct Records<'a> {
    registry: &'a Registry,
    endpoint: Endpoint,
    /// Since the Unix epoch.
    pub(super) now: Duration,
}

/// A record as it is stored.
pub(super) struct Stored {
    bytes: Bytes,
    identity: Identity,
}

macro_rules! client {
    ($client:ident, $records:expr) => {
        $client::new($records.endpoint.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
    };
}

impl Registry {
    pub(super) fn new(slot: Slot, prefix: &str, timeout: Duration) -> Self {
        let (has_ttl, has_cas) = (slot.has("keyvalue_ttl"), slot.has("keyvalue_cas"));
        Self { slot, prefix: prefix.into(), timeout, time: SlotTime::default(), has_ttl, has_cas }
    }

    /// The records of a namespace now.
    pub(super) async fn records(&self, namespace: &Namespace) -> Result<Records<'_>, Status> {
        let now = self.time.now(&self.slot, namespace, self.timeout).await?;
        Ok(Records { registry: self, endpoint: self.slot.at(namespace), now })
    }
}

impl Records<'_> {
    fn key(&self, identity: &str) -> String {
        format!("{}{identity}", self.registry.prefix)
    }

    async fn call<T>(&self, call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Status> {
        let answer = within(self.registry.timeout, call).await;
        answer.map(Response::into_inner).map_err(|status| self.registry.slot.failed(&status))
    }

    /// Whether a registration holds now.
    fn is_live(&self, identity: &Identity) -> bool {
        identity.expires_at.as_ref().is_none_or(|at| {
            let at = Duration::new(at.seconds.max(0) as u64, at.nanos.max(0) as u32);
            self.now < at
        })
    }

    /// Whether a registration holds, of a record that may be there.
    pub(super) fn is_registered(&self, stored: Option<&Stored>) -> bool {
        stored.is_some_and(|stored| self.is_live(&stored.identity))
    }

    fn decode(&self, key: &str, value: &[u8]) -> Result<Identity, Fault> {
        let name = key.strip_prefix(&*self.registry.prefix);
        match Identity::decode(value) {
            Ok(identity) if Some(identity.identity.as_str()) == name => Ok(identity),
            _ => {
                let message = format!(
                    "slot `{}`: what is stored under {key:?} is no identity; replace or unregister it",
                    self.registry.slot.name
                );
                Err(Fault::new(Code::DataLoss, Reason::BackendFailed, message))
            }
        }
    }

    /// The record of an identity. What is there and is none counts as one that is not registered.
    pub(super) async fn get(&self, identity: &str) -> Result<Option<Stored>, Status> {
        let key = self.key(identity);
        let found =
            self.call(client!(KeyValueBasicClient, self).get(GetRequest { key: key.clone() })).await?;
        if !found.found {
            return Ok(None);
        }
        let identity = self.decode(&key, &found.value).unwrap_or_else(|_| Identity {
            expires_at: Some(prost_types::Timestamp::default()),
            ..Identity::default()
        });
        Ok(Some(Stored { bytes: found.value, identity }))
    }

    /// Stores a record, whatever is there.
    pub(super) async fn put(&self, record: &Identity, ttl: Option<Duration>) -> Result<(), Status> {
        let (key, value) = (self.key(&record.identity), record.encode_to_vec().into());
        if let Some(ttl) = ttl.filter(|_| self.registry.has_ttl) {
            let request = SetWithTtlRequest { key, value, ttl: Some(time::from_std(ttl)) };
            self.call(client!(KeyValueTtlClient, self).set_with_ttl(request)).await?;
        } else {
            let request = SetRequest { key, value };
            self.call(client!(KeyValueBasicClient, self).set(request)).await?;
        }
        steps::reached("stored").await;
        Ok(())
    }

    /// Stores a record where none is, or this expired one; whether it has. Where the slot has no compare-and-swap, it
    /// is stored in any case.
    pub(super) async fn insert(
        &self,
        record: &Identity,
        ttl: Option<Duration>,
        expired: Option<Stored>,
    ) -> Result<bool, Status> {
        if !self.registry.has_cas {
            self.put(record, ttl).await?;
            return Ok(true);
        }
        let key = self.key(&record.identity);
        if let Some(expired) = expired {
            self.remove_exactly(key.clone(), expired.bytes).await?;
        }
        let request = CompareAndSwapRequest {
            key: key.clone(),
            expected: Some(Expected::Absent(Absent {})),
            value: record.encode_to_vec().into(),
        };
        let swapped = self.call(client!(KeyValueCasClient, self).compare_and_swap(request)).await?.swapped;
        if swapped {
            steps::reached("stored").await;
        }
        if let Some(ttl) = ttl.filter(|_| swapped && self.registry.has_ttl) {
            let request = ExpireRequest { key, ttl: Some(time::from_std(ttl)) };
            self.call(client!(KeyValueTtlClient, self).expire(request)).await?;
        }
        Ok(swapped)
    }

    /// Takes a record back that this call has inserted, unless it is another one by now; whether the slot can do so.
    pub(super) async fn take_back(&self, record: &Identity) -> Result<bool, Status> {
        if !self.registry.has_cas {
            return Ok(false);
        }
        let stored = self.get(&record.identity).await?;
        if let Some(stored) = stored.filter(|stored| stored.identity == *record) {
            self.remove_exactly(self.key(&record.identity), stored.bytes).await?;
        }
        Ok(true)
    }

    async fn remove_exactly(&self, key: String, expected_value: Bytes) -> Result<bool, Status> {
        let request = CompareAndDeleteRequest { key, expected_value };
        Ok(self.call(client!(KeyValueCasClient, self).compare_and_delete(request)).await?.deleted)
    }

    /// Removes the record of an identity; whether there was one.
    pub(super) async fn remove(&self, identity: &str) -> Result<bool, Status> {
        let request = DeleteRequest { key: self.key(identity) };
        Ok(self.call(client!(KeyValueBasicClient, self).delete(request)).await?.existed)
    }

    /// Whether more than `most` are registered.
    pub(super) async fn exceeds(&self, most: u64) -> Result<bool, Status> {
        let request = CountRequest { prefix: self.registry.prefix.to_string() };
        let count = self.call(client!(KeyValueScanClient, self).count(request)).await?.count;
        // Those that have expired may still be there, so only the records themselves can tell.
        Ok(count > most && self.live().await?.len() as u64 > most)
    }

    /// Every registered identity, in the order of their bytes.
    pub(super) async fn live(&self) -> Result<Vec<Identity>, Status> {
        let mut live = BTreeMap::new();
        let mut expired = Vec::new();
        let mut cursor = String::new();
        loop {
            let request = ScanRequest { prefix: self.registry.prefix.to_string(), limit: PAGE, cursor };
            let page = self.call(client!(KeyValueScanClient, self).scan(request)).await?;
            for entry in page.entries {
                let identity = self.decode(&entry.key, &entry.value)?;
                if self.is_live(&identity) {
                    live.insert(identity.identity.clone(), identity);
                } else if expired.len() < SWEEP {
                    expired.push(entry);
                }
            }
            cursor = page.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        if self.registry.has_cas {
            for entry in expired {
                // Somebody else removes it where this does not.
                let _ = self.remove_exactly(entry.key, entry.value).await;
            }
        }
        Ok(live.into_values().collect())
    }
}
