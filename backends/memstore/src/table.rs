//! The keys of a namespace, as they are at one time. Plain data: [`crate::space`] holds the lock around it.

use crate::{declaration::GRANULARITY, transactions::Transactions, value::Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Every key with its value and expiry, and the open transactions.
#[derive(Default)]
pub(crate) struct Table {
    /// The time since the Unix epoch that the table shows; nothing in it has expired by then.
    now: Duration,
    entries: BTreeMap<String, Entry>,
    /// When keys expire, soonest first; exactly the entries that have `expires_at`.
    due: BTreeSet<(Duration, String)>,
    /// Counts writes. Never reused while there is a transaction, so that a key which was deleted and set again is told
    /// from one that was left alone.
    last_version: u64,
    pub(crate) transactions: Transactions,
}

/// A value and when it expires, which are only ever changed together.
struct Entry {
    value: Value,
    expires_at: Option<Duration>,
    version: u64,
}

/// What GetTtl says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    Missing,
    Persistent,
    Expiring(Duration),
}

impl Table {
    /// Moves to a time: what has expired by then is removed, and what was abandoned is ended.
    pub(crate) fn advance_to(&mut self, now: Duration) {
        self.now = now;
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.due.pop_first() {
                self.entries.remove(&key);
            }
        }
        self.transactions.end_abandoned(now);
    }

    /// The time that the table shows.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// Whether there are neither keys nor open transactions.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.transactions.is_empty()
    }

    /// The value under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// What a transaction notes of a key that it reads: changes with every write, `None` where there is no key.
    pub(crate) fn version(&self, key: &str) -> Option<u64> {
        self.entries.get(key).map(|entry| entry.version)
    }

    /// The keys from `start` on (itself included), in the order of their bytes.
    pub(crate) fn range_from(&self, start: &str) -> impl Iterator<Item = (&String, &Value)> {
        // Strings are ordered by their bytes.
        self.entries
            .range::<str, _>((std::ops::Bound::Included(start), std::ops::Bound::Unbounded))
            .map(|(key, entry)| (key, &entry.value))
    }

    /// Stores a value that expires after `ttl`, or never.
    pub(crate) fn set(&mut self, key: String, value: Value, ttl: Option<Duration>) {
        let expires_at = ttl.map(|ttl| self.expiry(ttl));
        self.put(key, value, expires_at);
    }

    /// Stores a value; a key that expires goes on to do so at the same time.
    pub(crate) fn set_keeping_expiry(&mut self, key: String, value: Value) {
        let expires_at = self.entries.get(&key).and_then(|entry| entry.expires_at);
        self.put(key, value, expires_at);
    }

    /// Removes a key; says whether it was there.
    pub(crate) fn remove(&mut self, key: &str) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        self.unschedule(key, entry.expires_at);
        true
    }

    /// Gives a key another TTL, or none; says whether the key is there.
    pub(crate) fn set_ttl(&mut self, key: &str, ttl: Option<Duration>) -> bool {
        let expires_at = ttl.map(|ttl| self.expiry(ttl));
        let Some(entry) = self.entries.get_mut(key) else { return false };
        let before = std::mem::replace(&mut entry.expires_at, expires_at);
        self.unschedule(key, before);
        self.schedule(key, expires_at);
        true
    }

    /// How long a key has left.
    pub(crate) fn lifetime(&self, key: &str) -> Lifetime {
        match self.entries.get(key).map(|entry| entry.expires_at) {
            None => Lifetime::Missing,
            Some(None) => Lifetime::Persistent,
            Some(Some(at)) => Lifetime::Expiring(at.saturating_sub(self.now)),
        }
    }

    fn put(&mut self, key: String, value: Value, expires_at: Option<Duration>) {
        self.remove(&key);
        self.schedule(&key, expires_at);
        self.last_version += 1;
        self.entries.insert(key, Entry { value, expires_at, version: self.last_version });
    }

    /// When a TTL that starts now ends. The TTL is rounded up, not the time: that way the key is there for all of
    /// it, and what GetTtl says remains is never more than was asked for.
    fn expiry(&self, ttl: Duration) -> Duration {
        let unit = GRANULARITY.as_nanos();
        let missing = (unit - ttl.as_nanos() % unit) % unit;
        let rounded = ttl.saturating_add(Duration::from_nanos(missing as u64));
        self.now.saturating_add(rounded)
    }

    fn schedule(&mut self, key: &str, at: Option<Duration>) {
        if let Some(at) = at {
            self.due.insert((at, key.to_owned()));
        }
    }

    fn unschedule(&mut self, key: &str, at: Option<Duration>) {
        if let Some(at) = at {
            self.due.remove(&(at, key.to_owned()));
        }
    }
}

#[cfg(test)]
impl Table {
    /// Panics where the schedule of expiry is not exactly what the entries say.
    pub(crate) fn assert_consistent(&self) {
        let expiring = self.entries.iter().filter_map(|(key, entry)| Some((entry.expires_at?, key.clone())));
        assert_eq!(expiring.collect::<BTreeSet<_>>(), self.due);
        assert!(self.due.first().is_none_or(|(at, _)| *at > self.now), "an expired key is still there");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::new(1_000, 250_001);

    fn table() -> Table {
        let mut table = Table::default();
        table.advance_to(START);
        table
    }

    fn value(text: &str) -> Value {
        Value::copy(text.as_bytes())
    }

    #[test]
    fn a_ttl_is_rounded_up_and_what_remains_is_never_more_than_that() {
        for (asked, rounded) in
            [(1, 1_000_000), (999_999, 1_000_000), (1_000_000, 1_000_000), (1_000_001, 2_000_000)]
        {
            let (asked, rounded) = (Duration::from_nanos(asked), Duration::from_nanos(rounded));
            let mut table = table();
            table.set("k".to_owned(), value("v"), Some(asked));
            assert_eq!(table.lifetime("k"), Lifetime::Expiring(rounded));
            let last = Duration::from_nanos(1);
            table.advance_to((START + rounded).saturating_sub(last));
            assert_eq!(table.lifetime("k"), Lifetime::Expiring(last));
            assert!(table.get("k").is_some());
            table.advance_to(START + rounded);
            assert_eq!(table.lifetime("k"), Lifetime::Missing);
            assert!(table.is_empty());
        }
    }

    #[test]
    fn the_schedule_follows_every_change() {
        let ttl = |millis| Some(Duration::from_millis(millis));
        let mut table = table();
        for step in 0..6 {
            table.set("k".to_owned(), value("v"), ttl(10));
            match step {
                0 => table.set("k".to_owned(), value("w"), None),
                1 => table.set("k".to_owned(), value("w"), ttl(10)),
                2 => table.set_keeping_expiry("k".to_owned(), value("w")),
                3 => assert!(table.set_ttl("k", ttl(20))),
                4 => assert!(table.set_ttl("k", None)),
                _ => assert!(table.remove("k")),
            }
            table.assert_consistent();
            let left = match step {
                0 | 4 => Lifetime::Persistent,
                1 | 2 => Lifetime::Expiring(Duration::from_millis(10)),
                3 => Lifetime::Expiring(Duration::from_millis(20)),
                _ => Lifetime::Missing,
            };
            assert_eq!(table.lifetime("k"), left, "step {step}");
        }
        assert!(!table.set_ttl("absent", ttl(5)) && !table.remove("absent"));
        table.assert_consistent();
    }

    #[test]
    fn a_key_that_was_set_again_has_another_version() {
        let mut table = table();
        table.set("k".to_owned(), value("v"), None);
        let first = table.version("k");
        table.remove("k");
        assert_eq!(table.version("k"), None);
        table.set("k".to_owned(), value("v"), None);
        assert!(first.is_some() && table.version("k") != first);
    }
}
