//! Registry, planning, provisioning, scheduling.
//!
//! - [`registry`]: every `backend.yaml`, checked.
//! - [`provision`]: the servers that drivers need, found or started, and taken away again.
//! - [`mod@plan`]: which cases run against which targets.
//! - [`expectations`]: the failures that are known.
//! - [`shards`]: a plan, divided into groups for separate machines.
//! - [`driver`]: drivers that are processes of the run, or endpoints of somebody else.
//! - [`pattern`]: patterns over the drivers of backends, as targets.
//! - [`bridge`]: an endpoint of this process on a socket, for one that is another process.
//! - [`proxied`]: the way to a driver through a proxy.
//! - [`target`]: a driver that runs.
//! - [`engine`]: the plan, carried out.
//! - [`execute`]: one case, from its first call to its outcome.

pub mod bridge;
mod digests;
pub mod driver;
pub mod engine;
pub mod execute;
pub mod expectations;
mod instances;
pub mod pattern;
pub mod plan;
pub mod provision;
pub mod proxied;
mod records;
pub mod registry;
mod secrets;
mod servers;
pub mod shards;
mod smoke;
pub mod target;

use prism_process::{self as process, lines};

pub use digests::digests;
pub use pattern::{Patterns, plan_patterns};
pub use plan::{PlanError, PlannedTarget, Selection, plan};
pub use records::{clauses, planned as record_of};
pub use target::{DriverAccess, Launcher, Target, TargetSpec};
