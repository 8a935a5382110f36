//! Drivers that are not built in: processes of this run, and endpoints of somebody else.
//!
//! - `command`: how a driver is started as a process.
//! - `process`: one such process, found dead or alive.
//! - `speaks`: when a process is ready: when it answers gRPC.
//! - `supervised`, `switch`: an instance for many cases, started again when it crashes, under one endpoint.
//! - `leased`: an instance of one case's own.
//! - `remote`, `metadata`: an endpoint, with TLS and what every call carries.
//! - `bring_up`: leading any of them to running.

pub(crate) mod bring_up;
mod command;
mod leased;
mod metadata;
mod process;
pub(crate) mod remote;
mod speaks;
mod supervised;
mod switch;

pub use command::CommandDriver;
pub(crate) use leased::{Ending, Stopping};
pub(crate) use process::DriverProcess;
pub(crate) use supervised::{Budget, Supervised, Watch};

use prism_interfaces::Endpoint;
use std::time::Duration;

/// How long an endpoint may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// A connection that many cases share.
pub(crate) fn channel(builder: tonic::transport::Endpoint) -> Endpoint {
    let channel = builder
        .connect_timeout(CONNECT_LIMIT)
        .tcp_nodelay(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(16 << 20)
        .connect_lazy();
    Endpoint::new(channel)
}
