//! The reference proxy: carries gRPC calls to drivers and patterns, chosen by the `prism-namespace` header.
//!
//! A call passes these layers, outermost first; each is a tower layer over the same kind of service, so that identity,
//! authorization and others can be put between them:
//!
//! 1. observe: request id, metrics, the log line.
//! 2. local services: health and reflection are answered here and pass no further.
//! 3. gate: counts calls in flight and refuses new ones while the proxy drains.
//! 4. admission: header size, deadline, namespace, route.
//! 5. limits: concurrent calls, rate, message size.
//! 6. forward: the upstream's connection; bodies pass frame by frame and are never decoded or gathered.
//!
//! In reading order:
//!
//! - [`config`]: what a proxy is told.
//! - [`command`]: the proxy as a process.
//! - [`proxy`]: starting and draining one.
//! - `layers`, `call`, `body`, `forward`: the way of a call.
//! - `routes`, `upstream`, `limits`: where it goes and whether it may.
//! - `local`, `admin`, `metrics`: what the proxy answers itself.

mod admin;
mod body;
mod call;
pub mod command;
pub mod config;
mod deadline;
mod drain;
mod forward;
mod joined;
mod layers;
mod limits;
mod listener;
mod local;
mod messages;
mod metrics;
pub mod proxy;
pub mod refusal;
mod routes;
mod upstream;

pub use config::Config;
pub use drain::Counts;
pub use proxy::{CallService, Proxy, Running, StartError};

/// What the proto of the admin service generates.
#[expect(
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    missing_docs,
    reason = "generated code"
)]
pub mod pb {
    tonic::include_proto!("prism.proxy.v1");

    /// The compiled `.proto` file of the admin service and what it imports.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/admin.binpb"));
}
