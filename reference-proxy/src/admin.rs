//! The admin address: metrics, and a small service for operators.

use crate::{
    config::Limits,
    drain::Drain,
    local::ProxyHealth,
    metrics::Metrics,
    pb::{
        self,
        admin_server::{Admin, AdminServer},
    },
    proxy::Table,
    upstream::State,
};
use axum::{Router, http::StatusCode, response::IntoResponse, routing::get};
use prism_interfaces::time;
use std::sync::Arc;
use tonic::{Request, Response, Status, service::Routes};
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::server::Builder;

/// What the admin address needs to know.
#[derive(Debug, Clone)]
pub(crate) struct AdminState {
    pub(crate) table: Arc<Table>,
    pub(crate) drain: Arc<Drain>,
    pub(crate) metrics: Arc<Metrics>,
}

impl AdminState {
    /// `GET /metrics`, the admin service, health and reflection.
    pub(crate) fn router(self) -> Result<Router, tonic_reflection::server::Error> {
        let health = ProxyHealth { table: Arc::clone(&self.table), drain: Arc::clone(&self.drain) };
        let reflection = Builder::configure()
            .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()?;
        let state = self.clone();
        let router = Routes::new(AdminServer::new(self))
            .add_service(HealthServer::new(health))
            .add_service(reflection)
            .into_axum_router()
            .route("/metrics", get(move || std::future::ready(state.metrics())));
        Ok(router)
    }

    fn metrics(&self) -> axum::response::Response {
        match self.metrics.text(&self.table.routes(), &self.drain) {
            Ok(text) => {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                ([("content-type", kind)], text).into_response()
            }
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

#[tonic::async_trait]
impl Admin for AdminState {
    async fn list_namespaces(
        &self,
        _: Request<pb::ListNamespacesRequest>,
    ) -> Result<Response<pb::ListNamespacesResponse>, Status> {
        let routes = self.table.routes();
        let namespaces = routes
            .all()
            .iter()
            .map(|route| {
                let Limits { max_message_bytes, max_concurrent, rate } = route.limits;
                pb::Namespace {
                    rule: route.label.to_string(),
                    services: route.services.clone(),
                    upstream: route.upstream.config().name.clone(),
                    max_message_bytes: max_message_bytes.map(u64::from),
                    max_concurrent: max_concurrent.map(u64::from),
                    rate: rate.map(|rate| rate.per_second),
                    burst: rate.map(|rate| u64::from(rate.burst)),
                }
            })
            .collect();
        Ok(Response::new(pb::ListNamespacesResponse { namespaces }))
    }

    async fn list_upstreams(
        &self,
        _: Request<pb::ListUpstreamsRequest>,
    ) -> Result<Response<pb::ListUpstreamsResponse>, Status> {
        let routes = self.table.routes();
        let upstreams = routes
            .upstreams()
            .iter()
            .map(|upstream| {
                let snapshot = upstream.snapshot();
                let state = match snapshot.state {
                    State::Connecting => pb::UpstreamState::Connecting,
                    State::Up => pb::UpstreamState::Up,
                    State::NotServing => pb::UpstreamState::NotServing,
                    State::Down => pb::UpstreamState::Down,
                };
                let down = snapshot.state == State::Down;
                pb::Upstream {
                    name: upstream.config().name.clone(),
                    endpoint: upstream.config().endpoint.to_string(),
                    state: state.into(),
                    connections: snapshot.connections as u64,
                    in_flight: upstream.in_flight() as u64,
                    failures: u64::from(snapshot.failures),
                    last_error: snapshot.last_error,
                    next_attempt: snapshot.next_attempt.filter(|_| down).map(time::from_std),
                }
            })
            .collect();
        Ok(Response::new(pb::ListUpstreamsResponse { upstreams }))
    }

    async fn drain(&self, _: Request<pb::DrainRequest>) -> Result<Response<pb::DrainResponse>, Status> {
        self.drain.begin();
        tracing::info!("an operator asked the proxy to drain");
        Ok(Response::new(pb::DrainResponse { in_flight: self.drain.in_flight() as u64 }))
    }
}
