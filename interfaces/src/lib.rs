//! The contract between Prism, its drivers and the suites.
//!
//! - [`keyvalue`], [`pubsub`], [`pattern`], [`lifecycle`], [`testing`], [`contract`]: what the `.proto` files generate.
//!   The server traits are the driver API, the clients are the suites' API.
//! - [`catalogue`]: every interface with its rpcs and its numbered clauses, as extracted from the proto comments.
//! - [`traits`]: the values that a backend declares beside an interface: limits, granularity, isolation, consistency.
//! - [`endpoint`]: the one seam; anything that answers gRPC.
//! - [`headers`]: the namespace header, and the headers of messages that patterns look at.
//! - [`fault`]: errors as the contract wants them.
//! - [`time`]: durations and timestamps on the wire.

pub mod catalogue;
pub mod endpoint;
pub mod fault;
mod generated;
pub mod headers;
pub mod time;
pub mod traits;

pub use catalogue::{Clause, InterfaceSpec, Level, RpcSpec};
pub use endpoint::{Endpoint, EndpointError};
pub use fault::{Fault, WriteOutcome};
pub use generated::{contract, keyvalue, lifecycle, pattern, pubsub, testing};
pub use headers::{MESSAGE_ID_HEADER, NAMESPACE_HEADER, Namespace, NamespaceError, ORDERING_KEY_HEADER};

/// The compiled `.proto` files with their comments, as an encoded `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
