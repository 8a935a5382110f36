//! The transactions that are open.
//!
//! A transaction is optimistic: it is a note of what it has read, in which version, and of what it is to write. It holds
//! no connection and no lock of the file, so that nobody waits for it.

use crate::{error::Failure, keys, limits::TRANSACTION_TIMEOUT};
use prism_driver_kit::{Clock, Refusal};
use prism_interfaces::{Fault, Namespace};
use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::OwnedMutexGuard;

/// How often abandoned transactions are let go of that nobody asks for any more.
const SWEEP: Duration = Duration::from_secs(1);

/// What a transaction has done so far.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// The version that was seen of each key; `None` where it was not there.
    reads: BTreeMap<String, Option<i64>>,
    /// What is to be stored under each key; `None` where it is to be removed.
    pub(crate) writes: BTreeMap<String, Option<Vec<u8>>>,
}

impl Work {
    /// Notes what was seen of a key. What was seen first stays, because that is what has to hold.
    pub(crate) fn note(&mut self, key: String, version: Option<i64>) {
        self.reads.entry(key).or_insert(version);
    }

    /// What was read, as [`keys::list_versions`] writes it.
    pub(crate) fn reads(&self) -> String {
        keys::list_versions(self.reads.iter().map(|(key, version)| (key.as_str(), *version)))
    }
}

/// An open transaction.
#[derive(Debug)]
struct Open {
    namespace: Namespace,
    /// The time, in its namespace, of the last call.
    used: Mutex<Duration>,
    /// Locked by a call; `None` once the transaction has ended.
    work: Arc<tokio::sync::Mutex<Option<Work>>>,
}

impl Open {
    fn used(&self) -> MutexGuard<'_, Duration> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_abandoned(&self, clock: &Clock) -> bool {
        clock.now(&self.namespace).saturating_sub(*self.used()) > TRANSACTION_TIMEOUT
    }
}

type Table = HashMap<String, Arc<Open>>;

/// Every open transaction, by its id.
#[derive(Debug)]
pub(crate) struct Transactions {
    clock: Arc<Clock>,
    open: Arc<Mutex<Table>>,
}

/// A call on a transaction, which has it to itself meanwhile.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    /// What the transaction has done.
    pub(crate) work: Work,
    owner: &'a Transactions,
    id: String,
    open: Arc<Open>,
    slot: OwnedMutexGuard<Option<Work>>,
    has_ended: bool,
}

fn not_found() -> Fault {
    Refusal::TransactionNotFound.into()
}

fn lock(open: &Mutex<Table>) -> MutexGuard<'_, Table> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transactions {
    /// No transactions, and a task that lets go of those that will be abandoned; it ends with this.
    pub(crate) fn new(clock: Arc<Clock>) -> Self {
        let open = Arc::default();
        tokio::spawn(sweep(Arc::downgrade(&open), Arc::downgrade(&clock)));
        Self { clock, open }
    }

    /// Opens a transaction and answers its id.
    pub(crate) fn begin(&self, namespace: Namespace) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        let used = Mutex::new(self.clock.now(&namespace));
        let work = Arc::new(tokio::sync::Mutex::new(Some(Work::default())));
        lock(&self.open).insert(id.clone(), Arc::new(Open { namespace, used, work }));
        id
    }

    /// Begins a call on a transaction, after those that came before.
    pub(crate) async fn enter(&self, namespace: &Namespace, id: String) -> Result<Session<'_>, Failure> {
        let found = lock(&self.open).get(&id).filter(|open| open.namespace == *namespace).cloned();
        let open = found.ok_or_else(not_found)?;
        let mut slot = Arc::clone(&open.work).lock_owned().await;
        if open.is_abandoned(&self.clock) {
            lock(&self.open).remove(&id);
            *slot = None;
        }
        let work = slot.take().ok_or_else(not_found)?;
        Ok(Session { work, owner: self, id, open, slot, has_ended: false })
    }

    /// Ends every transaction of a namespace, after the calls on them that came before.
    pub(crate) async fn end_all(&self, namespace: &Namespace) {
        let ended: Vec<_> = lock(&self.open)
            .extract_if(|_, open| open.namespace == *namespace)
            .map(|(_, open)| open)
            .collect();
        for open in ended {
            *open.work.lock().await = None;
        }
    }
}

impl Session<'_> {
    /// Ends the transaction: from here on it is over, even if the caller goes away.
    pub(crate) fn end(&mut self) {
        lock(&self.owner.open).remove(&self.id);
        self.has_ended = true;
    }

    /// Takes [`Session::end`] back, because nothing has come of it.
    pub(crate) fn reopen(&mut self) {
        lock(&self.owner.open).insert(self.id.clone(), Arc::clone(&self.open));
        self.has_ended = false;
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            // A call that took its time is no reason to take the transaction for abandoned.
            *self.open.used() = self.owner.clock.now(&self.open.namespace);
            *self.slot = Some(mem::take(&mut self.work));
        }
    }
}

async fn sweep(open: Weak<Mutex<Table>>, clock: Weak<Clock>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        let (Some(open), Some(clock)) = (open.upgrade(), clock.upgrade()) else { return };
        // One that is in use has a call on it, however long ago that began.
        lock(&open).retain(|_, open| open.work.try_lock().is_err() || !open.is_abandoned(&clock));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::poll;
    use prism_interfaces::testing::v1::{AdvanceRequest, clock_server::Clock as _};
    use std::pin::pin;
    use tonic::{Code, Request, Status};

    fn namespace() -> Namespace {
        Namespace::new("n").unwrap()
    }

    async fn advance(clock: &Clock, by: Duration) {
        let Clock::Virtual(clock) = clock else { unreachable!("the tests use a virtual clock") };
        let mut request = Request::new(AdvanceRequest { by: Some(prism_interfaces::time::from_std(by)) });
        request.metadata_mut().insert("prism-namespace", "n".parse().unwrap());
        clock.advance(request).await.unwrap();
    }

    fn code(result: Result<Session<'_>, Failure>) -> Option<Code> {
        result.err().map(|failure| Status::from(failure).code())
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_transaction_is_ended_when_it_is_used_and_let_go_of_when_it_is_not() {
        let clock = Arc::new(Clock::new_virtual());
        let transactions = Transactions::new(Arc::clone(&clock));
        let (used, left) = (transactions.begin(namespace()), transactions.begin(namespace()));
        advance(&clock, TRANSACTION_TIMEOUT).await;
        drop(transactions.enter(&namespace(), used.clone()).await.unwrap());
        advance(&clock, Duration::from_millis(1)).await;
        assert_eq!(code(transactions.enter(&namespace(), left).await), Some(Code::NotFound));
        drop(transactions.enter(&namespace(), used.clone()).await.unwrap());

        advance(&clock, TRANSACTION_TIMEOUT + Duration::from_millis(1)).await;
        assert_eq!(lock(&transactions.open).len(), 1);
        tokio::time::sleep(SWEEP * 2).await;
        assert_eq!(lock(&transactions.open).len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_in_use_is_not_abandoned() {
        let (clock, n) = (Arc::new(Clock::new_virtual()), namespace());
        let transactions = Transactions::new(Arc::clone(&clock));
        let id = transactions.begin(n.clone());
        let session = transactions.enter(&n, id.clone()).await.unwrap();
        let mut waiting = pin!(transactions.enter(&n, id));
        assert!(poll!(&mut waiting).is_pending());
        advance(&clock, TRANSACTION_TIMEOUT * 2).await;
        tokio::time::sleep(SWEEP * 2).await;
        drop(session);
        assert_eq!(code(waiting.await), None);
    }

    #[tokio::test]
    async fn calls_take_turns_and_what_has_ended_is_over_for_those_who_wait() {
        let (transactions, n) = (Transactions::new(Arc::new(Clock::System)), namespace());
        let id = transactions.begin(n.clone());
        let mut session = transactions.enter(&n, id.clone()).await.unwrap();
        session.work.note("k".to_owned(), Some(1));
        session.work.note("k".to_owned(), Some(2));
        let mut second = pin!(transactions.enter(&n, id.clone()));
        assert!(poll!(&mut second).is_pending());
        session.end();
        assert_eq!(code(transactions.enter(&n, id.clone()).await), Some(Code::NotFound));
        session.reopen();
        drop(session);

        let mut session = second.await.unwrap();
        assert_eq!(session.work.reads(), r#"[["6b",1]]"#);
        let mut third = pin!(transactions.enter(&n, id.clone()));
        assert!(poll!(&mut third).is_pending());
        session.end();
        drop(session);
        assert_eq!(code(third.await), Some(Code::NotFound));
        assert_eq!(code(transactions.enter(&n, id).await), Some(Code::NotFound));
    }

    #[tokio::test]
    async fn a_call_in_flight_ends_before_its_namespace_is_gone() {
        let (transactions, n) = (Transactions::new(Arc::new(Clock::System)), namespace());
        let id = transactions.begin(n.clone());
        let session = transactions.enter(&n, id.clone()).await.unwrap();
        let mut waiting = pin!(transactions.enter(&n, id));
        assert!(poll!(&mut waiting).is_pending());
        let mut dropping = pin!(transactions.end_all(&n));
        assert!(poll!(&mut dropping).is_pending());
        drop(session);
        // The one that waits came first.
        drop(waiting.await.unwrap());
        dropping.await;
        assert!(lock(&transactions.open).is_empty());
    }

    #[tokio::test]
    async fn a_transaction_belongs_to_its_namespace_and_goes_with_it() {
        let transactions = Transactions::new(Arc::new(Clock::System));
        let other = Namespace::new("other").unwrap();
        let (mine, foreign) = (transactions.begin(namespace()), transactions.begin(other.clone()));
        assert_ne!(mine, foreign);
        assert_eq!(code(transactions.enter(&other, mine.clone()).await), Some(Code::NotFound));
        transactions.end_all(&namespace()).await;
        assert_eq!(code(transactions.enter(&namespace(), mine).await), Some(Code::NotFound));
        assert_eq!(code(transactions.enter(&other, foreign).await), None);
    }
}
