//! Begin, TransactionSet, TransactionGet, TransactionDelete, Commit, Rollback.

use crate::{
    driver::Store,
    error::Error,
    keyvalue_basic::{check_key, check_value},
    names::Names,
};
use prism_driver_kit::namespace;
use prism_interfaces::keyvalue::v1::{
    BeginRequest, BeginResponse, CommitRequest, CommitResponse, RollbackRequest, RollbackResponse,
    TransactionDeleteRequest, TransactionDeleteResponse, TransactionGetRequest, TransactionGetResponse,
    TransactionSetRequest, TransactionSetResponse, key_value_transactional_server::KeyValueTransactional,
};
use tonic::{Request, Response, Status};

impl Store {
    /// Ends a transaction whose read failed: what it goes by is lost with its connection.
    fn end_on_failure<T>(&self, id: &str, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_err() {
            self.transactions.forget(id);
        }
        result
    }
}

#[tonic::async_trait]
impl KeyValueTransactional for Store {
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
        check_key(&key)?;
        check_value(&value)?;
        let state = self.transactions.find(&namespace, &transaction_id)?;
        state.lock().await.set(key, value)?;
        Ok(Response::new(TransactionSetResponse {}))
    }

    async fn transaction_get(
        &self,
        request: Request<TransactionGetRequest>,
    ) -> Result<Response<TransactionGetResponse>, Status> {
        let namespace = namespace(&request)?;
        let TransactionGetRequest { transaction_id, key } = request.into_inner();
        check_key(&key)?;
        let state = self.transactions.find(&namespace, &transaction_id)?;
        let seen = state.lock().await.get(&self.client, &Names::new(&namespace), &key).await;
        let value = self.end_on_failure(&transaction_id, seen)?;
        Ok(Response::new(TransactionGetResponse { found: value.is_some(), value: value.unwrap_or_default() }))
    }

    async fn transaction_delete(
        &self,
        request: Request<TransactionDeleteRequest>,
    ) -> Result<Response<TransactionDeleteResponse>, Status> {
        let namespace = namespace(&request)?;
        let TransactionDeleteRequest { transaction_id, key } = request.into_inner();
        check_key(&key)?;
        let state = self.transactions.find(&namespace, &transaction_id)?;
        let existed = state.lock().await.delete(&self.client, &Names::new(&namespace), key).await;
        let existed = self.end_on_failure(&transaction_id, existed)?;
        Ok(Response::new(TransactionDeleteResponse { existed }))
    }

    async fn commit(&self, request: Request<CommitRequest>) -> Result<Response<CommitResponse>, Status> {
        let namespace = namespace(&request)?;
        let state = self.transactions.take(&namespace, &request.get_ref().transaction_id)?;
        state.lock().await.commit(&self.client, &Names::new(&namespace)).await?;
        Ok(Response::new(CommitResponse {}))
    }

    async fn rollback(
        &self,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        let state = self.transactions.take(&namespace(&request)?, &request.get_ref().transaction_id)?;
        state.lock().await.roll_back(&self.client).await?;
        Ok(Response::new(RollbackResponse {}))
    }
}
