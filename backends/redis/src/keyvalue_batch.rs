//! BatchSet, BatchGet, BatchDelete.

use crate::{
    declaration::MAX_BATCH,
    driver::Store,
    error::{Effect, Error},
    keyvalue_basic::{check_key, check_value},
    names::Names,
    scripts,
};
use bytes::Bytes;
use prism_driver_kit::{MAX_MESSAGE_BYTES, Refusal, check, namespace};
use prism_interfaces::{
    Fault,
    keyvalue::v1::{
        BatchDeleteRequest, BatchDeleteResponse, BatchGetRequest, BatchGetResponse, BatchGetResult,
        BatchSetRequest, BatchSetResponse, key_value_batch_server::KeyValueBatch,
    },
};
use tonic::{Request, Response, Status};

/// What a reply needs besides the values.
const OVERHEAD_BYTES: usize = MAX_BATCH * 16;

fn check_keys(keys: &[String]) -> Result<(), Fault> {
    check::batch("keys", keys.len(), MAX_BATCH)?;
    keys.iter().try_for_each(|key| check_key(key))
}

#[tonic::async_trait]
impl KeyValueBatch for Store {
    async fn batch_set(
        &self,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let BatchSetRequest { entries } = request.into_inner();
        check::batch("entries", entries.len(), MAX_BATCH)?;
        for entry in &entries {
            check_key(&entry.key)?;
            check_value(&entry.value)?;
        }
        if !entries.is_empty() {
            let keys: Vec<_> = entries.iter().map(|entry| names.value(&entry.key)).collect();
            let values: Vec<_> = entries.iter().map(|entry| &*entry.value).collect();
            self.client.run::<()>(&scripts::STORE, &names, &keys, &values).await?;
        }
        Ok(Response::new(BatchSetResponse {}))
    }

    async fn batch_get(
        &self,
        request: Request<BatchGetRequest>,
    ) -> Result<Response<BatchGetResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let BatchGetRequest { keys } = request.into_inner();
        check_keys(&keys)?;
        if keys.is_empty() {
            return Ok(Response::new(BatchGetResponse::default()));
        }
        let keys: Vec<_> = keys.iter().map(|key| names.value(key)).collect();
        let room = MAX_MESSAGE_BYTES - OVERHEAD_BYTES;
        let values: Option<Vec<Option<Bytes>>> =
            self.client.run(&scripts::FETCH, &names, &keys, &[room]).await?;
        let values = values.ok_or(Refusal::ReplyTooLarge)?;
        if values.len() != keys.len() {
            return Err(Error::AnswerUnexpected(Effect::None).into());
        }
        let results = values
            .into_iter()
            .map(|value| BatchGetResult { found: value.is_some(), value: value.unwrap_or_default() })
            .collect();
        Ok(Response::new(BatchGetResponse { results }))
    }

    async fn batch_delete(
        &self,
        request: Request<BatchDeleteRequest>,
    ) -> Result<Response<BatchDeleteResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let BatchDeleteRequest { keys } = request.into_inner();
        check_keys(&keys)?;
        if keys.is_empty() {
            return Ok(Response::new(BatchDeleteResponse::default()));
        }
        let keys: Vec<_> = keys.iter().map(|key| names.value(key)).collect();
        let existed: Vec<bool> = self.client.run(&scripts::REMOVE, &names, &keys, &[""; 0]).await?;
        if existed.len() != keys.len() {
            return Err(Error::AnswerUnexpected(Effect::Possible).into());
        }
        Ok(Response::new(BatchDeleteResponse { existed }))
    }
}
