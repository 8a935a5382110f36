//! What every driver needs and none should write again.
//!
//! A driver says who it is and how to start ([`Driver`]), and serves the generated service traits ([`Running`]). A
//! [`Host`] puts the rest around it: the lifecycle, the namespace header, deadlines, draining, refusals of what is not
//! served. The result is an [`Endpoint`](prism_interfaces::Endpoint) to use in process or to [`serve()`] on an address.
//!
//! - [`driver`]: the two traits to implement.
//! - [`host`]: the endpoint around a driver.
//! - [`settings`]: what Initialize hands over.
//! - [`check`]: names, values, TTLs and batches against the declared limits.
//! - [`refusal`]: what every driver says no with in the same words.
//! - [`cursor`]: opaque cursors that only fit the listing that they were made for.
//! - [`wildcard`]: patterns of topics.
//! - [`clock`]: real time, or the clock of tests.
//! - [`health`]: grpc.health.v1, which [`serve()`] adds.

pub mod check;
pub mod clock;
pub mod cursor;
mod deadline;
mod delivery;
pub mod driver;
pub mod health;
pub mod host;
mod life;
mod lifecycle;
pub mod refusal;
pub mod serve;
pub mod settings;
pub mod wildcard;

pub use clock::Clock;
pub use deadline::time_left;
pub use driver::{Driver, DriverInfo, InterfaceInfo, Running, RunningDriver};
pub use health::with_health;
pub use host::{Host, MAX_MESSAGE_BYTES, namespace};
pub use refusal::Refusal;
pub use serve::{serve, serve_incoming};
pub use settings::{SettingSpec, Settings};
