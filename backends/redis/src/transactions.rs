//! What is open: each transaction with what it has read and what it will write.
//!
//! Reading a key puts it under WATCH on a connection of the transaction's own, so that Redis refuses the EXEC where it
//! was changed or has expired since. Writes wait in the driver until then. Nobody is ever blocked. Transactions live in
//! the driver that began them, and end with it.

use crate::{
    client::{Client, Connection, evaluate},
    declaration::TRANSACTION_TIMEOUT,
    error::{Effect, Error},
    names::Names,
    scripts,
};
use bytes::Bytes;
use prism_driver_kit::Refusal;
use prism_interfaces::Namespace;
use redis::Pipeline;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{task::AbortHandle, time::Instant};
use uuid::Uuid;

/// How often abandoned transactions are looked for. They cannot be used once their time is over; this gives back their
/// connections.
const SWEEP: Duration = Duration::from_secs(1);

/// The transactions that are open.
#[derive(Debug)]
pub(crate) struct Transactions {
    open: Arc<Mutex<HashMap<String, Transaction>>>,
    sweeper: AbortHandle,
}

#[derive(Debug)]
struct Transaction {
    namespace: Namespace,
    last_used: Instant,
    state: Arc<tokio::sync::Mutex<State>>,
}

/// What a transaction has done so far.
#[derive(Debug, Default)]
pub(crate) struct State {
    ended: bool,
    watcher: Option<Connection>,
    /// What it saw under each key when it read it first; `None` where there was nothing.
    read: HashMap<String, Option<Bytes>>,
    /// What it leaves under each key; `None` where it removes it.
    written: BTreeMap<String, Option<Bytes>>,
}

type Open = HashMap<String, Transaction>;

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transaction {
    fn is_abandoned(&self) -> bool {
        self.last_used.elapsed() > TRANSACTION_TIMEOUT
    }
}

impl Transactions {
    /// None yet. Must be called in a runtime.
    pub(crate) fn new() -> Self {
        let open = Arc::new(Mutex::new(Open::new()));
        let sweeper = {
            let open = Arc::clone(&open);
            tokio::spawn(async move {
                let mut ticks = tokio::time::interval(SWEEP);
                loop {
                    ticks.tick().await;
                    lock(&open).retain(|_, transaction| !transaction.is_abandoned());
                }
            })
        };
        Self { open, sweeper: sweeper.abort_handle() }
    }

    /// Opens one and answers its id.
    pub(crate) fn begin(&self, namespace: Namespace) -> String {
        let id = Uuid::new_v4().to_string();
        let transaction = Transaction { namespace, last_used: Instant::now(), state: Arc::default() };
        lock(&self.open).insert(id.clone(), transaction);
        id
    }

    /// The state of one that is open in the namespace; its time begins anew.
    pub(crate) fn find(
        &self,
        namespace: &Namespace,
        id: &str,
    ) -> Result<Arc<tokio::sync::Mutex<State>>, Error> {
        let mut open = lock(&self.open);
        match open.get_mut(id) {
            Some(found) if found.namespace == *namespace && !found.is_abandoned() => {
                found.last_used = Instant::now();
                Ok(Arc::clone(&found.state))
            }
            _ => Err(Refusal::TransactionNotFound.into()),
        }
    }

    /// Takes one that is open in the namespace, which ends it for everybody else.
    pub(crate) fn take(
        &self,
        namespace: &Namespace,
        id: &str,
    ) -> Result<Arc<tokio::sync::Mutex<State>>, Error> {
        let state = self.find(namespace, id)?;
        lock(&self.open).remove(id).map(|_| state).ok_or(Refusal::TransactionNotFound.into())
    }

    /// Ends one that cannot go on.
    pub(crate) fn forget(&self, id: &str) {
        lock(&self.open).remove(id);
    }

    /// Ends those of a namespace.
    pub(crate) fn drop_namespace(&self, namespace: &Namespace) {
        lock(&self.open).retain(|_, transaction| transaction.namespace != *namespace);
    }

    /// Ends all.
    pub(crate) fn clear(&self) {
        self.sweeper.abort();
        lock(&self.open).clear();
    }
}

impl Drop for Transactions {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

impl State {
    /// Whether it is over, which another call may have brought about while this one waited for its turn.
    fn check(&self) -> Result<(), Error> {
        if self.ended { Err(Refusal::TransactionNotFound.into()) } else { Ok(()) }
    }

    /// What the transaction sees under a key.
    pub(crate) async fn get(
        &mut self,
        client: &Client,
        names: &Names,
        key: &str,
    ) -> Result<Option<Bytes>, Error> {
        self.check()?;
        if let Some(seen) = self.written.get(key).or_else(|| self.read.get(key)) {
            return Ok(seen.clone());
        }
        let watcher = match &self.watcher {
            Some(watcher) => watcher,
            None => self.watcher.insert(client.dedicated().await?),
        };
        let value = names.value(key);
        let mut commands = Pipeline::new();
        commands.cmd("WATCH").arg(&value).ignore().cmd("GET").arg(&value);
        let (seen,): (Option<Bytes>,) =
            watcher.send_all(&commands).await.map_err(|error| Error::Command(error, Effect::None))?;
        self.read.insert(key.to_owned(), seen.clone());
        Ok(seen)
    }

    /// Notes a write.
    pub(crate) fn set(&mut self, key: String, value: Bytes) -> Result<(), Error> {
        self.check()?;
        self.written.insert(key, Some(value));
        Ok(())
    }

    /// Notes a removal, and answers whether the transaction saw the key before.
    pub(crate) async fn delete(
        &mut self,
        client: &Client,
        names: &Names,
        key: String,
    ) -> Result<bool, Error> {
        let existed = self.get(client, names, &key).await?.is_some();
        self.written.insert(key, None);
        Ok(existed)
    }

    /// Makes the writes real, all in one step, unless what was read was changed.
    pub(crate) async fn commit(&mut self, client: &Client, names: &Names) -> Result<(), Error> {
        self.check()?;
        self.ended = true;
        let mut commands = Pipeline::new();
        commands.atomic();
        if self.written.is_empty() {
            // Something must stand between MULTI and EXEC.
            commands.cmd("PING");
        } else {
            // Those with a value first; the script removes the others.
            let (sets, removals): (Vec<_>, Vec<_>) =
                self.written.iter().partition(|(_, value)| value.is_some());
            let keys: Vec<_> = sets.iter().chain(&removals).map(|(key, _)| names.value(key)).collect();
            let values: Vec<_> = sets.iter().filter_map(|(_, value)| value.as_deref()).collect();
            commands.add_command(evaluate("EVAL", &scripts::STORE.text, names, &keys, &values));
        }
        let done: Option<redis::Value> = match self.watcher.take() {
            // Nothing was read, so that there is nothing to conflict with.
            None if self.written.is_empty() => return Ok(()),
            None => client.write_all(&commands).await?,
            // With the connection, Redis forgot what to watch.
            Some(watcher) if !watcher.is_alive() => None,
            Some(watcher) => {
                let done = watcher.send_all(&commands).await;
                let done = done.map_err(|error| Error::Command(error, Effect::Possible))?;
                // EXEC has ended the watch, whatever came of it.
                client.give_back(watcher);
                done
            }
        };
        done.map(drop).ok_or(Refusal::TransactionConflict.into())
    }

    /// Drops the writes.
    pub(crate) async fn roll_back(&mut self, client: &Client) -> Result<(), Error> {
        self.check()?;
        self.ended = true;
        if let Some(watcher) = self.watcher.take() {
            // Where this fails, the connection goes, and the watch with it.
            if watcher.send::<()>(&redis::cmd("UNWATCH")).await.is_ok() {
                client.give_back(watcher);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(name: &str) -> Namespace {
        Namespace::new(name).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_is_found_in_its_namespace_until_it_is_left_alone_for_too_long() {
        let transactions = Transactions::new();
        let (a, b) = (namespace("a"), namespace("b"));
        let id = transactions.begin(a.clone());
        assert!(transactions.find(&b, &id).is_err());
        assert!(transactions.find(&a, "other").is_err());
        for _ in 0..3 {
            tokio::time::advance(TRANSACTION_TIMEOUT).await;
            assert!(transactions.find(&a, &id).is_ok(), "a call gives it its time anew");
        }
        tokio::time::advance(TRANSACTION_TIMEOUT + Duration::from_millis(1)).await;
        assert!(transactions.find(&a, &id).is_err());
        assert!(transactions.take(&a, &id).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn abandoned_transactions_give_back_what_they_hold() {
        let transactions = Transactions::new();
        let id = transactions.begin(namespace("a"));
        let state = Arc::downgrade(&transactions.find(&namespace("a"), &id).unwrap());
        tokio::time::sleep(TRANSACTION_TIMEOUT + 2 * SWEEP).await;
        assert!(state.upgrade().is_none());
    }

    #[tokio::test]
    async fn a_transaction_is_taken_once_and_goes_with_its_namespace() {
        let transactions = Transactions::new();
        let (a, b) = (namespace("a"), namespace("b"));
        let (taken, dropped, stays) =
            (transactions.begin(a.clone()), transactions.begin(a.clone()), transactions.begin(b.clone()));
        assert!(transactions.take(&b, &taken).is_err());
        assert!(transactions.take(&a, &taken).is_ok());
        assert!(transactions.take(&a, &taken).is_err());
        transactions.drop_namespace(&a);
        assert!(transactions.find(&a, &dropped).is_err());
        assert!(transactions.find(&b, &stays).is_ok());
    }
}
