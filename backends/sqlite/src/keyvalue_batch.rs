//! `keyvalue_batch`: many keys in one call, seen as a whole or not at all.

use crate::{client::REPLACE, error::Failure, keys, limits, service::Service};
use futures::TryStreamExt;
use prism_driver_kit::{MAX_MESSAGE_BYTES, check, namespace};
use prism_interfaces::{
    Fault, Namespace,
    contract::v1::Reason,
    keyvalue::v1::{
        BatchDeleteRequest, BatchDeleteResponse, BatchGetRequest, BatchGetResponse, BatchGetResult,
        BatchSetRequest, BatchSetResponse, KeyValueEntry, key_value_batch_server::KeyValueBatch,
    },
};
use std::collections::HashSet;
use tonic::{Code, Request, Response, Status};

/// The most bytes of values in an answer; what is left of the message is for its framing.
const MAX_ANSWER_BYTES: usize = MAX_MESSAGE_BYTES - (1 << 20);

fn check_keys(keys: &[String]) -> Result<(), Fault> {
    check::batch("keys", keys.len(), limits::MAX_BATCH)?;
    keys.iter().enumerate().try_for_each(|(index, key)| limits::check_key(&format!("keys[{index}]"), key))
}

fn check_entries(entries: &[KeyValueEntry]) -> Result<(), Fault> {
    check::batch("entries", entries.len(), limits::MAX_BATCH)?;
    entries.iter().enumerate().try_for_each(|(index, entry)| {
        limits::check_key(&format!("entries[{index}].key"), &entry.key)?;
        limits::check_value(&format!("entries[{index}].value"), &entry.value)
    })
}

impl Service {
    async fn store_all(&self, namespace: &Namespace, entries: Vec<KeyValueEntry>) -> Result<(), Failure> {
        let mut transaction = self.client.transaction().await?;
        for KeyValueEntry { key, value } in entries {
            sqlx::query(REPLACE)
                .bind(namespace.as_str())
                .bind(key.into_bytes())
                .bind(None::<i64>)
                .bind(Vec::from(value))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn values(&self, namespace: &Namespace, keys: &[String]) -> Result<Vec<BatchGetResult>, Failure> {
        let mut results = vec![BatchGetResult::default(); keys.len()];
        let mut reader = self.client.reader().await?;
        let mut rows = sqlx::query_as::<_, (i64, Vec<u8>)>(
            "SELECT wanted.key, stored.value
             FROM json_each(?2) AS wanted CROSS JOIN prism_keyvalue AS stored
             WHERE stored.namespace = ?1 AND stored.key = unhex(wanted.value)
               AND (stored.expires_at_ms IS NULL OR stored.expires_at_ms > ?3)",
        )
        .bind(namespace.as_str())
        .bind(keys::list(keys.iter().map(String::as_str)))
        .bind(self.now_ms(namespace))
        .fetch(&mut *reader);
        let mut bytes = 0;
        while let Some((position, value)) = rows.try_next().await? {
            bytes += value.len();
            if bytes > MAX_ANSWER_BYTES {
                let message =
                    format!("the values have more than {MAX_ANSWER_BYTES} bytes; ask for fewer keys");
                let fault = Fault::new(Code::ResourceExhausted, Reason::BackendExhausted, message);
                return Err(fault.into());
            }
            if let Some(result) = usize::try_from(position).ok().and_then(|index| results.get_mut(index)) {
                *result = BatchGetResult { found: true, value: value.into() };
            }
        }
        Ok(results)
    }

    async fn remove_all(&self, namespace: &Namespace, keys: &[String]) -> Result<Vec<bool>, Failure> {
        let mut writer = self.client.writer().await?;
        let removed: Vec<(Vec<u8>, bool)> = sqlx::query_as(
            "DELETE FROM prism_keyvalue
             WHERE namespace = ?1 AND key IN (SELECT unhex(wanted.value) FROM json_each(?2) AS wanted)
             RETURNING key, expires_at_ms IS NULL OR expires_at_ms > ?3",
        )
        .bind(namespace.as_str())
        .bind(keys::list(keys.iter().map(String::as_str)))
        .bind(self.now_ms(namespace))
        .fetch_all(&mut *writer)
        .await?;
        let mut removed: HashSet<Vec<u8>> =
            removed.into_iter().filter_map(|(key, existed)| existed.then_some(key)).collect();
        // Only the first position of a repeated key finds it.
        Ok(keys.iter().map(|key| removed.remove(key.as_bytes())).collect())
    }
}

#[tonic::async_trait]
impl KeyValueBatch for Service {
    async fn batch_set(
        &self,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let namespace = namespace(&request)?;
        let BatchSetRequest { entries } = request.into_inner();
        check_entries(&entries)?;
        if !entries.is_empty() {
            self.store_all(&namespace, entries).await?;
        }
        Ok(Response::new(BatchSetResponse {}))
    }

    async fn batch_get(
        &self,
        request: Request<BatchGetRequest>,
    ) -> Result<Response<BatchGetResponse>, Status> {
        let namespace = namespace(&request)?;
        let BatchGetRequest { keys } = request.into_inner();
        check_keys(&keys)?;
        Ok(Response::new(BatchGetResponse { results: self.values(&namespace, &keys).await? }))
    }

    async fn batch_delete(
        &self,
        request: Request<BatchDeleteRequest>,
    ) -> Result<Response<BatchDeleteResponse>, Status> {
        let namespace = namespace(&request)?;
        let BatchDeleteRequest { keys } = request.into_inner();
        check_keys(&keys)?;
        Ok(Response::new(BatchDeleteResponse { existed: self.remove_all(&namespace, &keys).await? }))
    }
}
