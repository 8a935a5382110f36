//! Set, Get, Delete, Exists.

use crate::{
    declaration::{MAX_KEY_BYTES, MAX_VALUE_BYTES},
    driver::Store,
    error::{Effect, Error},
    names::Names,
    scripts,
};
use bytes::Bytes;
use prism_driver_kit::{check, namespace};
use prism_interfaces::{
    Fault,
    keyvalue::v1::{
        DeleteRequest, DeleteResponse, ExistsRequest, ExistsResponse, GetRequest, GetResponse, SetRequest,
        SetResponse, key_value_basic_server::KeyValueBasic,
    },
};
use redis::cmd;
use tonic::{Request, Response, Status};

pub(crate) fn check_key(key: &str) -> Result<(), Fault> {
    check::name("key", key, MAX_KEY_BYTES)
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), Fault> {
    check::value("value", value, MAX_VALUE_BYTES)
}

#[tonic::async_trait]
impl KeyValueBasic for Store {
    async fn set(&self, request: Request<SetRequest>) -> Result<Response<SetResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let SetRequest { key, value } = request.into_inner();
        check_key(&key)?;
        check_value(&value)?;
        self.client.run::<()>(&scripts::STORE, &names, &[names.value(&key)], &[&*value]).await?;
        Ok(Response::new(SetResponse {}))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let GetRequest { key } = request.into_inner();
        check_key(&key)?;
        let value: Option<Bytes> = self.client.read(cmd("GET").arg(names.value(&key))).await?;
        Ok(Response::new(GetResponse { found: value.is_some(), value: value.unwrap_or_default() }))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let DeleteRequest { key } = request.into_inner();
        check_key(&key)?;
        let removed: Vec<bool> =
            self.client.run(&scripts::REMOVE, &names, &[names.value(&key)], &[""; 0]).await?;
        let [existed] = removed[..] else { return Err(Error::AnswerUnexpected(Effect::Possible).into()) };
        Ok(Response::new(DeleteResponse { existed }))
    }

    async fn exists(&self, request: Request<ExistsRequest>) -> Result<Response<ExistsResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let ExistsRequest { key } = request.into_inner();
        check_key(&key)?;
        let exists = self.client.read(cmd("EXISTS").arg(names.value(&key))).await?;
        Ok(Response::new(ExistsResponse { exists }))
    }
}
