//! The conformance cases, one file per interface.
//!
//! - [`mod@case`], [`verdict`], [`expect`]: what a case is, what it says in the end, and how it demands things.
//! - [`bench`](mod@bench): what a case about a pattern is given as well: its slots, and instances over other ones.
//! - [`context`]: what a case is given: clients at the seam, a fresh namespace, seeded randomness, time.
//! - [`tap`], [`seam`], [`watchdog`], [`effort`]: the parts of a context.
//! - [`client`], [`sample`]: the generated clients with less to type, and calls of any rpc by reflection.
//! - [`lockstep`]: generated operations against a model, shrunk.
//! - [`refusal`]: cases for what is not declared.
//! - [`suite`]: every case there is, and those that a declaration calls for.

pub mod bench;
pub mod case;
pub mod client;
pub mod context;
pub mod effort;
pub mod expect;
pub mod lockstep;
pub mod refusal;
pub mod sample;
pub mod seam;
pub mod suite;
pub mod tap;
pub mod verdict;
pub mod watchdog;

mod clock;
mod concurrent;
mod delivery_history;
mod delivery_model;
mod draw;
mod flood;
mod general;
mod keyvalue;
mod keyvalue_basic;
mod keyvalue_batch;
mod keyvalue_cas;
mod keyvalue_scan;
mod keyvalue_transactional;
mod keyvalue_ttl;
mod lifecycle;
mod messages;
mod pubsub_basic;
mod pubsub_wildcards;
mod session;
mod timeline;
mod times;

pub use bench::{Bench, BoundSlots, PatternProcess};
pub use case::{Case, Given, Instance, Kind, case};
pub use context::{Context, ContextParts, FreshInstance, Instances};
pub use effort::Effort;
pub use seam::Seam;
pub use tap::{CallRecord, Tap};
pub use verdict::{Failure, FailureKind, Verdict, describe};
pub use watchdog::Watchdog;
