//! What the proxy answers itself where clients call: health and reflection.

use crate::{
    drain::Drain,
    layers::Answer,
    proxy::Table,
    routes::Group,
    upstream::{State, Upstream},
};
use futures::{FutureExt, Stream, future::join_all, stream};
use http::Request;
use prism_interfaces::{Namespace, catalogue};
use std::{collections::BTreeSet, pin::Pin, sync::Arc};
use tokio::sync::watch;
use tonic::{Response, Status, body::Body};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{Health, HealthServer},
};
use tonic_reflection::server::Builder;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

/// A service that answers itself, boxed because the generated types are long.
type Boxed = BoxCloneSyncService<Request<Body>, http::Response<Body>, std::convert::Infallible>;

/// The services.
#[derive(Debug, Clone)]
pub(crate) struct LocalServices {
    health: HealthServer<ProxyHealth>,
    table: Arc<Table>,
}

impl LocalServices {
    pub(crate) fn new(health: ProxyHealth) -> Result<Self, tonic_reflection::server::Error> {
        // What can be wrong with the descriptors is found out now and not at the first question.
        reflection(Version::V1, None)?;
        let table = Arc::clone(&health.table);
        Ok(Self { health: HealthServer::new(health), table })
    }

    pub(crate) fn call(&mut self, request: Request<Body>) -> Answer {
        let path = request.uri().path();
        if path.starts_with("/grpc.health.v1.Health/") {
            return Box::pin(self.health.call(request));
        }
        let version =
            if path.starts_with("/grpc.reflection.v1alpha.") { Version::V1Alpha } else { Version::V1 };
        let table = Arc::clone(&self.table);
        Box::pin(async move {
            let served = served(&table).await;
            match reflection(version, served.as_ref()) {
                Ok(service) => service.oneshot(request).await,
                Err(error) => Ok(Status::internal(error.to_string()).into_http()),
            }
        })
    }
}

/// The reflection services that clients ask.
#[derive(Debug, Clone, Copy)]
enum Version {
    V1,
    V1Alpha,
}

/// The services that the upstreams say that they serve; `None` where one does not say, so that nothing is hidden that
/// could be called.
async fn served(table: &Table) -> Option<BTreeSet<&'static str>> {
    let upstreams = table.routes().upstreams().to_vec();
    let described = join_all(upstreams.iter().map(Upstream::describe)).await;
    let mut served = BTreeSet::new();
    for interfaces in described {
        let known = interfaces?.into_iter().filter_map(|id| catalogue::interface(&id));
        // What a pattern passes on is described by itself; its own clauses come without a service.
        let services = known.filter(|interface| !interface.rpcs.is_empty());
        served.extend(services.map(|interface| interface.service));
    }
    Some(served)
}

/// Reflection of these services, of what belongs to every driver, and of what the proxy answers itself; of the whole
/// contract where it is not known what is served.
fn reflection(
    version: Version,
    served: Option<&BTreeSet<&'static str>>,
) -> Result<Boxed, tonic_reflection::server::Error> {
    let mut builder = Builder::configure()
        .register_encoded_file_descriptor_set(prism_interfaces::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    if let Some(served) = served {
        let own = match version {
            Version::V1 => "grpc.reflection.v1.ServerReflection",
            Version::V1Alpha => "grpc.reflection.v1alpha.ServerReflection",
        };
        let always = ["prism.lifecycle.v1.Lifecycle", "grpc.health.v1.Health", own];
        builder = served.iter().copied().chain(always).fold(builder, Builder::with_service_name);
    }
    Ok(match version {
        Version::V1 => boxed(builder.build_v1()?),
        Version::V1Alpha => boxed(builder.build_v1alpha()?),
    })
}

fn boxed<S>(service: S) -> Boxed
where
    S: Service<Request<Body>, Response = http::Response<Body>, Error = std::convert::Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    BoxCloneSyncService::new(service)
}

/// `grpc.health.v1`: the empty service is the proxy as a whole, any other name is a namespace.
///
/// The proxy serves until it drains. A namespace serves while the proxy does and its upstreams are up; a namespace that
/// no rule takes is not known.
#[derive(Debug, Clone)]
pub(crate) struct ProxyHealth {
    pub(crate) table: Arc<Table>,
    pub(crate) drain: Arc<Drain>,
}

impl ProxyHealth {
    fn status(&self, service: &str) -> ServingStatus {
        let draining = self.drain.is_draining();
        let serving = if service.is_empty() {
            !draining
        } else {
            let routes = self.table.routes();
            let namespace = Namespace::new(service).ok();
            let Some(group) = namespace.as_ref().and_then(|namespace| routes.find(namespace)) else {
                return ServingStatus::ServiceUnknown;
            };
            !draining && group.upstreams().all(|upstream| upstream.snapshot().state == State::Up)
        };
        if serving { ServingStatus::Serving } else { ServingStatus::NotServing }
    }

    /// What tells of changes from now on to the upstreams that a status is made from.
    fn changes(&self, service: &str) -> Vec<watch::Receiver<u64>> {
        let routes = self.table.routes();
        let group = Namespace::new(service).ok().and_then(|namespace| routes.find(&namespace));
        group.into_iter().flat_map(Group::upstreams).map(|upstream| upstream.changes()).collect()
    }

    /// Waits until the status may be another one.
    async fn changed(&self, upstreams: &mut [watch::Receiver<u64>], reloads: &mut watch::Receiver<u64>) {
        let upstream_changed = async {
            if upstreams.is_empty() {
                std::future::pending::<()>().await;
            }
            let changes = upstreams.iter_mut().map(|upstream| Box::pin(upstream.changed()));
            // The senders live as long as the rules that this looks at.
            let _ = futures::future::select_all(changes).await;
        };
        let begun = async {
            if self.drain.is_draining() {
                std::future::pending::<()>().await;
            }
            self.drain.begun().cancelled().await;
        };
        tokio::select! {
            _ = reloads.changed() => {}
            () = upstream_changed => {}
            () = begun => {}
        }
    }
}

#[tonic::async_trait]
impl Health for ProxyHealth {
    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match self.status(&request.get_ref().service) {
            ServingStatus::ServiceUnknown => Err(Status::not_found("no upstream serves this namespace")),
            status => Ok(Response::new(HealthCheckResponse { status: status.into() })),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        struct Watch {
            health: ProxyHealth,
            service: String,
            told: Option<ServingStatus>,
            reloads: watch::Receiver<u64>,
        }
        let watch = Watch {
            service: request.into_inner().service,
            told: None,
            reloads: self.table.reloads(),
            health: self.clone(),
        };
        let stopped = self.drain.cut_off().clone().cancelled_owned();
        let statuses = stream::unfold(watch, |mut watch| async move {
            loop {
                // Asked for before the status is looked at, so that no change is missed between the two.
                let mut upstreams = watch.health.changes(&watch.service);
                let status = watch.health.status(&watch.service);
                if watch.told != Some(status) {
                    watch.told = Some(status);
                    return Some((Ok(HealthCheckResponse { status: status.into() }), watch));
                }
                watch.health.changed(&mut upstreams, &mut watch.reloads).await;
            }
        });
        // A watcher must not hold up the end of the proxy.
        let statuses = futures::StreamExt::take_until(statuses, stopped.boxed());
        Ok(Response::new(Box::pin(statuses)))
    }
}
