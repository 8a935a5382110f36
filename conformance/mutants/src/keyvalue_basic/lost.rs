//! Writes that are acknowledged and not there.

use super::{client, lock, namespace_of};
use crate::{
    Mutant,
    forward::{BasicTwist, LifecycleTwist, basic, lifecycle, like},
    mutant::mutant,
};
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    keyvalue::v1::{DeleteRequest, GetRequest, SetRequest, SetResponse},
    lifecycle::v1::{DropNamespaceRequest, StopRequest, StopResponse, lifecycle_client::LifecycleClient},
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("keyvalue_basic/first_write_wins", "Set leaves a key that is there as it is", |next| {
            basic(next, FirstWriteWins)
        }),
        mutant("keyvalue_basic/old_tail_stays", "A shorter value leaves the end of a longer one", |next| {
            basic(next, OldTailStays)
        }),
        mutant("keyvalue_basic/evicts", "Beyond a thousand keys the oldest is dropped", |next| {
            basic(next, Evicts::default())
        }),
        mutant("keyvalue_basic/drops_every_500th_write", "Every 500th Set is not applied", |next| {
            basic(next, DropsSomeWrites::default())
        }),
        mutant("keyvalue_basic/forgets_on_stop", "Stop loses what was stored", |next| {
            let namespaces = Namespaces::default();
            let noting = basic(next, NotesNamespaces(Arc::clone(&namespaces)));
            lifecycle(noting, ForgetsOnStop(namespaces))
        }),
    ]
}

struct FirstWriteWins;

#[tonic::async_trait]
impl BasicTwist for FirstWriteWins {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let get = like(&request, GetRequest { key: request.get_ref().key.clone() });
        if client(next).get(get).await?.get_ref().found {
            return Ok(Response::new(SetResponse {}));
        }
        client(next).set(request).await
    }
}

struct OldTailStays;

#[tonic::async_trait]
impl BasicTwist for OldTailStays {
    async fn set(
        &self,
        next: &Endpoint,
        mut request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let get = like(&request, GetRequest { key: request.get_ref().key.clone() });
        let old = client(next).get(get).await?.into_inner().value;
        let set = request.get_mut();
        if let Some(tail) = old.get(set.value.len()..) {
            set.value = [&set.value[..], tail].concat().into();
        }
        client(next).set(request).await
    }
}

/// The keys of each namespace, oldest first.
#[derive(Default)]
struct Evicts(Mutex<HashMap<String, VecDeque<String>>>);

#[tonic::async_trait]
impl BasicTwist for Evicts {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let oldest = {
            let mut all = lock(&self.0);
            let keys = all.entry(namespace_of(&request)).or_default();
            keys.push_back(request.get_ref().key.clone());
            if keys.len() > 1000 { keys.pop_front() } else { None }
        };
        if let Some(key) = oldest {
            client(next).delete(like(&request, DeleteRequest { key })).await?;
        }
        client(next).set(request).await
    }
}

#[derive(Default)]
struct DropsSomeWrites(AtomicU64);

#[tonic::async_trait]
impl BasicTwist for DropsSomeWrites {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        if self.0.fetch_add(1, Ordering::Relaxed) % 500 == 499 {
            return Ok(Response::new(SetResponse {}));
        }
        client(next).set(request).await
    }
}

/// Namespaces that were written to.
type Namespaces = Arc<Mutex<BTreeSet<String>>>;

struct NotesNamespaces(Namespaces);

#[tonic::async_trait]
impl BasicTwist for NotesNamespaces {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        lock(&self.0).insert(namespace_of(&request));
        client(next).set(request).await
    }
}

struct ForgetsOnStop(Namespaces);

#[tonic::async_trait]
impl LifecycleTwist for ForgetsOnStop {
    async fn stop(
        &self,
        next: &Endpoint,
        request: Request<StopRequest>,
    ) -> Result<Response<StopResponse>, Status> {
        let namespaces = std::mem::take(&mut *lock(&self.0));
        for namespace in namespaces {
            let mut drop = Request::new(DropNamespaceRequest {});
            if let Ok(namespace) = namespace.parse() {
                drop.metadata_mut().insert(NAMESPACE_HEADER, namespace);
            }
            // Where the driver does not run, there is nothing to forget.
            let _ = LifecycleClient::new(next.clone()).drop_namespace(drop).await;
        }
        LifecycleClient::new(next.clone()).stop(request).await
    }
}
