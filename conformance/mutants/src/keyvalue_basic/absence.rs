//! What is there and what is not.

use super::{client, lock, namespace_of};
use crate::{
    Mutant,
    forward::{BasicTwist, basic, like},
    mutant::mutant,
};
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        DeleteRequest, DeleteResponse, ExistsRequest, ExistsResponse, GetRequest, GetResponse, SetRequest,
        SetResponse,
    },
};
use std::{collections::HashSet, sync::Mutex};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("keyvalue_basic/empty_value_is_missing", "An empty value is read as a missing key", |next| {
            basic(next, EmptyValueIsMissing)
        }),
        mutant("keyvalue_basic/missing_is_an_error", "Get of a missing key is NOT_FOUND", |next| {
            basic(next, MissingIsAnError)
        }),
        mutant("keyvalue_basic/delete_missing_is_an_error", "Delete of a missing key is NOT_FOUND", |next| {
            basic(next, DeleteMissingIsAnError)
        }),
        mutant("keyvalue_basic/delete_always_existed", "Delete says that every key existed", |next| {
            basic(next, DeleteSays(true))
        }),
        mutant("keyvalue_basic/delete_never_existed", "Delete says that no key existed", |next| {
            basic(next, DeleteSays(false))
        }),
        mutant(
            "keyvalue_basic/delete_keeps_empty_values",
            "Delete spares keys with an empty value",
            |next| basic(next, DeleteKeepsEmptyValues),
        ),
        mutant("keyvalue_basic/exists_needs_a_value", "Exists denies keys with an empty value", |next| {
            basic(next, ExistsNeedsAValue)
        }),
        mutant("keyvalue_basic/exists_remembers", "Exists confirms keys that were deleted", |next| {
            basic(next, ExistsRemembers::default())
        }),
        mutant("keyvalue_basic/deleted_for_ever", "A deleted key cannot be set again", |next| {
            basic(next, DeletedForEver::default())
        }),
    ]
}

struct EmptyValueIsMissing;

#[tonic::async_trait]
impl BasicTwist for EmptyValueIsMissing {
    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        let mut response = client(next).get(request).await?;
        if response.get_ref().value.is_empty() {
            response.get_mut().found = false;
        }
        Ok(response)
    }
}

struct MissingIsAnError;

#[tonic::async_trait]
impl BasicTwist for MissingIsAnError {
    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        let response = client(next).get(request).await?;
        if response.get_ref().found { Ok(response) } else { Err(Status::not_found("there is no such key")) }
    }
}

struct DeleteMissingIsAnError;

#[tonic::async_trait]
impl BasicTwist for DeleteMissingIsAnError {
    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let response = client(next).delete(request).await?;
        if response.get_ref().existed { Ok(response) } else { Err(Status::not_found("there is no such key")) }
    }
}

struct DeleteSays(bool);

#[tonic::async_trait]
impl BasicTwist for DeleteSays {
    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        client(next).delete(request).await?;
        Ok(Response::new(DeleteResponse { existed: self.0 }))
    }
}

struct DeleteKeepsEmptyValues;

#[tonic::async_trait]
impl BasicTwist for DeleteKeepsEmptyValues {
    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let get = like(&request, GetRequest { key: request.get_ref().key.clone() });
        let found = client(next).get(get).await?.into_inner();
        if found.found && found.value.is_empty() {
            return Ok(Response::new(DeleteResponse { existed: true }));
        }
        client(next).delete(request).await
    }
}

struct ExistsNeedsAValue;

#[tonic::async_trait]
impl BasicTwist for ExistsNeedsAValue {
    async fn exists(
        &self,
        next: &Endpoint,
        request: Request<ExistsRequest>,
    ) -> Result<Response<ExistsResponse>, Status> {
        let get = like(&request, GetRequest { key: request.get_ref().key.clone() });
        let found = client(next).get(get).await?.into_inner();
        Ok(Response::new(ExistsResponse { exists: !found.value.is_empty() }))
    }
}

/// Namespaces and keys.
type Names = Mutex<HashSet<(String, String)>>;

#[derive(Default)]
struct ExistsRemembers(Names);

#[tonic::async_trait]
impl BasicTwist for ExistsRemembers {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        lock(&self.0).insert((namespace_of(&request), request.get_ref().key.clone()));
        client(next).set(request).await
    }

    async fn exists(
        &self,
        next: &Endpoint,
        request: Request<ExistsRequest>,
    ) -> Result<Response<ExistsResponse>, Status> {
        let remembered = lock(&self.0).contains(&(namespace_of(&request), request.get_ref().key.clone()));
        let mut response = client(next).exists(request).await?;
        response.get_mut().exists |= remembered;
        Ok(response)
    }
}

#[derive(Default)]
struct DeletedForEver(Names);

#[tonic::async_trait]
impl BasicTwist for DeletedForEver {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        if lock(&self.0).contains(&(namespace_of(&request), request.get_ref().key.clone())) {
            return Ok(Response::new(SetResponse {}));
        }
        client(next).set(request).await
    }

    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let name = (namespace_of(&request), request.get_ref().key.clone());
        let response = client(next).delete(request).await?;
        if response.get_ref().existed {
            lock(&self.0).insert(name);
        }
        Ok(response)
    }
}
