//! `keyvalue_basic`: single keys, each call one statement.

use crate::{client::REPLACE, error::Failure, limits, service::Service};
use prism_driver_kit::namespace;
use prism_interfaces::{
    Namespace,
    keyvalue::v1::{
        DeleteRequest, DeleteResponse, ExistsRequest, ExistsResponse, GetRequest, GetResponse, SetRequest,
        SetResponse, key_value_basic_server::KeyValueBasic,
    },
};
use tonic::{Request, Response, Status};

impl Service {
    async fn store(&self, namespace: &Namespace, key: String, value: Vec<u8>) -> Result<(), Failure> {
        let mut writer = self.client.writer().await?;
        sqlx::query(REPLACE)
            .bind(namespace.as_str())
            .bind(key.into_bytes())
            .bind(None::<i64>)
            .bind(value)
            .execute(&mut *writer)
            .await?;
        Ok(())
    }

    async fn value(&self, namespace: &Namespace, key: String) -> Result<Option<Vec<u8>>, Failure> {
        let mut reader = self.client.reader().await?;
        let value = sqlx::query_scalar(
            "SELECT value FROM prism_keyvalue
             WHERE namespace = ?1 AND key = ?2 AND (expires_at_ms IS NULL OR expires_at_ms > ?3)",
        )
        .bind(namespace.as_str())
        .bind(key.into_bytes())
        .bind(self.now_ms(namespace))
        .fetch_optional(&mut *reader)
        .await?;
        Ok(value)
    }

    async fn is_there(&self, namespace: &Namespace, key: String) -> Result<bool, Failure> {
        let mut reader = self.client.reader().await?;
        let exists = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM prism_keyvalue
             WHERE namespace = ?1 AND key = ?2 AND (expires_at_ms IS NULL OR expires_at_ms > ?3))",
        )
        .bind(namespace.as_str())
        .bind(key.into_bytes())
        .bind(self.now_ms(namespace))
        .fetch_one(&mut *reader)
        .await?;
        Ok(exists)
    }

    async fn remove(&self, namespace: &Namespace, key: String) -> Result<bool, Failure> {
        let mut writer = self.client.writer().await?;
        let removed: Vec<bool> = sqlx::query_scalar(
            "DELETE FROM prism_keyvalue WHERE namespace = ?1 AND key = ?2
             RETURNING expires_at_ms IS NULL OR expires_at_ms > ?3",
        )
        .bind(namespace.as_str())
        .bind(key.into_bytes())
        .bind(self.now_ms(namespace))
        // To the end: where only a row is asked for, sqlx does not look at whether it could be committed.
        .fetch_all(&mut *writer)
        .await?;
        Ok(removed.contains(&true))
    }
}

#[tonic::async_trait]
impl KeyValueBasic for Service {
    async fn set(&self, request: Request<SetRequest>) -> Result<Response<SetResponse>, Status> {
        let namespace = namespace(&request)?;
        let SetRequest { key, value } = request.into_inner();
        limits::check_key("key", &key)?;
        limits::check_value("value", &value)?;
        self.store(&namespace, key, value.into()).await?;
        Ok(Response::new(SetResponse {}))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let namespace = namespace(&request)?;
        let GetRequest { key } = request.into_inner();
        limits::check_key("key", &key)?;
        let value = self.value(&namespace, key).await?;
        Ok(Response::new(GetResponse { found: value.is_some(), value: value.unwrap_or_default().into() }))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let namespace = namespace(&request)?;
        let DeleteRequest { key } = request.into_inner();
        limits::check_key("key", &key)?;
        Ok(Response::new(DeleteResponse { existed: self.remove(&namespace, key).await? }))
    }

    async fn exists(&self, request: Request<ExistsRequest>) -> Result<Response<ExistsResponse>, Status> {
        let namespace = namespace(&request)?;
        let ExistsRequest { key } = request.into_inner();
        limits::check_key("key", &key)?;
        Ok(Response::new(ExistsResponse { exists: self.is_there(&namespace, key).await? }))
    }
}
