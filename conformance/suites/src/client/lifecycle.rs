//! The lifecycle client.

use prism_interfaces::{
    Endpoint,
    lifecycle::v1::{
        DescribeRequest, DescribeResponse, DrainRequest, DrainResponse, DropNamespaceRequest, Health,
        HealthCheckRequest, InitializeRequest, StartRequest, StopRequest, lifecycle_client::LifecycleClient,
    },
    time,
};
use std::{collections::BTreeMap, time::Duration};
use tonic::{Request, Status};

/// The lifecycle of one endpoint.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    client: LifecycleClient<Endpoint>,
}

impl Lifecycle {
    /// A client of this endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { client: LifecycleClient::new(endpoint) }
    }

    /// `Lifecycle.Describe`.
    pub async fn describe(&self) -> Result<DescribeResponse, Status> {
        Ok(self.client.clone().describe(DescribeRequest {}).await?.into_inner())
    }

    /// `Lifecycle.Initialize`.
    pub async fn initialize(&self, settings: &BTreeMap<String, String>) -> Result<(), Status> {
        let settings = settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        self.client.clone().initialize(InitializeRequest { settings }).await.map(|_| ())
    }

    /// `Lifecycle.Start`.
    pub async fn start(&self) -> Result<(), Status> {
        self.client.clone().start(StartRequest {}).await.map(|_| ())
    }

    /// `Lifecycle.Drain`.
    pub async fn drain(&self, timeout: Duration) -> Result<DrainResponse, Status> {
        let mut request = Request::new(DrainRequest { timeout: Some(time::from_std(timeout)) });
        // The call has to outlive the timeout that it carries.
        request.set_timeout(timeout + Duration::from_secs(10));
        Ok(self.client.clone().drain(request).await?.into_inner())
    }

    /// `Lifecycle.Stop`.
    pub async fn stop(&self) -> Result<(), Status> {
        self.client.clone().stop(StopRequest {}).await.map(|_| ())
    }

    /// `Lifecycle.HealthCheck`; the health and its message.
    pub async fn health(&self) -> Result<(Health, String), Status> {
        let answer = self.client.clone().health_check(HealthCheckRequest {}).await?.into_inner();
        Ok((Health::try_from(answer.health).unwrap_or(Health::Unspecified), answer.message))
    }

    /// `Lifecycle.DropNamespace`, for the namespace of the endpoint.
    pub async fn drop_namespace(&self) -> Result<(), Status> {
        self.client.clone().drop_namespace(DropNamespaceRequest {}).await.map(|_| ())
    }
}
