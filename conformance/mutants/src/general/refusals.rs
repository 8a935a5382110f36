//! Mutants of the refusal of what is not declared.

use super::is_data;
use crate::{
    Mutant, Subject,
    forward::{BatchTwist, CasTwist, TtlTwist, batch, cas, like, ttl},
    keyvalue_basic::client as basic_client,
};
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use prism_interfaces::{
    Endpoint, EndpointError,
    keyvalue::v1::{
        BatchDeleteRequest, BatchDeleteResponse, BatchSetRequest, BatchSetResponse, CompareAndSwapRequest,
        CompareAndSwapResponse, DeleteRequest, IncrementRequest, IncrementResponse, SetRequest,
        SetWithTtlRequest, SetWithTtlResponse, key_value_batch_client::KeyValueBatchClient,
        key_value_cas_client::KeyValueCasClient, key_value_ttl_client::KeyValueTtlClient,
    },
};
use std::sync::Arc;
use tonic::{Code, Request, Response, Status, body::Body};
use tower::{ServiceExt, service_fn};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        undeclared(
            "general/serves_scan_undeclared",
            "keyvalue_scan is served and not declared",
            "keyvalue_scan",
        ),
        undeclared(
            "general/serves_ttl_undeclared",
            "keyvalue_ttl is served and not declared",
            "keyvalue_ttl",
        ),
        undeclared(
            "general/serves_cas_undeclared",
            "keyvalue_cas is served and not declared",
            "keyvalue_cas",
        ),
        undeclared(
            "general/serves_wildcards_undeclared",
            "pubsub_wildcards is served and not declared",
            "pubsub_wildcards",
        ),
        refusal(
            "general/unserved_answers_ok",
            "What is not served answers OK with an empty message",
            |next| instead_of_unimplemented(next, empty_answer),
        ),
        refusal("general/unserved_is_an_internal_error", "What is not served answers INTERNAL", |next| {
            instead_of_unimplemented(next, || Status::internal("no such method").into_http())
        }),
        refusal(
            "general/unserved_is_applied_and_refused",
            "A write that is not served is applied and then refused",
            |next| batch(cas(ttl(next, AppliesFirst), AppliesFirst), AppliesFirst),
        ),
    ]
}

fn undeclared(id: &'static str, sentence: &'static str, interface: &'static str) -> Mutant {
    Mutant { id, sentence, subject: Subject::Undeclared(interface) }
}

fn refusal(
    id: &'static str,
    sentence: &'static str,
    wrap: impl Fn(Endpoint) -> Endpoint + Copy + Send + Sync + 'static,
) -> Mutant {
    Mutant { id, sentence, subject: Subject::Refusals(Arc::new(move || Box::new(wrap))) }
}

fn instead_of_unimplemented(
    next: Endpoint,
    other: impl Fn() -> http::Response<Body> + Copy + Send + Sync + 'static,
) -> Endpoint {
    Endpoint::new(service_fn(move |request: http::Request<Body>| {
        let next = next.clone();
        async move {
            let is_data = is_data(request.uri().path());
            let response = next.oneshot(request).await?;
            let status = Status::from_header_map(response.headers());
            let refused = status.is_some_and(|status| status.code() == Code::Unimplemented);
            Ok::<_, EndpointError>(if refused && is_data { other() } else { response })
        }
    }))
}

/// OK, with a message none of whose fields are set.
fn empty_answer() -> http::Response<Body> {
    // A message of gRPC: not compressed, no bytes long.
    let message = Full::new(Bytes::from_static(&[0; 5]));
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    let mut response =
        http::Response::new(Body::new(message.with_trailers(async move { Some(Ok(trailers)) })));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/grpc"));
    response
}

/// Where the driver says that it does not serve a write, carries it out with the means of keyvalue_basic.
struct AppliesFirst;

impl AppliesFirst {
    async fn set<T, U>(
        next: &Endpoint,
        request: &Request<T>,
        result: Result<U, Status>,
        (key, value): (String, Bytes),
    ) -> Result<U, Status> {
        if matches!(&result, Err(status) if status.code() == Code::Unimplemented) {
            basic_client(next).set(like(request, SetRequest { key, value })).await?;
        }
        result
    }
}

#[tonic::async_trait]
impl TtlTwist for AppliesFirst {
    async fn set_with_ttl(
        &self,
        next: &Endpoint,
        request: Request<SetWithTtlRequest>,
    ) -> Result<Response<SetWithTtlResponse>, Status> {
        let SetWithTtlRequest { key, value, .. } = request.get_ref().clone();
        let headers = like(&request, ());
        let result = KeyValueTtlClient::new(next.clone()).set_with_ttl(request).await;
        Self::set(next, &headers, result, (key, value)).await
    }
}

#[tonic::async_trait]
impl CasTwist for AppliesFirst {
    async fn compare_and_swap(
        &self,
        next: &Endpoint,
        request: Request<CompareAndSwapRequest>,
    ) -> Result<Response<CompareAndSwapResponse>, Status> {
        let CompareAndSwapRequest { key, value, .. } = request.get_ref().clone();
        let headers = like(&request, ());
        let result = KeyValueCasClient::new(next.clone()).compare_and_swap(request).await;
        Self::set(next, &headers, result, (key, value)).await
    }

    async fn increment(
        &self,
        next: &Endpoint,
        request: Request<IncrementRequest>,
    ) -> Result<Response<IncrementResponse>, Status> {
        let IncrementRequest { key, delta } = request.get_ref().clone();
        let headers = like(&request, ());
        let result = KeyValueCasClient::new(next.clone()).increment(request).await;
        Self::set(next, &headers, result, (key, delta.to_string().into())).await
    }
}

#[tonic::async_trait]
impl BatchTwist for AppliesFirst {
    async fn batch_set(
        &self,
        next: &Endpoint,
        request: Request<BatchSetRequest>,
    ) -> Result<Response<BatchSetResponse>, Status> {
        let entry = request.get_ref().entries.first().cloned().unwrap_or_default();
        let headers = like(&request, ());
        let result = KeyValueBatchClient::new(next.clone()).batch_set(request).await;
        Self::set(next, &headers, result, (entry.key, entry.value)).await
    }

    async fn batch_delete(
        &self,
        next: &Endpoint,
        request: Request<BatchDeleteRequest>,
    ) -> Result<Response<BatchDeleteResponse>, Status> {
        let delete = like(&request, DeleteRequest { key: request.get_ref().keys.concat() });
        let result = KeyValueBatchClient::new(next.clone()).batch_delete(request).await;
        if matches!(&result, Err(status) if status.code() == Code::Unimplemented) {
            basic_client(next).delete(delete).await?;
        }
        result
    }
}
