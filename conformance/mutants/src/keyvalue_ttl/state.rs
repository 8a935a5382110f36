//! Expire, GetTtl and Persist that do or say something else.

use crate::{
    aside::{Aside, Notes, Plain},
    forward::{TtlTwist, ttl},
};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        ExpireRequest, ExpireResponse, GetTtlRequest, GetTtlResponse, PersistRequest, PersistResponse,
        SetWithTtlRequest, SetWithTtlResponse, TtlState,
    },
    time::to_std,
};
use tonic::{Request, Response, Status};

pub(super) fn expire_only_extends(next: Endpoint) -> Endpoint {
    ttl(next, ExpireOnlyExtends)
}

struct ExpireOnlyExtends;

#[tonic::async_trait]
impl TtlTwist for ExpireOnlyExtends {
    async fn expire(
        &self,
        next: &Endpoint,
        request: Request<ExpireRequest>,
    ) -> Result<Response<ExpireResponse>, Status> {
        let ExpireRequest { key, ttl } = request.get_ref();
        let (before, after) =
            (Aside::of(next, &request).remaining(key).await?, ttl.as_ref().and_then(to_std));
        if after.is_some_and(|after| !after.is_zero()) && before > after {
            return Ok(Response::new(ExpireResponse { existed: true }));
        }
        Plain.expire(next, request).await
    }
}

pub(super) fn expire_needs_a_ttl(next: Endpoint) -> Endpoint {
    ttl(next, ExpireNeedsATtl)
}

struct ExpireNeedsATtl;

#[tonic::async_trait]
impl TtlTwist for ExpireNeedsATtl {
    async fn expire(
        &self,
        next: &Endpoint,
        request: Request<ExpireRequest>,
    ) -> Result<Response<ExpireResponse>, Status> {
        let ExpireRequest { key, ttl } = request.get_ref();
        let valid = ttl.as_ref().and_then(to_std).is_some_and(|ttl| !ttl.is_zero());
        if valid && !key.is_empty() && Aside::of(next, &request).remaining(key).await?.is_none() {
            return Ok(Response::new(ExpireResponse { existed: false }));
        }
        Plain.expire(next, request).await
    }
}

pub(super) fn expire_creates(next: Endpoint) -> Endpoint {
    ttl(next, ExpireCreates)
}

struct ExpireCreates;

#[tonic::async_trait]
impl TtlTwist for ExpireCreates {
    async fn expire(
        &self,
        next: &Endpoint,
        request: Request<ExpireRequest>,
    ) -> Result<Response<ExpireResponse>, Status> {
        let ExpireRequest { key, ttl } = request.get_ref().clone();
        let create = Aside::of(next, &request).request(SetWithTtlRequest { key, value: Bytes::new(), ttl });
        let response = Plain.expire(next, request).await?;
        if !response.get_ref().existed {
            Plain.set_with_ttl(next, create).await?;
        }
        Ok(response)
    }
}

pub(super) fn missing_is_persistent(next: Endpoint) -> Endpoint {
    ttl(next, MissingIsPersistent)
}

struct MissingIsPersistent;

#[tonic::async_trait]
impl TtlTwist for MissingIsPersistent {
    async fn get_ttl(
        &self,
        next: &Endpoint,
        request: Request<GetTtlRequest>,
    ) -> Result<Response<GetTtlResponse>, Status> {
        let mut response = Plain.get_ttl(next, request).await?;
        if response.get_ref().state() == TtlState::Missing {
            response.get_mut().set_state(TtlState::Persistent);
        }
        Ok(response)
    }
}

pub(super) fn remaining_in_whole_seconds(next: Endpoint) -> Endpoint {
    ttl(next, RemainingInWholeSeconds)
}

struct RemainingInWholeSeconds;

#[tonic::async_trait]
impl TtlTwist for RemainingInWholeSeconds {
    async fn get_ttl(
        &self,
        next: &Endpoint,
        request: Request<GetTtlRequest>,
    ) -> Result<Response<GetTtlResponse>, Status> {
        let mut response = Plain.get_ttl(next, request).await?;
        if let Some(remaining) = &mut response.get_mut().remaining {
            remaining.nanos = 0;
        }
        Ok(response)
    }
}

pub(super) fn remaining_stands_still(next: Endpoint) -> Endpoint {
    ttl(next, RemainingStandsStill(Notes::default()))
}

/// The TTLs that were asked for.
struct RemainingStandsStill(Notes<prost_types::Duration>);

#[tonic::async_trait]
impl TtlTwist for RemainingStandsStill {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        if let Some(ttl) = request.get_ref().ttl {
            self.0.put(&request, &request.get_ref().key, ttl);
        }
        Plain.set_with_ttl(next, request).await
    }

    async fn get_ttl(
        &self,
        next: &Endpoint,
        request: Request<GetTtlRequest>,
    ) -> Result<Response<GetTtlResponse>, Status> {
        let asked = self.0.get(&request, &request.get_ref().key);
        let mut response = Plain.get_ttl(next, request).await?;
        if let (Some(remaining), Some(asked)) = (&mut response.get_mut().remaining, asked) {
            *remaining = asked;
        }
        Ok(response)
    }
}

pub(super) fn persist_does_nothing(next: Endpoint) -> Endpoint {
    ttl(next, PersistDoesNothing)
}

struct PersistDoesNothing;

#[tonic::async_trait]
impl TtlTwist for PersistDoesNothing {
    async fn persist(
        &self,
        next: &Endpoint,
        request: Request<PersistRequest>,
    ) -> Result<Response<PersistResponse>, Status> {
        let remaining = Aside::of(next, &request).remaining(&request.get_ref().key).await?;
        Ok(Response::new(PersistResponse { removed: remaining.is_some() }))
    }
}

pub(super) fn persist_says_yes(next: Endpoint) -> Endpoint {
    ttl(next, PersistSaysYes)
}

struct PersistSaysYes;

#[tonic::async_trait]
impl TtlTwist for PersistSaysYes {
    async fn persist(
        &self,
        next: &Endpoint,
        request: Request<PersistRequest>,
    ) -> Result<Response<PersistResponse>, Status> {
        Plain.persist(next, request).await?;
        Ok(Response::new(PersistResponse { removed: true }))
    }
}
