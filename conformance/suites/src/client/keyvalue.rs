//! The key-value clients.

use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        Absent, BatchDeleteRequest, BatchGetRequest, BatchSetRequest, BeginRequest, CommitRequest,
        CompareAndDeleteRequest, CompareAndSwapRequest, CountRequest, DeleteRequest, ExistsRequest,
        ExpireRequest, GetRequest, GetTtlRequest, IncrementRequest, KeyValueEntry, PersistRequest,
        RollbackRequest, ScanKeysRequest, ScanKeysResponse, ScanRequest, ScanResponse, SetRequest,
        SetWithTtlRequest, TransactionDeleteRequest, TransactionGetRequest, TransactionSetRequest, TtlState,
        compare_and_swap_request::Expected as WireExpected, key_value_basic_client::KeyValueBasicClient,
        key_value_batch_client::KeyValueBatchClient, key_value_cas_client::KeyValueCasClient,
        key_value_scan_client::KeyValueScanClient,
        key_value_transactional_client::KeyValueTransactionalClient, key_value_ttl_client::KeyValueTtlClient,
    },
    time,
};
use std::time::Duration;
use tonic::Status;

/// All six key-value interfaces of one endpoint.
#[derive(Debug, Clone)]
pub struct KeyValue {
    endpoint: Endpoint,
}

/// What CompareAndSwap expects to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// No key.
    Absent,
    /// These bytes.
    Value(Bytes),
}

/// What GetTtl answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// There is no such key.
    Missing,
    /// The key does not expire.
    Persistent,
    /// The key expires after this long.
    Expiring(Duration),
    /// An answer that the contract does not know: the state, and whether `remaining` was there.
    Malformed(i32, bool),
}

macro_rules! client {
    ($self:ident, $client:ident) => {
        $client::new($self.endpoint.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
    };
}

impl KeyValue {
    /// Clients of this endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    /// `KeyValueBasic.Set`.
    pub async fn set(&self, key: &str, value: impl Into<Bytes>) -> Result<(), Status> {
        let request = SetRequest { key: key.into(), value: value.into() };
        client!(self, KeyValueBasicClient).set(request).await.map(|_| ())
    }

    /// `KeyValueBasic.Get`; `None` for `found = false`. An answer that is not found and yet has a value is an error.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, Status> {
        let answer =
            client!(self, KeyValueBasicClient).get(GetRequest { key: key.into() }).await?.into_inner();
        found(answer.found, answer.value)
    }

    /// `KeyValueBasic.Delete`; whether the key existed.
    pub async fn delete(&self, key: &str) -> Result<bool, Status> {
        let answer = client!(self, KeyValueBasicClient).delete(DeleteRequest { key: key.into() }).await?;
        Ok(answer.into_inner().existed)
    }

    /// `KeyValueBasic.Exists`.
    pub async fn exists(&self, key: &str) -> Result<bool, Status> {
        let answer = client!(self, KeyValueBasicClient).exists(ExistsRequest { key: key.into() }).await?;
        Ok(answer.into_inner().exists)
    }

    /// `KeyValueScan.Scan`: one page.
    pub async fn scan(&self, prefix: &str, limit: u32, cursor: &str) -> Result<ScanResponse, Status> {
        let request = ScanRequest { prefix: prefix.into(), limit, cursor: cursor.into() };
        Ok(client!(self, KeyValueScanClient).scan(request).await?.into_inner())
    }

    /// `KeyValueScan.ScanKeys`: one page.
    pub async fn scan_keys(
        &self,
        prefix: &str,
        limit: u32,
        cursor: &str,
    ) -> Result<ScanKeysResponse, Status> {
        let request = ScanKeysRequest { prefix: prefix.into(), limit, cursor: cursor.into() };
        Ok(client!(self, KeyValueScanClient).scan_keys(request).await?.into_inner())
    }

    /// Every page of `Scan`, until `next_cursor` is empty or `most_pages` were read, as pages.
    pub async fn scan_pages(
        &self,
        prefix: &str,
        limit: u32,
        most_pages: usize,
    ) -> Result<Vec<Vec<KeyValueEntry>>, Status> {
        let mut pages = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.scan(prefix, limit, &cursor).await?;
            pages.push(page.entries);
            cursor = page.next_cursor;
            if cursor.is_empty() || pages.len() >= most_pages {
                return Ok(pages);
            }
        }
    }

    /// Every page of `ScanKeys`, until `next_cursor` is empty or `most_pages` were read, as one list.
    pub async fn all_keys(&self, prefix: &str, limit: u32, most_pages: usize) -> Result<Vec<String>, Status> {
        let mut keys = Vec::new();
        let mut cursor = String::new();
        for _ in 0..most_pages {
            let page = self.scan_keys(prefix, limit, &cursor).await?;
            keys.extend(page.keys);
            cursor = page.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        Ok(keys)
    }

    /// `KeyValueScan.Count`.
    pub async fn count(&self, prefix: &str) -> Result<u64, Status> {
        let request = CountRequest { prefix: prefix.into() };
        Ok(client!(self, KeyValueScanClient).count(request).await?.into_inner().count)
    }

    /// `KeyValueTtl.SetWithTtl`.
    pub async fn set_with_ttl(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        ttl: Duration,
    ) -> Result<(), Status> {
        self.set_with_raw_ttl(key, value, Some(time::from_std(ttl))).await
    }

    /// `KeyValueTtl.SetWithTtl` with any TTL, allowed or not.
    pub async fn set_with_raw_ttl(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        ttl: Option<prost_types::Duration>,
    ) -> Result<(), Status> {
        let request = SetWithTtlRequest { key: key.into(), value: value.into(), ttl };
        client!(self, KeyValueTtlClient).set_with_ttl(request).await.map(|_| ())
    }

    /// `KeyValueTtl.Expire`; whether the key existed.
    pub async fn expire(&self, key: &str, ttl: Duration) -> Result<bool, Status> {
        self.expire_raw(key, Some(time::from_std(ttl))).await
    }

    /// `KeyValueTtl.Expire` with any TTL, allowed or not.
    pub async fn expire_raw(&self, key: &str, ttl: Option<prost_types::Duration>) -> Result<bool, Status> {
        let request = ExpireRequest { key: key.into(), ttl };
        Ok(client!(self, KeyValueTtlClient).expire(request).await?.into_inner().existed)
    }

    /// `KeyValueTtl.GetTtl`.
    pub async fn get_ttl(&self, key: &str) -> Result<Ttl, Status> {
        let answer =
            client!(self, KeyValueTtlClient).get_ttl(GetTtlRequest { key: key.into() }).await?.into_inner();
        let remaining = answer.remaining.as_ref().map(time::to_std);
        Ok(match (TtlState::try_from(answer.state), remaining) {
            (Ok(TtlState::Missing), None) => Ttl::Missing,
            (Ok(TtlState::Persistent), None) => Ttl::Persistent,
            (Ok(TtlState::Expiring), Some(Some(remaining))) => Ttl::Expiring(remaining),
            (_, remaining) => Ttl::Malformed(answer.state, remaining.is_some()),
        })
    }

    /// `KeyValueTtl.Persist`; whether there was a TTL to remove.
    pub async fn persist(&self, key: &str) -> Result<bool, Status> {
        let answer = client!(self, KeyValueTtlClient).persist(PersistRequest { key: key.into() }).await?;
        Ok(answer.into_inner().removed)
    }

    /// `KeyValueBatch.BatchSet`.
    pub async fn batch_set(&self, entries: Vec<(String, Bytes)>) -> Result<(), Status> {
        let entries = entries.into_iter().map(|(key, value)| KeyValueEntry { key, value }).collect();
        client!(self, KeyValueBatchClient).batch_set(BatchSetRequest { entries }).await.map(|_| ())
    }

    /// `KeyValueBatch.BatchGet`; position by position, `None` for what was not found.
    pub async fn batch_get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, Status> {
        let request = BatchGetRequest { keys: keys.to_vec() };
        let answer = client!(self, KeyValueBatchClient).batch_get(request).await?.into_inner();
        answer.results.into_iter().map(|result| found(result.found, result.value)).collect()
    }

    /// `KeyValueBatch.BatchDelete`; position by position, whether the key existed.
    pub async fn batch_delete(&self, keys: &[String]) -> Result<Vec<bool>, Status> {
        let request = BatchDeleteRequest { keys: keys.to_vec() };
        Ok(client!(self, KeyValueBatchClient).batch_delete(request).await?.into_inner().existed)
    }

    /// `KeyValueCas.CompareAndSwap`; whether it swapped. `None` expects nothing, which is not allowed.
    pub async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<Expected>,
        value: impl Into<Bytes>,
    ) -> Result<bool, Status> {
        let expected = expected.map(|expected| match expected {
            Expected::Absent => WireExpected::Absent(Absent {}),
            Expected::Value(value) => WireExpected::ExpectedValue(value),
        });
        let request = CompareAndSwapRequest { key: key.into(), expected, value: value.into() };
        Ok(client!(self, KeyValueCasClient).compare_and_swap(request).await?.into_inner().swapped)
    }

    /// `KeyValueCas.CompareAndDelete`; whether it deleted.
    pub async fn compare_and_delete(&self, key: &str, expected: impl Into<Bytes>) -> Result<bool, Status> {
        let request = CompareAndDeleteRequest { key: key.into(), expected_value: expected.into() };
        Ok(client!(self, KeyValueCasClient).compare_and_delete(request).await?.into_inner().deleted)
    }

    /// `KeyValueCas.Increment`; the sum.
    pub async fn increment(&self, key: &str, delta: i64) -> Result<i64, Status> {
        let request = IncrementRequest { key: key.into(), delta };
        Ok(client!(self, KeyValueCasClient).increment(request).await?.into_inner().value)
    }

    /// `KeyValueTransactional.Begin`; the id.
    pub async fn begin(&self) -> Result<String, Status> {
        let answer = client!(self, KeyValueTransactionalClient).begin(BeginRequest {}).await?;
        Ok(answer.into_inner().transaction_id)
    }

    /// `KeyValueTransactional.TransactionSet`.
    pub async fn transaction_set(&self, id: &str, key: &str, value: impl Into<Bytes>) -> Result<(), Status> {
        let request =
            TransactionSetRequest { transaction_id: id.into(), key: key.into(), value: value.into() };
        client!(self, KeyValueTransactionalClient).transaction_set(request).await.map(|_| ())
    }

    /// `KeyValueTransactional.TransactionGet`; `None` for what was not found.
    pub async fn transaction_get(&self, id: &str, key: &str) -> Result<Option<Bytes>, Status> {
        let request = TransactionGetRequest { transaction_id: id.into(), key: key.into() };
        let answer = client!(self, KeyValueTransactionalClient).transaction_get(request).await?.into_inner();
        found(answer.found, answer.value)
    }

    /// `KeyValueTransactional.TransactionDelete`; whether the transaction saw the key.
    pub async fn transaction_delete(&self, id: &str, key: &str) -> Result<bool, Status> {
        let request = TransactionDeleteRequest { transaction_id: id.into(), key: key.into() };
        Ok(client!(self, KeyValueTransactionalClient).transaction_delete(request).await?.into_inner().existed)
    }

    /// `KeyValueTransactional.Commit`.
    pub async fn commit(&self, id: &str) -> Result<(), Status> {
        let request = CommitRequest { transaction_id: id.into() };
        client!(self, KeyValueTransactionalClient).commit(request).await.map(|_| ())
    }

    /// `KeyValueTransactional.Rollback`.
    pub async fn rollback(&self, id: &str) -> Result<(), Status> {
        let request = RollbackRequest { transaction_id: id.into() };
        client!(self, KeyValueTransactionalClient).rollback(request).await.map(|_| ())
    }
}

/// Not found means that there is no value; a driver that says both contradicts itself.
fn found(found: bool, value: Bytes) -> Result<Option<Bytes>, Status> {
    match (found, value.is_empty()) {
        (true, _) => Ok(Some(value)),
        (false, true) => Ok(None),
        (false, false) => Err(Status::internal("the answer says `found = false` and yet has a value")),
    }
}
