//! What the cases of several key-value interfaces share.
//!
//! - [`bulk`]: many keys at once, and listings from their first page to their last.
//! - [`steps`]: generated operations against the model.

pub(crate) mod bulk;
pub(crate) mod steps;
