//! Faults that show when calls overlap, or are given up.

use super::{client, lock};
use crate::{
    Mutant,
    forward::{BasicTwist, basic, like},
    mutant::mutant,
};
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        DeleteRequest, DeleteResponse, ExistsRequest, GetRequest, GetResponse, SetRequest, SetResponse,
    },
};
use std::sync::Mutex;
use tokio::task::yield_now;
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("keyvalue_basic/overwrites_with_a_hole", "Set deletes the key, then inserts it", |next| {
            basic(next, OverwritesWithAHole)
        }),
        mutant(
            "keyvalue_basic/writes_in_two_halves",
            "Set stores half of the value, then all of it",
            |next| basic(next, WritesInTwoHalves),
        ),
        mutant("keyvalue_basic/acknowledges_first", "Set answers first and is applied soon after", |next| {
            basic(next, AcknowledgesFirst)
        }),
        mutant(
            "keyvalue_basic/delete_looks_then_deletes",
            "Delete looks whether the key is there, and then deletes it: two can find the same key",
            |next| basic(next, DeleteLooksThenDeletes),
        ),
        mutant(
            "keyvalue_basic/answers_are_left_behind",
            "The answer of a cancelled Get is what the next Get receives",
            |next| basic(next, AnswersAreLeftBehind::default()),
        ),
    ]
}

struct OverwritesWithAHole;

#[tonic::async_trait]
impl BasicTwist for OverwritesWithAHole {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let SetRequest { key, value } = request.get_ref().clone();
        // What the driver would refuse must not make the hole: another mutant does that.
        client(next).set(like(&request, SetRequest { key: key.clone(), value })).await?;
        client(next).delete(like(&request, DeleteRequest { key })).await?;
        yield_now().await;
        client(next).set(request).await
    }
}

struct WritesInTwoHalves;

#[tonic::async_trait]
impl BasicTwist for WritesInTwoHalves {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let SetRequest { key, mut value } = request.get_ref().clone();
        value.truncate(value.len() / 2);
        client(next).set(like(&request, SetRequest { key, value })).await?;
        yield_now().await;
        client(next).set(request).await
    }
}

struct AcknowledgesFirst;

#[tonic::async_trait]
impl BasicTwist for AcknowledgesFirst {
    async fn set(
        &self,
        next: &Endpoint,
        request: Request<SetRequest>,
    ) -> Result<Response<SetResponse>, Status> {
        let next = next.clone();
        tokio::spawn(async move {
            for _ in 0..4 {
                yield_now().await;
            }
            client(&next).set(request).await
        });
        Ok(Response::new(SetResponse {}))
    }
}

struct DeleteLooksThenDeletes;

#[tonic::async_trait]
impl BasicTwist for DeleteLooksThenDeletes {
    async fn delete(
        &self,
        next: &Endpoint,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let exists = like(&request, ExistsRequest { key: request.get_ref().key.clone() });
        let existed = client(next).exists(exists).await?.into_inner().exists;
        yield_now().await;
        client(next).delete(request).await?;
        Ok(Response::new(DeleteResponse { existed }))
    }
}

#[derive(Default)]
struct AnswersAreLeftBehind(Mutex<Option<GetResponse>>);

/// Leaves its answer behind when it is dropped before it was taken.
struct OnTheWay<'a>(&'a Mutex<Option<GetResponse>>, Option<GetResponse>);

impl Drop for OnTheWay<'_> {
    fn drop(&mut self) {
        if let Some(answer) = self.1.take() {
            *lock(self.0) = Some(answer);
        }
    }
}

#[tonic::async_trait]
impl BasicTwist for AnswersAreLeftBehind {
    async fn get(
        &self,
        next: &Endpoint,
        request: Request<GetRequest>,
    ) -> Result<Response<GetResponse>, Status> {
        let left = lock(&self.0).take();
        if let Some(left) = left {
            return Ok(Response::new(left));
        }
        let answer = client(next).get(request).await?.into_inner();
        let mut on_the_way = OnTheWay(&self.0, Some(answer));
        yield_now().await;
        Ok(Response::new(on_the_way.1.take().unwrap_or_default()))
    }
}
