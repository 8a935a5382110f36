//! Interleavings of calls, tried out by shuttle: at random, and by priorities that change a few times (PCT), which
//! finds rare orders sooner. Everything goes through the rpcs, so that a step which takes its lock twice is found.
//!
//! A thread that waits for ever is a failure as well: that is how a lost wake-up shows.

mod keyvalue;
mod namespaces;
mod pubsub;

use crate::{driver::Service, store::Store};
use prism_driver_kit::Clock;
use prism_interfaces::{
    Namespace,
    testing::v1::{AdvanceRequest, clock_server::Clock as ClockApi},
    time,
};
use shuttle::future::block_on;
use std::time::Duration;
use tonic::Request;

/// How many interleavings each way.
const INTERLEAVINGS: usize = 1000;
/// How many changes of priority.
const DEPTH: usize = 3;

fn try_interleavings(scenario: impl Fn() + Send + Sync + Copy + 'static) {
    shuttle::check_random(scenario, INTERLEAVINGS);
    shuttle::check_pct(scenario, INTERLEAVINGS, DEPTH);
}

/// A new store with a clock that stands still.
fn service() -> Service {
    Service(Store::new(Clock::new_virtual()))
}

fn namespace() -> Namespace {
    Namespace::new("races").unwrap()
}

fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(namespace());
    request
}

/// Runs threads side by side until all have ended.
fn side_by_side<const N: usize>(threads: [Box<dyn FnOnce() + Send>; N]) {
    for thread in threads.map(shuttle::thread::spawn) {
        thread.join().unwrap();
    }
}

/// Makes a thread of a block, with a service of its own.
macro_rules! thread {
    ($service:ident => $body:expr) => {{
        let $service = $service.clone();
        Box::new(move || $body) as Box<dyn FnOnce() + Send>
    }};
}
use thread;

/// Calls an rpc, which never waits.
macro_rules! call {
    ($service:ident . $rpc:ident, $message:expr) => {
        block_on($service.$rpc(request($message))).map(tonic::Response::into_inner)
    };
}
use call;

fn advance(service: &Service, millis: u64) {
    let Clock::Virtual(clock) = service.0.clock() else { unreachable!("see `service`") };
    let by = Some(time::from_std(Duration::from_millis(millis)));
    block_on(clock.advance(request(AdvanceRequest { by }))).unwrap();
}
