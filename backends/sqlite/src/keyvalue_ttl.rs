//! `keyvalue_ttl`: keys that expire.
//!
//! Expired rows are invisible to every statement. They are removed when they are written over, and a few at a time by
//! SetWithTtl, which is where they come from.

use crate::{client::REPLACE, error::Failure, expiry, limits, service::Service};
use prism_driver_kit::{check, namespace};
use prism_interfaces::{
    Namespace,
    keyvalue::v1::{
        ExpireRequest, ExpireResponse, GetTtlRequest, GetTtlResponse, PersistRequest, PersistResponse,
        SetWithTtlRequest, SetWithTtlResponse, TtlState, key_value_ttl_server::KeyValueTtl,
    },
    time,
};
use std::time::Duration;
use tonic::{Request, Response, Status};

/// Expired keys of the same namespace that a SetWithTtl removes in passing, at most.
const REMOVED_IN_PASSING: i64 = 8;

impl Service {
    async fn store_with_ttl(
        &self,
        namespace: &Namespace,
        key: String,
        value: Vec<u8>,
        ttl: Duration,
    ) -> Result<(), Failure> {
        let mut transaction = self.client.transaction().await?;
        let now = self.clock.now(namespace);
        sqlx::query(
            "DELETE FROM prism_keyvalue WHERE version IN
               (SELECT version FROM prism_keyvalue WHERE namespace = ?1 AND expires_at_ms <= ?2 LIMIT ?3)",
        )
        .bind(namespace.as_str())
        .bind(expiry::millis(now))
        .bind(REMOVED_IN_PASSING)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(REPLACE)
            .bind(namespace.as_str())
            .bind(key.into_bytes())
            .bind(expiry::expires_at_ms(now, ttl))
            .bind(value)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn expire_after(&self, namespace: &Namespace, key: String, ttl: Duration) -> Result<bool, Failure> {
        let mut transaction = self.client.transaction().await?;
        let now = self.clock.now(namespace);
        let updated = sqlx::query(
            "UPDATE prism_keyvalue SET expires_at_ms = ?4
             WHERE namespace = ?1 AND key = ?2 AND (expires_at_ms IS NULL OR expires_at_ms > ?3)",
        )
        .bind(namespace.as_str())
        .bind(key.into_bytes())
        .bind(expiry::millis(now))
        .bind(expiry::expires_at_ms(now, ttl))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(updated.rows_affected() > 0)
    }

    /// What is left to a key: `None` where it is not there, `Some(None)` where it does not expire.
    async fn ttl(&self, namespace: &Namespace, key: String) -> Result<Option<Option<Duration>>, Failure> {
        let mut reader = self.client.reader().await?;
        let now = self.clock.now(namespace);
        let row: Option<Option<i64>> =
            sqlx::query_scalar("SELECT expires_at_ms FROM prism_keyvalue WHERE namespace = ?1 AND key = ?2")
                .bind(namespace.as_str())
                .bind(key.into_bytes())
                .fetch_optional(&mut *reader)
                .await?;
        Ok(match row {
            None => None,
            Some(None) => Some(None),
            Some(Some(expires_at)) => expiry::remaining(expires_at, now).map(Some),
        })
    }

    async fn keep(&self, namespace: &Namespace, key: String) -> Result<bool, Failure> {
        let mut transaction = self.client.transaction().await?;
        let updated = sqlx::query(
            "UPDATE prism_keyvalue SET expires_at_ms = NULL
             WHERE namespace = ?1 AND key = ?2 AND expires_at_ms > ?3",
        )
        .bind(namespace.as_str())
        .bind(key.into_bytes())
        .bind(self.now_ms(namespace))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(updated.rows_affected() > 0)
    }
}

#[tonic::async_trait]
impl KeyValueTtl for Service {
    async fn set_with_ttl(
        &self,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let namespace = namespace(&request)?;
        let SetWithTtlRequest { key, value, ttl } = request.into_inner();
        limits::check_key("key", &key)?;
        limits::check_value("value", &value)?;
        let ttl = check::ttl("ttl", ttl.as_ref(), limits::MAX_TTL)?;
        self.store_with_ttl(&namespace, key, value.into(), ttl).await?;
        Ok(Response::new(SetWithTtlResponse {}))
    }

    async fn expire(&self, request: Request<ExpireRequest>) -> Result<Response<ExpireResponse>, Status> {
        let namespace = namespace(&request)?;
        let ExpireRequest { key, ttl } = request.into_inner();
        limits::check_key("key", &key)?;
        let ttl = check::ttl("ttl", ttl.as_ref(), limits::MAX_TTL)?;
        Ok(Response::new(ExpireResponse { existed: self.expire_after(&namespace, key, ttl).await? }))
    }

    async fn get_ttl(&self, request: Request<GetTtlRequest>) -> Result<Response<GetTtlResponse>, Status> {
        let namespace = namespace(&request)?;
        let GetTtlRequest { key } = request.into_inner();
        limits::check_key("key", &key)?;
        let (state, remaining) = match self.ttl(&namespace, key).await? {
            None => (TtlState::Missing, None),
            Some(None) => (TtlState::Persistent, None),
            Some(Some(remaining)) => (TtlState::Expiring, Some(time::from_std(remaining))),
        };
        Ok(Response::new(GetTtlResponse { state: state.into(), remaining }))
    }

    async fn persist(&self, request: Request<PersistRequest>) -> Result<Response<PersistResponse>, Status> {
        let namespace = namespace(&request)?;
        let PersistRequest { key } = request.into_inner();
        limits::check_key("key", &key)?;
        Ok(Response::new(PersistResponse { removed: self.keep(&namespace, key).await? }))
    }
}
