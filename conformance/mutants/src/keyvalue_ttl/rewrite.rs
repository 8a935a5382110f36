//! TTLs that stay, go or come back when their key is written or read.

use crate::{
    aside::{Aside, Notes, Plain},
    forward::{BasicTwist, BatchTwist, TransactionalTwist, TtlTwist, basic, batch, transactional, ttl},
};
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        BatchSetRequest, BatchSetResponse, CommitRequest, CommitResponse, DeleteRequest, DeleteResponse,
        GetRequest, GetResponse, SetRequest, SetResponse, SetWithTtlRequest, SetWithTtlResponse,
        TransactionSetRequest, TransactionSetResponse,
    },
    time::to_std,
};
use std::time::Duration;
use tokio::task::yield_now;
use tonic::{Request, Response, Status};

/// The TTLs that some keys have, to be given back to them.
async fn ttls(aside: &Aside<'_>, keys: &[String]) -> Result<Vec<(String, Duration)>, Status> {
    let mut ttls = Vec::new();
    for key in keys {
        if let Some(remaining) = aside.remaining(key).await? {
            ttls.push((key.clone(), remaining));
        }
    }
    Ok(ttls)
}

async fn give_back(aside: &Aside<'_>, ttls: Vec<(String, Duration)>) -> Result<(), Status> {
    for (key, remaining) in ttls {
        aside.expire(&key, remaining).await?;
    }
    Ok(())
}

pub(super) fn first_ttl_stays(next: Endpoint) -> Endpoint {
    ttl(next, FirstTtlStays)
}

struct FirstTtlStays;

#[tonic::async_trait]
impl TtlTwist for FirstTtlStays {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let aside = Aside::of(next, &request);
        let before = ttls(&aside, &[request.get_ref().key.clone()]).await?;
        let response = Plain.set_with_ttl(next, request).await?;
        give_back(&aside, before).await?;
        Ok(response)
    }
}

pub(super) fn set_keeps_ttl(next: Endpoint) -> Endpoint {
    basic(next, SetKeepsTtl)
}

struct SetKeepsTtl;

#[tonic::async_trait]
impl BasicTwist for SetKeepsTtl {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let aside = Aside::of(next, &request);
        let before = ttls(&aside, &[request.get_ref().key.clone()]).await?;
        let response = Plain.set(next, request).await?;
        give_back(&aside, before).await?;
        Ok(response)
    }
}

pub(super) fn batch_set_keeps_ttl(next: Endpoint) -> Endpoint {
    batch(next, BatchSetKeepsTtl)
}

struct BatchSetKeepsTtl;

#[tonic::async_trait]
impl BatchTwist for BatchSetKeepsTtl {
    async fn batch_set(
        &self,
        next: &Endpoint,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let aside = Aside::of(next, &request);
        let keys: Vec<String> = request.get_ref().entries.iter().map(|entry| entry.key.clone()).collect();
        let before = ttls(&aside, &keys).await?;
        let response = Plain.batch_set(next, request).await?;
        give_back(&aside, before).await?;
        Ok(response)
    }
}

pub(super) fn commit_keeps_ttl(next: Endpoint) -> Endpoint {
    transactional(next, CommitKeepsTtl(Notes::default()))
}

/// The keys that each transaction has set.
struct CommitKeepsTtl(Notes<Vec<String>>);

#[tonic::async_trait]
impl TransactionalTwist for CommitKeepsTtl {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let TransactionSetRequest { transaction_id, key, .. } = request.get_ref();
        let mut keys = self.0.get(&request, transaction_id).unwrap_or_default();
        keys.push(key.clone());
        self.0.put(&request, transaction_id, keys);
        Plain.transaction_set(next, request).await
    }

    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        let aside = Aside::of(next, &request);
        let keys = self.0.take(&request, &request.get_ref().transaction_id).unwrap_or_default();
        let before = ttls(&aside, &keys).await?;
        let response = Plain.commit(next, request).await?;
        give_back(&aside, before).await?;
        Ok(response)
    }
}

pub(super) fn delete_leaves_ttl(next: Endpoint) -> Endpoint {
    basic(next, DeleteLeavesTtl(Notes::default()))
}

/// The TTLs that deleted keys had left.
struct DeleteLeavesTtl(Notes<Duration>);

#[tonic::async_trait]
impl BasicTwist for DeleteLeavesTtl {
    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let key = &request.get_ref().key;
        if let Some(remaining) = Aside::of(next, &request).remaining(key).await? {
            self.0.put(&request, key, remaining);
        }
        Plain.delete(next, request).await
    }

    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let (aside, key) = (Aside::of(next, &request), request.get_ref().key.clone());
        let left = self.0.take(&request, &key);
        let response = Plain.set(next, request).await?;
        if let Some(left) = left {
            aside.expire(&key, left).await?;
        }
        Ok(response)
    }
}

pub(super) fn reading_prolongs(next: Endpoint) -> Endpoint {
    let given = ReadingProlongs(Notes::default());
    basic(ttl(next, given.clone()), given)
}

/// The TTLs that were asked for.
#[derive(Clone)]
struct ReadingProlongs(Notes<Duration>);

#[tonic::async_trait]
impl TtlTwist for ReadingProlongs {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let SetWithTtlRequest { key, ttl, .. } = request.get_ref();
        if let Some(ttl) = ttl.as_ref().and_then(to_std) {
            self.0.put(&request, key, ttl);
        }
        Plain.set_with_ttl(next, request).await
    }
}

#[tonic::async_trait]
impl BasicTwist for ReadingProlongs {
    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        let (aside, key) = (Aside::of(next, &request), &request.get_ref().key);
        if let (Some(_), Some(ttl)) = (aside.remaining(key).await?, self.0.get(&request, key)) {
            aside.expire(key, ttl).await?;
        }
        Plain.get(next, request).await
    }
}

pub(super) fn timers_are_not_cancelled(next: Endpoint) -> Endpoint {
    let timers = Timers(Notes::default());
    basic(ttl(next, timers.clone()), timers)
}

/// When each key is to be removed, as often as it was given a TTL.
#[derive(Clone)]
struct Timers(Notes<Vec<Duration>>);

#[tonic::async_trait]
impl TtlTwist for Timers {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let SetWithTtlRequest { key, ttl, .. } = request.get_ref();
        if let Some(ttl) = ttl.as_ref().and_then(to_std) {
            let mut timers = self.0.get(&request, key).unwrap_or_default();
            timers.push(Aside::of(next, &request).now().await + ttl);
            self.0.put(&request, key, timers);
        }
        Plain.set_with_ttl(next, request).await
    }
}

#[tonic::async_trait]
impl BasicTwist for Timers {
    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        let (aside, key) = (Aside::of(next, &request), &request.get_ref().key);
        if let Some(timers) = self.0.get(&request, key) {
            let now = aside.now().await;
            let waiting: Vec<Duration> = timers.iter().copied().filter(|timer| *timer > now).collect();
            if waiting.len() < timers.len() {
                aside.delete(key).await?;
                self.0.put(&request, key, waiting);
            }
        }
        Plain.get(next, request).await
    }
}

pub(super) fn late_removal_hits_new_value(next: Endpoint) -> Endpoint {
    basic(next, LateRemoval)
}

struct LateRemoval;

#[tonic::async_trait]
impl BasicTwist for LateRemoval {
    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        let (aside, key) = (Aside::of(next, &request), request.get_ref().key.clone());
        let response = Plain.get(next, request).await?;
        if !response.get_ref().found {
            for _ in 0..4 {
                yield_now().await;
            }
            aside.delete(&key).await?;
        }
        Ok(response)
    }
}
