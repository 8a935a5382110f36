//! All key-value and pub/sub interfaces on Redis 7.0 or newer.
//!
//! Redis keeps no list of the keys of a namespace, so that the driver keeps one: a sorted set of the namespace's keys,
//! and another of those that expire. Every write is one Lua script that changes a value and both sets together, so that
//! a call which is cancelled, or a driver that dies, leaves nothing half done. Transactions are WATCH and MULTI on a
//! connection of their own; each subscription has a connection of its own.
//!
//! - `driver`: starting, stopping, and what is served.
//! - `declaration`: the limits, and what the driver says of itself.
//! - `settings`: what Initialize takes.
//! - `client`: the connections to Redis.
//! - `names`: what keys and channels are called in Redis.
//! - `scripts`: every change of what a namespace holds, in Lua.
//! - `transactions`: what is open; `subscription`: what listens; `glob`: patterns of topics for Redis.
//! - `keyvalue_*`, `pubsub_*`: one file per interface.
//! - `error`: the one place where errors become statuses.

mod client;
mod declaration;
mod driver;
mod error;
mod glob;
mod keyvalue_basic;
mod keyvalue_batch;
mod keyvalue_cas;
mod keyvalue_scan;
mod keyvalue_transactional;
mod keyvalue_ttl;
mod names;
mod pubsub_basic;
mod pubsub_wildcards;
mod scripts;
mod settings;
mod subscription;
mod transactions;

pub use driver::Redis;
