//! Anomalies of thousands of transactions: reads of what was never committed, lost updates, and cycles of dependencies,
//! after Adya's classes and Elle's inference.
//!
//! Transactions read and write registers; no value is written to a key twice, and keys are absent at first. From that
//! follow, for the transactions that committed:
//!
//! - `wr`: one read what the other wrote;
//! - `ww`: one read what the other wrote, or absence, and then overwrote it, so its version is the later one;
//! - `rw`: one read a version, or absence, that the other overwrote.
//!
//! Every edge says "came before in any serial order", so a cycle refutes serializability, and the kinds of its edges say
//! which level it breaks. The inference sees only what reads prove: blind writes are in no order, so a workload should
//! read a key before it writes it. A pass means that nothing was found; it is not a proof.
//!
//! Cost: linear in the actions as long as there is no cycle.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    history::Outcome,
    transaction::{Action, Transaction},
};

mod finding;
mod graph;

pub use finding::{Anomaly, Edge, Level};
use graph::Graph;
pub use graph::Kind;

/// Judges transactions. At most one cycle of each class is reported, with the transactions on it; the other anomalies
/// are reported wherever they occur.
///
/// A transaction of unknown outcome counts as committed if a committed one has read from it, and not at all otherwise.
///
/// # Panics
///
/// If a value is written to a key twice.
pub fn judge(transactions: &[Transaction]) -> Vec<Anomaly> {
    let writers = Writers::of(transactions);
    let mut anomalies = Vec::new();
    let mut graph = Graph::new(transactions.len());
    // Who overwrote which version: (key, version read) to the committed transactions that did.
    let mut overwritten: BTreeMap<(&str, Option<u64>), Vec<usize>> = BTreeMap::new();
    // Who wrote a key without having read it: after its absence, and nobody knows after what else.
    let mut blind: BTreeMap<&str, Vec<usize>> = BTreeMap::new();

    let summaries: Vec<(usize, Summary<'_>)> = writers
        .committed(transactions)
        .into_iter()
        .map(|t| (t, Summary::of(&transactions[t], &mut anomalies)))
        .collect();
    for (t, summary) in &summaries {
        let (t, id) = (*t, transactions[*t].id);
        for (&key, &version) in &summary.reads {
            let Some(value) = version else { continue };
            let Some(&(writer, is_last)) = writers.0.get(&(key, value)) else {
                anomalies.push(Anomaly::Unwritten { reader: id, key: key.to_owned(), value });
                continue;
            };
            let by = transactions[writer].id;
            if transactions[writer].outcome == Outcome::Fail {
                anomalies.push(Anomaly::AbortedRead { reader: id, writer: by, key: key.to_owned(), value });
            } else if !is_last {
                anomalies.push(Anomaly::IntermediateRead {
                    reader: id,
                    writer: by,
                    key: key.to_owned(),
                    value,
                });
            } else {
                graph.add(writer, t, Kind::WriteRead, key);
            }
        }
        for &key in &summary.writes {
            let Some(&version) = summary.reads.get(key) else {
                blind.entry(key).or_default().push(t);
                continue;
            };
            overwritten.entry((key, version)).or_default().push(t);
            if let Some(&(writer, _)) = version.and_then(|value| writers.0.get(&(key, value))) {
                graph.add(writer, t, Kind::WriteWrite, key);
            }
        }
    }

    for (t, summary) in &summaries {
        for (&key, &version) in &summary.reads {
            let blind = blind.get(key).filter(|_| version.is_none());
            let later = overwritten.get(&(key, version)).into_iter().chain(blind).flatten();
            for &writer in later {
                graph.add(*t, writer, Kind::ReadWrite, key);
            }
        }
    }

    for ((key, version), by) in &overwritten {
        if let [first, second, ..] = by[..] {
            anomalies.push(Anomaly::LostUpdate {
                key: (*key).to_owned(),
                version: *version,
                writers: (transactions[first].id, transactions[second].id),
            });
        }
    }
    anomalies.extend(graph.cycles(&|t| transactions[t].id));
    anomalies
}

/// Whether nothing was found that `level` forbids.
pub fn holds(level: Level, anomalies: &[Anomaly]) -> bool {
    !anomalies.iter().any(|anomaly| anomaly.breaks() <= level)
}

/// Who wrote what: (key, value) to the transaction, and whether it was its last value for the key.
struct Writers<'a>(HashMap<(&'a str, u64), (usize, bool)>);

impl<'a> Writers<'a> {
    fn of(transactions: &'a [Transaction]) -> Self {
        let mut writers = HashMap::new();
        for (t, transaction) in transactions.iter().enumerate() {
            let mut last = HashMap::new();
            for action in &transaction.actions {
                if let Action::Write { key, value } = action {
                    let repeated = writers.insert((key.as_str(), *value), (t, true)).is_some();
                    assert!(!repeated, "{value} is written to {key:?} twice");
                    if let Some(before) = last.insert(key.as_str(), *value) {
                        writers.insert((key, before), (t, false));
                    }
                }
            }
        }
        Writers(writers)
    }

    /// The transactions that committed, those included of which only reads show that they did; in order.
    fn committed(&self, transactions: &[Transaction]) -> BTreeSet<usize> {
        let mut committed = BTreeSet::new();
        let mut left: Vec<usize> =
            (0..transactions.len()).filter(|&t| transactions[t].outcome == Outcome::Ok(())).collect();
        while let Some(t) = left.pop() {
            if !committed.insert(t) {
                continue;
            }
            for action in &transactions[t].actions {
                if let Action::Read { key, value: Some(value) } = action
                    && let Some(&(writer, _)) = self.0.get(&(key.as_str(), *value))
                    && transactions[writer].outcome == Outcome::Info
                {
                    left.push(writer);
                }
            }
        }
        committed
    }
}

/// What others see of a transaction.
struct Summary<'a> {
    /// The version of each key that it read before it wrote the key.
    reads: BTreeMap<&'a str, Option<u64>>,
    /// The keys that it wrote.
    writes: BTreeSet<&'a str>,
}

impl<'a> Summary<'a> {
    /// Notes on the way what the transaction should have read of its own.
    fn of(transaction: &'a Transaction, anomalies: &mut Vec<Anomaly>) -> Self {
        let mut summary = Summary { reads: BTreeMap::new(), writes: BTreeSet::new() };
        let mut own: BTreeMap<&str, u64> = BTreeMap::new();
        let id = transaction.id;
        for action in &transaction.actions {
            match action {
                Action::Write { key, value } => {
                    own.insert(key, *value);
                    summary.writes.insert(key);
                }
                Action::Read { key, value } => {
                    if let Some(&expected) = own.get(key.as_str()) {
                        if *value != Some(expected) {
                            let (key, got) = (key.clone(), *value);
                            anomalies.push(Anomaly::Internal { id, key, expected, got });
                        }
                    } else {
                        let first = *summary.reads.entry(key).or_insert(*value);
                        if first != *value {
                            let (key, second) = (key.clone(), *value);
                            anomalies.push(Anomaly::FuzzyRead { id, key, first, second });
                        }
                    }
                }
            }
        }
        summary
    }
}

#[cfg(test)]
mod tests;
