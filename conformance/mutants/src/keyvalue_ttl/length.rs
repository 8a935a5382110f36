//! TTLs that are taken for others, and values that are.

use crate::{
    aside::{Aside, Plain},
    forward::{TtlTwist, ttl},
};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{ExpireRequest, ExpireResponse, PersistRequest, SetWithTtlRequest, SetWithTtlResponse},
    time::{from_std, to_std},
};
use std::time::Duration;
use tonic::{Code, Request, Response, Status};

pub(super) fn value_as_text(next: Endpoint) -> Endpoint {
    ttl(next, ValueAsText)
}

struct ValueAsText;

#[tonic::async_trait]
impl TtlTwist for ValueAsText {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        mut request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let value = &mut request.get_mut().value;
        *value = Bytes::from(String::from_utf8_lossy(value).into_owned());
        Plain.set_with_ttl(next, request).await
    }
}

pub(super) fn ignored(next: Endpoint) -> Endpoint {
    ttl(next, Ignored)
}

struct Ignored;

#[tonic::async_trait]
impl TtlTwist for Ignored {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let persist =
            Aside::of(next, &request).request(PersistRequest { key: request.get_ref().key.clone() });
        let response = Plain.set_with_ttl(next, request).await?;
        Plain.persist(next, persist).await?;
        Ok(response)
    }
}

pub(super) fn milliseconds_for_seconds(next: Endpoint) -> Endpoint {
    ttl(next, Changed(|ttl| (ttl / 1000).max(Duration::from_nanos(1))))
}

pub(super) fn rounded_up_to_seconds(next: Endpoint) -> Endpoint {
    ttl(next, Changed(|ttl| Duration::from_secs(ttl.as_nanos().div_ceil(1_000_000_000) as u64)))
}

pub(super) fn rounded_down(next: Endpoint) -> Endpoint {
    ttl(next, Changed(|ttl| Duration::from_millis((ttl.as_millis() as u64).max(1))))
}

pub(super) fn wraps_after_49_days(next: Endpoint) -> Endpoint {
    let wrapped = |ttl: Duration| match u32::try_from(ttl.as_millis()) {
        Ok(_) => ttl,
        Err(_) => Duration::from_millis(u64::from(ttl.as_millis() as u32)).max(Duration::from_millis(1)),
    };
    ttl(next, Changed(wrapped))
}

/// Takes every TTL that is a length of time for another one.
struct Changed(fn(Duration) -> Duration);

impl Changed {
    fn change(&self, ttl: &mut Option<prost_types::Duration>) {
        if let Some(before) = ttl.as_ref().and_then(to_std).filter(|ttl| !ttl.is_zero()) {
            *ttl = Some(from_std((self.0)(before)));
        }
    }
}

#[tonic::async_trait]
impl TtlTwist for Changed {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        mut request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        self.change(&mut request.get_mut().ttl);
        Plain.set_with_ttl(next, request).await
    }

    async fn expire(
        &self,
        next: &Endpoint,
        mut request: Request<ExpireRequest>,
    ) -> Result<Response<ExpireResponse>, Status> {
        self.change(&mut request.get_mut().ttl);
        Plain.expire(next, request).await
    }
}

/// Whether a TTL is one that a driver must take, as far as can be told without knowing `max_ttl`.
fn is_positive(ttl: Option<&prost_types::Duration>) -> bool {
    ttl.and_then(to_std).is_some_and(|ttl| !ttl.is_zero())
}

pub(super) fn zero_is_for_ever(next: Endpoint) -> Endpoint {
    ttl(next, ZeroIsForEver)
}

struct ZeroIsForEver;

#[tonic::async_trait]
impl TtlTwist for ZeroIsForEver {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let none = request.get_ref().ttl.is_none_or(|ttl| ttl.seconds == 0 && ttl.nanos == 0);
        if !none {
            return Plain.set_with_ttl(next, request).await;
        }
        let SetWithTtlRequest { key, value, .. } = request.get_ref().clone();
        Aside::of(next, &request).set(&key, value).await?;
        Ok(Response::new(SetWithTtlResponse {}))
    }
}

pub(super) fn negative_deletes(next: Endpoint) -> Endpoint {
    ttl(next, NegativeDeletes)
}

struct NegativeDeletes;

#[tonic::async_trait]
impl TtlTwist for NegativeDeletes {
    async fn expire(
        &self,
        next: &Endpoint,
        request: Request<ExpireRequest>,
    ) -> Result<Response<ExpireResponse>, Status> {
        let ExpireRequest { key, ttl } = request.get_ref();
        if is_positive(ttl.as_ref()) || ttl.is_none() {
            return Plain.expire(next, request).await;
        }
        let existed = Aside::of(next, &request).delete(key).await?;
        Ok(Response::new(ExpireResponse { existed }))
    }
}

pub(super) fn max_is_refused(next: Endpoint) -> Endpoint {
    ttl(next, MaxIsRefused)
}

struct MaxIsRefused;

impl MaxIsRefused {
    /// Whether this much and a little more is too long, that is, the TTL is the longest there is.
    async fn is_max(aside: &Aside<'_>, ttl: Option<prost_types::Duration>) -> bool {
        let Some(ttl) = ttl.as_ref().and_then(to_std) else { return false };
        let longer = aside.expire("a key that nobody uses", ttl + Duration::from_nanos(1)).await;
        longer.is_err_and(|status| status.code() == Code::InvalidArgument)
    }
}

#[tonic::async_trait]
impl TtlTwist for MaxIsRefused {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        if Self::is_max(&Aside::of(next, &request), request.get_ref().ttl).await {
            return Err(Status::invalid_argument("the TTL is too long"));
        }
        Plain.set_with_ttl(next, request).await
    }
}

pub(super) fn too_long_is_capped(next: Endpoint) -> Endpoint {
    ttl(next, TooLongIsCapped)
}

struct TooLongIsCapped;

/// What a TTL that is too long becomes.
const CAP: prost_types::Duration = prost_types::Duration { seconds: 86_400, nanos: 0 };

#[tonic::async_trait]
impl TtlTwist for TooLongIsCapped {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let capped = SetWithTtlRequest { ttl: Some(CAP), ..request.get_ref().clone() };
        let (positive, capped) =
            (is_positive(request.get_ref().ttl.as_ref()), Aside::of(next, &request).request(capped));
        match Plain.set_with_ttl(next, request).await {
            Err(status) if positive && status.code() == Code::InvalidArgument => {
                Plain.set_with_ttl(next, capped).await
            }
            answer => answer,
        }
    }
}
