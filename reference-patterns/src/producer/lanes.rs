//! Order: who takes a place in a lane before another has its turn before the other.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// Lanes by name. A lane exists as long as somebody has a place in it.
#[derive(Debug)]
pub(super) struct Lanes<K>(Arc<Mutex<HashMap<K, VecDeque<Arc<Notify>>>>>);

/// A place in a lane; dropping it lets the next one go.
#[derive(Debug)]
pub(super) struct Place<K: Hash + Eq> {
    lanes: Lanes<K>,
    key: K,
    turn: Arc<Notify>,
}

impl<K> Clone for Lanes<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Lanes<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K> Lanes<K> {
    fn lanes(&self) -> MutexGuard<'_, HashMap<K, VecDeque<Arc<Notify>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> Lanes<K> {
    /// Takes the next place. It is taken when this returns, whatever is awaited later.
    pub(super) fn place(&self, key: K) -> Place<K> {
        let turn = Arc::new(Notify::new());
        let mut lanes = self.lanes();
        let lane = lanes.entry(key.clone()).or_default();
        if lane.is_empty() {
            turn.notify_one();
        }
        lane.push_back(Arc::clone(&turn));
        Place { lanes: self.clone(), key, turn }
    }
}

impl<K: Hash + Eq> Place<K> {
    /// Waits until everybody before has gone. To be awaited once.
    pub(super) async fn turn(&self) {
        self.turn.notified().await;
    }
}

impl<K: Hash + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lanes();
        let Some(lane) = lanes.get_mut(&self.key) else { return };
        let was_first = lane.front().is_some_and(|first| Arc::ptr_eq(first, &self.turn));
        lane.retain(|turn| !Arc::ptr_eq(turn, &self.turn));
        match lane.front() {
            Some(next) if was_first => next.notify_one(),
            Some(_) => {}
            None => {
                lanes.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn turns_come_in_the_order_of_the_places_also_where_one_is_given_up() {
        let lanes = Lanes::default();
        let (first, second, third) = (lanes.place("a"), lanes.place("a"), lanes.place("a"));
        let other = lanes.place("b");
        first.turn().await;
        other.turn().await;
        drop(second);
        assert!(third.turn().now_or_never().is_none(), "the third has overtaken the first");
        drop(first);
        third.turn().await;
        drop((third, other));
        assert!(lanes.lanes().is_empty());
    }
}
