//! Namespaces that run into each other, instances that do not agree.

use super::{client, lock, namespace_of};
use crate::{
    Mutant,
    forward::{BasicTwist, basic, like},
    mutant::mutant,
    splice::every_request,
};
use http::HeaderValue;
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    keyvalue::v1::{
        DeleteRequest, DeleteResponse, ExistsRequest, ExistsResponse, GetRequest, GetResponse, SetRequest,
        SetResponse,
    },
};
use std::{collections::HashMap, sync::Mutex};
use tonic::{Request, Response, Status};

/// The namespace that everything ends up in.
const COMMON: HeaderValue = HeaderValue::from_static("common");

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("keyvalue_basic/namespace_is_ignored", "All namespaces share their keys", |next| {
            every_request(next, |request| {
                let is_basic = request.uri().path().starts_with("/prism.keyvalue.v1.KeyValueBasic/");
                if is_basic && is_fine(request.headers()) {
                    request.headers_mut().insert(NAMESPACE_HEADER, COMMON);
                }
            })
        }),
        mutant(
            "keyvalue_basic/namespace_and_key_are_joined",
            "Namespace and key are joined by a hyphen, so that they can be mistaken",
            |next| basic(next, Joined),
        ),
        mutant(
            "keyvalue_basic/cache_in_each_instance",
            "Each instance keeps answers of Get until it writes the key itself",
            |next| basic(next, Cache::default()),
        ),
    ]
}

/// Whether the driver would accept the namespace.
fn is_fine(headers: &http::HeaderMap) -> bool {
    prism_interfaces::Namespace::from_headers(headers).is_ok()
}

struct Joined;

/// The same call in the common namespace, for the joined key. What the driver would refuse stays as it is.
fn join<T, U>(request: Request<T>, key: impl Fn(&mut T) -> &mut String, into: impl Fn(T) -> U) -> Request<U> {
    let namespace = namespace_of(&request);
    let (mut metadata, extensions, mut message) = request.into_parts();
    let key = key(&mut message);
    if is_fine(&metadata.clone().into_headers()) && !key.is_empty() {
        *key = format!("{namespace}-{key}");
        if let Ok(common) = "common".parse() {
            metadata.insert(NAMESPACE_HEADER, common);
        }
    }
    Request::from_parts(metadata, extensions, into(message))
}

#[tonic::async_trait]
impl BasicTwist for Joined {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        client(next).set(join(request, |set| &mut set.key, |set| set)).await
    }

    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        client(next).get(join(request, |get| &mut get.key, |get| get)).await
    }

    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        client(next).delete(join(request, |delete| &mut delete.key, |delete| delete)).await
    }

    async fn exists(
        &self,
        next: &Endpoint,
        request: Request<ExistsRequest>,
    ) -> Result<Response<ExistsResponse>, Status> {
        client(next).exists(join(request, |exists| &mut exists.key, |exists| exists)).await
    }
}

#[derive(Default)]
struct Cache(Mutex<HashMap<(String, String), GetResponse>>);

impl Cache {
    fn forget<T>(&self, request: &Request<T>, key: &str) {
        lock(&self.0).remove(&(namespace_of(request), key.to_owned()));
    }
}

#[tonic::async_trait]
impl BasicTwist for Cache {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let name = (namespace_of(&request), request.get_ref().key.clone());
        let response = client(next).set(request).await;
        lock(&self.0).remove(&name);
        response
    }

    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        self.forget(&request, &request.get_ref().key);
        client(next).delete(request).await
    }

    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        let name = (namespace_of(&request), request.get_ref().key.clone());
        if let Some(cached) = lock(&self.0).get(&name) {
            return Ok(Response::new(cached.clone()));
        }
        let again = like(&request, request.get_ref().clone());
        let response = client(next).get(again).await?;
        lock(&self.0).insert(name, response.get_ref().clone());
        Ok(response)
    }
}
