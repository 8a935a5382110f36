//! Mutants of the clock of tests.

use crate::{
    Mutant,
    aside::Notes,
    events::elsewhere,
    forward::{ClockTwist, clock, like},
    mutant::mutant,
};
use prism_interfaces::{
    Endpoint,
    testing::v1::{AdvanceRequest, AdvanceResponse, NowRequest, NowResponse, clock_client::ClockClient},
};
use prost_types::Duration as ProtoDuration;
use std::time::Instant;
use tonic::{Code, Request, Response, Status};

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        mutant("clock/runs", "The time goes on by itself", |next| clock(next, Runs(Instant::now()))),
        mutant("clock/advances_whole_milliseconds", "Advance cuts what is less than a millisecond", |next| {
            clock(next, Advances(|by| ProtoDuration { nanos: by.nanos - by.nanos % 1_000_000, ..by }))
        }),
        mutant("clock/advances_whole_seconds", "Advance cuts what is less than a second", |next| {
            clock(next, Advances(|by| ProtoDuration { nanos: by.nanos.min(0), ..by }))
        }),
        mutant("clock/advances_twice", "Advance moves the time by twice as much", |next| {
            clock(next, Advances(|by| ProtoDuration { seconds: by.seconds.saturating_mul(2), ..by }))
        }),
        mutant("clock/is_one_for_all", "All namespaces have one time", |next| clock(next, OneForAll)),
        mutant("clock/answers_the_time_before", "Advance answers the time before it", |next| {
            clock(next, AnswersTheTimeBefore)
        }),
        mutant("clock/bad_advances_are_ignored", "A zero, negative or missing Advance is accepted", |next| {
            clock(next, BadAdvances(None))
        }),
        mutant(
            "clock/bad_advances_move",
            "A zero, negative or missing Advance is refused and moves the time",
            |next| clock(next, BadAdvances(Some(1))),
        ),
        mutant("clock/loses_concurrent_advances", "Of two Advances at once one is lost", |next| {
            clock(next, LosesConcurrent(Notes::default()))
        }),
    ]
}

fn client(next: &Endpoint) -> ClockClient<Endpoint> {
    ClockClient::new(next.clone())
}

struct Runs(Instant);

#[tonic::async_trait]
impl ClockTwist for Runs {
    async fn now(
        &self,
        next: &Endpoint,
        request: Request<NowRequest>,
    ) -> Result<Response<NowResponse>, Status> {
        let mut answer = client(next).now(request).await?;
        if let Some(now) = &mut answer.get_mut().now {
            let nanos = i64::from(now.nanos) + self.0.elapsed().as_nanos() as i64;
            now.seconds += nanos / 1_000_000_000;
            now.nanos = (nanos % 1_000_000_000) as i32;
        }
        Ok(answer)
    }
}

/// Advances by something else.
struct Advances(fn(ProtoDuration) -> ProtoDuration);

#[tonic::async_trait]
impl ClockTwist for Advances {
    async fn advance(
        &self,
        next: &Endpoint,
        request: Request<AdvanceRequest>,
    ) -> Result<Response<AdvanceResponse>, Status> {
        let by = request.get_ref().by.map(self.0);
        let nothing = by.is_some_and(|by| by.seconds == 0 && by.nanos == 0);
        // What has become nothing by this fault alone is not refused.
        if nothing && request.get_ref().by != by {
            let now = client(next).now(like(&request, NowRequest {})).await?.into_inner().now;
            return Ok(Response::new(AdvanceResponse { now }));
        }
        client(next).advance(like(&request, AdvanceRequest { by })).await
    }
}

struct OneForAll;

#[tonic::async_trait]
impl ClockTwist for OneForAll {
    async fn now(
        &self,
        next: &Endpoint,
        request: Request<NowRequest>,
    ) -> Result<Response<NowResponse>, Status> {
        client(next).now(elsewhere(request, "one-for-all")).await
    }

    async fn advance(
        &self,
        next: &Endpoint,
        request: Request<AdvanceRequest>,
    ) -> Result<Response<AdvanceResponse>, Status> {
        client(next).advance(elsewhere(request, "one-for-all")).await
    }
}

struct AnswersTheTimeBefore;

#[tonic::async_trait]
impl ClockTwist for AnswersTheTimeBefore {
    async fn advance(
        &self,
        next: &Endpoint,
        request: Request<AdvanceRequest>,
    ) -> Result<Response<AdvanceResponse>, Status> {
        let now = client(next).now(like(&request, NowRequest {})).await?.into_inner().now;
        Ok(client(next).advance(request).await?.map(|_| AdvanceResponse { now }))
    }
}

/// Accepts what is no length of time, or refuses it after having moved by so many seconds.
struct BadAdvances(Option<i64>);

#[tonic::async_trait]
impl ClockTwist for BadAdvances {
    async fn advance(
        &self,
        next: &Endpoint,
        request: Request<AdvanceRequest>,
    ) -> Result<Response<AdvanceResponse>, Status> {
        let again = like(&request, NowRequest {});
        match client(next).advance(request).await {
            Err(status) if status.code() == Code::InvalidArgument => match self.0 {
                None => {
                    let now = client(next).now(again).await?.into_inner().now;
                    Ok(Response::new(AdvanceResponse { now }))
                }
                Some(seconds) => {
                    let by = Some(ProtoDuration { seconds, nanos: 0 });
                    client(next).advance(like(&again, AdvanceRequest { by })).await?;
                    Err(status)
                }
            },
            answer => answer,
        }
    }
}

/// The namespaces in which an Advance is under way.
struct LosesConcurrent(Notes<()>);

#[tonic::async_trait]
impl ClockTwist for LosesConcurrent {
    async fn advance(
        &self,
        next: &Endpoint,
        request: Request<AdvanceRequest>,
    ) -> Result<Response<AdvanceResponse>, Status> {
        if self.0.get(&request, "").is_some() {
            let now = client(next).now(like(&request, NowRequest {})).await?.into_inner().now;
            return Ok(Response::new(AdvanceResponse { now }));
        }
        let space = like(&request, ());
        self.0.put(&space, "", ());
        // Long enough for another one to come.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        let answer = client(next).advance(request).await;
        self.0.take(&space, "");
        answer
    }
}
