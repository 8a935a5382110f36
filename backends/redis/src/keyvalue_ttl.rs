//! SetWithTtl, Expire, GetTtl, Persist.

use crate::{
    declaration::{GRANULARITY, MAX_TTL},
    driver::Store,
    error::{Effect, Error},
    keyvalue_basic::{check_key, check_value},
    names::Names,
    scripts,
};
use prism_driver_kit::{check, namespace};
use prism_interfaces::{
    keyvalue::v1::{
        ExpireRequest, ExpireResponse, GetTtlRequest, GetTtlResponse, PersistRequest, PersistResponse,
        SetWithTtlRequest, SetWithTtlResponse, TtlState, key_value_ttl_server::KeyValueTtl,
    },
    time,
};
use redis::cmd;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// Whole milliseconds, rounded up. Redis counts from the beginning of the current one and lets a key go when the last one
/// is over, so that nothing expires early.
fn milliseconds(ttl: Duration) -> u64 {
    ttl.as_nanos().div_ceil(GRANULARITY.as_nanos()) as u64
}

#[tonic::async_trait]
impl KeyValueTtl for Store {
    async fn set_with_ttl(
        &self,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let SetWithTtlRequest { key, value, ttl } = request.into_inner();
        check_key(&key)?;
        check_value(&value)?;
        let ttl = milliseconds(check::ttl("ttl", ttl.as_ref(), MAX_TTL)?).to_string();
        let arguments = [&*value, ttl.as_bytes()];
        self.client.run::<()>(&scripts::STORE_FOR, &names, &[names.value(&key)], &arguments).await?;
        Ok(Response::new(SetWithTtlResponse {}))
    }

    async fn expire(&self, request: Request<ExpireRequest>) -> Result<Response<ExpireResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let ExpireRequest { key, ttl } = request.into_inner();
        check_key(&key)?;
        let ttl = milliseconds(check::ttl("ttl", ttl.as_ref(), MAX_TTL)?);
        let existed = self.client.run(&scripts::EXPIRE, &names, &[names.value(&key)], &[ttl]).await?;
        Ok(Response::new(ExpireResponse { existed }))
    }

    async fn get_ttl(&self, request: Request<GetTtlRequest>) -> Result<Response<GetTtlResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let GetTtlRequest { key } = request.into_inner();
        check_key(&key)?;
        let remaining: i64 = self.client.read(cmd("PTTL").arg(names.value(&key))).await?;
        let (state, remaining) = match remaining {
            -2 => (TtlState::Missing, None),
            -1 => (TtlState::Persistent, None),
            // Redis says 0 in the last millisecond, in which the key is still there.
            0.. => (TtlState::Expiring, Some(Duration::from_millis(remaining.max(1).unsigned_abs()))),
            _ => return Err(Error::AnswerUnexpected(Effect::None).into()),
        };
        Ok(Response::new(GetTtlResponse { state: state.into(), remaining: remaining.map(time::from_std) }))
    }

    async fn persist(&self, request: Request<PersistRequest>) -> Result<Response<PersistResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let PersistRequest { key } = request.into_inner();
        check_key(&key)?;
        let removed = self.client.run(&scripts::PERSIST, &names, &[names.value(&key)], &[""; 0]).await?;
        Ok(Response::new(PersistResponse { removed }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_rounded_up_to_milliseconds() {
        for (ttl, expected) in [
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(1), 1),
            (Duration::from_nanos(1_000_001), 2),
            (Duration::from_millis(1500), 1500),
            (MAX_TTL, 315_360_000_000),
        ] {
            assert_eq!(milliseconds(ttl), expected, "{ttl:?}");
        }
    }
}
