//! Comparisons that are met too often, and answers that are not true.

use crate::{
    aside::{Aside, Notes, Plain},
    forward::{BasicTwist, CasTwist, basic, cas},
};
use bytes::Bytes;
use prism_interfaces::{
    Endpoint, Fault,
    contract::v1::Reason,
    keyvalue::v1::{
        CompareAndDeleteRequest, CompareAndDeleteResponse, CompareAndSwapRequest, CompareAndSwapResponse,
        DeleteRequest, DeleteResponse, PersistRequest, compare_and_swap_request::Expected,
        key_value_ttl_client::KeyValueTtlClient,
    },
};
use tonic::{Request, Response, Status};

type Swapped = Result<Response<CompareAndSwapResponse>, Status>;

fn expected_value(request: &Request<CompareAndSwapRequest>) -> Option<&Bytes> {
    match &request.get_ref().expected {
        Some(Expected::ExpectedValue(value)) => Some(value),
        _ => None,
    }
}

fn expects_absent(request: &Request<CompareAndSwapRequest>) -> bool {
    matches!(request.get_ref().expected, Some(Expected::Absent(_)))
}

fn answer(swapped: bool) -> Response<CompareAndSwapResponse> {
    Response::new(CompareAndSwapResponse { swapped })
}

pub(super) fn compares_prefix(next: Endpoint) -> Endpoint {
    cas(next, Compares(<[u8]>::starts_with))
}

pub(super) fn compares_trimmed(next: Endpoint) -> Endpoint {
    cas(next, Compares(|there, expected| there.trim_ascii() == expected.trim_ascii()))
}

pub(super) fn compares_numbers(next: Endpoint) -> Endpoint {
    fn number(bytes: &[u8]) -> Option<f64> {
        std::str::from_utf8(bytes).ok()?.parse().ok()
    }
    cas(next, Compares(|there, expected| number(there).is_some() && number(there) == number(expected)))
}

/// Takes an expectation for met where this says so, and corrects it before it is handed on.
struct Compares(fn(&[u8], &[u8]) -> bool);

#[tonic::async_trait]
impl CasTwist for Compares {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        mut request: Request<CompareAndSwapRequest>,
    ) -> Swapped {
        let there = Aside::of(next, &request).get(&request.get_ref().key).await?;
        if let (Some(there), Some(expected)) = (there, expected_value(&request))
            && (self.0)(&there, expected)
        {
            request.get_mut().expected = Some(Expected::ExpectedValue(there));
        }
        Plain.compare_and_swap(next, request).await
    }
}

pub(super) fn delete_ignores_case(next: Endpoint) -> Endpoint {
    cas(next, DeleteIgnoresCase)
}

struct DeleteIgnoresCase;

#[tonic::async_trait]
impl CasTwist for DeleteIgnoresCase {
    async fn compare_and_delete(
        &self,
        next: &Endpoint,
        mut request: Request<CompareAndDeleteRequest>,
    ) -> Result<Response<CompareAndDeleteResponse>, Status> {
        let there = Aside::of(next, &request).get(&request.get_ref().key).await?;
        if let Some(there) =
            there.filter(|there| there.eq_ignore_ascii_case(&request.get_ref().expected_value))
        {
            request.get_mut().expected_value = there;
        }
        Plain.compare_and_delete(next, request).await
    }
}

pub(super) fn delete_of_missing_says_yes(next: Endpoint) -> Endpoint {
    cas(next, DeleteOfMissingSaysYes)
}

struct DeleteOfMissingSaysYes;

#[tonic::async_trait]
impl CasTwist for DeleteOfMissingSaysYes {
    async fn compare_and_delete(
        &self,
        next: &Endpoint,
        request: Request<CompareAndDeleteRequest>,
    ) -> Result<Response<CompareAndDeleteResponse>, Status> {
        let missing = Aside::of(next, &request).get(&request.get_ref().key).await?.is_none();
        let mut response = Plain.compare_and_delete(next, request).await?;
        response.get_mut().deleted |= missing;
        Ok(response)
    }
}

pub(super) fn absent_is_always_met(next: Endpoint) -> Endpoint {
    cas(next, AbsentIsAlwaysMet)
}

struct AbsentIsAlwaysMet;

#[tonic::async_trait]
impl CasTwist for AbsentIsAlwaysMet {
    async fn compare_and_swap(&self, next: &Endpoint, request: Request<CompareAndSwapRequest>) -> Swapped {
        if !expects_absent(&request) {
            return Plain.compare_and_swap(next, request).await;
        }
        let CompareAndSwapRequest { key, value, .. } = request.get_ref();
        Aside::of(next, &request).set(key, value.clone()).await?;
        Ok(answer(true))
    }
}

pub(super) fn empty_is_absent(next: Endpoint) -> Endpoint {
    cas(next, EmptyIsAbsent)
}

struct EmptyIsAbsent;

#[tonic::async_trait]
impl CasTwist for EmptyIsAbsent {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        mut request: Request<CompareAndSwapRequest>,
    ) -> Swapped {
        let there = Aside::of(next, &request).get(&request.get_ref().key).await?;
        if expects_absent(&request) && there.is_some_and(|there| there.is_empty()) {
            request.get_mut().expected = Some(Expected::ExpectedValue(Bytes::new()));
        }
        Plain.compare_and_swap(next, request).await
    }
}

pub(super) fn absent_is_empty(next: Endpoint) -> Endpoint {
    cas(next, AbsentIsEmpty)
}

struct AbsentIsEmpty;

#[tonic::async_trait]
impl CasTwist for AbsentIsEmpty {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        mut request: Request<CompareAndSwapRequest>,
    ) -> Swapped {
        let there = Aside::of(next, &request).get(&request.get_ref().key).await?;
        if expected_value(&request).is_some_and(Bytes::is_empty) && there.is_none() {
            request.get_mut().expected = Some(Expected::Absent(prism_interfaces::keyvalue::v1::Absent {}));
        }
        Plain.compare_and_swap(next, request).await
    }
}

pub(super) fn deleted_is_not_absent(next: Endpoint) -> Endpoint {
    let deleted = DeletedIsNotAbsent(Notes::default());
    basic(cas(next, deleted.clone()), deleted)
}

/// The keys that were deleted, and stay behind as markers.
#[derive(Clone)]
struct DeletedIsNotAbsent(Notes<()>);

#[tonic::async_trait]
impl BasicTwist for DeletedIsNotAbsent {
    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        self.0.put(&request, &request.get_ref().key, ());
        Plain.delete(next, request).await
    }
}

#[tonic::async_trait]
impl CasTwist for DeletedIsNotAbsent {
    async fn compare_and_swap(&self, next: &Endpoint, request: Request<CompareAndSwapRequest>) -> Swapped {
        if expects_absent(&request) && self.0.get(&request, &request.get_ref().key).is_some() {
            return Ok(answer(false));
        }
        Plain.compare_and_swap(next, request).await
    }
}

pub(super) fn no_expectation_is_met(next: Endpoint) -> Endpoint {
    cas(next, NoExpectationIsMet)
}

struct NoExpectationIsMet;

#[tonic::async_trait]
impl CasTwist for NoExpectationIsMet {
    async fn compare_and_swap(&self, next: &Endpoint, request: Request<CompareAndSwapRequest>) -> Swapped {
        let CompareAndSwapRequest { key, expected, value } = request.get_ref();
        if expected.is_some() {
            return Plain.compare_and_swap(next, request).await;
        }
        Aside::of(next, &request).set(key, value.clone()).await?;
        Ok(answer(true))
    }
}

pub(super) fn refused_and_stored(next: Endpoint) -> Endpoint {
    cas(next, RefusedAndStored)
}

struct RefusedAndStored;

#[tonic::async_trait]
impl CasTwist for RefusedAndStored {
    async fn compare_and_swap(&self, next: &Endpoint, request: Request<CompareAndSwapRequest>) -> Swapped {
        let (aside, CompareAndSwapRequest { key, value, .. }) =
            (Aside::of(next, &request), request.get_ref().clone());
        let response = Plain.compare_and_swap(next, request).await?;
        if !response.get_ref().swapped {
            aside.set(&key, value).await?;
        }
        Ok(response)
    }
}

pub(super) fn swapped_and_dropped(next: Endpoint) -> Endpoint {
    cas(next, SwappedAndDropped)
}

struct SwappedAndDropped;

#[tonic::async_trait]
impl CasTwist for SwappedAndDropped {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        mut request: Request<CompareAndSwapRequest>,
    ) -> Swapped {
        if let Some(expected) = expected_value(&request).cloned() {
            request.get_mut().value = expected;
        }
        Plain.compare_and_swap(next, request).await
    }
}

pub(super) fn lost_race_is_an_error(next: Endpoint) -> Endpoint {
    cas(next, LostRaceIsAnError)
}

struct LostRaceIsAnError;

#[tonic::async_trait]
impl CasTwist for LostRaceIsAnError {
    async fn compare_and_swap(&self, next: &Endpoint, request: Request<CompareAndSwapRequest>) -> Swapped {
        let response = Plain.compare_and_swap(next, request).await?;
        if response.get_ref().swapped {
            return Ok(response);
        }
        Err(Fault::aborted(Reason::TransactionConflict, "somebody else was faster").into())
    }
}

pub(super) fn swap_drops_ttl(next: Endpoint) -> Endpoint {
    cas(next, SwapDropsTtl)
}

struct SwapDropsTtl;

#[tonic::async_trait]
impl CasTwist for SwapDropsTtl {
    async fn compare_and_swap(&self, next: &Endpoint, request: Request<CompareAndSwapRequest>) -> Swapped {
        let persist =
            Aside::of(next, &request).request(PersistRequest { key: request.get_ref().key.clone() });
        let response = Plain.compare_and_swap(next, request).await?;
        if response.get_ref().swapped {
            KeyValueTtlClient::new(next.clone()).persist(persist).await?;
        }
        Ok(response)
    }
}
