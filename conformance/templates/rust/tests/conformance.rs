//! Every case of the suites as a test of its own: `cargo test`, or `cargo nextest run`.
//!
//! The driver runs in this process. Without `in_process`, it is started as backend.yaml says.

use my_backend_driver::{Backend, Store};
use prism_driver_kit::Host;
use std::process::ExitCode;

fn main() -> ExitCode {
    // What all instances share, as they would a server.
    let store = Store::default();
    prism_conformance_test::Backend::declared_in(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/backend.yaml"
    ))
    .in_process(move || Host::new(Backend::new(store.clone())).endpoint())
    .main()
}
