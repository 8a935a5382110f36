//! grpc.health.v1, which is how whatever starts a driver finds out that it is there.

use prism_interfaces::{
    Endpoint, EndpointError,
    lifecycle::v1::{DescribeRequest, Health, HealthCheckRequest, lifecycle_client::LifecycleClient},
};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio_stream::{Stream, StreamExt, wrappers::IntervalStream};
use tonic::{Request, Response, Status, body::Body};
use tonic_health::pb::{
    self, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{self, HealthServer},
};
use tower::{Service, ServiceExt};

const SERVICE_PREFIX: &str = "/grpc.health.v1.Health/";

/// How often a watched status is looked at.
const WATCH_EVERY: Duration = Duration::from_millis(500);

/// The endpoint with grpc.health.v1 beside it.
///
/// The service `""` and the service of every interface that `Describe` lists are SERVING while `Lifecycle.HealthCheck`
/// is HEALTHY, and NOT_SERVING otherwise: before Start, from Drain on, and while the server cannot be reached. Any
/// other service is NOT_FOUND, or SERVICE_UNKNOWN where it is watched.
pub fn with_health(endpoint: Endpoint) -> Endpoint {
    let health = HealthServer::new(LifecycleHealth { endpoint: endpoint.clone() });
    Endpoint::new(Beside { health, endpoint })
}

/// Asks the lifecycle, so that the two can never differ.
#[derive(Debug, Clone)]
struct LifecycleHealth {
    endpoint: Endpoint,
}

impl LifecycleHealth {
    /// `None` for a service that the driver does not have.
    async fn status(&self, service: &str) -> Result<Option<ServingStatus>, Status> {
        let mut lifecycle = LifecycleClient::new(self.endpoint.clone());
        if !service.is_empty() && service != "prism.lifecycle.v1.Lifecycle" {
            let described = lifecycle.describe(DescribeRequest {}).await?.into_inner();
            let known = described.interfaces.iter().any(|interface| {
                prism_interfaces::catalogue::interface(&interface.id)
                    .is_some_and(|known| known.service == service)
            });
            if !known {
                return Ok(None);
            }
        }
        let health = lifecycle.health_check(HealthCheckRequest {}).await?.into_inner().health();
        Ok(Some(if health == Health::Healthy { ServingStatus::Serving } else { ServingStatus::NotServing }))
    }
}

#[tonic::async_trait]
impl health_server::Health for LifecycleHealth {
    async fn check(
        &self,
        request: Request<pb::HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        match self.status(&service).await? {
            Some(status) => Ok(Response::new(HealthCheckResponse { status: status.into() })),
            None => Err(Status::not_found(format!("there is no service `{service}`"))),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<pb::HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let health = self.clone();
        let mut last = None;
        let looked_at = IntervalStream::new(tokio::time::interval(WATCH_EVERY)).then(move |_| {
            let (health, service) = (health.clone(), service.clone());
            async move { health.status(&service).await }
        });
        let changes = looked_at.filter_map(move |status| match status {
            Ok(status) => {
                let status = status.unwrap_or(ServingStatus::ServiceUnknown);
                let changed = last.replace(status) != Some(status);
                changed.then_some(Ok(HealthCheckResponse { status: status.into() }))
            }
            Err(status) => Some(Err(status)),
        });
        Ok(Response::new(Box::pin(changes)))
    }
}

/// Sends calls of the health service one way and all others the other.
#[derive(Clone)]
struct Beside {
    health: HealthServer<LifecycleHealth>,
    endpoint: Endpoint,
}

impl Service<http::Request<Body>> for Beside {
    type Response = http::Response<Body>;
    type Error = EndpointError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.endpoint.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path().starts_with(SERVICE_PREFIX) {
            let health = self.health.clone();
            return Box::pin(async move { health.oneshot(request).await.map_err(EndpointError::new) });
        }
        self.endpoint.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Driver, DriverInfo, Host, InterfaceInfo, Running, RunningDriver, Settings};
    use async_trait::async_trait;
    use prism_interfaces::{
        Fault, Namespace,
        lifecycle::v1::{InitializeRequest, StartRequest},
    };
    use tonic::{Code, service::Routes};
    use tonic_health::pb::health_client::HealthClient;

    struct Idle;

    #[async_trait]
    impl Driver for Idle {
        fn info(&self) -> DriverInfo {
            DriverInfo {
                name: "idle",
                version: "1",
                interfaces: vec![InterfaceInfo { id: "keyvalue_basic", traits: &[] }],
                clock: false,
                settings: &[],
            }
        }

        fn check(&self, _: &Settings) -> Result<(), Fault> {
            Ok(())
        }

        async fn start(&self, _: &Settings) -> Result<RunningDriver, Status> {
            Ok(Box::new(Self))
        }
    }

    #[async_trait]
    impl Running for Idle {
        fn routes(&self) -> Routes {
            Routes::default()
        }

        fn server_version(&self) -> String {
            String::new()
        }

        async fn health(&self) -> Result<(), String> {
            Ok(())
        }

        async fn drop_namespace(&self, _: &Namespace) -> Result<(), Status> {
            Ok(())
        }

        async fn stop(&self) {}
    }

    fn of(service: &str) -> pb::HealthCheckRequest {
        pb::HealthCheckRequest { service: service.to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn the_health_of_grpc_is_that_of_the_lifecycle() {
        let endpoint = with_health(Host::new(Idle).endpoint());
        let mut health = HealthClient::new(endpoint.clone());
        let mut watched = health.watch(of("")).await.unwrap().into_inner();
        assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert_eq!(health.check(of("")).await.unwrap().into_inner().status(), ServingStatus::NotServing);

        let mut lifecycle = LifecycleClient::new(endpoint);
        lifecycle.initialize(InitializeRequest::default()).await.unwrap();
        lifecycle.start(StartRequest {}).await.unwrap();
        assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        for service in ["", "prism.keyvalue.v1.KeyValueBasic", "prism.lifecycle.v1.Lifecycle"] {
            let status = health.check(of(service)).await.unwrap().into_inner().status();
            assert_eq!(status, ServingStatus::Serving, "{service}");
        }
        let unknown = "prism.keyvalue.v1.KeyValueScan";
        assert_eq!(health.check(of(unknown)).await.unwrap_err().code(), Code::NotFound);
        let mut watched = health.watch(of(unknown)).await.unwrap().into_inner();
        assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    }
}
