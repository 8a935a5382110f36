//! Ids that live too long, too short, or in the wrong place.

use crate::{
    aside::{Aside, Notes, Plain},
    forward::{TransactionalTwist, transactional},
};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint, Fault,
    contract::v1::Reason,
    keyvalue::v1::{
        BeginRequest, BeginResponse, CommitRequest, CommitResponse, RollbackRequest, RollbackResponse,
        TransactionDeleteRequest, TransactionDeleteResponse, TransactionGetRequest, TransactionGetResponse,
        TransactionSetRequest, TransactionSetResponse,
    },
    lifecycle::v1::{DescribeRequest, lifecycle_client::LifecycleClient},
    traits::parse_duration,
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tonic::{Code, Request, Response, Status, metadata::MetadataMap};

pub(super) fn ids_repeat(next: Endpoint) -> Endpoint {
    transactional(next, IdsRepeat(Notes::default()))
}

/// The last id of each namespace, until it was given out twice.
struct IdsRepeat(Notes<String>);

#[tonic::async_trait]
impl TransactionalTwist for IdsRepeat {
    async fn begin(
        &self,
        next: &Endpoint,
        request: Request<BeginRequest>,
    ) -> Result<Response<BeginResponse>, Status> {
        if let Some(transaction_id) = self.0.take(&request, "") {
            return Ok(Response::new(BeginResponse { transaction_id }));
        }
        let aside = Aside::of(next, &request);
        let response = Plain.begin(next, request).await?;
        self.0.put(&aside.request(()), "", response.get_ref().transaction_id.clone());
        Ok(response)
    }
}

/// Writes what a transaction could not.
async fn write_at_once(
    aside: &Aside<'_>,
    key: &str,
    value: Bytes,
) -> Result<Response<TransactionSetResponse>, Status> {
    aside.set(key, value).await?;
    Ok(Response::new(TransactionSetResponse {}))
}

pub(super) fn unknown_ids_write(next: Endpoint) -> Endpoint {
    transactional(next, UnknownIdsWrite)
}

struct UnknownIdsWrite;

#[tonic::async_trait]
impl TransactionalTwist for UnknownIdsWrite {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let (aside, TransactionSetRequest { key, value, .. }) =
            (Aside::of(next, &request), request.get_ref().clone());
        match Plain.transaction_set(next, request).await {
            Err(status) if status.code() == Code::NotFound => write_at_once(&aside, &key, value).await,
            answer => answer,
        }
    }
}

pub(super) fn second_commit_is_fine(next: Endpoint) -> Endpoint {
    transactional(next, SecondCommitIsFine)
}

struct SecondCommitIsFine;

#[tonic::async_trait]
impl TransactionalTwist for SecondCommitIsFine {
    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        match Plain.commit(next, request).await {
            Err(status) if status.code() == Code::NotFound => Ok(Response::new(CommitResponse {})),
            answer => answer,
        }
    }
}

pub(super) fn rolled_back_ids_live(next: Endpoint) -> Endpoint {
    transactional(next, RolledBackIdsLive(Notes::default()))
}

/// The ids that were rolled back.
struct RolledBackIdsLive(Notes<()>);

#[tonic::async_trait]
impl TransactionalTwist for RolledBackIdsLive {
    async fn rollback(
        &self,
        next: &Endpoint,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        let (aside, id) = (Aside::of(next, &request), request.get_ref().transaction_id.clone());
        let response = Plain.rollback(next, request).await?;
        self.0.put(&aside.request(()), &id, ());
        Ok(response)
    }

    async fn transaction_get(
        &self,
        next: &Endpoint,
        request: Request<TransactionGetRequest>,
    ) -> Result<Response<TransactionGetResponse>, Status> {
        let TransactionGetRequest { transaction_id, key } = request.get_ref();
        if self.0.get(&request, transaction_id).is_none() {
            return Plain.transaction_get(next, request).await;
        }
        let value = Aside::of(next, &request).get(key).await?;
        let found = value.is_some();
        Ok(Response::new(TransactionGetResponse { found, value: value.unwrap_or_default() }))
    }
}

pub(super) fn ids_reach_across_namespaces(next: Endpoint) -> Endpoint {
    transactional(next, IdsReachAcross(Mutex::default()))
}

/// The headers that each transaction was begun with.
struct IdsReachAcross(Mutex<HashMap<String, MetadataMap>>);

impl IdsReachAcross {
    /// Sends a request to the namespace that its transaction was begun in.
    fn home<T>(&self, id: &str, request: &mut Request<T>) {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metadata) = begun.get(id) {
            *request.metadata_mut() = metadata.clone();
        }
    }
}

#[tonic::async_trait]
impl TransactionalTwist for IdsReachAcross {
    async fn begin(
        &self,
        next: &Endpoint,
        request: Request<BeginRequest>,
    ) -> Result<Response<BeginResponse>, Status> {
        let metadata = request.metadata().clone();
        let response = Plain.begin(next, request).await?;
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.insert(response.get_ref().transaction_id.clone(), metadata);
        Ok(response)
    }

    async fn transaction_set(
        &self,
        next: &Endpoint,
        mut request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        self.home(&request.get_ref().transaction_id.clone(), &mut request);
        Plain.transaction_set(next, request).await
    }

    async fn commit(
        &self,
        next: &Endpoint,
        mut request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        self.home(&request.get_ref().transaction_id.clone(), &mut request);
        Plain.commit(next, request).await
    }
}

pub(super) fn aborted_ids_live(next: Endpoint) -> Endpoint {
    transactional(next, AbortedIdsLive(Notes::default()))
}

/// The ids whose Commit was ABORTED.
struct AbortedIdsLive(Notes<()>);

#[tonic::async_trait]
impl TransactionalTwist for AbortedIdsLive {
    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        let (aside, id) = (Aside::of(next, &request), request.get_ref().transaction_id.clone());
        let answer = Plain.commit(next, request).await;
        if answer.as_ref().is_err_and(|status| status.code() == Code::Aborted) {
            self.0.put(&aside.request(()), &id, ());
        }
        answer
    }

    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let TransactionSetRequest { transaction_id, key, value } = request.get_ref();
        if self.0.get(&request, transaction_id).is_some() {
            return write_at_once(&Aside::of(next, &request), key, value.clone()).await;
        }
        Plain.transaction_set(next, request).await
    }
}

pub(super) fn abandoned_commits(next: Endpoint) -> Endpoint {
    transactional(next, AbandonedCommits(Notes::default()))
}

/// What each transaction has set and not ended.
struct AbandonedCommits(Notes<Vec<(String, Bytes)>>);

#[tonic::async_trait]
impl TransactionalTwist for AbandonedCommits {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let TransactionSetRequest { transaction_id, key, value } = request.get_ref().clone();
        let aside = Aside::of(next, &request);
        let response = Plain.transaction_set(next, request).await?;
        let mut writes = self.0.get(&aside.request(()), &transaction_id).unwrap_or_default();
        writes.push((key, value));
        self.0.put(&aside.request(()), &transaction_id, writes);
        Ok(response)
    }

    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        let aside = Aside::of(next, &request);
        let writes = self.0.take(&request, &request.get_ref().transaction_id);
        match (Plain.commit(next, request).await, writes) {
            (Err(status), Some(writes)) if status.code() == Code::NotFound => {
                for (key, value) in writes {
                    aside.set(&key, value).await?;
                }
                Ok(Response::new(CommitResponse {}))
            }
            (answer, _) => answer,
        }
    }

    async fn rollback(
        &self,
        next: &Endpoint,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        self.0.take(&request, &request.get_ref().transaction_id);
        Plain.rollback(next, request).await
    }
}

pub(super) fn use_does_not_keep_open(next: Endpoint) -> Endpoint {
    transactional(next, UseDoesNotKeepOpen(Notes::default()))
}

/// When each transaction is over.
struct UseDoesNotKeepOpen(Notes<Duration>);

impl UseDoesNotKeepOpen {
    async fn check<T>(&self, next: &Endpoint, id: &str, request: &Request<T>) -> Result<(), Status> {
        let over = self.0.get(request, id);
        if over < Some(Aside::of(next, request).now().await) && over.is_some() {
            return Err(Fault::not_found(Reason::TransactionNotFound, "the transaction is over").into());
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl TransactionalTwist for UseDoesNotKeepOpen {
    async fn begin(
        &self,
        next: &Endpoint,
        request: Request<BeginRequest>,
    ) -> Result<Response<BeginResponse>, Status> {
        let aside = Aside::of(next, &request);
        let described = LifecycleClient::new(next.clone()).describe(DescribeRequest {}).await?.into_inner();
        let traits =
            described.interfaces.into_iter().find(|interface| interface.id == "keyvalue_transactional");
        let timeout = traits.and_then(|interface| parse_duration(interface.traits.get("timeout")?));
        let response = Plain.begin(next, request).await?;
        if let Some(timeout) = timeout {
            let over = aside.now().await + timeout;
            self.0.put(&aside.request(()), &response.get_ref().transaction_id, over);
        }
        Ok(response)
    }

    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        self.check(next, &request.get_ref().transaction_id, &request).await?;
        Plain.transaction_set(next, request).await
    }

    async fn transaction_delete(
        &self,
        next: &Endpoint,
        request: Request<TransactionDeleteRequest>,
    ) -> Result<Response<TransactionDeleteResponse>, Status> {
        self.check(next, &request.get_ref().transaction_id, &request).await?;
        Plain.transaction_delete(next, request).await
    }

    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        self.check(next, &request.get_ref().transaction_id, &request).await?;
        Plain.commit(next, request).await
    }
}
