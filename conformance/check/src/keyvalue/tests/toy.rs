//! A small driver, written apart from the model, that is right in several ways and can be broken in many.

use std::{collections::BTreeMap, time::Duration};

use super::super::{Answer, BatchOp, Op, ScanOp, TransactionOp, TtlOp, TtlRet};
use crate::register::{RegisterOp, RegisterRet};

/// One way of being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    SetKeepsTtl,
    CasDropsTtl,
    IncrementDropsTtl,
    DeleteAlwaysExisted,
    EmptyIsAbsent,
    CasAbsentAlways,
    CasComparesPrefix,
    CasDeniedButApplied,
    CompareAndDeleteAlways,
    IncrementResets,
    IncrementWraps,
    ExistsIgnoresExpiry,
    GetProlongs,
    TtlIgnored,
    TtlTooShort,
    TtlTooLong,
    DeleteKeepsTtl,
    ExpireCreates,
    ExpireOnlyProlongs,
    ExpireClearsValue,
    PersistAlwaysTrue,
    PersistDoesNothing,
    MissingIsPersistent,
    RemainingZero,
    RemainingTooMuch,
    ScanLeavesOutPrefix,
    ScanIgnoresCase,
    ScanWildcard,
    ScanUnordered,
    ScanTwice,
    ScanShowsExpired,
    ScanCapped,
    ScanStaleValue,
    KeysLeavesOutPrefix,
    CountShowsExpired,
    CountWithoutPrefix,
    BatchSetFirstWins,
    BatchSetKeepsTtl,
    BatchSetForgets,
    BatchGetSorted,
    BatchGetCompact,
    BatchDeleteRepeats,
    BatchDeleteForgets,
    DirtyWrites,
    OwnWritesUnseen,
    OwnDeletesUnseen,
    RollbackApplies,
    CommitForgetsDeletes,
    CommitForgetsSets,
    CommitLosesUpdates,
    CommitRefusesUnprovoked,
    AbortApplies,
    IdsStayOpen,
    TransactionDeleteAlwaysExisted,
}

/// How the driver uses the freedom that the contract leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// How much later than its time a key is gone.
    pub(super) late: Duration,
    /// Whether transactions read what was there at Begin, or what is there now.
    pub(super) snapshot: bool,
    /// Whether any touched key that changed is a conflict, or only one that was read and written.
    pub(super) strict: bool,
    pub(super) fault: Option<Fault>,
}

type Map = BTreeMap<String, (Vec<u8>, Option<Duration>)>;

#[derive(Clone, Debug)]
struct ToyTransaction {
    snapshot: Map,
    began: u64,
    reads: BTreeMap<String, u64>,
    writes: BTreeMap<String, Option<Vec<u8>>>,
}

#[derive(Debug)]
pub(super) struct Toy {
    style: Style,
    pub(super) now: Duration,
    map: Map,
    /// TTLs that a delete has left behind, and values that an overwrite has.
    left: BTreeMap<String, Option<Duration>>,
    old: BTreeMap<String, Vec<u8>>,
    changed: BTreeMap<String, u64>,
    changes: u64,
    transactions: BTreeMap<u32, ToyTransaction>,
}

impl Toy {
    pub(super) fn new(style: Style) -> Self {
        Toy {
            style,
            now: Duration::ZERO,
            map: Map::new(),
            left: BTreeMap::new(),
            old: BTreeMap::new(),
            changed: BTreeMap::new(),
            changes: 0,
            transactions: BTreeMap::new(),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.style.fault == Some(fault)
    }

    fn is_live(&self, expires: Option<Duration>) -> bool {
        expires.is_none_or(|at| self.now < at + self.style.late)
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.map.get(key).filter(|(_, expires)| self.is_live(*expires)).map(|(value, _)| value.clone())
    }

    fn ttl(&self, key: &str) -> Option<Duration> {
        self.map.get(key).filter(|(_, expires)| self.is_live(*expires)).and_then(|(_, expires)| *expires)
    }

    fn put(&mut self, key: &str, value: Option<Vec<u8>>, expires: Option<Duration>) {
        self.changes += 1;
        self.changed.insert(key.to_owned(), self.changes);
        if let Some((old, expires)) = self.map.remove(key) {
            self.old.insert(key.to_owned(), old);
            if self.has(Fault::DeleteKeepsTtl) && value.is_none() {
                self.left.insert(key.to_owned(), expires);
            }
        }
        if let Some(value) = value {
            let expires = expires.or_else(|| self.left.remove(key).flatten());
            self.map.insert(key.to_owned(), (value, expires));
        }
    }

    fn expires_after(&self, ttl: Duration) -> Option<Duration> {
        let ttl = match self.style.fault {
            Some(Fault::TtlIgnored) => return None,
            Some(Fault::TtlTooShort) => ttl * 3 / 4,
            Some(Fault::TtlTooLong) => ttl * 2 + Duration::from_millis(10),
            _ => ttl,
        };
        Some(self.now + ttl)
    }

    pub(super) fn perform(&mut self, op: &Op) -> Answer {
        match op {
            Op::Key { key, op } => Answer::Register(self.key(key, op)),
            Op::Ttl { key, op } => Answer::Ttl(self.key_ttl(key, op)),
            Op::Scan(op) => self.scan(op),
            Op::Batch(op) => self.batch(op),
            Op::Transaction { txn, op } => self.transaction(*txn, op),
        }
    }

    fn key(&mut self, key: &str, op: &RegisterOp) -> RegisterRet {
        let (value, expires) = (self.get(key), self.ttl(key));
        match op {
            RegisterOp::Set(new) => {
                let kept = if self.has(Fault::SetKeepsTtl) { expires } else { None };
                self.put(key, Some(new.clone()), kept);
                RegisterRet::Done
            }
            RegisterOp::Get => {
                if let (true, Some(_)) = (self.has(Fault::GetProlongs), expires) {
                    let later = Some(self.now + Duration::from_millis(60));
                    self.put(key, value.clone(), later);
                }
                let empty = self.has(Fault::EmptyIsAbsent);
                RegisterRet::Value(value.filter(|value| !(empty && value.is_empty())))
            }
            RegisterOp::Delete => {
                if value.is_some() {
                    self.put(key, None, None);
                }
                RegisterRet::Existed(value.is_some() || self.has(Fault::DeleteAlwaysExisted))
            }
            RegisterOp::Exists => RegisterRet::Exists(if self.has(Fault::ExistsIgnoresExpiry) {
                self.map.contains_key(key)
            } else {
                value.is_some()
            }),
            RegisterOp::Cas { expected, value: new } => {
                let met = match (expected, &value) {
                    (None, _) if self.has(Fault::CasAbsentAlways) => true,
                    (Some(expected), Some(value)) if self.has(Fault::CasComparesPrefix) => {
                        value.starts_with(expected)
                    }
                    (expected, value) => expected == value,
                };
                if met {
                    let kept = if self.has(Fault::CasDropsTtl) { None } else { expires };
                    self.put(key, Some(new.clone()), kept);
                }
                RegisterRet::Swapped(met && !self.has(Fault::CasDeniedButApplied))
            }
            RegisterOp::CompareAndDelete(expected) => {
                let met = value.as_ref() == Some(expected)
                    || self.has(Fault::CompareAndDeleteAlways) && value.is_some();
                if met {
                    self.put(key, None, None);
                }
                RegisterRet::Deleted(met)
            }
            RegisterOp::Increment(delta) => {
                let text = value.map_or("0".to_owned(), |value| String::from_utf8_lossy(&value).into_owned());
                let number = match text.parse::<i64>().ok().filter(|number| number.to_string() == text) {
                    Some(number) => number,
                    None if self.has(Fault::IncrementResets) => 0,
                    None => return RegisterRet::NotANumber,
                };
                let sum = match number.checked_add(*delta) {
                    Some(sum) => sum,
                    None if self.has(Fault::IncrementWraps) => number.wrapping_add(*delta),
                    None => return RegisterRet::Overflow,
                };
                let kept = if self.has(Fault::IncrementDropsTtl) { None } else { expires };
                self.put(key, Some(sum.to_string().into_bytes()), kept);
                RegisterRet::Sum(sum)
            }
        }
    }

    fn key_ttl(&mut self, key: &str, op: &TtlOp) -> TtlRet {
        let (value, expires) = (self.get(key), self.ttl(key));
        match op {
            TtlOp::Set { value, ttl } => {
                self.put(key, Some(value.clone()), self.expires_after(*ttl));
                TtlRet::Done
            }
            TtlOp::Expire(ttl) => {
                let existed = value.is_some();
                if existed || self.has(Fault::ExpireCreates) {
                    let mut after = self.expires_after(*ttl);
                    if self.has(Fault::ExpireOnlyProlongs) {
                        after = after.max(expires);
                    }
                    let value = value.filter(|_| !self.has(Fault::ExpireClearsValue)).unwrap_or_default();
                    self.put(key, Some(value), after);
                }
                TtlRet::Existed(existed)
            }
            TtlOp::Get => match (value, expires) {
                (None, _) if self.has(Fault::MissingIsPersistent) => TtlRet::Persistent,
                (None, _) => TtlRet::Missing,
                (Some(_), None) => TtlRet::Persistent,
                (Some(_), Some(_)) if self.has(Fault::RemainingZero) => TtlRet::Expiring(Duration::ZERO),
                (Some(_), Some(at)) => {
                    let remaining = at.saturating_sub(self.now).max(Duration::from_nanos(1));
                    let more = if self.has(Fault::RemainingTooMuch) {
                        Duration::from_secs(1)
                    } else {
                        Duration::ZERO
                    };
                    TtlRet::Expiring(remaining + more)
                }
            },
            TtlOp::Persist => {
                if let (Some(_), false) = (expires, self.has(Fault::PersistDoesNothing)) {
                    self.put(key, value, None);
                }
                TtlRet::Removed(expires.is_some() || self.has(Fault::PersistAlwaysTrue))
            }
        }
    }

    fn listing(
        &self,
        prefix: &str,
        ignores: Option<Fault>,
        shows_expired: Option<Fault>,
    ) -> Vec<(String, Vec<u8>)> {
        let ignores = ignores.is_some_and(|fault| self.has(fault));
        let shows_expired = shows_expired.is_some_and(|fault| self.has(fault));
        let matches = |key: &str| {
            if self.has(Fault::ScanIgnoresCase) {
                key.to_lowercase().starts_with(&prefix.to_lowercase())
            } else if self.has(Fault::ScanWildcard) {
                key.starts_with(prefix.trim_end_matches('%'))
            } else {
                key.starts_with(prefix)
            }
        };
        let entries = self.map.iter().filter(|(key, (_, expires))| {
            matches(key) && (shows_expired || self.is_live(*expires)) && !(ignores && *key == prefix)
        });
        entries.map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    }

    fn scan(&self, op: &ScanOp) -> Answer {
        match op {
            ScanOp::Scan { prefix } => {
                let mut entries =
                    self.listing(prefix, Some(Fault::ScanLeavesOutPrefix), Some(Fault::ScanShowsExpired));
                if self.has(Fault::ScanUnordered) {
                    entries.reverse();
                }
                if self.has(Fault::ScanTwice) {
                    entries.extend(entries.last().cloned());
                }
                if self.has(Fault::ScanCapped) {
                    entries.truncate(3);
                }
                if self.has(Fault::ScanStaleValue) {
                    for (key, value) in &mut entries {
                        *value = self.old.get(key).unwrap_or(value).clone();
                    }
                }
                Answer::Entries(entries)
            }
            ScanOp::Keys { prefix } => {
                let entries = self.listing(prefix, Some(Fault::KeysLeavesOutPrefix), None);
                Answer::Keys(entries.into_iter().map(|(key, _)| key).collect())
            }
            ScanOp::Count { prefix } => {
                let prefix = if self.has(Fault::CountWithoutPrefix) { "" } else { prefix };
                Answer::Count(self.listing(prefix, None, Some(Fault::CountShowsExpired)).len() as u64)
            }
        }
    }

    fn batch(&mut self, op: &BatchOp) -> Answer {
        match op {
            BatchOp::Set(entries) => {
                let mut entries = entries.clone();
                if self.has(Fault::BatchSetFirstWins) {
                    entries.reverse();
                }
                if self.has(Fault::BatchSetForgets) {
                    entries.truncate(1);
                }
                for (key, value) in entries {
                    let kept = if self.has(Fault::BatchSetKeepsTtl) { self.ttl(&key) } else { None };
                    self.put(&key, Some(value), kept);
                }
                Answer::Done
            }
            BatchOp::Get(keys) => {
                let mut keys = keys.clone();
                if self.has(Fault::BatchGetSorted) {
                    keys.sort();
                }
                let mut values: Vec<_> = keys.iter().map(|key| self.get(key)).collect();
                if self.has(Fault::BatchGetCompact) {
                    values.retain(Option::is_some);
                }
                Answer::Values(values)
            }
            BatchOp::Delete(keys) => {
                let before: Vec<_> = keys.iter().map(|key| self.get(key).is_some()).collect();
                let mut existed = Vec::new();
                for key in keys {
                    existed.push(self.get(key).is_some());
                    if existed.last() == Some(&true)
                        && !(self.has(Fault::BatchDeleteForgets) && existed.len() > 1)
                    {
                        self.put(key, None, None);
                    }
                }
                Answer::Existed(if self.has(Fault::BatchDeleteRepeats) { before } else { existed })
            }
        }
    }

    fn transaction(&mut self, txn: u32, op: &TransactionOp) -> Answer {
        if *op == TransactionOp::Begin {
            let (snapshot, began) = (self.map.clone(), self.changes);
            let (reads, writes) = (BTreeMap::new(), BTreeMap::new());
            self.transactions.insert(txn, ToyTransaction { snapshot, began, reads, writes });
            return Answer::Done;
        }
        let Some(mut transaction) = self.transactions.remove(&txn) else { return Answer::NotFound };
        let ends = matches!(op, TransactionOp::Commit | TransactionOp::Rollback);
        let answer = match op {
            TransactionOp::Begin => unreachable!("handled above"),
            TransactionOp::Set { key, value } => {
                transaction.writes.insert(key.clone(), Some(value.clone()));
                Answer::Done
            }
            TransactionOp::Get { key } => {
                Answer::Register(RegisterRet::Value(self.seen(&mut transaction, key)))
            }
            TransactionOp::Delete { key } => {
                let existed = self.seen_unread(&transaction, key).is_some();
                transaction.writes.insert(key.clone(), None);
                let lies = self.has(Fault::TransactionDeleteAlwaysExisted);
                Answer::Register(RegisterRet::Existed(existed || lies))
            }
            TransactionOp::Commit => {
                let conflict = self.conflict(&transaction) || self.has(Fault::CommitRefusesUnprovoked);
                if !conflict || self.has(Fault::AbortApplies) {
                    self.apply(&transaction);
                }
                if conflict { Answer::Aborted } else { Answer::Done }
            }
            TransactionOp::Rollback => {
                if self.has(Fault::RollbackApplies) {
                    self.apply(&transaction);
                }
                Answer::Done
            }
        };
        if self.has(Fault::DirtyWrites) && !ends {
            self.apply(&transaction);
        }
        if !ends || self.has(Fault::IdsStayOpen) {
            self.transactions.insert(txn, transaction);
        }
        answer
    }

    fn seen(&self, transaction: &mut ToyTransaction, key: &str) -> Option<Vec<u8>> {
        if !transaction.writes.contains_key(key) {
            let version = self.changed.get(key).copied().unwrap_or_default();
            let version = if self.style.snapshot { version.min(transaction.began) } else { version };
            transaction.reads.entry(key.to_owned()).or_insert(version);
        }
        self.seen_unread(transaction, key)
    }

    fn seen_unread(&self, transaction: &ToyTransaction, key: &str) -> Option<Vec<u8>> {
        match transaction.writes.get(key) {
            Some(Some(own)) if !self.has(Fault::OwnWritesUnseen) => return Some(own.clone()),
            Some(None) if !self.has(Fault::OwnDeletesUnseen) => return None,
            _ => {}
        }
        if self.style.snapshot {
            let then = transaction.snapshot.get(key).filter(|(_, expires)| self.is_live(*expires));
            then.map(|(value, _)| value.clone())
        } else {
            self.get(key)
        }
    }

    fn conflict(&self, transaction: &ToyTransaction) -> bool {
        if self.has(Fault::CommitLosesUpdates) {
            return false;
        }
        let changed = |key: &String| self.changed.get(key).copied().unwrap_or_default();
        let updated = transaction
            .reads
            .iter()
            .any(|(key, version)| transaction.writes.contains_key(key) && changed(key) > *version);
        let touched = transaction
            .reads
            .keys()
            .chain(transaction.writes.keys())
            .any(|key| changed(key) > transaction.began);
        updated || self.style.strict && touched
    }

    fn apply(&mut self, transaction: &ToyTransaction) {
        for (key, value) in &transaction.writes {
            let forgets =
                if value.is_some() { Fault::CommitForgetsSets } else { Fault::CommitForgetsDeletes };
            if !self.has(forgets) && (value.is_some() || self.get(key).is_some()) {
                self.put(key, value.clone(), None);
            }
        }
    }
}
