//! Faults in what becomes of half a record: one that is being written, one that cannot be read.

use super::PATTERN;
use crate::PatternMutant;
use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        CompareAndSwapRequest, CompareAndSwapResponse, ExpireRequest, ExpireResponse, ScanRequest,
        ScanResponse, SetRequest, compare_and_swap_request::Expected,
        key_value_basic_client::KeyValueBasicClient, key_value_cas_client::KeyValueCasClient,
        key_value_scan_client::KeyValueScanClient, key_value_ttl_client::KeyValueTtlClient,
    },
    pattern::multicast_registry::v1::Identity,
};
use prism_mutants::forward::{self, CasTwist, ScanTwist, TtlTwist, like};
use prost::Message;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<PatternMutant> {
    vec![
        PatternMutant::slot(
            "pattern_multicast_registry/registers_in_halves",
            PATTERN,
            "An identity with a TTL is stored first, and its metadata after that",
            "registry",
            |next| {
                let halves = Halves::default();
                forward::ttl(forward::cas(next, halves.clone()), halves)
            },
        ),
        PatternMutant::slot(
            "pattern_multicast_registry/passes_over_what_it_cannot_read",
            PATTERN,
            "What is no identity is left out of listings",
            "registry",
            |next| forward::scan(next, PassesOver),
        ),
    ]
}

/// What is yet to be written, by key. Keys are those of all namespaces, which cases do not share.
#[derive(Debug, Clone, Default)]
struct Halves(Arc<Mutex<HashMap<String, Bytes>>>);

struct PassesOver;

#[tonic::async_trait]
impl ScanTwist for PassesOver {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let mut response =
            KeyValueScanClient::new(next.clone()).max_decoding_message_size(usize::MAX).scan(request).await?;
        response.get_mut().entries.retain(|entry| {
            Identity::decode(entry.value.as_ref())
                .is_ok_and(|found| !found.identity.is_empty() && entry.key.ends_with(&found.identity))
        });
        Ok(response)
    }
}

#[tonic::async_trait]
impl CasTwist for Halves {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        mut request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let CompareAndSwapRequest { key, expected, value } = request.get_mut();
        if let (Some(Expected::Absent(_)), Ok(identity)) = (&expected, Identity::decode(value.as_ref()))
            && identity.expires_at.is_some()
        {
            let whole = std::mem::replace(
                value,
                Identity { metadata: HashMap::new(), ..identity }.encode_to_vec().into(),
            );
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), whole);
        }
        KeyValueCasClient::new(next.clone()).compare_and_swap(request).await
    }
}

#[tonic::async_trait]
impl TtlTwist for Halves {
    async fn expire(
        &self,
        next: &Endpoint,
        request: Request<ExpireRequest>,
    ) -> Result<Response<ExpireResponse>, Status> {
        let key = request.get_ref().key.clone();
        let whole = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        if let Some(value) = whole {
            KeyValueBasicClient::new(next.clone()).set(like(&request, SetRequest { key, value })).await?;
        }
        KeyValueTtlClient::new(next.clone()).expire(request).await
    }
}
