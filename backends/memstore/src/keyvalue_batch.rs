//! Many keys in one call, which is one step.

use crate::{
    declaration::{MAX_BATCH, MAX_KEY_BYTES, MAX_VALUE_BYTES},
    driver::Service,
    error::Error,
    table::Table,
    value::Value,
};
use prism_driver_kit::{MAX_MESSAGE_BYTES, check};
use prism_interfaces::{
    Fault,
    keyvalue::v1::{
        BatchDeleteRequest, BatchDeleteResponse, BatchGetRequest, BatchGetResponse, BatchGetResult,
        BatchSetRequest, BatchSetResponse, key_value_batch_server::KeyValueBatch,
    },
};
use tonic::{Request, Response, Status};

/// What a reply holds beside values: an upper bound of the framing of a full batch.
const REPLY_OVERHEAD: usize = MAX_BATCH * 16;

fn check_keys(keys: &[String]) -> Result<(), Fault> {
    check::batch("keys", keys.len(), MAX_BATCH)?;
    keys.iter().enumerate().try_for_each(|(at, key)| check::name(&format!("keys[{at}]"), key, MAX_KEY_BYTES))
}

impl Table {
    fn get_all(&self, keys: &[String]) -> Result<Vec<BatchGetResult>, Error> {
        let found: Vec<_> = keys.iter().map(|key| self.get(key)).collect();
        let bytes: usize = found.iter().flatten().map(|value| value.as_slice().len()).sum();
        if bytes + REPLY_OVERHEAD > MAX_MESSAGE_BYTES {
            return Err(Error::ReplyTooLarge);
        }
        let result = |value: Option<&Value>| BatchGetResult {
            found: value.is_some(),
            value: value.map(Value::to_bytes).unwrap_or_default(),
        };
        Ok(found.into_iter().map(result).collect())
    }
}

#[tonic::async_trait]
impl KeyValueBatch for Service {
    async fn batch_set(
        &self,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let space = self.space(&request)?;
        let BatchSetRequest { entries } = request.into_inner();
        check::batch("entries", entries.len(), MAX_BATCH)?;
        for (at, entry) in entries.iter().enumerate() {
            check::name(&format!("entries[{at}].key"), &entry.key, MAX_KEY_BYTES)?;
            check::value(&format!("entries[{at}].value"), &entry.value, MAX_VALUE_BYTES)?;
        }
        let entries: Vec<_> =
            entries.into_iter().map(|entry| (entry.key, Value::copy(&entry.value))).collect();
        let mut keys = space.keys();
        for (key, value) in entries {
            keys.set(key, value, None);
        }
        Ok(Response::new(BatchSetResponse {}))
    }

    async fn batch_get(
        &self,
        request: Request<BatchGetRequest>,
    ) -> Result<Response<BatchGetResponse>, Status> {
        let space = self.space(&request)?;
        let BatchGetRequest { keys } = request.into_inner();
        check_keys(&keys)?;
        let results = space.keys().get_all(&keys)?;
        Ok(Response::new(BatchGetResponse { results }))
    }

    async fn batch_delete(
        &self,
        request: Request<BatchDeleteRequest>,
    ) -> Result<Response<BatchDeleteResponse>, Status> {
        let space = self.space(&request)?;
        let BatchDeleteRequest { keys } = request.into_inner();
        check_keys(&keys)?;
        let mut table = space.keys();
        let existed = keys.iter().map(|key| table.remove(key)).collect();
        Ok(Response::new(BatchDeleteResponse { existed }))
    }
}
