//! What can be asked of a key-value namespace, and what can be answered: plain data, one enum for each interface.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use crate::{
    quote::quote,
    register::{RegisterOp, RegisterRet},
};

/// An operation of any key-value interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// keyvalue_basic and keyvalue_cas. Answers [`Answer::Register`].
    Key {
        /// The key.
        key: String,
        /// What is done to it.
        op: RegisterOp,
    },
    /// keyvalue_ttl. Answers [`Answer::Ttl`].
    Ttl {
        /// The key.
        key: String,
        /// What is done to it.
        op: TtlOp,
    },
    /// keyvalue_scan, followed to its end. Answers as said there.
    Scan(ScanOp),
    /// keyvalue_batch. Answers as said there.
    Batch(BatchOp),
    /// keyvalue_transactional. Answers as said there, or [`Answer::NotFound`].
    Transaction {
        /// A number for the transaction, chosen by the caller, who keeps the id that the driver gave. A number that
        /// was never begun stands for an id that was never given out. Beginning a number that is open abandons the
        /// transaction that had it.
        txn: u32,
        /// What is done in it.
        op: TransactionOp,
    },
}

/// keyvalue_ttl on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TtlOp {
    /// SetWithTtl. Answers [`TtlRet::Done`].
    Set {
        /// The value to store.
        value: Vec<u8>,
        /// How long it lives; more than zero.
        ttl: Duration,
    },
    /// Expire, with a TTL of more than zero. Answers [`TtlRet::Existed`].
    Expire(Duration),
    /// GetTtl. Answers [`TtlRet::Missing`], [`TtlRet::Persistent`] or [`TtlRet::Expiring`].
    Get,
    /// Persist. Answers [`TtlRet::Removed`].
    Persist,
}

/// What keyvalue_ttl answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TtlRet {
    /// Stored.
    Done,
    /// Whether the key was there and now has the TTL.
    Existed(bool),
    /// There is no such key.
    Missing,
    /// The key does not expire.
    Persistent,
    /// The key expires after this long; a negative answer counts as zero.
    Expiring(Duration),
    /// Whether there was a TTL to remove.
    Removed(bool),
}

/// keyvalue_scan: all pages together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanOp {
    /// Scan. Answers [`Answer::Entries`].
    Scan {
        /// What the keys start with.
        prefix: String,
    },
    /// ScanKeys. Answers [`Answer::Keys`].
    Keys {
        /// What the keys start with.
        prefix: String,
    },
    /// Count. Answers [`Answer::Count`].
    Count {
        /// What the keys start with.
        prefix: String,
    },
}

/// keyvalue_batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchOp {
    /// BatchSet. Answers [`Answer::Done`].
    Set(Vec<(String, Vec<u8>)>),
    /// BatchGet. Answers [`Answer::Values`].
    Get(Vec<String>),
    /// BatchDelete. Answers [`Answer::Existed`].
    Delete(Vec<String>),
}

/// keyvalue_transactional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionOp {
    /// Begin. Answers [`Answer::Done`].
    Begin,
    /// TransactionSet. Answers [`Answer::Done`].
    Set {
        /// The key.
        key: String,
        /// The value to store.
        value: Vec<u8>,
    },
    /// TransactionGet. Answers [`Answer::Register`] with [`RegisterRet::Value`].
    Get {
        /// The key.
        key: String,
    },
    /// TransactionDelete. Answers [`Answer::Register`] with [`RegisterRet::Existed`].
    Delete {
        /// The key.
        key: String,
    },
    /// Commit. Answers [`Answer::Done`] or [`Answer::Aborted`].
    Commit,
    /// Rollback. Answers [`Answer::Done`].
    Rollback,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, and there is nothing to say.
    Done,
    /// An answer of keyvalue_basic or keyvalue_cas, or a read in a transaction.
    Register(RegisterRet),
    /// An answer of keyvalue_ttl.
    Ttl(TtlRet),
    /// What a scan yielded, in its order.
    Entries(Vec<(String, Vec<u8>)>),
    /// What a scan for keys yielded, in its order.
    Keys(Vec<String>),
    /// A count.
    Count(u64),
    /// Values, position by position; `None` where there is none.
    Values(Vec<Option<Vec<u8>>>),
    /// Whether keys were there, position by position.
    Existed(Vec<bool>),
    /// The transaction met a conflict (ABORTED).
    Aborted,
    /// There is no such transaction (NOT_FOUND).
    NotFound,
}

impl Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Key { key, op } => write!(f, "{}: {op}", quote(key)),
            Op::Ttl { key, op } => write!(f, "{}: {op}", quote(key)),
            Op::Scan(op) => write!(f, "{op}"),
            Op::Batch(op) => write!(f, "{op}"),
            Op::Transaction { txn, op } => write!(f, "transaction {txn}: {op}"),
        }
    }
}

impl Display for TtlOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TtlOp::Set { value, ttl } => write!(f, "set {} for {ttl:?}", quote(value)),
            TtlOp::Expire(ttl) => write!(f, "expire after {ttl:?}"),
            TtlOp::Get => f.write_str("get ttl"),
            TtlOp::Persist => f.write_str("persist"),
        }
    }
}

impl Display for ScanOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScanOp::Scan { prefix } => write!(f, "scan {}", quote(prefix)),
            ScanOp::Keys { prefix } => write!(f, "scan keys {}", quote(prefix)),
            ScanOp::Count { prefix } => write!(f, "count {}", quote(prefix)),
        }
    }
}

impl Display for BatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchOp::Set(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{} = {}", quote(key), quote(value)));
                list(f, "batch set ", entries)
            }
            BatchOp::Get(keys) => list(f, "batch get ", keys.iter().map(quote)),
            BatchOp::Delete(keys) => list(f, "batch delete ", keys.iter().map(quote)),
        }
    }
}

impl Display for TransactionOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransactionOp::Begin => f.write_str("begin"),
            TransactionOp::Set { key, value } => write!(f, "set {} = {}", quote(key), quote(value)),
            TransactionOp::Get { key } => write!(f, "get {}", quote(key)),
            TransactionOp::Delete { key } => write!(f, "delete {}", quote(key)),
            TransactionOp::Commit => f.write_str("commit"),
            TransactionOp::Rollback => f.write_str("rollback"),
        }
    }
}

impl Display for TtlRet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TtlRet::Done => f.write_str("ok"),
            TtlRet::Existed(yes) => write!(f, "existed = {yes}"),
            TtlRet::Missing => f.write_str("missing"),
            TtlRet::Persistent => f.write_str("persistent"),
            TtlRet::Expiring(remaining) => write!(f, "expiring, {remaining:?} remain"),
            TtlRet::Removed(yes) => write!(f, "removed = {yes}"),
        }
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Done => f.write_str("ok"),
            Answer::Register(ret) => write!(f, "{ret}"),
            Answer::Ttl(ret) => write!(f, "{ret}"),
            Answer::Entries(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{} = {}", quote(key), quote(value)));
                list(f, "", entries)
            }
            Answer::Keys(keys) => list(f, "", keys.iter().map(quote)),
            Answer::Count(count) => write!(f, "{count}"),
            Answer::Values(values) => {
                list(f, "", values.iter().map(|v| v.as_ref().map_or_else(|| "absent".to_owned(), quote)))
            }
            Answer::Existed(existed) => list(f, "existed = ", existed.iter().map(bool::to_string)),
            Answer::Aborted => f.write_str("aborted"),
            Answer::NotFound => f.write_str("not found"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, what: &str, items: impl Iterator<Item = String>) -> fmt::Result {
    write!(f, "{what}[{}]", items.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Answer, BatchOp, Op, ScanOp, TransactionOp, TtlOp, TtlRet};
    use crate::register::{RegisterOp, RegisterRet};

    #[test]
    fn operations_read_well() {
        let key = || "k".to_owned();
        let ttl = Duration::from_millis(1500);
        let txn = |op| Op::Transaction { txn: 2, op };
        let table = [
            (Op::Key { key: key(), op: RegisterOp::Get }, "\"k\": get"),
            (
                Op::Ttl { key: key(), op: TtlOp::Set { value: b"v".to_vec(), ttl } },
                "\"k\": set \"v\" for 1.5s",
            ),
            (Op::Ttl { key: key(), op: TtlOp::Expire(ttl) }, "\"k\": expire after 1.5s"),
            (Op::Ttl { key: key(), op: TtlOp::Get }, "\"k\": get ttl"),
            (Op::Ttl { key: key(), op: TtlOp::Persist }, "\"k\": persist"),
            (Op::Scan(ScanOp::Scan { prefix: key() }), "scan \"k\""),
            (Op::Scan(ScanOp::Keys { prefix: key() }), "scan keys \"k\""),
            (Op::Scan(ScanOp::Count { prefix: key() }), "count \"k\""),
            (Op::Batch(BatchOp::Set(vec![(key(), b"v".to_vec())])), "batch set [\"k\" = \"v\"]"),
            (Op::Batch(BatchOp::Get(vec![key(), key()])), "batch get [\"k\", \"k\"]"),
            (Op::Batch(BatchOp::Delete(Vec::new())), "batch delete []"),
            (txn(TransactionOp::Begin), "transaction 2: begin"),
            (
                txn(TransactionOp::Set { key: key(), value: b"v".to_vec() }),
                "transaction 2: set \"k\" = \"v\"",
            ),
            (txn(TransactionOp::Get { key: key() }), "transaction 2: get \"k\""),
            (txn(TransactionOp::Delete { key: key() }), "transaction 2: delete \"k\""),
            (txn(TransactionOp::Commit), "transaction 2: commit"),
            (txn(TransactionOp::Rollback), "transaction 2: rollback"),
        ];
        for (op, text) in table {
            assert_eq!(op.to_string(), text);
        }
    }

    #[test]
    fn answers_read_well() {
        let key = || "k".to_owned();
        let table = [
            (Answer::Done, "ok"),
            (Answer::Register(RegisterRet::Exists(true)), "exists = true"),
            (Answer::Ttl(TtlRet::Done), "ok"),
            (Answer::Ttl(TtlRet::Existed(true)), "existed = true"),
            (Answer::Ttl(TtlRet::Missing), "missing"),
            (Answer::Ttl(TtlRet::Persistent), "persistent"),
            (Answer::Ttl(TtlRet::Expiring(Duration::from_secs(1))), "expiring, 1s remain"),
            (Answer::Ttl(TtlRet::Removed(false)), "removed = false"),
            (Answer::Entries(vec![(key(), b"v".to_vec())]), "[\"k\" = \"v\"]"),
            (Answer::Keys(vec![key()]), "[\"k\"]"),
            (Answer::Count(3), "3"),
            (Answer::Values(vec![None, Some(b"v".to_vec())]), "[absent, \"v\"]"),
            (Answer::Existed(vec![true, false]), "existed = [true, false]"),
            (Answer::Aborted, "aborted"),
            (Answer::NotFound, "not found"),
        ];
        for (answer, text) in table {
            assert_eq!(answer.to_string(), text);
        }
    }
}
