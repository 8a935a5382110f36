//! Pure judges: executable models, histories, linearizability, accounting. No input or output, no clocks, no gRPC: what
//! happened goes in as data, a verdict comes out.
//!
//! In reading order:
//!
//! - [`history`]: recording what concurrent clients asked and were told.
//! - [`linearizability`]: whether a history has an order that explains it; [`register`]: the model of one key for it.
//! - [`keyvalue`]: the model of all six key-value interfaces, for lock-step testing; [`ttl`]: its rules of time.
//! - [`scan`]: listings under concurrent writes.
//! - [`transaction`], [`serializability`], [`anomaly`]: what transactions did, and what they must not show.
//! - [`accounting`]: counters and banks.
//! - [`payload`], [`delivery`], [`wildcard`]: messages that prove themselves, who must get them, who is asked.
//! - [`pools`]: the keys and values that drivers stumble over.
//!
//! A judge is exact about safety: what it reports is a violation, whatever the timing. What it cannot decide it says it
//! cannot ([`linearizability::Verdict::Unknown`], [`ttl::TtlVerdict::Undecided`]), which is never a pass.

pub mod accounting;
pub mod anomaly;
pub mod delivery;
pub mod history;
pub mod keyvalue;
pub mod linearizability;
pub mod payload;
pub mod pools;
pub mod register;
pub mod scan;
pub mod serializability;
pub mod transaction;
pub mod ttl;
pub mod wildcard;

mod digest;
mod number;
mod quote;

pub use digest::{digest, digest_headers};
pub use history::{Entry, History, Keyed, Outcome, stamp};
pub use quote::quote;
