//! Registry, planning, provisioning, scheduling.
//!
//! - [`registry`]: every `backend.yaml`, checked.
//! - [`provision`]: the servers that drivers need, found or started, and taken away again.
//! - [`plan`]: which cases run against which targets.
//! - [`target`]: a driver that runs.
//! - [`engine`]: the plan, carried out.
//! - [`execute`]: one case, from its first call to its outcome.

pub mod engine;
pub mod execute;
pub mod plan;
pub mod provision;
pub mod registry;
pub mod target;

pub use plan::{PlanError, PlannedTarget, Selection, plan};
pub use target::{DriverAccess, Launcher, Target, TargetSpec};
