//! Several keys changed together or not at all.

use crate::{
    declaration::{MAX_KEY_BYTES, MAX_VALUE_BYTES},
    driver::Service,
    value::Value,
};
use prism_driver_kit::check;
use prism_interfaces::keyvalue::v1::{
    BeginRequest, BeginResponse, CommitRequest, CommitResponse, RollbackRequest, RollbackResponse,
    TransactionDeleteRequest, TransactionDeleteResponse, TransactionGetRequest, TransactionGetResponse,
    TransactionSetRequest, TransactionSetResponse, key_value_transactional_server::KeyValueTransactional,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl KeyValueTransactional for Service {
    async fn begin(&self, request: Request<BeginRequest>) -> Result<Response<BeginResponse>, Status> {
        let space = self.space(&request)?;
        let transaction_id = space.id();
        space.keys().begin(transaction_id.clone());
        Ok(Response::new(BeginResponse { transaction_id }))
    }

    async fn transaction_set(
        &self,
        request: Request<TransactionSetRequest>,
    ) -> Result<Response<TransactionSetResponse>, Status> {
        let space = self.space(&request)?;
        let TransactionSetRequest { transaction_id, key, value } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        check::value("value", &value, MAX_VALUE_BYTES)?;
        let value = Value::copy(&value);
        space.keys().transaction_set(&transaction_id, key, value)?;
        Ok(Response::new(TransactionSetResponse {}))
    }

    async fn transaction_get(
        &self,
        request: Request<TransactionGetRequest>,
    ) -> Result<Response<TransactionGetResponse>, Status> {
        let space = self.space(&request)?;
        let TransactionGetRequest { transaction_id, key } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let value = space.keys().transaction_get(&transaction_id, &key)?;
        let (found, value) = (value.is_some(), value.as_ref().map(Value::to_bytes).unwrap_or_default());
        Ok(Response::new(TransactionGetResponse { found, value }))
    }

    async fn transaction_delete(
        &self,
        request: Request<TransactionDeleteRequest>,
    ) -> Result<Response<TransactionDeleteResponse>, Status> {
        let space = self.space(&request)?;
        let TransactionDeleteRequest { transaction_id, key } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let existed = space.keys().transaction_delete(&transaction_id, key)?;
        Ok(Response::new(TransactionDeleteResponse { existed }))
    }

    async fn commit(&self, request: Request<CommitRequest>) -> Result<Response<CommitResponse>, Status> {
        let space = self.space(&request)?;
        space.keys().commit(&request.get_ref().transaction_id)?;
        Ok(Response::new(CommitResponse {}))
    }

    async fn rollback(
        &self,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        let space = self.space(&request)?;
        space.keys().rollback(&request.get_ref().transaction_id)?;
        Ok(Response::new(RollbackResponse {}))
    }
}
