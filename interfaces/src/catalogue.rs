//! Every interface with its rpcs and numbered clauses, extracted from the `.proto` files at build time.

use std::fmt;

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// Every `.proto` file: its path under `interfaces/proto`, and its text.
pub static PROTOS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/protos.rs"));

/// Which revision of the contract this is; changes when a clause that counts is added or changed. Clauses that are to
/// count from a later one are provisional: they are tested and shown, and change no verdict.
pub const REVISION: &str = "2026-11";

/// One interface: a proto service and what its comments demand.
#[derive(Debug)]
pub struct InterfaceSpec {
    /// Such as `keyvalue_basic`.
    pub id: &'static str,
    /// The full name of the service, such as `prism.keyvalue.v1.KeyValueBasic`.
    pub service: &'static str,
    /// Interfaces that must be declared with this one.
    pub needs: &'static [&'static str],
    /// The file under `interfaces/proto`.
    pub file: &'static str,
    /// SHA-256 in hex of the file's descriptor without comments.
    pub proto_hash: &'static str,
    /// In the order of the file.
    pub rpcs: &'static [RpcSpec],
    /// In the order of the file.
    pub clauses: &'static [Clause],
}

/// One rpc.
#[derive(Debug, PartialEq, Eq)]
pub struct RpcSpec {
    /// Such as `Set`.
    pub name: &'static str,
    /// The path of its requests, such as `/prism.keyvalue.v1.KeyValueBasic/Set`.
    pub path: &'static str,
    /// The full name of the request message.
    pub input: &'static str,
    /// The full name of the response message.
    pub output: &'static str,
    /// Whether the client sends a stream.
    pub client_streaming: bool,
    /// Whether the server sends a stream.
    pub server_streaming: bool,
}

/// A numbered sentence of the contract.
#[derive(Debug, PartialEq, Eq)]
pub struct Clause {
    /// Such as `KVB-07`.
    pub id: &'static str,
    /// How binding it is.
    pub level: Level,
    /// The revision of the contract from which on it counts; none if it always has.
    pub from: Option<&'static str>,
    /// The sentence.
    pub text: &'static str,
    /// The service or rpc that it stands at, such as `KeyValueBasic.Get`.
    pub element: &'static str,
    /// The file under `interfaces/proto`.
    pub file: &'static str,
    /// The line in that file, from 1.
    pub line: u32,
}

impl Clause {
    /// Whether it does not count yet.
    pub fn is_provisional(&self) -> bool {
        self.from.is_some_and(|from| from > REVISION)
    }
}

/// How binding a clause is (RFC 2119).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every driver that declares the interface does this.
    Must,
    /// A driver does this unless it has a reason.
    Should,
    /// A driver is free to do this.
    May,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        })
    }
}

/// The interface with this id, among those that backends declare and those that patterns serve.
pub fn interface(id: &str) -> Option<&'static InterfaceSpec> {
    INTERFACES.iter().chain(PATTERNS).find(|interface| interface.id == id)
}

/// Everything with clauses: the interfaces, the patterns, the lifecycle and the clock.
pub fn services() -> impl Iterator<Item = &'static InterfaceSpec> {
    INTERFACES.iter().chain(PATTERNS).chain([&LIFECYCLE, &CLOCK])
}

/// Every clause: the general ones first, then each service's.
pub fn clauses() -> impl Iterator<Item = &'static Clause> {
    GENERAL.iter().chain(services().flat_map(|service| service.clauses))
}

/// The clause with this id.
pub fn clause(id: &str) -> Option<&'static Clause> {
    clauses().find(|clause| clause.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_holds_the_interfaces_of_the_protos() {
        let ids: Vec<_> = INTERFACES.iter().map(|interface| interface.id).collect();
        assert_eq!(
            ids,
            [
                "keyvalue_basic",
                "keyvalue_batch",
                "keyvalue_cas",
                "keyvalue_scan",
                "keyvalue_transactional",
                "keyvalue_ttl",
                "pubsub_basic",
                "pubsub_wildcards"
            ]
        );
        assert_eq!(interface("keyvalue_ttl").unwrap().needs, ["keyvalue_basic"]);
        assert_eq!(interface("pubsub_wildcards").unwrap().needs, ["pubsub_basic"]);
        assert_eq!(LIFECYCLE.id, "lifecycle");
    }

    #[test]
    fn every_interface_has_clauses_and_every_clause_is_found_by_its_id() {
        for service in services() {
            assert!(!service.clauses.is_empty(), "{}", service.id);
        }
        for expected in clauses() {
            assert_eq!(clause(expected.id), Some(expected));
        }
    }

    #[test]
    fn a_clause_knows_its_place() {
        let clause = clause("KVB-08").unwrap();
        assert_eq!((clause.level, clause.element), (Level::Must, "KeyValueBasic.Delete"));
        let source = include_str!("../proto/prism/keyvalue/v1/keyvalue_basic.proto");
        assert!(source.lines().nth(clause.line as usize - 1).unwrap().contains("[KVB-08]"));
    }
}
