//! Starting, reloading and draining a proxy.

use crate::{
    admin::AdminState,
    config::Config,
    drain::{Counts, Drain},
    forward::Forward,
    layers::{
        Admit, AdmitLayer, Gate, GateLayer, Limit, LimitLayer, Local, LocalLayer, Observe, ObserveLayer,
    },
    limits::Books,
    listener::{self, Listening},
    local::{LocalServices, ProxyHealth},
    metrics::Metrics,
    routes::Routes,
};
use arc_swap::{ArcSwap, Guard};
use http::{Request, Response};
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, time::Instant};
use tokio_util::sync::DropGuard;
use tonic::body::Body;
use tower::{Layer, Service, ServiceBuilder, util::BoxCloneSyncService};

/// How long connections have to end once their calls have, even where the drain timeout is used up.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The rules in force, which a reload replaces as a whole.
#[derive(Debug)]
pub(crate) struct Table {
    routes: ArcSwap<Routes>,
    reloads: watch::Sender<u64>,
}

impl Table {
    fn new(routes: Routes) -> Self {
        Self { routes: ArcSwap::from_pointee(routes), reloads: watch::Sender::new(0) }
    }

    pub(crate) fn routes(&self) -> Guard<Arc<Routes>> {
        self.routes.load()
    }

    /// Changes with each reload.
    pub(crate) fn reloads(&self) -> watch::Receiver<u64> {
        self.reloads.subscribe()
    }

    fn replace(&self, routes: Routes) {
        self.routes.store(Arc::new(routes));
        self.reloads.send_modify(|count| *count += 1);
    }
}

/// Why a proxy did not start.
#[derive(Debug)]
pub enum StartError {
    /// An address could not be listened on.
    Listen {
        /// The key in the configuration.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The descriptors of the services that reflection shows are not in order.
    Reflection(tonic_reflection::server::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen { what, address, error } => {
                write!(f, "`{what}`: cannot listen on {address}: {error}")
            }
            Self::Reflection(error) => write!(f, "reflection cannot be served: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { error, .. } => Some(error),
            Self::Reflection(error) => Some(error),
        }
    }
}

/// A configuration that cannot be taken while the proxy runs: its addresses are others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadError {
    what: &'static str,
    running: SocketAddr,
    wanted: SocketAddr,
}

impl std::fmt::Display for ReloadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, running, wanted } = self;
        write!(f, "`{what}` cannot change from {running} to {wanted} while the proxy runs; start it again")
    }
}

impl std::error::Error for ReloadError {}

/// The whole way of a call, as a layer in front of it sees it.
pub type CallService = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The same with its type.
type Way = Observe<Local<Gate<Admit<Limit<Forward>>>>>;

/// The reference proxy.
#[derive(Debug, Clone, Copy)]
pub struct Proxy;

impl Proxy {
    /// Listens, starts to connect to the upstreams, and serves in the background.
    ///
    /// # Errors
    ///
    /// Where an address cannot be listened on. An upstream that cannot be reached is no error.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        Self::launch(config, |way| way).await
    }

    /// As [`Proxy::start`], with a layer of the caller's between the listener and everything else.
    ///
    /// # Errors
    ///
    /// As [`Proxy::start`].
    pub async fn start_behind<L>(config: Config, layer: L) -> Result<Running, StartError>
    where
        L: Layer<CallService>,
        L::Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
        L::Service: Clone + Send + 'static,
        <L::Service as Service<Request<Body>>>::Future: Send + 'static,
    {
        Self::launch(config, |way| layer.layer(CallService::new(way))).await
    }

    async fn launch<S>(config: Config, front_of: impl FnOnce(Way) -> S) -> Result<Running, StartError>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
    {
        let (front, address) = listen("listen", config.listen).await?;
        let (back, admin_address) = listen("admin", config.admin).await?;
        let table = Arc::new(Table::new(Routes::build(&config, None)));
        let drain = Arc::new(Drain::default());
        let metrics = Arc::new(Metrics::new());
        let health = ProxyHealth { table: Arc::clone(&table), drain: Arc::clone(&drain) };
        let services = LocalServices::new(health).map_err(StartError::Reflection)?;
        let service = ServiceBuilder::new()
            .layer(ObserveLayer { metrics: Arc::clone(&metrics), drain: Arc::clone(&drain) })
            .layer(LocalLayer { services })
            .layer(GateLayer { drain: Arc::clone(&drain) })
            .layer(AdmitLayer { table: Arc::clone(&table) })
            .layer(LimitLayer { books: Books::new() })
            .service(Forward);
        let admin = AdminState {
            table: Arc::clone(&table),
            drain: Arc::clone(&drain),
            metrics: Arc::clone(&metrics),
        };
        let router = admin.router().map_err(StartError::Reflection)?;
        let front = listener::serve(front, front_of(service), Arc::clone(&metrics));
        let back = listener::serve_admin(back, router);
        tracing::info!(%address, %admin_address, "the proxy serves");
        Ok(Running {
            address,
            admin_address,
            config: Mutex::new(config),
            table,
            metrics,
            cut_off: drain.cut_off().clone().drop_guard(),
            drain,
            front,
            back,
        })
    }
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen { what, address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// A proxy that serves. Dropped without [`Running::drain`] it stops at once.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    admin_address: SocketAddr,
    config: Mutex<Config>,
    table: Arc<Table>,
    drain: Arc<Drain>,
    metrics: Arc<Metrics>,
    /// Dropped with the proxy, so that no call outlives it.
    cut_off: DropGuard,
    front: Listening,
    back: Listening,
}

impl Running {
    /// Where clients call.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics and the admin service are.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// How many calls are in flight.
    pub fn in_flight(&self) -> usize {
        self.drain.in_flight()
    }

    /// Takes another configuration. Calls in flight keep what they had; upstreams that stay the same keep their
    /// connections.
    ///
    /// # Errors
    ///
    /// Where its addresses are others; then everything stays as it was.
    pub fn reload(&self, config: Config) -> Result<(), ReloadError> {
        let mut current = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let addresses = [("listen", current.listen, config.listen), ("admin", current.admin, config.admin)];
        for (what, running, wanted) in addresses {
            if running != wanted {
                self.metrics.failed_reloads.inc();
                return Err(ReloadError { what, running, wanted });
            }
        }
        let routes = Routes::build(&config, Some(&self.table.routes()));
        self.table.replace(routes);
        *current = config;
        self.metrics.reloads.inc();
        tracing::info!("the configuration was taken");
        Ok(())
    }

    /// Counts a configuration that could not even be read.
    pub fn count_failed_reload(&self) {
        self.metrics.failed_reloads.inc();
    }

    /// Refuses new calls from now on, as the first step of [`Running::drain`].
    pub fn begin_drain(&self) {
        self.drain.begin();
    }

    /// Waits until draining has begun, by [`Running::begin_drain`] or by an operator.
    pub async fn draining(&self) {
        self.drain.begun().cancelled().await;
    }

    /// Drains: health flips at once, new calls are refused, calls in flight have the drain timeout of the configuration
    /// to finish, and what is left then is ended. The proxy has stopped when this returns.
    pub async fn drain(self) -> Counts {
        let patience = self.config.lock().unwrap_or_else(PoisonError::into_inner).drain_timeout;
        let started = Instant::now();
        let counts = self.drain.finish(patience).await;
        // The last frames of the calls are still on their way to slow clients.
        let left = patience.saturating_sub(started.elapsed()).max(LAST_WORDS);
        self.front.stop(left).await;
        // An operator who asked for this still gets the answer.
        self.back.stop(LAST_WORDS).await;
        drop(self.cut_off);
        let routes = self.table.routes().clone();
        routes.end_processes().await;
        counts
    }
}
