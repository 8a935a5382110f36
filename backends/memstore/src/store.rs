//! The namespaces of a store.

use crate::{
    space::Space,
    sync::{AtomicU64, Mutex, Ordering, lock},
};
use prism_driver_kit::Clock;
use prism_interfaces::Namespace;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// Everything that one or several instances of the driver hold.
pub(crate) struct Store {
    clock: Clock,
    ids: Arc<Ids>,
    spaces: Mutex<BTreeMap<Namespace, Arc<Space>>>,
}

/// Names for transactions, subscriptions and messages: unique in the store by a counter, and beyond it by a prefix.
pub(crate) struct Ids {
    prefix: String,
    next: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self { prefix: Uuid::new_v4().simple().to_string(), next: AtomicU64::new(1) }
    }

    pub(crate) fn next(&self) -> String {
        format!("{}-{}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Store {
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, ids: Arc::new(Ids::new()), spaces: Mutex::default() })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What a namespace holds; an empty space where it holds nothing yet.
    pub(crate) fn space(&self, namespace: &Namespace) -> Arc<Space> {
        let mut spaces = lock(&self.spaces);
        if let Some(space) = spaces.get(namespace) {
            return Arc::clone(space);
        }
        let space = Arc::new(Space::new(namespace.clone(), self.clock.clone(), Arc::clone(&self.ids)));
        spaces.insert(namespace.clone(), Arc::clone(&space));
        space
    }

    /// Removes everything that a namespace holds.
    pub(crate) fn drop_namespace(&self, namespace: &Namespace) {
        // The space is emptied and stays: a call that has it in hand must not go on with one that nobody else sees.
        self.space(namespace).clear();
    }

    /// Gives back what has expired, what was abandoned, and spaces that hold nothing.
    pub(crate) fn sweep(&self) {
        // Spaces are handed out under this lock alone, so one that nobody has in hand now is nobody's.
        lock(&self.spaces).retain(|_, space| Arc::strong_count(space) > 1 || !space.sweep());
    }

    #[cfg(test)]
    pub(crate) fn spaces(&self) -> usize {
        lock(&self.spaces).len()
    }
}
