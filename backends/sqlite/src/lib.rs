//! Key-value interfaces on an embedded SQLite file.
//!
//! The file can be shared: several instances of the driver, in one process or in several, may have it open at once and
//! agree with each other, because everything but open transactions is in the file. What a transaction has read is in
//! memory and is checked against the file again when it commits, so that an open transaction locks nobody out.
//!
//! - [`driver`]: the life of the driver.
//! - `settings`: what Initialize may say.
//! - `limits`: what is declared, as in backend.yaml.
//! - `clocks`: one virtual clock for every instance on a file.
//! - `client`: the connections and the table.
//! - `error`: the one place where the errors of SQLite become statuses.
//! - `expiry`: instants of expiry in whole milliseconds.
//! - `keys`: keys as SQL sees them.
//! - `transactions`: the transactions that are open.
//! - `service` and `keyvalue_*`: the interfaces, one file each.

mod client;
mod clocks;
pub mod driver;
mod error;
mod expiry;
mod keys;
mod keyvalue_basic;
mod keyvalue_batch;
mod keyvalue_cas;
mod keyvalue_scan;
mod keyvalue_transactional;
mod keyvalue_ttl;
mod limits;
mod service;
mod settings;
mod transactions;

pub use driver::Sqlite;
