//! Every call, handed on with the prefix in front of its keys.

use prism_driver_kit::check;
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    keyvalue::v1::{
        BatchDeleteRequest, BatchDeleteResponse, BatchGetRequest, BatchGetResponse, BatchSetRequest,
        BatchSetResponse, BeginRequest, BeginResponse, CommitRequest, CommitResponse,
        CompareAndDeleteRequest, CompareAndDeleteResponse, CompareAndSwapRequest, CompareAndSwapResponse,
        CountRequest, CountResponse, DeleteRequest, DeleteResponse, ExistsRequest, ExistsResponse,
        ExpireRequest, ExpireResponse, GetRequest, GetResponse, GetTtlRequest, GetTtlResponse,
        IncrementRequest, IncrementResponse, PersistRequest, PersistResponse, RollbackRequest,
        RollbackResponse, ScanKeysRequest, ScanKeysResponse, ScanRequest, ScanResponse, SetRequest,
        SetResponse, SetWithTtlRequest, SetWithTtlResponse, TransactionDeleteRequest,
        TransactionDeleteResponse, TransactionGetRequest, TransactionGetResponse, TransactionSetRequest,
        TransactionSetResponse, key_value_basic_client::KeyValueBasicClient,
        key_value_basic_server::KeyValueBasic, key_value_batch_client::KeyValueBatchClient,
        key_value_batch_server::KeyValueBatch, key_value_cas_client::KeyValueCasClient,
        key_value_cas_server::KeyValueCas, key_value_scan_client::KeyValueScanClient,
        key_value_scan_server::KeyValueScan, key_value_transactional_client::KeyValueTransactionalClient,
        key_value_transactional_server::KeyValueTransactional, key_value_ttl_client::KeyValueTtlClient,
        key_value_ttl_server::KeyValueTtl,
    },
    time,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tonic::{Request, Response, Status, metadata::MetadataMap};

/// A namespace as the header says it, and a transaction in it.
type TransactionKey = (String, String);

/// Hands calls on.
#[derive(Clone)]
pub(super) struct Delegate {
    store: Endpoint,
    prefix: Arc<str>,
    max_key_bytes: usize,
    ttl: Option<Duration>,
    /// Where there is a default TTL: what open transactions have set.
    written: Arc<Mutex<HashMap<TransactionKey, Vec<String>>>>,
}

macro_rules! client {
    ($client:ident, $delegate:expr) => {
        $client::new($delegate.store.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
    };
}

/// A call with another message: the same namespace, the same deadline.
fn like<U>(metadata: &MetadataMap, message: U) -> Request<U> {
    let mut other = Request::new(message);
    *other.metadata_mut() = metadata.clone();
    other
}

impl Delegate {
    pub(super) fn new(store: Endpoint, prefix: String, max_key_bytes: usize, ttl: Option<Duration>) -> Self {
        Self { store, prefix: prefix.into(), max_key_bytes, ttl, written: Arc::default() }
    }

    /// The key in the backend. Keys are checked here, because behind a prefix the backend cannot see an empty one, and has
    /// another limit.
    fn inner(&self, key: &mut String) -> Result<(), Status> {
        check::name("key", key, self.max_key_bytes)?;
        key.insert_str(0, &self.prefix);
        Ok(())
    }

    fn inner_all(&self, keys: &mut [String]) -> Result<(), Status> {
        keys.iter_mut().try_for_each(|key| self.inner(key))
    }

    /// The key as callers know it.
    fn outer(&self, key: &mut String) {
        key.drain(..self.prefix.len().min(key.len()));
    }

    /// Gives keys of the backend the default TTL, where there is one.
    async fn expire(
        &self,
        metadata: &MetadataMap,
        keys: impl IntoIterator<Item = String>,
    ) -> Result<(), Status> {
        let Some(ttl) = self.ttl else { return Ok(()) };
        for key in keys {
            let request = ExpireRequest { key, ttl: Some(time::from_std(ttl)) };
            client!(KeyValueTtlClient, self).expire(like(metadata, request)).await?;
        }
        Ok(())
    }

    fn written(&self) -> MutexGuard<'_, HashMap<TransactionKey, Vec<String>>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn transaction(metadata: &MetadataMap, id: &str) -> TransactionKey {
    let namespace = metadata.get(NAMESPACE_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    (namespace.to_owned(), id.to_owned())
}

/// A service whose calls with one key are handed on as they are but for the prefix, and the rest as it is written.
macro_rules! delegate {
    (
        $service:ident through $client:ident,
        keyed { $($method:ident($request:ty) -> $response:ty;)* }
        $($rest:tt)*
    ) => {
        #[tonic::async_trait]
        impl $service for Delegate {
            $(
                async fn $method(&self, mut request: Request<$request>) -> Result<Response<$response>, Status> {
                    self.inner(&mut request.get_mut().key)?;
                    client!($client, self).$method(request).await
                }
            )*
            $($rest)*
        }
    };
}

delegate! {
KeyValueBasic through KeyValueBasicClient,
keyed {
    get(GetRequest) -> GetResponse;
    delete(DeleteRequest) -> DeleteResponse;
    exists(ExistsRequest) -> ExistsResponse;
}

async fn set(&self, mut request: Request<SetRequest>) -> Result<Response<SetResponse>, Status> {
    self.inner(&mut request.get_mut().key)?;
    let Some(ttl) = self.ttl else { return client!(KeyValueBasicClient, self).set(request).await };
    let metadata = request.metadata().clone();
    let SetRequest { key, value } = request.into_inner();
    let request = SetWithTtlRequest { key, value, ttl: Some(time::from_std(ttl)) };
    client!(KeyValueTtlClient, self).set_with_ttl(like(&metadata, request)).await?;
    Ok(Response::new(SetResponse {}))
}}

delegate! {
KeyValueScan through KeyValueScanClient,
keyed {}

async fn scan(&self, mut request: Request<ScanRequest>) -> Result<Response<ScanResponse>, Status> {
    request.get_mut().prefix.insert_str(0, &self.prefix);
    let mut response = client!(KeyValueScanClient, self).scan(request).await?;
    response.get_mut().entries.iter_mut().for_each(|entry| self.outer(&mut entry.key));
    Ok(response)
}

async fn scan_keys(
    &self,
    mut request: Request<ScanKeysRequest>,
) -> Result<Response<ScanKeysResponse>, Status> {
    request.get_mut().prefix.insert_str(0, &self.prefix);
    let mut response = client!(KeyValueScanClient, self).scan_keys(request).await?;
    response.get_mut().keys.iter_mut().for_each(|key| self.outer(key));
    Ok(response)
}

async fn count(&self, mut request: Request<CountRequest>) -> Result<Response<CountResponse>, Status> {
    request.get_mut().prefix.insert_str(0, &self.prefix);
    client!(KeyValueScanClient, self).count(request).await
}}

delegate! {
    KeyValueTtl through KeyValueTtlClient,
    keyed {
        set_with_ttl(SetWithTtlRequest) -> SetWithTtlResponse;
        expire(ExpireRequest) -> ExpireResponse;
        get_ttl(GetTtlRequest) -> GetTtlResponse;
        persist(PersistRequest) -> PersistResponse;
    }
}

delegate! {
KeyValueTransactional through KeyValueTransactionalClient,
keyed {
    transaction_get(TransactionGetRequest) -> TransactionGetResponse;
}

async fn begin(&self, request: Request<BeginRequest>) -> Result<Response<BeginResponse>, Status> {
    client!(KeyValueTransactionalClient, self).begin(request).await
}

async fn transaction_set(
    &self,
    mut request: Request<TransactionSetRequest>,
) -> Result<Response<TransactionSetResponse>, Status> {
    self.inner(&mut request.get_mut().key)?;
    let written = self.ttl.map(|_| {
        let of = transaction(request.metadata(), &request.get_ref().transaction_id);
        (of, request.get_ref().key.clone())
    });
    let response = client!(KeyValueTransactionalClient, self).transaction_set(request).await?;
    if let Some((transaction, key)) = written {
        self.written().entry(transaction).or_default().push(key);
    }
    Ok(response)
}

async fn transaction_delete(
    &self,
    mut request: Request<TransactionDeleteRequest>,
) -> Result<Response<TransactionDeleteResponse>, Status> {
    self.inner(&mut request.get_mut().key)?;
    client!(KeyValueTransactionalClient, self).transaction_delete(request).await
}

async fn commit(&self, request: Request<CommitRequest>) -> Result<Response<CommitResponse>, Status> {
    let metadata = request.metadata().clone();
    let written = self.written().remove(&transaction(&metadata, &request.get_ref().transaction_id));
    let response = client!(KeyValueTransactionalClient, self).commit(request).await?;
    self.expire(&metadata, written.unwrap_or_default()).await?;
    Ok(response)
}

async fn rollback(&self, request: Request<RollbackRequest>) -> Result<Response<RollbackResponse>, Status> {
    self.written().remove(&transaction(request.metadata(), &request.get_ref().transaction_id));
    client!(KeyValueTransactionalClient, self).rollback(request).await
}}

delegate! {
KeyValueBatch through KeyValueBatchClient,
keyed {}

async fn batch_set(
    &self,
    mut request: Request<BatchSetRequest>,
) -> Result<Response<BatchSetResponse>, Status> {
    for entry in &mut request.get_mut().entries {
        self.inner(&mut entry.key)?;
    }
    let metadata = request.metadata().clone();
    let keys: Vec<String> = match self.ttl {
        Some(_) => request.get_ref().entries.iter().map(|entry| entry.key.clone()).collect(),
        None => Vec::new(),
    };
    let response = client!(KeyValueBatchClient, self).batch_set(request).await?;
    self.expire(&metadata, keys).await?;
    Ok(response)
}

async fn batch_get(
    &self,
    mut request: Request<BatchGetRequest>,
) -> Result<Response<BatchGetResponse>, Status> {
    self.inner_all(&mut request.get_mut().keys)?;
    client!(KeyValueBatchClient, self).batch_get(request).await
}

async fn batch_delete(
    &self,
    mut request: Request<BatchDeleteRequest>,
) -> Result<Response<BatchDeleteResponse>, Status> {
    self.inner_all(&mut request.get_mut().keys)?;
    client!(KeyValueBatchClient, self).batch_delete(request).await
}}

delegate! {
KeyValueCas through KeyValueCasClient,
keyed {
    compare_and_delete(CompareAndDeleteRequest) -> CompareAndDeleteResponse;
    increment(IncrementRequest) -> IncrementResponse;
}

async fn compare_and_swap(
    &self,
    mut request: Request<CompareAndSwapRequest>,
) -> Result<Response<CompareAndSwapResponse>, Status> {
    self.inner(&mut request.get_mut().key)?;
    let (metadata, key) = (request.metadata().clone(), request.get_ref().key.clone());
    let response = client!(KeyValueCasClient, self).compare_and_swap(request).await?;
    if response.get_ref().swapped {
        self.expire(&metadata, [key]).await?;
    }
    Ok(response)
}}
