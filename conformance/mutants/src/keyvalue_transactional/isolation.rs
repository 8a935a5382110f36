//! What transactions see and do not see of each other.

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
};
use tonic::{Request, Response, Status};

fn conflict() -> Status {
    Fault::aborted(Reason::TransactionConflict, "another transaction was faster").into()
}

fn seen(value: Option<Bytes>) -> Response<TransactionGetResponse> {
    let found = value.is_some();
    Response::new(TransactionGetResponse { found, value: value.unwrap_or_default() })
}

pub(super) fn writes_show_at_once(next: Endpoint) -> Endpoint {
    transactional(next, WritesShowAtOnce)
}

struct WritesShowAtOnce;

#[tonic::async_trait]
impl TransactionalTwist for WritesShowAtOnce {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let (aside, TransactionSetRequest { key, value, .. }) =
            (Aside::of(next, &request), request.get_ref().clone());
        let response = Plain.transaction_set(next, request).await?;
        aside.set(&key, value).await?;
        Ok(response)
    }
}

pub(super) fn dirty_reads(next: Endpoint) -> Endpoint {
    transactional(next, DirtyReads(Notes::default()))
}

/// What any transaction has last set under each key.
struct DirtyReads(Notes<Bytes>);

#[tonic::async_trait]
impl TransactionalTwist for DirtyReads {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let (aside, TransactionSetRequest { key, value, .. }) =
            (Aside::of(next, &request), request.get_ref().clone());
        let response = Plain.transaction_set(next, request).await?;
        self.0.put(&aside.request(()), &key, value);
        Ok(response)
    }

    async fn transaction_get(
        &self,
        next: &Endpoint,
        request: Request<TransactionGetRequest>,
    ) -> Result<Response<TransactionGetResponse>, Status> {
        let dirty = self.0.get(&request, &request.get_ref().key);
        let response = Plain.transaction_get(next, request).await?;
        Ok(if dirty.is_some() { seen(dirty) } else { response })
    }
}

pub(super) fn own_writes_unseen(next: Endpoint) -> Endpoint {
    transactional(next, OwnWritesUnseen)
}

struct OwnWritesUnseen;

#[tonic::async_trait]
impl TransactionalTwist for OwnWritesUnseen {
    async fn transaction_get(
        &self,
        next: &Endpoint,
        request: Request<TransactionGetRequest>,
    ) -> Result<Response<TransactionGetResponse>, Status> {
        let (aside, key) = (Aside::of(next, &request), request.get_ref().key.clone());
        Plain.transaction_get(next, request).await?;
        Ok(seen(aside.get(&key).await?))
    }
}

pub(super) fn delete_answers_from_outside(next: Endpoint) -> Endpoint {
    transactional(next, DeleteAnswersFromOutside)
}

struct DeleteAnswersFromOutside;

#[tonic::async_trait]
impl TransactionalTwist for DeleteAnswersFromOutside {
    async fn transaction_delete(
        &self,
        next: &Endpoint,
        request: Request<TransactionDeleteRequest>,
    ) -> Result<Response<TransactionDeleteResponse>, Status> {
        let (aside, key) = (Aside::of(next, &request), request.get_ref().key.clone());
        let mut response = Plain.transaction_delete(next, request).await?;
        response.get_mut().existed = aside.get(&key).await?.is_some();
        Ok(response)
    }
}

/// What a transaction has done, as far as a mutant must know to read past the driver's own transaction.
#[derive(Clone, Default)]
struct Draft {
    /// What was last set or deleted under each key.
    writes: Vec<(String, Option<Bytes>)>,
    /// What was read from outside.
    reads: Vec<(String, Option<Bytes>)>,
}

/// The drafts of open transactions by id.
#[derive(Clone)]
struct Drafts(Notes<Draft>);

impl Drafts {
    fn write<T>(&self, request: &Request<T>, id: &str, key: &str, value: Option<Bytes>) {
        let mut draft = self.0.get(request, id).unwrap_or_default();
        draft.writes.push((key.to_owned(), value));
        self.0.put(request, id, draft);
    }

    /// What a transaction sees: its own write, or what is committed now, unknown to the driver's transaction.
    async fn read(
        &self,
        next: &Endpoint,
        request: &Request<TransactionGetRequest>,
    ) -> Result<Option<Bytes>, Status> {
        let TransactionGetRequest { transaction_id, key } = request.get_ref();
        let aside = Aside::of(next, request);
        // It is left to the driver whether there is such a transaction. What is read for that conflicts with nobody.
        let key_of_nobody = "a key that nobody uses".to_owned();
        let probe = TransactionGetRequest { transaction_id: transaction_id.clone(), key: key_of_nobody };
        Plain.transaction_get(next, aside.request(probe)).await?;
        let mut draft = self.0.get(request, transaction_id).unwrap_or_default();
        if let Some((_, own)) = draft.writes.iter().rev().find(|(written, _)| written == key) {
            return Ok(own.clone());
        }
        let value = aside.get(key).await?;
        draft.reads.push((key.clone(), value.clone()));
        self.0.put(request, transaction_id, draft);
        Ok(value)
    }
}

pub(super) fn reads_are_not_checked(next: Endpoint) -> Endpoint {
    transactional(next, ReadsAreNotChecked(Drafts(Notes::default())))
}

struct ReadsAreNotChecked(Drafts);

#[tonic::async_trait]
impl TransactionalTwist for ReadsAreNotChecked {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let TransactionSetRequest { transaction_id, key, value } = request.get_ref();
        self.0.write(&request, transaction_id, key, Some(value.clone()));
        Plain.transaction_set(next, request).await
    }

    async fn transaction_delete(
        &self,
        next: &Endpoint,
        request: Request<TransactionDeleteRequest>,
    ) -> Result<Response<TransactionDeleteResponse>, Status> {
        let TransactionDeleteRequest { transaction_id, key } = request.get_ref();
        self.0.write(&request, transaction_id, key, None);
        Plain.transaction_delete(next, request).await
    }

    async fn transaction_get(
        &self,
        next: &Endpoint,
        request: Request<TransactionGetRequest>,
    ) -> Result<Response<TransactionGetResponse>, Status> {
        Ok(seen(self.0.read(next, &request).await?))
    }
}

pub(super) fn only_rewritten_reads_are_checked(next: Endpoint) -> Endpoint {
    transactional(next, OnlyRewrittenReads(Drafts(Notes::default())))
}

struct OnlyRewrittenReads(Drafts);

impl OnlyRewrittenReads {
    /// Lets the driver's transaction read what this one has read before it writes it; where that has changed, the
    /// transaction is over.
    async fn check<T>(
        &self,
        next: &Endpoint,
        request: &Request<T>,
        id: &str,
        key: &str,
    ) -> Result<(), Status> {
        let draft = self.0.0.get(request, id).unwrap_or_default();
        let written = draft.writes.iter().any(|(written, _)| written == key);
        let Some((_, before)) = draft.reads.iter().find(|(read, _)| read == key).filter(|_| !written) else {
            return Ok(());
        };
        let aside = Aside::of(next, request);
        let (transaction_id, key) = (id.to_owned(), key.to_owned());
        let get = TransactionGetRequest { transaction_id: transaction_id.clone(), key };
        let now = Plain.transaction_get(next, aside.request(get)).await?.into_inner();
        if now.found.then_some(now.value) == *before {
            return Ok(());
        }
        Plain.rollback(next, aside.request(RollbackRequest { transaction_id })).await?;
        Err(conflict())
    }
}

#[tonic::async_trait]
impl TransactionalTwist for OnlyRewrittenReads {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let TransactionSetRequest { transaction_id, key, value } = request.get_ref();
        self.check(next, &request, transaction_id, key).await?;
        self.0.write(&request, transaction_id, key, Some(value.clone()));
        Plain.transaction_set(next, request).await
    }

    async fn transaction_delete(
        &self,
        next: &Endpoint,
        request: Request<TransactionDeleteRequest>,
    ) -> Result<Response<TransactionDeleteResponse>, Status> {
        let TransactionDeleteRequest { transaction_id, key } = request.get_ref();
        self.check(next, &request, transaction_id, key).await?;
        self.0.write(&request, transaction_id, key, None);
        Plain.transaction_delete(next, request).await
    }

    async fn transaction_get(
        &self,
        next: &Endpoint,
        request: Request<TransactionGetRequest>,
    ) -> Result<Response<TransactionGetResponse>, Status> {
        Ok(seen(self.0.read(next, &request).await?))
    }
}

pub(super) fn any_commit_conflicts(next: Endpoint) -> Endpoint {
    transactional(next, AnyCommitConflicts(Notes::default()))
}

/// How many commits there were in a namespace: now, and when each transaction began.
struct AnyCommitConflicts(Notes<u64>);

#[tonic::async_trait]
impl TransactionalTwist for AnyCommitConflicts {
    async fn begin(
        &self,
        next: &Endpoint,
        request: Request<BeginRequest>,
    ) -> Result<Response<BeginResponse>, Status> {
        let aside = Aside::of(next, &request);
        let response = Plain.begin(next, request).await?;
        let count = self.0.get(&aside.request(()), "").unwrap_or_default();
        self.0.put(&aside.request(()), &response.get_ref().transaction_id, count);
        Ok(response)
    }

    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        let (aside, transaction_id) = (Aside::of(next, &request), request.get_ref().transaction_id.clone());
        let count = self.0.get(&request, "").unwrap_or_default();
        if self.0.take(&request, &transaction_id).is_some_and(|began| began != count) {
            Plain.rollback(next, aside.request(RollbackRequest { transaction_id })).await?;
            return Err(conflict());
        }
        let response = Plain.commit(next, request).await?;
        self.0.put(&aside.request(()), "", count + 1);
        Ok(response)
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
