//! The cases, one file for each part of the contract.

mod admin;
mod bad_clients;
mod configuration;
mod deadlines;
mod draining;
mod errors;
mod limits;
mod metadata;
mod outages;
mod processes;
mod routing;
mod streaming;

use crate::Case;

/// Every case, in the order of the contract.
pub fn all() -> Vec<Case> {
    [
        routing::cases(),
        metadata::cases(),
        errors::cases(),
        streaming::cases(),
        deadlines::cases(),
        limits::cases(),
        outages::cases(),
        processes::cases(),
        configuration::cases(),
        draining::cases(),
        bad_clients::cases(),
        admin::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
