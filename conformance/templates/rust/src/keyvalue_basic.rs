//! The interface keyvalue_basic: `prism-conformance explain keyvalue_basic` says what is demanded.

use crate::driver::{MAX_KEY_BYTES, MAX_VALUE_BYTES, Service};
use prism_driver_kit::{check, namespace};
use prism_interfaces::keyvalue::v1::{
    DeleteRequest, DeleteResponse, ExistsRequest, ExistsResponse, GetRequest, GetResponse,
    SetRequest, SetResponse, key_value_basic_server::KeyValueBasic,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl KeyValueBasic for Service {
    async fn set(&self, request: Request<SetRequest>) -> Result<Response<SetResponse>, Status> {
        let namespace = namespace(&request)?;
        let SetRequest { key, value } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        check::value("value", &value, MAX_VALUE_BYTES)?;
        // A copy, because the bytes are a part of the whole message, which would be kept with them.
        self.store.set(&namespace, key, value.to_vec()).await?;
        Ok(Response::new(SetResponse {}))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let namespace = namespace(&request)?;
        let GetRequest { key } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let value = self.store.get(&namespace, &key).await?;
        Ok(Response::new(GetResponse {
            found: value.is_some(),
            value: value.unwrap_or_default().into(),
        }))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let namespace = namespace(&request)?;
        let DeleteRequest { key } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let existed = self.store.delete(&namespace, &key).await?;
        Ok(Response::new(DeleteResponse { existed }))
    }

    async fn exists(
        &self,
        request: Request<ExistsRequest>,
    ) -> Result<Response<ExistsResponse>, Status> {
        let namespace = namespace(&request)?;
        let ExistsRequest { key } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let exists = self.store.exists(&namespace, &key).await?;
        Ok(Response::new(ExistsResponse { exists }))
    }
}
