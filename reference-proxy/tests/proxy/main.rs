//! The proxy in front of small upstreams, as its clients see it.

mod admin;
mod bad_clients;
mod deadlines;
mod draining;
mod errors;
mod limits;
mod metadata;
mod outages;
mod process;
mod reload;
mod routing;
mod streaming;
mod support;
