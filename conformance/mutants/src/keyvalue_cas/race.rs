//! Changes that are made of a read and a write, between which others come.

use crate::{
    aside::{Aside, Plain},
    forward::{CasTwist, cas},
};
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        CompareAndDeleteRequest, CompareAndDeleteResponse, CompareAndSwapRequest, CompareAndSwapResponse,
        IncrementRequest, IncrementResponse, compare_and_swap_request::Expected,
    },
};
use tokio::task::yield_now;
use tonic::{Request, Response, Status};

/// Lets others come between.
async fn dawdle() {
    for _ in 0..8 {
        yield_now().await;
    }
}

pub(super) fn get_then_set(next: Endpoint) -> Endpoint {
    cas(next, GetThenSet)
}

struct GetThenSet;

#[tonic::async_trait]
impl CasTwist for GetThenSet {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let (aside, CompareAndSwapRequest { key, expected, value }) =
            (Aside::of(next, &request), request.get_ref());
        let there = aside.get(key).await?;
        let met = match expected {
            Some(Expected::Absent(_)) => there.is_none(),
            Some(Expected::ExpectedValue(expected)) => there.as_ref() == Some(expected),
            None => false,
        };
        if !met {
            return Plain.compare_and_swap(next, request).await;
        }
        dawdle().await;
        aside.set(key, value.clone()).await?;
        Ok(Response::new(CompareAndSwapResponse { swapped: true }))
    }
}

pub(super) fn get_then_delete(next: Endpoint) -> Endpoint {
    cas(next, GetThenDelete)
}

struct GetThenDelete;

#[tonic::async_trait]
impl CasTwist for GetThenDelete {
    async fn compare_and_delete(
        &self,
        next: &Endpoint,
        request: Request<CompareAndDeleteRequest>,
    ) -> Result<Response<CompareAndDeleteResponse>, Status> {
        let (aside, CompareAndDeleteRequest { key, expected_value }) =
            (Aside::of(next, &request), request.get_ref());
        let deleted = aside.get(key).await?.as_ref() == Some(expected_value);
        if deleted {
            dawdle().await;
            aside.delete(key).await?;
        }
        Ok(Response::new(CompareAndDeleteResponse { deleted }))
    }
}

pub(super) fn increment_get_then_set(next: Endpoint) -> Endpoint {
    cas(next, IncrementGetThenSet)
}

struct IncrementGetThenSet;

#[tonic::async_trait]
impl CasTwist for IncrementGetThenSet {
    async fn increment(
        &self,
        next: &Endpoint,
        request: Request<IncrementRequest>,
    ) -> Result<Response<IncrementResponse>, Status> {
        let aside = Aside::of(next, &request);
        let key = request.get_ref().key.clone();
        // What the others have done since is undone: the sum starts from what was there before.
        let before = aside.get(&key).await?;
        dawdle().await;
        let delta = request.get_ref().delta;
        let number =
            before.as_ref().map_or(Some(0), |text| std::str::from_utf8(text).ok()?.parse::<i64>().ok());
        let Some(value) = number.and_then(|number| number.checked_add(delta)) else {
            return Plain.increment(next, request).await;
        };
        aside.set(&key, value.to_string().into()).await?;
        Ok(Response::new(IncrementResponse { value }))
    }
}
