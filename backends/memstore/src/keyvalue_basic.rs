//! Single keys.

use crate::{
    declaration::{MAX_KEY_BYTES, MAX_VALUE_BYTES},
    driver::Service,
    value::Value,
};
use prism_driver_kit::check;
use prism_interfaces::keyvalue::v1::{
    DeleteRequest, DeleteResponse, ExistsRequest, ExistsResponse, GetRequest, GetResponse, SetRequest,
    SetResponse, key_value_basic_server::KeyValueBasic,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl KeyValueBasic for Service {
    async fn set(&self, request: Request<SetRequest>) -> Result<Response<SetResponse>, Status> {
        let space = self.space(&request)?;
        let SetRequest { key, value } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        check::value("value", &value, MAX_VALUE_BYTES)?;
        let value = Value::copy(&value);
        space.keys().set(key, value, None);
        Ok(Response::new(SetResponse {}))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let space = self.space(&request)?;
        let GetRequest { key } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let value = space.keys().get(&key).map(Value::to_bytes);
        Ok(Response::new(GetResponse { found: value.is_some(), value: value.unwrap_or_default() }))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let space = self.space(&request)?;
        let DeleteRequest { key } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let existed = space.keys().remove(&key);
        Ok(Response::new(DeleteResponse { existed }))
    }

    async fn exists(&self, request: Request<ExistsRequest>) -> Result<Response<ExistsResponse>, Status> {
        let space = self.space(&request)?;
        let ExistsRequest { key } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let exists = space.keys().get(&key).is_some();
        Ok(Response::new(ExistsResponse { exists }))
    }
}
