//! Increments that add, store or read numbers in another way.

use crate::{
    aside::{Aside, Plain},
    forward::{CasTwist, cas},
};
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        IncrementRequest, IncrementResponse, PersistRequest, key_value_ttl_client::KeyValueTtlClient,
    },
};
use tonic::{Code, Request, Response, Status};

type Sum = Result<Response<IncrementResponse>, Status>;

/// The number under the key, if it is one.
async fn number(next: &Endpoint, request: &Request<IncrementRequest>) -> Result<Option<i64>, Status> {
    let there = Aside::of(next, request).get(&request.get_ref().key).await?;
    Ok(there.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok()))
}

/// Stores a sum whatever the driver makes of it.
async fn store(next: &Endpoint, request: &Request<IncrementRequest>, value: i64) -> Sum {
    Aside::of(next, request).set(&request.get_ref().key, value.to_string().into()).await?;
    Ok(Response::new(IncrementResponse { value }))
}

pub(super) fn increment_drops_ttl(next: Endpoint) -> Endpoint {
    cas(next, IncrementDropsTtl)
}

struct IncrementDropsTtl;

#[tonic::async_trait]
impl CasTwist for IncrementDropsTtl {
    async fn increment(&self, next: &Endpoint, request: Request<IncrementRequest>) -> Sum {
        let persist =
            Aside::of(next, &request).request(PersistRequest { key: request.get_ref().key.clone() });
        let response = Plain.increment(next, request).await?;
        KeyValueTtlClient::new(next.clone()).persist(persist).await?;
        Ok(response)
    }
}

pub(super) fn missing_counts_as_one(next: Endpoint) -> Endpoint {
    cas(next, MissingCountsAsOne)
}

struct MissingCountsAsOne;

#[tonic::async_trait]
impl CasTwist for MissingCountsAsOne {
    async fn increment(&self, next: &Endpoint, mut request: Request<IncrementRequest>) -> Sum {
        if Aside::of(next, &request).get(&request.get_ref().key).await?.is_none() {
            request.get_mut().delta = request.get_ref().delta.saturating_add(1);
        }
        Plain.increment(next, request).await
    }
}

pub(super) fn adds_as_double(next: Endpoint) -> Endpoint {
    cas(next, AddsAsDouble)
}

struct AddsAsDouble;

#[tonic::async_trait]
impl CasTwist for AddsAsDouble {
    async fn increment(&self, next: &Endpoint, request: Request<IncrementRequest>) -> Sum {
        let there = number(next, &request).await?.unwrap_or(0);
        let (aside, key) = (Aside::of(next, &request), request.get_ref().key.clone());
        let sum = there as f64 + request.get_ref().delta as f64;
        let exact = Plain.increment(next, request).await?;
        let value = sum as i64;
        if value == exact.get_ref().value {
            return Ok(exact);
        }
        aside.set(&key, value.to_string().into()).await?;
        Ok(Response::new(IncrementResponse { value }))
    }
}

pub(super) fn wraps_around(next: Endpoint) -> Endpoint {
    cas(next, Overflows(i64::wrapping_add))
}

pub(super) fn stops_at_the_end(next: Endpoint) -> Endpoint {
    cas(next, Overflows(i64::saturating_add))
}

/// Adds like this where the driver says that the sum does not fit.
struct Overflows(fn(i64, i64) -> i64);

#[tonic::async_trait]
impl CasTwist for Overflows {
    async fn increment(&self, next: &Endpoint, request: Request<IncrementRequest>) -> Sum {
        let again = Aside::of(next, &request).request(request.get_ref().clone());
        match Plain.increment(next, request).await {
            Err(status) if status.code() == Code::OutOfRange => {
                let there = number(next, &again).await?.unwrap_or(0);
                store(next, &again, (self.0)(there, again.get_ref().delta)).await
            }
            answer => answer,
        }
    }
}

pub(super) fn writes_a_sign(next: Endpoint) -> Endpoint {
    cas(next, WritesASign)
}

struct WritesASign;

#[tonic::async_trait]
impl CasTwist for WritesASign {
    async fn increment(&self, next: &Endpoint, request: Request<IncrementRequest>) -> Sum {
        let (aside, key) = (Aside::of(next, &request), request.get_ref().key.clone());
        // The driver behind would not read the sign, so what this mutant has written loses it for a moment.
        if let Some(there) = aside.get(&key).await?
            && there.starts_with(b"+")
            && there.len() > 1
            && there[1].is_ascii_digit()
        {
            aside.set(&key, there.slice(1..)).await?;
        }
        let response = Plain.increment(next, request).await?;
        aside.set(&key, format!("{:+}", response.get_ref().value).into()).await?;
        Ok(response)
    }
}

pub(super) fn no_number_is_zero(next: Endpoint) -> Endpoint {
    cas(next, NoNumberIsZero)
}

struct NoNumberIsZero;

#[tonic::async_trait]
impl CasTwist for NoNumberIsZero {
    async fn increment(&self, next: &Endpoint, request: Request<IncrementRequest>) -> Sum {
        let again = Aside::of(next, &request).request(request.get_ref().clone());
        match Plain.increment(next, request).await {
            Err(status) if status.code() == Code::FailedPrecondition => {
                store(next, &again, again.get_ref().delta).await
            }
            answer => answer,
        }
    }
}

pub(super) fn reads_any_number(next: Endpoint) -> Endpoint {
    cas(next, ReadsAnyNumber)
}

struct ReadsAnyNumber;

#[tonic::async_trait]
impl CasTwist for ReadsAnyNumber {
    async fn increment(&self, next: &Endpoint, request: Request<IncrementRequest>) -> Sum {
        let again = Aside::of(next, &request).request(request.get_ref().clone());
        match Plain.increment(next, request).await {
            Err(status) if status.code() == Code::FailedPrecondition => match number(next, &again).await? {
                Some(there) => store(next, &again, there.wrapping_add(again.get_ref().delta)).await,
                None => Err(status),
            },
            answer => answer,
        }
    }
}
