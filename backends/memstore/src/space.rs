//! What one namespace holds.

use crate::{
    broker::Broker,
    store::Ids,
    sync::{Mutex, MutexGuard, lock},
    table::Table,
};
use prism_driver_kit::Clock;
use prism_interfaces::Namespace;
use std::{mem, sync::Arc, time::Duration};

/// The keys and the subscriptions of a namespace.
pub(crate) struct Space {
    namespace: Namespace,
    clock: Clock,
    ids: Arc<Ids>,
    table: Mutex<Table>,
    broker: Arc<Broker>,
}

impl Space {
    pub(crate) fn new(namespace: Namespace, clock: Clock, ids: Arc<Ids>) -> Self {
        let broker = Arc::new(Broker::new(Arc::clone(&ids)));
        Self { namespace, clock, ids, table: Mutex::default(), broker }
    }

    /// The time of the namespace, since the Unix epoch.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now(&self.namespace)
    }

    /// A name that was never given out before.
    pub(crate) fn id(&self) -> String {
        self.ids.next()
    }

    /// The keys as they are now, locked: what has expired by now is not there any more.
    pub(crate) fn keys(&self) -> MutexGuard<'_, Table> {
        let mut table = lock(&self.table);
        // The time is read under the lock: every step sees what has expired before it, and nothing expires during it.
        table.advance_to(self.now());
        table
    }

    /// The subscriptions.
    pub(crate) fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Removes everything, ends subscriptions, and lets go of the namespace's time.
    pub(crate) fn clear(&self) {
        let old = {
            let mut table = lock(&self.table);
            self.clock.forget(&self.namespace);
            mem::take(&mut *table)
        };
        // Large tables take a while to free; others need not wait for it.
        drop(old);
        self.broker.close();
    }

    /// Gives back what has expired and what was abandoned; says whether nothing is left.
    pub(crate) fn sweep(&self) -> bool {
        let mut table = lock(&self.table);
        // Where there is nothing to expire, the clock is left alone: looking at a virtual one sets it going.
        if !table.is_empty() {
            table.advance_to(self.now());
        }
        table.is_empty() && self.broker.is_empty()
    }
}
