//! Commits and rollbacks that do or say something else.

use crate::{
    aside::{Aside, Notes, Plain},
    forward::{TransactionalTwist, transactional},
};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint, Fault,
    contract::v1::Reason,
    keyvalue::v1::{
        CommitRequest, CommitResponse, RollbackRequest, RollbackResponse, TransactionDeleteRequest,
        TransactionDeleteResponse, TransactionGetRequest, TransactionSetRequest, TransactionSetResponse,
    },
};
use tokio::task::yield_now;
use tonic::{Code, Request, Response, Status};

pub(super) fn deletes_get_lost(next: Endpoint) -> Endpoint {
    transactional(next, DeletesGetLost)
}

struct DeletesGetLost;

#[tonic::async_trait]
impl TransactionalTwist for DeletesGetLost {
    async fn transaction_delete(
        &self,
        next: &Endpoint,
        request: Request<TransactionDeleteRequest>,
    ) -> Result<Response<TransactionDeleteResponse>, Status> {
        let TransactionDeleteRequest { transaction_id, key } = request.get_ref().clone();
        let get = Aside::of(next, &request).request(TransactionGetRequest { transaction_id, key });
        let existed = Plain.transaction_get(next, get).await?.into_inner().found;
        Ok(Response::new(TransactionDeleteResponse { existed }))
    }
}

pub(super) fn stops_at_thirty_two(next: Endpoint) -> Endpoint {
    transactional(next, StopsAt(Notes::default()))
}

/// How many writes each transaction has made.
struct StopsAt(Notes<u32>);

#[tonic::async_trait]
impl TransactionalTwist for StopsAt {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let id = &request.get_ref().transaction_id;
        let writes = self.0.get(&request, id).unwrap_or_default();
        self.0.put(&request, id, writes + 1);
        if writes >= 32 {
            return Ok(Response::new(TransactionSetResponse {}));
        }
        Plain.transaction_set(next, request).await
    }
}

/// What each transaction has set, in order; it is kept until the transaction ends.
struct Writes(Notes<Vec<(String, Bytes)>>);

impl Writes {
    fn note(&self, request: &Request<TransactionSetRequest>) {
        let TransactionSetRequest { transaction_id, key, value } = request.get_ref();
        let mut writes = self.0.get(request, transaction_id).unwrap_or_default();
        writes.push((key.clone(), value.clone()));
        self.0.put(request, transaction_id, writes);
    }

    fn take(&self, request: &Request<CommitRequest>) -> Vec<(String, Bytes)> {
        self.0.take(request, &request.get_ref().transaction_id).unwrap_or_default()
    }
}

pub(super) fn applied_in_pieces(next: Endpoint) -> Endpoint {
    transactional(next, AppliedInPieces(Writes(Notes::default())))
}

struct AppliedInPieces(Writes);

#[tonic::async_trait]
impl TransactionalTwist for AppliedInPieces {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        self.0.note(&request);
        Plain.transaction_set(next, request).await
    }

    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        let (aside, writes) = (Aside::of(next, &request), self.0.take(&request));
        let response = Plain.commit(next, request).await?;
        // What the driver has applied as a whole is taken back and applied once more, piece by piece.
        for (key, _) in &writes {
            aside.delete(key).await?;
        }
        for (key, value) in writes {
            for _ in 0..4 {
                yield_now().await;
            }
            aside.write(&key, Some(value)).await?;
        }
        Ok(response)
    }
}

pub(super) fn abort_is_swallowed(next: Endpoint) -> Endpoint {
    transactional(next, AbortIsSwallowed)
}

struct AbortIsSwallowed;

#[tonic::async_trait]
impl TransactionalTwist for AbortIsSwallowed {
    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        match Plain.commit(next, request).await {
            Err(status) if status.code() == Code::Aborted => Ok(Response::new(CommitResponse {})),
            answer => answer,
        }
    }
}

pub(super) fn aborted_is_applied(next: Endpoint) -> Endpoint {
    transactional(next, AbortedIsApplied(Writes(Notes::default())))
}

struct AbortedIsApplied(Writes);

#[tonic::async_trait]
impl TransactionalTwist for AbortedIsApplied {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        self.0.note(&request);
        Plain.transaction_set(next, request).await
    }

    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        let (aside, writes) = (Aside::of(next, &request), self.0.take(&request));
        let answer = Plain.commit(next, request).await;
        if answer.as_ref().is_err_and(|status| status.code() == Code::Aborted) {
            for (key, value) in writes {
                aside.set(&key, value).await?;
            }
        }
        answer
    }
}

pub(super) fn abort_outcome_unknown(next: Endpoint) -> Endpoint {
    transactional(next, AbortOutcomeUnknown)
}

struct AbortOutcomeUnknown;

#[tonic::async_trait]
impl TransactionalTwist for AbortOutcomeUnknown {
    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        match Plain.commit(next, request).await {
            Err(status) if status.code() == Code::Aborted => {
                Err(Fault::aborted(Reason::TransactionConflict, status.message()).unknown_outcome().into())
            }
            answer => answer,
        }
    }
}

pub(super) fn rollback_commits(next: Endpoint) -> Endpoint {
    transactional(next, RollbackCommits)
}

struct RollbackCommits;

#[tonic::async_trait]
impl TransactionalTwist for RollbackCommits {
    async fn rollback(
        &self,
        next: &Endpoint,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        let transaction_id = request.get_ref().transaction_id.clone();
        let commit = Aside::of(next, &request).request(CommitRequest { transaction_id });
        Plain.commit(next, commit).await?;
        Ok(Response::new(RollbackResponse {}))
    }
}
