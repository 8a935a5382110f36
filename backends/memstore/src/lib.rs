//! The reference driver: every interface, in memory, small enough to be believed.
//!
//! What a namespace holds is a `space`: one lock over all its keys, their expiry and its open transactions, and one
//! over its subscriptions. Every rpc is one step under one of the two, and nothing awaits while it holds a lock, so
//! that a call which is cancelled has either happened or not.
//!
//! - `driver`: starting, stopping, and what is served.
//! - `declaration`: the limits, and what the driver says of itself.
//! - `settings`: what Initialize takes.
//! - `registry`: stores that several instances share.
//! - `store`: the namespaces of a store.
//! - `space`: one namespace.
//! - `table`: its keys; `transactions`: what open transactions have read and written.
//! - `broker`: its subscriptions; `buffer`: what a subscriber has not read yet.
//! - `keyvalue_*`, `pubsub_*`: one file per interface.
//! - `error`: the one place where errors become statuses.

mod broker;
mod buffer;
mod declaration;
mod driver;
mod error;
mod keyvalue_basic;
mod keyvalue_batch;
mod keyvalue_cas;
mod keyvalue_scan;
mod keyvalue_transactional;
mod keyvalue_ttl;
mod pubsub_basic;
mod pubsub_wildcards;
#[cfg(test)]
mod races;
mod registry;
mod settings;
mod space;
mod store;
mod sync;
mod table;
mod transactions;
mod value;

pub use driver::Memstore;
