//! Cases of the multicast registry, one file per concern.

mod client;
mod crash;
mod enumerate;
mod expiry;
mod filters;
mod multicast;
mod register;
mod slots;
mod state;

pub(crate) use client::{Build, Registry};

use prism_suites::Case;

pub(crate) fn cases() -> Vec<Case> {
    [
        register::cases(),
        expiry::cases(),
        enumerate::cases(),
        filters::cases(),
        multicast::cases(),
        state::cases(),
        crash::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
