//! The executable model of all six key-value interfaces, for lock-step testing: do an operation, show the model what
//! was answered, and hear whether the contract allows that.
//!
//! The contract leaves some answers open: a key whose time has just come may be there or not, a snapshot may be taken
//! at Begin or at the first read, a conflicting transaction may be refused early or late. So the model keeps, for each
//! key, every content that it may have, judges an answer by whether any of them explains it, and keeps those that do.
//! On a virtual clock nothing about expiry is open outside `[ttl, ttl + granularity + sweep)`.
//!
//! It is a model of one client, or of several that take turns. Operations that were refused for their arguments, and
//! those that never got an answer, are not for it: the former change nothing, the latter end a lock-step run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display},
    time::Duration,
};

use crate::{
    quote::quote,
    register::{RegisterOp, RegisterRet},
    ttl::{Presence, Slack, Span},
};

mod cell;
mod op;
mod transaction;

use cell::{Cell, Cells, Effect, Expected};
pub use op::{Answer, BatchOp, Op, ScanOp, TransactionOp, TtlOp, TtlRet};
use transaction::Transaction;

/// What a driver declares, as far as answers depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// How exactly expiry is kept.
    pub slack: Slack,
    /// Whether listings come in byte order.
    pub ordered: bool,
    /// What concurrent transactions see of each other.
    pub isolation: Isolation,
    /// After how long an abandoned transaction is ended.
    pub timeout: Duration,
}

/// The `isolation` trait of keyvalue_transactional.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// Nothing uncommitted is read.
    ReadCommitted,
    /// Reads come from one point in time; two that change the same key do not both commit.
    Snapshot,
    /// As if the committed transactions had run one after the other.
    Serializable,
}

/// An answer that the contract does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was asked.
    pub op: String,
    /// What may be answered.
    pub expected: String,
    /// What was.
    pub got: String,
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.op, self.expected, self.got)
    }
}

impl std::error::Error for Mismatch {}

/// The model. One namespace, empty at first.
#[derive(Clone, Debug)]
pub struct KeyValueModel {
    declared: Declared,
    keys: BTreeMap<String, Key>,
    transactions: BTreeMap<u32, Transaction>,
    /// Counts changes; what is numbered later happened later.
    changes: u64,
}

/// What the model knows of a key.
#[derive(Clone, Debug, Default)]
struct Key {
    cells: Cells,
    /// The last change by a write.
    written: u64,
    /// The last change by a write or by an expiry.
    disturbed: u64,
}

/// What is not allowed, before it is put together with the operation: expected and got.
type Judged = Result<(), (String, String)>;

impl KeyValueModel {
    /// The model of a driver that declares this.
    pub fn new(declared: Declared) -> Self {
        KeyValueModel { declared, keys: BTreeMap::new(), transactions: BTreeMap::new(), changes: 0 }
    }

    /// Judges the answer to an operation that took place in `span`, and goes on from it.
    ///
    /// Spans must not go backwards. After an error the model no longer knows what is there and is of no more use.
    pub fn judge(&mut self, span: Span, op: &Op, answer: &Answer) -> Result<(), Mismatch> {
        let judged = match op {
            Op::Key { key, op } => self.judge_key(span, key, answer, |cell| cell.register(op)),
            Op::Ttl { key, op } => self.judge_key(span, key, answer, |cell| cell.ttl(op, span)),
            Op::Scan(op) => self.judge_listing(span, op, answer),
            Op::Batch(op) => self.judge_batch(span, op, answer),
            Op::Transaction { txn, op } => self.judge_transaction(span, *txn, op, answer),
        };
        judged.map_err(|(expected, got)| Mismatch { op: op.to_string(), expected, got })
    }

    /// Whether a key is there for an operation in `span`.
    pub fn presence(&self, span: Span, key: &str) -> Presence {
        self.keys.get(key).map_or(Presence::Absent, |known| known.cells.presence(self.declared.slack, span))
    }

    fn judge_key(
        &mut self,
        span: Span,
        key: &str,
        answer: &Answer,
        apply: impl Fn(&Cell) -> Effect,
    ) -> Judged {
        let slack = self.declared.slack;
        let before = self.keys.get(key).map(|known| known.cells.clone()).unwrap_or_default();
        let mut possible = BTreeSet::new();
        let mut after = Vec::new();
        let mut wrote = false;
        for cell in before.at(slack, span) {
            let effect = apply(&cell);
            if effect.expected.allows(slack, span, answer) {
                wrote |= effect.wrote;
                after.push(effect.after);
            }
            possible.insert(effect.expected);
        }
        let Some(after) = Cells::of(after) else {
            return Err((any_of(slack, span, &possible), answer.to_string()));
        };
        if wrote {
            self.write(key, after);
        } else {
            self.learn(key, &before, after);
        }
        Ok(())
    }

    /// Takes over what was found out about a key that nobody has written: mostly, that it has expired. Open
    /// transactions are to know that it had a TTL.
    fn learn(&mut self, key: &str, before: &Cells, after: Cells) {
        if *before != after {
            self.changes += 1;
            for transaction in self.transactions.values_mut() {
                transaction.remember(key, before);
            }
            let known = self.keys.entry(key.to_owned()).or_default();
            known.disturbed = self.changes;
            known.cells = after;
        }
    }

    /// Takes over what a write has left under a key. Open transactions may go on to see what was there.
    fn write(&mut self, key: &str, after: Cells) {
        self.changes += 1;
        let known = self.keys.entry(key.to_owned()).or_default();
        for transaction in self.transactions.values_mut() {
            transaction.remember(key, &known.cells);
        }
        *known = Key { cells: after, written: self.changes, disturbed: self.changes };
    }

    fn judge_batch(&mut self, span: Span, op: &BatchOp, answer: &Answer) -> Judged {
        match (op, answer) {
            (BatchOp::Set(entries), Answer::Done) => {
                for (key, value) in entries {
                    self.write(key, Cells::certain(Cell::persistent(value.clone())));
                }
                Ok(())
            }
            (BatchOp::Get(keys), Answer::Values(values)) if keys.len() == values.len() => {
                keys.iter().zip(values).enumerate().try_for_each(|(position, (key, value))| {
                    let answer = Answer::Register(RegisterRet::Value(value.clone()));
                    self.judge_position(span, position, key, &RegisterOp::Get, &answer)
                })
            }
            (BatchOp::Delete(keys), Answer::Existed(existed)) if keys.len() == existed.len() => {
                keys.iter().zip(existed).enumerate().try_for_each(|(position, (key, existed))| {
                    let answer = Answer::Register(RegisterRet::Existed(*existed));
                    self.judge_position(span, position, key, &RegisterOp::Delete, &answer)
                })
            }
            (BatchOp::Set(_), _) => Err(("ok".to_owned(), answer.to_string())),
            (BatchOp::Get(keys) | BatchOp::Delete(keys), _) => {
                Err((format!("{} answers, position by position", keys.len()), answer.to_string()))
            }
        }
    }

    fn judge_position(
        &mut self,
        span: Span,
        position: usize,
        key: &str,
        op: &RegisterOp,
        answer: &Answer,
    ) -> Judged {
        self.judge_key(span, key, answer, |cell| cell.register(op)).map_err(|(expected, got)| {
            let place = format!("at position {position} ({})", quote(key));
            (format!("{expected} {place}"), got)
        })
    }

    fn judge_listing(&mut self, span: Span, op: &ScanOp, answer: &Answer) -> Judged {
        match (op, answer) {
            (ScanOp::Scan { prefix }, Answer::Entries(entries)) => {
                let listed: Vec<_> = entries.iter().map(|(key, value)| (key.as_str(), Some(value))).collect();
                self.judge_listed(span, prefix, &listed)
            }
            (ScanOp::Keys { prefix }, Answer::Keys(keys)) => {
                let listed: Vec<_> = keys.iter().map(|key| (key.as_str(), None)).collect();
                self.judge_listed(span, prefix, &listed)
            }
            (ScanOp::Count { prefix }, Answer::Count(count)) => {
                let (mut least, mut most) = (0, 0);
                for key in self.with_prefix(prefix) {
                    let presence = self.presence(span, key);
                    least += u64::from(presence == Presence::Present);
                    most += u64::from(presence != Presence::Absent);
                }
                if (least..=most).contains(count) {
                    Ok(())
                } else {
                    Err((range(least, most), count.to_string()))
                }
            }
            (ScanOp::Scan { .. }, _) => Err(("entries".to_owned(), answer.to_string())),
            (ScanOp::Keys { .. }, _) => Err(("keys".to_owned(), answer.to_string())),
            (ScanOp::Count { .. }, _) => Err(("a count".to_owned(), answer.to_string())),
        }
    }

    fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a String> {
        self.keys.keys().filter(move |key| key.starts_with(prefix))
    }

    fn judge_listed(&mut self, span: Span, prefix: &str, listed: &[(&str, Option<&Vec<u8>>)]) -> Judged {
        let mut seen = BTreeMap::new();
        let mut previous: Option<&str> = None;
        for &(key, value) in listed {
            if !key.starts_with(prefix) {
                return Err((format!("keys that start with {}", quote(prefix)), quote(key)));
            }
            if seen.insert(key, value).is_some() {
                return Err(("every key once".to_owned(), format!("{} twice", quote(key))));
            }
            if let Some(previous) = previous.filter(|previous| self.declared.ordered && *previous > key) {
                let got = format!("{} before {}", quote(previous), quote(key));
                return Err(("keys in the order of their bytes".to_owned(), got));
            }
            previous = Some(key);
        }
        let known: BTreeSet<String> =
            self.with_prefix(prefix).cloned().chain(seen.keys().map(|&key| key.to_owned())).collect();
        for key in known {
            let (op, answer) = match seen.get(key.as_str()) {
                None => (RegisterOp::Exists, RegisterRet::Exists(false)),
                Some(None) => (RegisterOp::Exists, RegisterRet::Exists(true)),
                Some(Some(value)) => (RegisterOp::Get, RegisterRet::Value(Some((*value).clone()))),
            };
            self.judge_key(span, &key, &Answer::Register(answer), |cell| cell.register(&op)).map_err(
                |(expected, got)| {
                    let key = quote(&key);
                    (format!("{expected} for {key}"), format!("a listing that says {got}"))
                },
            )?;
        }
        Ok(())
    }
}

/// The alternatives, in words.
fn any_of(slack: Slack, span: Span, expected: &BTreeSet<Expected>) -> String {
    let words: BTreeSet<String> = expected.iter().map(|e| e.describe(slack, span)).collect();
    words.into_iter().collect::<Vec<_>>().join(" or ")
}

/// A range of numbers, in words.
fn range(least: u64, most: u64) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}

#[cfg(test)]
mod tests;
