//! Expired keys that some operation still sees.

use crate::{
    aside::{Aside, Notes, Plain},
    forward::{
        BasicTwist, BatchTwist, CasTwist, ScanTwist, TransactionalTwist, TtlTwist, basic, batch, cas, scan,
        transactional, ttl,
    },
};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        BatchDeleteRequest, BatchDeleteResponse, CompareAndSwapRequest, CompareAndSwapResponse, CountRequest,
        CountResponse, DeleteRequest, DeleteResponse, ExistsRequest, ExistsResponse, SetRequest, SetResponse,
        SetWithTtlRequest, SetWithTtlResponse, TransactionGetRequest, TransactionGetResponse,
        compare_and_swap_request::Expected,
    },
};
use tonic::{Request, Response, Status};

/// The values of keys that were given a TTL and were not written by Set or Delete since. Where the driver does not
/// have such a key any more, it has expired.
#[derive(Clone, Default)]
struct Ghosts(Notes<Bytes>);

#[tonic::async_trait]
impl TtlTwist for Ghosts {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let SetWithTtlRequest { key, value, .. } = request.get_ref();
        self.0.put(&request, key, value.clone());
        Plain.set_with_ttl(next, request).await
    }
}

#[tonic::async_trait]
impl BasicTwist for Ghosts {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        self.0.take(&request, &request.get_ref().key);
        Plain.set(next, request).await
    }

    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        self.0.take(&request, &request.get_ref().key);
        Plain.delete(next, request).await
    }
}

impl Ghosts {
    /// Notes what expires in the driver behind, and hands out the notes.
    fn haunt(next: Endpoint) -> (Endpoint, Self) {
        let ghosts = Self::default();
        (basic(ttl(next, ghosts.clone()), ghosts.clone()), ghosts)
    }
}

pub(super) fn exists_sees_expired(next: Endpoint) -> Endpoint {
    let (next, ghosts) = Ghosts::haunt(next);
    basic(next, ExistsSeesExpired(ghosts))
}

struct ExistsSeesExpired(Ghosts);

#[tonic::async_trait]
impl BasicTwist for ExistsSeesExpired {
    async fn exists(
        &self,
        next: &Endpoint,
        request: Request<ExistsRequest>,
    ) -> Result<Response<ExistsResponse>, Status> {
        let ghost = self.0.0.get(&request, &request.get_ref().key).is_some();
        let mut response = Plain.exists(next, request).await?;
        response.get_mut().exists |= ghost;
        Ok(response)
    }
}

pub(super) fn count_sees_expired(next: Endpoint) -> Endpoint {
    let (next, ghosts) = Ghosts::haunt(next);
    scan(next, CountSeesExpired(ghosts))
}

struct CountSeesExpired(Ghosts);

#[tonic::async_trait]
impl ScanTwist for CountSeesExpired {
    async fn count(
        &self,
        next: &Endpoint,
        request: Request<CountRequest>,
    ) -> Result<Response<CountResponse>, Status> {
        let aside = Aside::of(next, &request);
        let mut keys = self.0.0.keys(&request);
        keys.retain(|key| key.starts_with(&request.get_ref().prefix));
        let mut response = Plain.count(next, request).await?;
        for key in keys {
            response.get_mut().count += u64::from(aside.get(&key).await?.is_none());
        }
        Ok(response)
    }
}

pub(super) fn batch_delete_sees_expired(next: Endpoint) -> Endpoint {
    let (next, ghosts) = Ghosts::haunt(next);
    batch(next, BatchDeleteSeesExpired(ghosts))
}

struct BatchDeleteSeesExpired(Ghosts);

#[tonic::async_trait]
impl BatchTwist for BatchDeleteSeesExpired {
    async fn batch_delete(
        &self,
        next: &Endpoint,
        request: Request<BatchDeleteRequest>,
    ) -> Result<Response<BatchDeleteResponse>, Status> {
        let keys = &request.get_ref().keys;
        let ghosts: Vec<bool> = keys.iter().map(|key| self.0.0.take(&request, key).is_some()).collect();
        let mut response = Plain.batch_delete(next, request).await?;
        for (existed, ghost) in response.get_mut().existed.iter_mut().zip(ghosts) {
            *existed |= ghost;
        }
        Ok(response)
    }
}

pub(super) fn swap_sees_expired(next: Endpoint) -> Endpoint {
    let (next, ghosts) = Ghosts::haunt(next);
    cas(next, SwapSeesExpired(ghosts))
}

struct SwapSeesExpired(Ghosts);

#[tonic::async_trait]
impl CasTwist for SwapSeesExpired {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let CompareAndSwapRequest { key, expected, .. } = request.get_ref();
        let absent = matches!(expected, Some(Expected::Absent(_)));
        if absent && self.0.0.get(&request, key).is_some() {
            return Ok(Response::new(CompareAndSwapResponse { swapped: false }));
        }
        Plain.compare_and_swap(next, request).await
    }
}

pub(super) fn transaction_sees_expired(next: Endpoint) -> Endpoint {
    let (next, ghosts) = Ghosts::haunt(next);
    transactional(next, TransactionSeesExpired(ghosts))
}

struct TransactionSeesExpired(Ghosts);

#[tonic::async_trait]
impl TransactionalTwist for TransactionSeesExpired {
    async fn transaction_get(
        &self,
        next: &Endpoint,
        request: Request<TransactionGetRequest>,
    ) -> Result<Response<TransactionGetResponse>, Status> {
        let ghost = self.0.0.get(&request, &request.get_ref().key);
        let mut response = Plain.transaction_get(next, request).await?;
        if let (false, Some(value)) = (response.get_ref().found, ghost) {
            *response.get_mut() = TransactionGetResponse { found: true, value };
        }
        Ok(response)
    }
}
