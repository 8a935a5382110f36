//! What a pattern needs, as its `pattern.yaml` says: slots to bind backends to, and parameters.
//!
//! - [`spec`]: what a `pattern.yaml` says, checked.
//! - [`read()`]: reads one, and tells everything that is wrong with it at once.
//! - [`parameters`]: values of parameters against their kinds and bounds.
//! - [`matcher`]: whether what is bound to the slots fits, with every reason where it does not.
//! - [`given`]: what a file gives to a pattern, read against its `pattern.yaml`.
//! - [`binding`]: the bindings that a registry of backends allows.

pub mod binding;
pub mod given;
pub mod matcher;
pub mod parameters;
mod read;
pub mod spec;

pub use binding::{Binding, Bindings, bindings};
pub use matcher::{Bound, Candidate, Misfit, Misfits, check, unmet};
pub use parameters::{ParameterKind, ParameterValue, Parameters};
pub use read::{Read, builtin, read};
pub use spec::{ParameterSpec, PatternSpec, SlotSpec};
