//! Metrics in the text format of Prometheus.

use crate::{drain::Drain, routes::Routes, upstream::State};
use prism_interfaces::catalogue;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tonic::Code;

/// The method of paths that are not in the catalogue, which clients can make up without end.
const OTHER: &str = "other";

/// The methods that are counted by name.
static METHODS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let rpcs = catalogue::services().flat_map(|service| service.rpcs);
    let local = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];
    rpcs.map(|rpc| rpc.path).chain(local).map(|path| (path, path.trim_start_matches('/'))).collect()
});

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    rule: String,
    method: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    rule: String,
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    upstream: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    upstream: String,
    state: &'static str,
}

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    latency: Family<RuleLabels, Histogram>,
    pub(crate) in_flight: Gauge,
    connections: Gauge,
    draining: Gauge,
    upstream_state: Family<StateLabels, Gauge>,
    upstream_connections: Family<UpstreamLabels, Gauge>,
    upstream_in_flight: Family<UpstreamLabels, Gauge>,
    pub(crate) reloads: Counter,
    pub(crate) failed_reloads: Counter,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("prism_proxy");
        let calls = Family::default();
        let latency = Family::new_with_constructor(latency_buckets as fn() -> Histogram);
        let (in_flight, connections, draining) = (Gauge::default(), Gauge::default(), Gauge::default());
        let (upstream_state, upstream_connections) = (Family::default(), Family::default());
        let upstream_in_flight = Family::default();
        let (reloads, failed_reloads) = (Counter::default(), Counter::default());
        registry.register("calls", "Calls that have ended, by status code", calls.clone());
        registry.register_with_unit(
            "call_duration",
            "From the headers of a call to its status",
            Unit::Seconds,
            latency.clone(),
        );
        registry.register("calls_in_flight", "Calls that have not ended", in_flight.clone());
        registry.register("client_connections", "Open connections of clients", connections.clone());
        registry.register("draining", "1 while the proxy drains", draining.clone());
        registry.register(
            "upstream_state",
            "1 for the state that the upstream is in",
            upstream_state.clone(),
        );
        registry.register(
            "upstream_connections",
            "Open connections to the upstream",
            upstream_connections.clone(),
        );
        registry.register("upstream_in_flight", "Calls at the upstream", upstream_in_flight.clone());
        registry.register("reloads", "Configurations that were taken", reloads.clone());
        registry.register("failed_reloads", "Configurations that were refused", failed_reloads.clone());
        Self {
            registry,
            calls,
            latency,
            in_flight,
            connections,
            draining,
            upstream_state,
            upstream_connections,
            upstream_in_flight,
            reloads,
            failed_reloads,
        }
    }

    /// A client's connection; counted until the answer is dropped.
    pub(crate) fn connection(&self) -> CountedConnection {
        self.connections.inc();
        CountedConnection(self.connections.clone())
    }

    /// A call has ended; `rule` is `None` where no rule took it.
    pub(crate) fn call(&self, rule: Option<&Arc<str>>, path: &str, code: Code, elapsed: Duration) {
        let rule = rule.map_or_else(String::new, ToString::to_string);
        let method = METHODS.get(path).copied().unwrap_or(OTHER);
        let labels = CallLabels { rule: rule.clone(), method, code: code_name(code) };
        self.calls.get_or_create(&labels).inc();
        self.latency.get_or_create(&RuleLabels { rule, method }).observe(elapsed.as_secs_f64());
    }

    /// Everything as text, the upstreams as they are now.
    pub(crate) fn text(&self, routes: &Routes, drain: &Drain) -> Result<String, fmt::Error> {
        self.draining.set(i64::from(drain.is_draining()));
        self.upstream_state.clear();
        self.upstream_connections.clear();
        self.upstream_in_flight.clear();
        for upstream in routes.upstreams() {
            let name = &upstream.config().name;
            let snapshot = upstream.snapshot();
            for state in State::ALL {
                let labels = StateLabels { upstream: name.clone(), state: state.as_str() };
                self.upstream_state.get_or_create(&labels).set(i64::from(state == snapshot.state));
            }
            let labels = UpstreamLabels { upstream: name.clone() };
            self.upstream_connections.get_or_create(&labels).set(snapshot.connections as i64);
            self.upstream_in_flight.get_or_create(&labels).set(upstream.in_flight() as i64);
        }
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// Counts down when dropped.
pub(crate) struct CountedConnection(Gauge);

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// From 50 µs, which is less than the proxy takes, to 100 s.
fn latency_buckets() -> Histogram {
    Histogram::new(exponential_buckets(50e-6, 2.0, 22))
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
