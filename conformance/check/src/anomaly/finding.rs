//! The anomalies, as data and in words, and the isolation level that each of them breaks.

use std::fmt::{self, Display};

use super::graph::Kind;
use crate::quote::quote;

/// An isolation level, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Only what was committed is read.
    ReadCommitted,
    /// Reads come from one point in time; no update is lost.
    Snapshot,
    /// There is a serial order.
    Serializable,
}

/// A dependency on a cycle: `from` came before `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The id of the transaction that came before.
    pub from: u32,
    /// The id of the one after.
    pub to: u32,
    /// Which dependency.
    pub kind: Kind,
    /// The key that shows it.
    pub key: String,
}

/// Something that transactions must not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// A value that nobody wrote was read.
    Unwritten {
        /// Who read it.
        reader: u32,
        /// The key.
        key: String,
        /// The value.
        value: u64,
    },
    /// G1a: a value was read whose writer did not commit.
    AbortedRead {
        /// Who read it.
        reader: u32,
        /// Who wrote it.
        writer: u32,
        /// The key.
        key: String,
        /// The value.
        value: u64,
    },
    /// G1b: a value was read that its writer overwrote before it committed.
    IntermediateRead {
        /// Who read it.
        reader: u32,
        /// Who wrote it.
        writer: u32,
        /// The key.
        key: String,
        /// The value.
        value: u64,
    },
    /// A transaction did not read its own write.
    Internal {
        /// The transaction.
        id: u32,
        /// The key.
        key: String,
        /// What it had written.
        expected: u64,
        /// What it read.
        got: Option<u64>,
    },
    /// A transaction read two different values of a key that it had not written.
    FuzzyRead {
        /// The transaction.
        id: u32,
        /// The key.
        key: String,
        /// What it read first.
        first: Option<u64>,
        /// What it read later.
        second: Option<u64>,
    },
    /// Two transactions read the same version of a key, wrote the key, and both committed.
    LostUpdate {
        /// The key.
        key: String,
        /// What both had read.
        version: Option<u64>,
        /// Who they are.
        writers: (u32, u32),
    },
    /// G0: a cycle of writes over writes.
    WriteCycle(Vec<Edge>),
    /// G1c: a cycle of writes over writes and reads of writes.
    CircularFlow(Vec<Edge>),
    /// G-single: a cycle in which one dependency is a read that was overwritten.
    ReadSkew(Vec<Edge>),
    /// G2: a cycle in which several are; with two transactions, write skew.
    WriteSkew(Vec<Edge>),
}

impl Anomaly {
    /// The weakest level that forbids it.
    pub fn breaks(&self) -> Level {
        match self {
            Anomaly::Unwritten { .. }
            | Anomaly::AbortedRead { .. }
            | Anomaly::IntermediateRead { .. }
            | Anomaly::Internal { .. }
            | Anomaly::WriteCycle(_)
            | Anomaly::CircularFlow(_) => Level::ReadCommitted,
            Anomaly::FuzzyRead { .. } | Anomaly::LostUpdate { .. } | Anomaly::ReadSkew(_) => Level::Snapshot,
            Anomaly::WriteSkew(_) => Level::Serializable,
        }
    }
}

impl Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Anomaly::Unwritten { reader, key, value } => {
                write!(f, "T{reader} read {} = {value}, which nobody wrote", quote(key))
            }
            Anomaly::AbortedRead { reader, writer, key, value } => {
                write!(f, "T{reader} read {} = {value} of T{writer}, which did not commit", quote(key))
            }
            Anomaly::IntermediateRead { reader, writer, key, value } => {
                write!(f, "T{reader} read {} = {value}, which T{writer} overwrote itself", quote(key))
            }
            Anomaly::Internal { id, key, expected, got } => {
                write!(f, "T{id} wrote {} = {expected} and read {}", quote(key), show(*got))
            }
            Anomaly::FuzzyRead { id, key, first, second } => {
                write!(f, "T{id} read {} = {} and then {}", quote(key), show(*first), show(*second))
            }
            Anomaly::LostUpdate { key, version, writers: (first, second) } => {
                let version = show(*version);
                write!(
                    f,
                    "T{first} and T{second} both read {} = {version}, wrote it and committed",
                    quote(key)
                )
            }
            Anomaly::WriteCycle(cycle) => show_cycle(f, "G0", cycle),
            Anomaly::CircularFlow(cycle) => show_cycle(f, "G1c", cycle),
            Anomaly::ReadSkew(cycle) => show_cycle(f, "G-single", cycle),
            Anomaly::WriteSkew(cycle) => show_cycle(f, "G2", cycle),
        }
    }
}

impl Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Edge { from, to, kind, key } = self;
        let key = quote(key);
        match kind {
            Kind::WriteWrite => write!(f, "T{to} overwrote {key} of T{from}"),
            Kind::WriteRead => write!(f, "T{to} read {key} of T{from}"),
            Kind::ReadWrite => write!(f, "T{to} overwrote {key} that T{from} had read"),
        }
    }
}

fn show(value: Option<u64>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| value.to_string())
}

fn show_cycle(f: &mut fmt::Formatter<'_>, class: &str, cycle: &[Edge]) -> fmt::Result {
    let edges: Vec<String> = cycle.iter().map(Edge::to_string).collect();
    write!(f, "{class}, each came before the next: {}", edges.join("; "))
}
