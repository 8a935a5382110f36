//! `keyvalue_transactional`: several keys changed together or not at all.
//!
//! A transaction is serializable because everything that it has read is still so, in the very version, when it commits,
//! and because nobody else writes between that check and its own writes. Each of its reads makes the same check before,
//! in the same snapshot, so that it never sees a state that never was.

use crate::{
    client::REPLACE,
    error::Failure,
    limits,
    service::Service,
    transactions::{Session, Work},
};
use prism_driver_kit::{Refusal, namespace};
use prism_interfaces::{
    Fault, Namespace,
    keyvalue::v1::{
        BeginRequest, BeginResponse, CommitRequest, CommitResponse, RollbackRequest, RollbackResponse,
        TransactionDeleteRequest, TransactionDeleteResponse, TransactionGetRequest, TransactionGetResponse,
        TransactionSetRequest, TransactionSetResponse, key_value_transactional_server::KeyValueTransactional,
    },
};
use tonic::{Request, Response, Status};

macro_rules! has_conflict {
    () => {
        "EXISTS (
           SELECT 1 FROM json_each(?2) AS seen LEFT JOIN prism_keyvalue AS stored
             ON stored.namespace = ?1 AND stored.key = unhex(seen.value ->> 0)
               AND (stored.expires_at_ms IS NULL OR stored.expires_at_ms > ?3)
           WHERE stored.version IS NOT (seen.value ->> 1))"
    };
}

/// Whether something that was read is no longer as it was: namespace, reads, time. An expired key is not there.
const CONFLICT: &str = concat!("SELECT ", has_conflict!());

/// The same, and what is there now under a key: namespace, reads, time, key. One statement and so one snapshot.
const READ: &str = concat!(
    "SELECT ",
    has_conflict!(),
    ", asked.version, asked.value FROM (SELECT 1) LEFT JOIN prism_keyvalue AS asked
       ON asked.namespace = ?1 AND asked.key = ?4
         AND (asked.expires_at_ms IS NULL OR asked.expires_at_ms > ?3)"
);

fn conflict() -> Fault {
    Refusal::TransactionConflict.into()
}

impl Service {
    /// What a transaction sees under a key: its own write, or what is there, which is noted as read.
    async fn seen(
        &self,
        namespace: &Namespace,
        session: &mut Session<'_>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(written) = session.work.writes.get(&key) {
            return Ok(written.clone());
        }
        let mut reader = self.client.reader().await?;
        let (has_conflict, version, value): (bool, Option<i64>, Option<Vec<u8>>) = sqlx::query_as(READ)
            .bind(namespace.as_str())
            .bind(session.work.reads())
            .bind(self.now_ms(namespace))
            .bind(key.as_bytes())
            .fetch_one(&mut *reader)
            .await?;
        if has_conflict {
            session.end();
            return Err(conflict().into());
        }
        session.work.note(key, version);
        Ok(value)
    }

    /// Applies all writes if everything that was read still holds; answers whether it did.
    async fn apply(&self, namespace: &Namespace, work: &Work) -> Result<bool, Failure> {
        if work.writes.is_empty() {
            // What it has read was there all at once at its last read, which is where it stands in the serial order.
            return Ok(true);
        }
        let mut transaction = self.client.transaction().await?;
        let has_conflict: bool = sqlx::query_scalar(CONFLICT)
            .bind(namespace.as_str())
            .bind(work.reads())
            .bind(self.now_ms(namespace))
            .fetch_one(&mut *transaction)
            .await?;
        if has_conflict {
            return Ok(false);
        }
        for (key, value) in &work.writes {
            let write = match value {
                Some(value) => sqlx::query(REPLACE)
                    .bind(namespace.as_str())
                    .bind(key.as_bytes())
                    .bind(None::<i64>)
                    .bind(value.as_slice()),
                None => sqlx::query("DELETE FROM prism_keyvalue WHERE namespace = ?1 AND key = ?2")
                    .bind(namespace.as_str())
                    .bind(key.as_bytes()),
            };
            write.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

#[tonic::async_trait]
impl KeyValueTransactional for Service {
    async fn begin(&self, request: Request<BeginRequest>) -> Result<Response<BeginResponse>, Status> {
        let transaction_id = self.transactions.begin(namespace(&request)?);
        Ok(Response::new(BeginResponse { transaction_id }))
    }

    async fn transaction_set(
        &self,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let namespace = namespace(&request)?;
        let TransactionSetRequest { transaction_id, key, value } = request.into_inner();
        limits::check_key("key", &key)?;
        limits::check_value("value", &value)?;
        let mut session = self.transactions.enter(&namespace, transaction_id).await?;
        session.work.writes.insert(key, Some(value.into()));
        Ok(Response::new(TransactionSetResponse {}))
    }

    async fn transaction_get(
        &self,
        request: Request<TransactionGetRequest>,
    ) -> Result<Response<TransactionGetResponse>, Status> {
        let namespace = namespace(&request)?;
        let TransactionGetRequest { transaction_id, key } = request.into_inner();
        limits::check_key("key", &key)?;
        let mut session = self.transactions.enter(&namespace, transaction_id).await?;
        let value = self.seen(&namespace, &mut session, key).await?;
        let found = value.is_some();
        Ok(Response::new(TransactionGetResponse { found, value: value.unwrap_or_default().into() }))
    }

    async fn transaction_delete(
        &self,
        request: Request<TransactionDeleteRequest>,
    ) -> Result<Response<TransactionDeleteResponse>, Status> {
        let namespace = namespace(&request)?;
        let TransactionDeleteRequest { transaction_id, key } = request.into_inner();
        limits::check_key("key", &key)?;
        let mut session = self.transactions.enter(&namespace, transaction_id).await?;
        // The answer depends on what is there, so this is a read as well.
        let existed = self.seen(&namespace, &mut session, key.clone()).await?.is_some();
        session.work.writes.insert(key, None);
        Ok(Response::new(TransactionDeleteResponse { existed }))
    }

    async fn commit(&self, request: Request<CommitRequest>) -> Result<Response<CommitResponse>, Status> {
        let namespace = namespace(&request)?;
        let mut session = self.transactions.enter(&namespace, request.into_inner().transaction_id).await?;
        session.end();
        match self.apply(&namespace, &session.work).await {
            Ok(true) => Ok(Response::new(CommitResponse {})),
            Ok(false) => Err(conflict().into()),
            Err(failure) => {
                if failure.is_not_applied() {
                    session.reopen();
                }
                Err(failure.into())
            }
        }
    }

    async fn rollback(
        &self,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        let namespace = namespace(&request)?;
        let mut session = self.transactions.enter(&namespace, request.into_inner().transaction_id).await?;
        session.end();
        Ok(Response::new(RollbackResponse {}))
    }
}
