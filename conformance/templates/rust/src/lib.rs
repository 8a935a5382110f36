//! The driver of my-backend.
//!
//! - [`driver`]: what it says of itself, how it starts and stops.
//! - `keyvalue_basic`: the interface, over the store.
//! - [`store`]: what speaks with the server behind the driver; the file to replace.

pub mod driver;
mod keyvalue_basic;
pub mod store;

pub use driver::Backend;
pub use store::Store;
