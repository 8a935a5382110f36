//! What open transactions have read and written.
//!
//! Transactions are optimistic: reads note the version that they saw, writes are kept aside. Each read, and Commit,
//! first checks that everything read before is still as it was, so what a transaction sees is one state of the table,
//! and what it commits follows from the state that it is applied to. That makes them serializable in the order of
//! their commits, and holds nobody up.

use crate::{declaration::TRANSACTION_TIMEOUT, error::Error, table::Table, value::Value};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// The open transactions of a namespace by id.
#[derive(Default)]
pub(crate) struct Transactions(HashMap<String, Transaction>);

struct Transaction {
    /// When it was last called, since the Unix epoch.
    last_used: Duration,
    /// The version of each key when it was read; `None` where the key was not there.
    reads: BTreeMap<String, Option<u64>>,
    /// What Commit will store; `None` is a removal.
    writes: BTreeMap<String, Option<Value>>,
}

impl Transactions {
    /// Ends those that were left alone for too long.
    pub(crate) fn end_abandoned(&mut self, now: Duration) {
        self.0.retain(|_, transaction| now.saturating_sub(transaction.last_used) <= TRANSACTION_TIMEOUT);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Table {
    /// Starts a transaction.
    pub(crate) fn begin(&mut self, id: String) {
        let transaction =
            Transaction { last_used: self.now(), reads: BTreeMap::new(), writes: BTreeMap::new() };
        self.transactions.0.insert(id, transaction);
    }

    /// What a transaction sees under a key.
    pub(crate) fn transaction_get(&mut self, id: &str, key: &str) -> Result<Option<Value>, Error> {
        let transaction = self.transaction(id)?;
        if let Some(own) = transaction.writes.get(key) {
            return Ok(own.clone());
        }
        self.validate(id)?;
        let seen = self.version(key);
        let value = self.get(key).cloned();
        self.transaction(id)?.reads.insert(key.to_owned(), seen);
        Ok(value)
    }

    /// Notes a write.
    pub(crate) fn transaction_set(&mut self, id: &str, key: String, value: Value) -> Result<(), Error> {
        self.transaction(id)?.writes.insert(key, Some(value));
        Ok(())
    }

    /// Notes a removal; says whether the transaction saw the key before, which is a read.
    pub(crate) fn transaction_delete(&mut self, id: &str, key: String) -> Result<bool, Error> {
        let existed = self.transaction_get(id, &key)?.is_some();
        self.transaction(id)?.writes.insert(key, None);
        Ok(existed)
    }

    /// Applies what a transaction wrote, all of it or, after a conflict, nothing. Either way the transaction is over.
    pub(crate) fn commit(&mut self, id: &str) -> Result<(), Error> {
        self.transaction(id)?;
        self.validate(id)?;
        let transaction = self.transactions.0.remove(id).ok_or(Error::TransactionNotFound)?;
        for (key, write) in transaction.writes {
            match write {
                Some(value) => self.set(key, value, None),
                None => {
                    self.remove(&key);
                }
            }
        }
        Ok(())
    }

    /// Ends a transaction without a trace.
    pub(crate) fn rollback(&mut self, id: &str) -> Result<(), Error> {
        self.transactions.0.remove(id).map(|_| ()).ok_or(Error::TransactionNotFound)
    }

    /// A transaction that is being called, and hence not abandoned.
    fn transaction(&mut self, id: &str) -> Result<&mut Transaction, Error> {
        let now = self.now();
        let transaction = self.transactions.0.get_mut(id).ok_or(Error::TransactionNotFound)?;
        transaction.last_used = now;
        Ok(transaction)
    }

    /// Ends the transaction if anything that it has read was changed since, by a write or by expiry.
    fn validate(&mut self, id: &str) -> Result<(), Error> {
        let transaction = self.transactions.0.get(id).ok_or(Error::TransactionNotFound)?;
        if transaction.reads.iter().any(|(key, seen)| self.version(key) != *seen) {
            self.transactions.0.remove(id);
            return Err(Error::TransactionConflict);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table_with(id: &str) -> Table {
        let mut table = Table::default();
        table.advance_to(Duration::from_secs(1_000));
        table.begin(id.to_owned());
        table
    }

    fn value(text: &str) -> Value {
        Value::copy(text.as_bytes())
    }

    #[test]
    fn each_call_puts_off_the_end_of_a_transaction() {
        let mut table = table_with("t");
        for _ in 0..3 {
            table.advance_to(table.now() + TRANSACTION_TIMEOUT);
            table.transaction_set("t", "k".to_owned(), value("v")).unwrap();
        }
        table.advance_to(table.now() + TRANSACTION_TIMEOUT + Duration::from_nanos(1));
        assert!(table.is_empty(), "what an abandoned transaction holds is given back");
        assert_eq!(table.commit("t"), Err(Error::TransactionNotFound));
        assert!(table.get("k").is_none());
    }

    #[test]
    fn a_read_key_that_expires_or_comes_back_the_same_is_a_conflict() {
        for expires in [true, false] {
            let mut table = table_with("t");
            table.set("k".to_owned(), value("v"), Some(Duration::from_secs(1)));
            assert_eq!(table.transaction_get("t", "k"), Ok(Some(value("v"))));
            if expires {
                table.advance_to(table.now() + Duration::from_secs(1));
            } else {
                table.remove("k");
                table.set("k".to_owned(), value("v"), None);
            }
            assert_eq!(table.transaction_get("t", "other"), Err(Error::TransactionConflict));
            assert_eq!(table.commit("t"), Err(Error::TransactionNotFound), "the transaction is over");
        }
    }

    #[test]
    fn blind_writes_do_not_conflict() {
        let mut table = table_with("t");
        table.transaction_set("t", "k".to_owned(), value("mine")).unwrap();
        table.set("k".to_owned(), value("theirs"), Some(Duration::from_secs(1)));
        assert_eq!(table.transaction_get("t", "k"), Ok(Some(value("mine"))));
        assert_eq!(table.commit("t"), Ok(()));
        assert_eq!(table.get("k"), Some(&value("mine")));
        table.advance_to(table.now() + Duration::from_secs(2));
        assert_eq!(table.get("k"), Some(&value("mine")), "a committed write clears the TTL");
    }
}
