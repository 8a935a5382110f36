//! What the store says no with. It has no server whose errors would need a map, so all of it is the contract's.

pub(crate) use prism_driver_kit::Refusal as Error;
