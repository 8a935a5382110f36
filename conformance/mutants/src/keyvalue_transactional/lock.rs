//! Open transactions that hold others up.

use crate::{
    aside::{Notes, Plain, namespace},
    forward::{BasicTwist, TransactionalTwist, basic, transactional},
};
use prism_interfaces::{
    Endpoint, Fault,
    contract::v1::Reason,
    keyvalue::v1::{
        CommitRequest, CommitResponse, ExistsRequest, ExistsResponse, RollbackRequest, RollbackResponse,
        SetRequest, SetResponse, TransactionGetRequest, TransactionGetResponse, TransactionSetRequest,
        TransactionSetResponse,
    },
};
use std::time::{Duration, Instant};
use tonic::{Request, Response, Status};

/// How long a lock is waited for before it is broken, so that nothing hangs for ever.
const LOCK_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The keys that each open transaction has read or written.
#[derive(Clone)]
struct Touched(Notes<Vec<String>>);

impl Touched {
    fn add<T>(&self, request: &Request<T>, id: &str, key: &str) {
        let mut keys = self.0.get(request, id).unwrap_or_default();
        keys.push(key.to_owned());
        self.0.put(request, id, keys);
    }

    /// The open transaction that has touched the key, if there is one.
    fn holder<T>(&self, request: &Request<T>, key: &str) -> Option<String> {
        let holds = |id: &String| self.0.get(request, id).is_some_and(|keys| keys.iter().any(|k| k == key));
        self.0.keys(request).into_iter().find(holds)
    }
}

pub(super) fn readers_wait(next: Endpoint) -> Endpoint {
    let written = Touched(Notes::default());
    basic(transactional(next, Written(written.clone())), ReadersWait(written))
}

/// Notes the keys that transactions write.
struct Written(Touched);

#[tonic::async_trait]
impl TransactionalTwist for Written {
    async fn transaction_set(
        &self,
        next: &Endpoint,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        self.0.add(&request, &request.get_ref().transaction_id, &request.get_ref().key);
        Plain.transaction_set(next, request).await
    }

    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        self.0.0.take(&request, &request.get_ref().transaction_id);
        Plain.commit(next, request).await
    }

    async fn rollback(
        &self,
        next: &Endpoint,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        self.0.0.take(&request, &request.get_ref().transaction_id);
        Plain.rollback(next, request).await
    }
}

struct ReadersWait(Touched);

#[tonic::async_trait]
impl BasicTwist for ReadersWait {
    async fn exists(
        &self,
        next: &Endpoint,
        request: Request<ExistsRequest>,
    ) -> Result<Response<ExistsResponse>, Status> {
        let began = Instant::now();
        while let Some(holder) = self.0.holder(&request, &request.get_ref().key) {
            if began.elapsed() > LOCK_TIMEOUT {
                self.0.0.take(&request, &holder);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Plain.exists(next, request).await
    }
}

pub(super) fn writers_fail(next: Endpoint) -> Endpoint {
    let read = Touched(Notes::default());
    basic(transactional(next, Read(read.clone())), WritersFail(read))
}

/// Notes the keys that transactions read.
struct Read(Touched);

#[tonic::async_trait]
impl TransactionalTwist for Read {
    async fn transaction_get(
        &self,
        next: &Endpoint,
        request: Request<TransactionGetRequest>,
    ) -> Result<Response<TransactionGetResponse>, Status> {
        self.0.add(&request, &request.get_ref().transaction_id, &request.get_ref().key);
        Plain.transaction_get(next, request).await
    }

    async fn commit(
        &self,
        next: &Endpoint,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        self.0.0.take(&request, &request.get_ref().transaction_id);
        Plain.commit(next, request).await
    }

    async fn rollback(
        &self,
        next: &Endpoint,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        self.0.0.take(&request, &request.get_ref().transaction_id);
        Plain.rollback(next, request).await
    }
}

struct WritersFail(Touched);

#[tonic::async_trait]
impl BasicTwist for WritersFail {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        if self.0.holder(&request, &request.get_ref().key).is_some() {
            let message = format!("a transaction of {} has read the key", namespace(&request));
            return Err(Fault::aborted(Reason::TransactionConflict, message).into());
        }
        Plain.set(next, request).await
    }
}
