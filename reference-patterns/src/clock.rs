//! The clock of tests, where a slot has one.

use prism_interfaces::{
    Endpoint,
    testing::v1::{
        AdvanceRequest, AdvanceResponse, NowRequest, NowResponse, clock_client::ClockClient,
        clock_server::Clock,
    },
};
use tonic::{Request, Response, Status};

/// The clock of the backend, where it has one; where it has none, the backend says so.
pub(crate) struct PassedOnClock(pub(crate) Endpoint);

#[tonic::async_trait]
impl Clock for PassedOnClock {
    async fn now(&self, request: Request<NowRequest>) -> Result<Response<NowResponse>, Status> {
        ClockClient::new(self.0.clone()).now(request).await
    }

    async fn advance(&self, request: Request<AdvanceRequest>) -> Result<Response<AdvanceResponse>, Status> {
        ClockClient::new(self.0.clone()).advance(request).await
    }
}
