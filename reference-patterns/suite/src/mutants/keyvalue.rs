//! Mutants of the keyvalue pattern.

use crate::PatternMutant;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        BatchSetRequest, BatchSetResponse, CommitRequest, CommitResponse, CompareAndSwapRequest,
        CompareAndSwapResponse, ExpireRequest, ExpireResponse, PersistRequest, PersistResponse,
        ScanKeysRequest, ScanKeysResponse, ScanRequest, ScanResponse, SetRequest, SetWithTtlRequest,
        SetWithTtlResponse, TransactionSetRequest, TransactionSetResponse,
        key_value_basic_client::KeyValueBasicClient, key_value_batch_client::KeyValueBatchClient,
        key_value_cas_client::KeyValueCasClient, key_value_scan_client::KeyValueScanClient,
        key_value_transactional_client::KeyValueTransactionalClient, key_value_ttl_client::KeyValueTtlClient,
    },
    lifecycle::v1::{
        DescribeRequest, DescribeResponse, InitializeRequest, InitializeResponse,
        lifecycle_client::LifecycleClient,
    },
};
use prism_mutants::forward::{
    self, BatchTwist, CasTwist, LifecycleTwist, ScanTwist, TransactionalTwist, TtlTwist, like,
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tonic::{Code, Request, Response, Status};

const PATTERN: &str = "keyvalue";

pub(super) fn mutants() -> Vec<PatternMutant> {
    let slot = |id, sentence, twist: fn(Endpoint) -> Endpoint| {
        PatternMutant::slot(id, PATTERN, sentence, "store", twist)
    };
    let face =
        |id, sentence, twist: fn(Endpoint) -> Endpoint| PatternMutant::face(id, PATTERN, sentence, twist);
    vec![
        PatternMutant::parameters(
            "pattern_keyvalue/forgets_the_prefix",
            PATTERN,
            "Keys are stored as they are, whatever prefix is given",
            |parameters| {
                parameters.remove("key_prefix");
            },
        ),
        PatternMutant::parameters(
            "pattern_keyvalue/trims_the_prefix",
            PATTERN,
            "The last character of the prefix gets lost",
            |parameters| {
                if let Some(prefix) = parameters.get_mut("key_prefix") {
                    prefix.pop();
                }
            },
        ),
        slot(
            "pattern_keyvalue/scans_the_whole_backend",
            "Scans go without the prefix and show what others have stored",
            |endpoint| forward::scan(endpoint, ScansAll),
        ),
        face(
            "pattern_keyvalue/strips_the_prefix_twice",
            "A prefix that a key starts with itself is taken off as well",
            |endpoint| forward::scan(endpoint, StripsTwice),
        ),
        PatternMutant::parameters(
            "pattern_keyvalue/forgets_the_default_ttl",
            PATTERN,
            "The default TTL is never given",
            |parameters| {
                parameters.remove("default_ttl");
            },
        ),
        slot("pattern_keyvalue/set_has_no_default_ttl", "What Set writes never expires", |endpoint| {
            forward::ttl(endpoint, SetsForEver)
        }),
        face(
            "pattern_keyvalue/batches_have_no_default_ttl",
            "What BatchSet writes never expires",
            |endpoint| forward::batch(endpoint, PersistsAfter),
        ),
        face(
            "pattern_keyvalue/swaps_have_no_default_ttl",
            "What CompareAndSwap writes never expires",
            |endpoint| forward::cas(endpoint, PersistsAfter),
        ),
        face(
            "pattern_keyvalue/refused_swaps_get_the_default_ttl",
            "A swap that was not made gives the key the default TTL all the same",
            |endpoint| forward::cas(endpoint, ExpiresRefused),
        ),
        face(
            "pattern_keyvalue/transactions_have_no_default_ttl",
            "What a transaction has set never expires",
            |endpoint| forward::transactional(endpoint, CommitsAndForgets::default()),
        ),
        slot(
            "pattern_keyvalue/default_wins_over_the_callers_ttl",
            "The TTL that a caller gives is replaced by the default",
            |endpoint| forward::ttl(endpoint, AlwaysAMinute),
        ),
        face(
            "pattern_keyvalue/persist_does_nothing",
            "Persist leaves the default TTL where it is",
            |endpoint| forward::ttl(endpoint, PersistsNothing),
        ),
        face(
            "pattern_keyvalue/default_ttl_over_anything",
            "Initialize accepts a default TTL that the backend cannot keep",
            |endpoint| forward::lifecycle(endpoint, AcceptsAnyBinding),
        ),
        face(
            "pattern_keyvalue/describes_everything",
            "Describe tells of interfaces that the backend does not serve",
            |endpoint| forward::lifecycle(endpoint, DescribesTtl),
        ),
    ]
}

struct ScansAll;

/// What a prefix that a case gives ends with; what is before it is the pattern's.
fn callers_part(prefix: &str) -> String {
    ["of.a/", "ab", "p:", "a pattern's/"]
        .iter()
        .find_map(|own| prefix.strip_prefix(own))
        .unwrap_or(prefix)
        .to_owned()
}

#[tonic::async_trait]
impl ScanTwist for ScansAll {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let mut message = request.get_ref().clone();
        message.prefix = callers_part(&message.prefix);
        KeyValueScanClient::new(next.clone()).scan(like(&request, message)).await
    }

    async fn scan_keys(
        &self,
        next: &Endpoint,
        request: Request<ScanKeysRequest>,
    ) -> Result<Response<ScanKeysResponse>, Status> {
        let mut message = request.get_ref().clone();
        message.prefix = callers_part(&message.prefix);
        KeyValueScanClient::new(next.clone()).scan_keys(like(&request, message)).await
    }
}

struct StripsTwice;

#[tonic::async_trait]
impl ScanTwist for StripsTwice {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let mut response = KeyValueScanClient::new(next.clone()).scan(request).await?;
        for entry in &mut response.get_mut().entries {
            entry.key = callers_part(&entry.key);
        }
        Ok(response)
    }
}

struct SetsForEver;

#[tonic::async_trait]
impl TtlTwist for SetsForEver {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let SetWithTtlRequest { key, value, .. } = request.get_ref().clone();
        KeyValueBasicClient::new(next.clone()).set(like(&request, SetRequest { key, value })).await?;
        Ok(Response::new(SetWithTtlResponse {}))
    }
}

struct PersistsAfter;

async fn persist<T>(next: &Endpoint, request: &Request<T>, key: String) -> Result<(), Status> {
    KeyValueTtlClient::new(next.clone()).persist(like(request, PersistRequest { key })).await.map(drop)
}

#[tonic::async_trait]
impl BatchTwist for PersistsAfter {
    async fn batch_set(
        &self,
        next: &Endpoint,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let again = like(&request, request.get_ref().clone());
        let mut client = KeyValueBatchClient::new(next.clone());
        let response = client.batch_set(again).await?;
        for entry in &request.get_ref().entries {
            persist(next, &request, entry.key.clone()).await?;
        }
        Ok(response)
    }
}

async fn swap(
    next: &Endpoint,
    request: &Request<CompareAndSwapRequest>,
) -> Result<Response<CompareAndSwapResponse>, Status> {
    KeyValueCasClient::new(next.clone()).compare_and_swap(like(request, request.get_ref().clone())).await
}

#[tonic::async_trait]
impl CasTwist for PersistsAfter {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let response = swap(next, &request).await?;
        persist(next, &request, request.get_ref().key.clone()).await?;
        Ok(response)
    }
}

struct ExpiresRefused;

fn minute() -> prost_types::Duration {
    prost_types::Duration { seconds: 60, nanos: 0 }
}

#[tonic::async_trait]
impl CasTwist for ExpiresRefused {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let response = swap(next, &request).await?;
        let expire = ExpireRequest { key: request.get_ref().key.clone(), ttl: Some(minute()) };
        KeyValueTtlClient::new(next.clone()).expire(like(&request, expire)).await?;
        Ok(response)
    }
}

/// Takes the TTL off what a transaction has set.
#[derive(Default)]
struct CommitsAndForgets {
    keys: Mutex<Vec<String>>,
}

fn transactional(next: &Endpoint) -> KeyValueTransactionalClient<Endpoint> {
    KeyValueTransactionalClient::new(next.clone())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tonic::async_trait]
impl TransactionalTwist for CommitsAndForgets {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        lock(&self.keys).push(request.get_ref().key.clone());
        transactional(next).transaction_set(request).await
    }

    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        let bare = like(&request, ());
        let response = transactional(next).commit(request).await?;
        let keys = std::mem::take(&mut *lock(&self.keys));
        for key in keys {
            persist(next, &bare, key).await?;
        }
        Ok(response)
    }
}

struct AlwaysAMinute;

#[tonic::async_trait]
impl TtlTwist for AlwaysAMinute {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let message = SetWithTtlRequest { ttl: Some(minute()), ..request.get_ref().clone() };
        KeyValueTtlClient::new(next.clone()).set_with_ttl(like(&request, message)).await
    }

    async fn expire(
        &self,
        next: &Endpoint,
        request: Request<ExpireRequest>,
    ) -> Result<Response<ExpireResponse>, Status> {
        let message = ExpireRequest { ttl: Some(minute()), ..request.get_ref().clone() };
        KeyValueTtlClient::new(next.clone()).expire(like(&request, message)).await
    }
}

struct PersistsNothing;

#[tonic::async_trait]
impl TtlTwist for PersistsNothing {
    async fn persist(
        &self,
        _: &Endpoint,
        _: Request<PersistRequest>,
    ) -> Result<Response<PersistResponse>, Status> {
        Ok(Response::new(PersistResponse { removed: true }))
    }
}

struct AcceptsAnyBinding;

#[tonic::async_trait]
impl LifecycleTwist for AcceptsAnyBinding {
    async fn initialize(
        &self,
        next: &Endpoint,
        request: Request<InitializeRequest>,
    ) -> Result<Response<InitializeResponse>, Status> {
        let mut settings = request.get_ref().settings.clone();
        let mut client = LifecycleClient::new(next.clone());
        match client.initialize(request).await {
            Err(status)
                if status.code() == Code::FailedPrecondition && settings.remove("default_ttl").is_some() =>
            {
                client.initialize(InitializeRequest { settings }).await
            }
            other => other,
        }
    }
}

struct DescribesTtl;

#[tonic::async_trait]
impl LifecycleTwist for DescribesTtl {
    async fn describe(
        &self,
        next: &Endpoint,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        let mut response = LifecycleClient::new(next.clone()).describe(request).await?;
        let interfaces = &mut response.get_mut().interfaces;
        if !interfaces.iter().any(|interface| interface.id == "keyvalue_ttl") {
            let mut more = interfaces.first().cloned().unwrap_or_default();
            "keyvalue_ttl".clone_into(&mut more.id);
            interfaces.push(more);
        }
        Ok(response)
    }
}
