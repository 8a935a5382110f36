//! Keys that expire.

use crate::{
    declaration::{MAX_KEY_BYTES, MAX_TTL, MAX_VALUE_BYTES},
    driver::Service,
    table::{Lifetime, Table},
    value::Value,
};
use prism_driver_kit::check;
use prism_interfaces::{
    keyvalue::v1::{
        ExpireRequest, ExpireResponse, GetTtlRequest, GetTtlResponse, PersistRequest, PersistResponse,
        SetWithTtlRequest, SetWithTtlResponse, TtlState, key_value_ttl_server::KeyValueTtl,
    },
    time,
};
use tonic::{Request, Response, Status};

impl Table {
    /// Removes the TTL of a key; says whether there was one.
    fn persist(&mut self, key: &str) -> bool {
        matches!(self.lifetime(key), Lifetime::Expiring(_)) && self.set_ttl(key, None)
    }
}

#[tonic::async_trait]
impl KeyValueTtl for Service {
    async fn set_with_ttl(
        &self,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let space = self.space(&request)?;
        let SetWithTtlRequest { key, value, ttl } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        check::value("value", &value, MAX_VALUE_BYTES)?;
        let ttl = check::ttl("ttl", ttl.as_ref(), MAX_TTL)?;
        let value = Value::copy(&value);
        space.keys().set(key, value, Some(ttl));
        Ok(Response::new(SetWithTtlResponse {}))
    }

    async fn expire(&self, request: Request<ExpireRequest>) -> Result<Response<ExpireResponse>, Status> {
        let space = self.space(&request)?;
        let ExpireRequest { key, ttl } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let ttl = check::ttl("ttl", ttl.as_ref(), MAX_TTL)?;
        let existed = space.keys().set_ttl(&key, Some(ttl));
        Ok(Response::new(ExpireResponse { existed }))
    }

    async fn get_ttl(&self, request: Request<GetTtlRequest>) -> Result<Response<GetTtlResponse>, Status> {
        let space = self.space(&request)?;
        let GetTtlRequest { key } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let (state, remaining) = match space.keys().lifetime(&key) {
            Lifetime::Missing => (TtlState::Missing, None),
            Lifetime::Persistent => (TtlState::Persistent, None),
            Lifetime::Expiring(remaining) => (TtlState::Expiring, Some(time::from_std(remaining))),
        };
        Ok(Response::new(GetTtlResponse { state: state.into(), remaining }))
    }

    async fn persist(&self, request: Request<PersistRequest>) -> Result<Response<PersistResponse>, Status> {
        let space = self.space(&request)?;
        let PersistRequest { key } = request.into_inner();
        check::name("key", &key, MAX_KEY_BYTES)?;
        let removed = space.keys().persist(&key);
        Ok(Response::new(PersistResponse { removed }))
    }
}
