//! What the interfaces share.

use crate::{client::Client, expiry, transactions::Transactions};
use prism_driver_kit::Clock;
use prism_interfaces::Namespace;
use std::sync::Arc;

/// Implements the generated server traits, one in each of the files `keyvalue_*`.
#[derive(Debug)]
pub(crate) struct Service {
    /// The file.
    pub(crate) client: Client,
    /// What time it is.
    ///
    /// Where an answer depends on the time, it is asked for once the connection is at hand, and where a write makes a key
    /// live longer, once nobody else can write: what had expired for others does not come back to life.
    pub(crate) clock: Arc<Clock>,
    /// The transactions that are open here.
    pub(crate) transactions: Transactions,
}

impl Service {
    /// The time in a namespace, in the unit of expiry.
    pub(crate) fn now_ms(&self, namespace: &Namespace) -> i64 {
        expiry::millis(self.clock.now(namespace))
    }
}
