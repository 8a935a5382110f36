//! Transactions step by step, and calls that must find none.

use crate::{Context, Failure, Verdict, client::KeyValue, expect::expect_refused};
use bytes::Bytes;
use prism_interfaces::{WriteOutcome, fault};
use tonic::{Code, Status};

/// A transaction whose steps are left out once it was ABORTED, at whatever step the driver has noticed the conflict.
pub(super) struct Transaction {
    kv: KeyValue,
    pub(super) id: String,
    aborted: Option<Status>,
}

impl Transaction {
    pub(super) async fn begin(context: &Context) -> Result<Self, Failure> {
        let kv = context.keyvalue();
        let id = kv.begin().await.map_err(|status| Failure::from(status).during("Begin"))?;
        Ok(Self { kv, id, aborted: None })
    }

    /// What the transaction sees; `None` as well where it was ABORTED.
    pub(super) async fn get(&mut self, key: &str) -> Result<Option<Bytes>, Failure> {
        if self.aborted.is_some() {
            return Ok(None);
        }
        let answer = self.kv.transaction_get(&self.id, key).await;
        Ok(self.step("TransactionGet", answer)?.flatten())
    }

    pub(super) async fn set(&mut self, key: &str, value: impl Into<Bytes>) -> Verdict {
        if self.aborted.is_some() {
            return Ok(());
        }
        let answer = self.kv.transaction_set(&self.id, key, value).await;
        self.step("TransactionSet", answer).map(|_| ())
    }

    pub(super) async fn delete(&mut self, key: &str) -> Verdict {
        if self.aborted.is_some() {
            return Ok(());
        }
        let answer = self.kv.transaction_delete(&self.id, key).await;
        self.step("TransactionDelete", answer).map(|_| ())
    }

    /// Commits; `Some` is the status that the transaction was ABORTED with, now or before.
    pub(super) async fn commit(&mut self) -> Result<Option<Status>, Failure> {
        if self.aborted.is_none() {
            let answer = self.kv.commit(&self.id).await;
            self.step("Commit", answer)?;
        }
        Ok(self.aborted.clone())
    }

    /// Commits a transaction that nothing conflicts with.
    pub(super) async fn must_commit(&mut self, what: &str) -> Verdict {
        match self.commit().await? {
            None => Ok(()),
            Some(status) => Err(Failure::from(status).during(what).clause("KVX-11")),
        }
    }

    fn step<T>(&mut self, rpc: &str, answer: Result<T, Status>) -> Result<Option<T>, Failure> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(status) if status.code() == Code::Aborted => {
                self.aborted = Some(status);
                Ok(None)
            }
            Err(status) => Err(Failure::from(status).during(rpc)),
        }
    }
}

/// Demands that ABORTED says what became of the writes.
pub(super) fn expect_not_applied(status: &Status) -> Verdict {
    match fault::write_outcome(status) {
        Some(WriteOutcome::NotApplied) => Ok(()),
        other => Err(Failure::violation("ABORTED does not say that nothing was applied")
            .clause("KVX-08")
            .expected("outcome `not_applied`")
            .got(other.map_or("no outcome", WriteOutcome::as_str))),
    }
}

/// Demands that every rpc answers NOT_FOUND to this id; the writes that it tries are to `key`.
pub(super) async fn expect_not_found(kv: &KeyValue, what: &str, id: &str, key: &str) -> Verdict {
    let refused = |rpc: &str| format!("{rpc} with {what}");
    expect_refused(refused("TransactionSet"), kv.transaction_set(id, key, "x").await, Code::NotFound)?;
    expect_refused(refused("TransactionGet"), kv.transaction_get(id, key).await, Code::NotFound)?;
    expect_refused(refused("TransactionDelete"), kv.transaction_delete(id, key).await, Code::NotFound)?;
    expect_refused(refused("Commit"), kv.commit(id).await, Code::NotFound)?;
    expect_refused(refused("Rollback"), kv.rollback(id).await, Code::NotFound)?;
    Ok(())
}
