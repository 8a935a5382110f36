//! The generated clients with less to type.
//!
//! Every method is one rpc and answers what the rpc answers, or its status. Clients take messages of any size, so that
//! the limits that cases meet are the driver's.

mod keyvalue;
mod lifecycle;
mod pubsub;

pub use keyvalue::{Expected, KeyValue, Ttl};
pub use lifecycle::Lifecycle;
pub use pubsub::{Event, PATIENCE, PubSub, Subscription, next_event};
