//! What is kept in the slot `state`: what is in hand, the counts, and the names of what was handled.

use super::STATE;
use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        DeleteRequest, GetRequest, ScanRequest, SetRequest, SetWithTtlRequest,
        key_value_basic_client::KeyValueBasicClient, key_value_scan_client::KeyValueScanClient,
        key_value_ttl_client::KeyValueTtlClient,
    },
    pattern::consumer::v1::{Counts, Received},
    pubsub::v1::Message,
    time,
};
use prost::Message as _;
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tonic::{Request, Status};

use crate::slots::within;

/// How many records are read at once.
const PAGE: u32 = 500;

/// The state of one consumer.
pub(super) struct State {
    endpoint: Endpoint,
    scope: String,
    timeout: Duration,
    /// The number of the next record. Records are handed over in the order of their numbers.
    next: AtomicU64,
}

/// A message in hand of an earlier life.
pub(super) struct Left {
    pub(super) record: String,
    pub(super) message: Message,
}

macro_rules! call {
    ($state:expr, $client:ident.$method:ident($request:expr)) => {{
        let mut request = Request::new($request);
        request.set_timeout($state.timeout);
        let mut client = $client::new($state.endpoint.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        within($state.timeout, client.$method(request)).await.map(tonic::Response::into_inner)
    }};
}

impl State {
    /// Of the consumer with this name and topic.
    pub(super) fn new(endpoint: Endpoint, name: &str, topic: &str, timeout: Duration) -> Self {
        // With their lengths, so that no two consumers have one scope.
        let scope = format!("{STATE}/{}:{name}/{}:{topic}", name.len(), topic.len());
        // Above what an earlier life has used, as far as clocks go; what it has left decides otherwise.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { endpoint, scope, timeout, next: AtomicU64::new(now.as_micros() as u64) }
    }

    fn in_hand(&self) -> String {
        format!("{}/in-hand/", self.scope)
    }

    /// The key of the next record.
    pub(super) fn record(&self) -> String {
        format!("{}{:016x}", self.in_hand(), self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes a message down.
    pub(super) async fn put(&self, record: &str, message: &Message) -> Result<(), Status> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let received = Received { message: Some(message.clone()), at: Some(time::timestamp(now)) };
        self.set(record.to_owned(), received.encode_to_vec().into()).await
    }

    /// Removes a record.
    pub(super) async fn remove(&self, record: &str) -> Result<(), Status> {
        call!(self, KeyValueBasicClient.delete(DeleteRequest { key: record.to_owned() })).map(drop)
    }

    /// What an earlier life has left, in the order in which it came.
    pub(super) async fn left(&self) -> Result<Vec<Left>, Status> {
        let mut left = Vec::new();
        let mut cursor = String::new();
        loop {
            let request = ScanRequest { prefix: self.in_hand(), limit: PAGE, cursor };
            let answer = call!(self, KeyValueScanClient.scan(request))?;
            for entry in answer.entries {
                if let Ok(Received { message: Some(message), .. }) = Received::decode(entry.value) {
                    left.push(Left { record: entry.key, message });
                } else {
                    // It is nobody's message, and removing what somebody else has put there is not for us to decide.
                    tracing::error!(key = entry.key, "a record that is no message was left alone");
                }
            }
            cursor = answer.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        left.sort_by(|one, other| one.record.cmp(&other.record));
        if let Some(last) = left.last().and_then(|last| last.record.rsplit('/').next()) {
            let last = u64::from_str_radix(last, 16).unwrap_or_default();
            self.next.fetch_max(last.saturating_add(1), Ordering::Relaxed);
        }
        Ok(left)
    }

    /// The counts as they were kept last.
    pub(super) async fn counts(&self) -> Result<Counts, Status> {
        let answer = call!(self, KeyValueBasicClient.get(GetRequest { key: self.checkpoint() }))?;
        Ok(Counts::decode(answer.value).unwrap_or_else(|error| {
            tracing::error!(%error, "the counts cannot be read and begin anew");
            Counts::default()
        }))
    }

    /// Keeps the counts.
    pub(super) async fn keep(&self, counts: &Counts) -> Result<(), Status> {
        self.set(self.checkpoint(), counts.encode_to_vec().into()).await
    }

    /// Remembers the name of a message that was handled.
    pub(super) async fn remember(&self, name: &str, window: Duration) -> Result<(), Status> {
        let request = SetWithTtlRequest {
            key: self.handled(name),
            value: Bytes::new(),
            ttl: Some(time::from_std(window)),
        };
        call!(self, KeyValueTtlClient.set_with_ttl(request)).map(drop)
    }

    /// Whether a message with this name was handled.
    pub(super) async fn remembers(&self, name: &str) -> Result<bool, Status> {
        Ok(call!(self, KeyValueBasicClient.get(GetRequest { key: self.handled(name) }))?.found)
    }

    fn checkpoint(&self) -> String {
        format!("{}/counts", self.scope)
    }

    /// Names can be longer than keys.
    fn handled(&self, name: &str) -> String {
        let mut key = format!("{}/handled/", self.scope);
        for byte in Sha256::digest(name) {
            let _ = write!(key, "{byte:02x}");
        }
        key
    }

    async fn set(&self, key: String, value: Bytes) -> Result<(), Status> {
        call!(self, KeyValueBasicClient.set(SetRequest { key, value })).map(drop)
    }
}
