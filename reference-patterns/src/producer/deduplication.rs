//! Which messages were published: a record in the store for each id.
//!
//! A record is a claim while its message is being published, and says so until its TTL ends once the message is. Where
//! the store can compare and swap, whoever writes the claim is the only one to publish. A claim holds the time until
//! which it counts, so that one whose publisher is gone is taken over; it is kept in the record, because a claim and its
//! TTL are written in two steps and the publisher may be gone between them.

use super::lanes::{Lanes, Place};
use crate::{Slot, retry::Retry, slots::within, steps};
use bytes::Bytes;
use prism_interfaces::{
    Namespace,
    keyvalue::v1::{
        Absent, CompareAndDeleteRequest, CompareAndSwapRequest, ExpireRequest, GetRequest, SetWithTtlRequest,
        compare_and_swap_request, key_value_basic_client::KeyValueBasicClient,
        key_value_cas_client::KeyValueCasClient, key_value_ttl_client::KeyValueTtlClient,
    },
    time,
};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    future::Future,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::{Instant, sleep};
use tonic::{Response, Status};
use uuid::Uuid;

/// The pauses between two looks at a claim of somebody else.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// What a record holds once its message is published.
const PUBLISHED: &[u8] = b"published";

/// Deduplication over a store.
#[derive(Debug, Clone)]
pub(super) struct Deduplication {
    store: Slot,
    /// Whether a message without an id is identified by its content.
    by_content: bool,
    window: Duration,
    claim_timeout: Duration,
    /// How records are written; an attempt may take as long as any call to the store.
    retry: Retry,
    /// Where the store cannot compare and swap: who is at an id in this instance.
    lanes: Lanes<(Namespace, String)>,
}

/// The right to publish a message: nobody else does while this is kept. Where it is dropped, the next
/// one who comes may publish it.
pub(super) struct Claim {
    deduplication: Deduplication,
    namespace: Namespace,
    key: String,
    /// What was written; `None` where the store cannot compare and swap, or nothing is left to be given back.
    written: Option<Bytes>,
    /// When it ends.
    pub(super) until: Instant,
    /// Whoever comes with the same message waits until this is dropped.
    place: Option<Place<(Namespace, String)>>,
}

/// Where the record of an identity is. Its parts are told apart by their lengths, so that no two identities share one.
fn key(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().fold(String::from("prism.producer/"), |mut key, byte| {
        let _ = write!(key, "{byte:02x}");
        key
    })
}

fn millis_since_epoch() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

/// A claim as it is written: nobody else writes the same.
fn claim_until(millis: u128) -> Bytes {
    Bytes::from(format!("claim {millis} {}", Uuid::new_v4()))
}

/// Until when a record claims; `None` where it is no claim.
fn claimed_until(record: &[u8]) -> Option<u128> {
    std::str::from_utf8(record).ok()?.strip_prefix("claim ")?.split(' ').next()?.parse().ok()
}

impl Deduplication {
    pub(super) fn new(
        store: Slot,
        by_content: bool,
        window: Duration,
        claim_timeout: Duration,
        retry: Retry,
    ) -> Self {
        Self { store, by_content, window, claim_timeout, retry, lanes: Lanes::default() }
    }

    async fn call<T>(&self, call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Status> {
        let answer = within(self.retry.attempt_timeout, call).await;
        answer.map(Response::into_inner).map_err(|status| self.store.failed_before(&status))
    }

    /// The key of the record about a message; `None` where it has no identity.
    pub(super) fn key(&self, id: &str, topic: &str, payload: &[u8]) -> Option<String> {
        match id {
            "" if self.by_content => Some(key(&[b"content", topic.as_bytes(), payload])),
            "" => None,
            id => Some(key(&[b"id", id.as_bytes()])),
        }
    }

    /// Claims the message of this record, waiting for others that have; `None` where it was published before.
    pub(super) async fn claim(&self, namespace: &Namespace, key: String) -> Result<Option<Claim>, Status> {
        if !self.store.has("keyvalue_cas") {
            return self.claim_here(namespace, key).await;
        }
        let mut pause = LOOK_AGAIN.0;
        let mut found = None;
        loop {
            let until = Instant::now() + self.claim_timeout;
            let claim = claim_until(millis_since_epoch() + self.claim_timeout.as_millis());
            let swapped = self.swap(namespace, &key, found, claim.clone()).await;
            // Where this fails the claim may be there all the same, so it is given back, as all are that are dropped.
            let mut claim = self.claimed(namespace, key.clone(), Some(claim), until);
            if swapped? {
                steps::reached("claimed").await;
                self.expire(namespace, &key).await?;
                return Ok(Some(claim));
            }
            claim.written = None;
            found = self.record(namespace, &key).await?;
            match found.as_deref().map(claimed_until) {
                Some(None) => return Ok(None),
                // Its publisher is gone; what it wrote is what the next swap expects.
                Some(Some(millis)) if millis <= millis_since_epoch() => {}
                // It is somebody's, or has gone since: its message has failed, or its time is over.
                Some(Some(_)) | None => found = None,
            }
            // On every turn: a store that answers at once would keep others from theirs, deadlines included.
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN.1);
        }
    }

    /// The same within this instance, where the store cannot compare and swap.
    async fn claim_here(&self, namespace: &Namespace, key: String) -> Result<Option<Claim>, Status> {
        let place = self.lanes.place((namespace.clone(), key.clone()));
        place.turn().await;
        if self.record(namespace, &key).await?.is_some() {
            return Ok(None);
        }
        let until = Instant::now() + self.claim_timeout;
        let mut claim = self.claimed(namespace, key, None, until);
        claim.place = Some(place);
        Ok(Some(claim))
    }

    fn claimed(&self, namespace: &Namespace, key: String, written: Option<Bytes>, until: Instant) -> Claim {
        Claim { deduplication: self.clone(), namespace: namespace.clone(), key, written, until, place: None }
    }

    async fn record(&self, namespace: &Namespace, key: &str) -> Result<Option<Bytes>, Status> {
        let mut client = KeyValueBasicClient::new(self.store.at(namespace));
        let got = self.call(client.get(GetRequest { key: key.to_owned() })).await?;
        Ok(got.found.then_some(got.value))
    }

    async fn swap(
        &self,
        namespace: &Namespace,
        key: &str,
        expected: Option<Bytes>,
        value: Bytes,
    ) -> Result<bool, Status> {
        let expected = match expected {
            Some(value) => compare_and_swap_request::Expected::ExpectedValue(value),
            None => compare_and_swap_request::Expected::Absent(Absent {}),
        };
        let request = CompareAndSwapRequest { key: key.to_owned(), expected: Some(expected), value };
        let mut client = KeyValueCasClient::new(self.store.at(namespace));
        Ok(self.call(client.compare_and_swap(request)).await?.swapped)
    }

    /// Gives a claim a TTL, so that it does not stay for ever where nobody comes back to it.
    async fn expire(&self, namespace: &Namespace, key: &str) -> Result<(), Status> {
        let ttl = Some(time::from_std(self.claim_timeout.max(self.window)));
        let mut client = KeyValueTtlClient::new(self.store.at(namespace));
        self.call(client.expire(ExpireRequest { key: key.to_owned(), ttl })).await.map(drop)
    }

    async fn give_back(&self, namespace: Namespace, key: String, expected_value: Bytes) {
        let mut client = KeyValueCasClient::new(self.store.at(&namespace));
        let request = CompareAndDeleteRequest { key, expected_value };
        if let Err(status) = self.call(client.compare_and_delete(request)).await {
            tracing::warn!(%namespace, %status, "a claim could not be given back; it ends by itself");
        }
    }

    /// Writes that a message is published.
    async fn record_published(&self, namespace: &Namespace, key: &str) -> Result<(), Status> {
        let request = SetWithTtlRequest {
            key: key.to_owned(),
            value: Bytes::from_static(PUBLISHED),
            ttl: Some(time::from_std(self.window)),
        };
        let mut client = KeyValueTtlClient::new(self.store.at(namespace));
        client.set_with_ttl(request).await.map(drop)
    }
}

impl Claim {
    /// The message is published: whoever comes within the window has a duplicate. Whether that is written down when this
    /// returns; where the store takes longer, that goes on without the caller, who need not wait for it.
    pub(super) async fn published(mut self) -> bool {
        // From here on it is not given back.
        self.written = None;
        let patience = self.deduplication.retry.attempt_timeout;
        let recording = tokio::spawn(async move {
            let Self { deduplication, namespace, key, .. } = &self;
            let record = |_| deduplication.record_published(namespace, key);
            let recorded = deduplication.retry.run(None, record).await.result;
            if let Err(status) = &recorded {
                tracing::error!(%namespace, %status, "a published message is not recorded; the next one with its id is published too");
            }
            recorded.is_ok()
        });
        matches!(tokio::time::timeout(patience, recording).await, Ok(Ok(true)))
    }

    /// The message is not published: the next one who comes may.
    pub(super) async fn give_back(mut self) {
        if let Some(written) = self.written.take() {
            let Self { deduplication, namespace, key, .. } = &self;
            deduplication.give_back(namespace.clone(), key.clone(), written).await;
        }
    }
}

impl Drop for Claim {
    /// The caller has gone.
    fn drop(&mut self) {
        if let Some(written) = self.written.take() {
            let (deduplication, namespace, key) =
                (self.deduplication.clone(), self.namespace.clone(), self.key.clone());
            tokio::spawn(async move { deduplication.give_back(namespace, key, written).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_contents_share_a_record() {
        let of = |topic: &str, payload: &str| key(&[b"content", topic.as_bytes(), payload.as_bytes()]);
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_ne!(of("", "abc"), of("abc", ""));
        assert_ne!(of("a", "b"), key(&[b"id", b"a"]));
        assert_eq!(of("a", "b"), of("a", "b"));
        assert!(of("a", "b").len() <= 256);
    }

    #[test]
    fn a_claim_is_told_from_what_is_published() {
        assert_eq!(claimed_until(&claim_until(12)), Some(12));
        assert_eq!(claimed_until(PUBLISHED), None);
        assert_eq!(claimed_until(b"claim x y"), None);
        assert_ne!(claim_until(12), claim_until(12));
    }
}
