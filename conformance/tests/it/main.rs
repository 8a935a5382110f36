//! Tests of the product as a whole; one binary, because linking it takes longer than running it. What takes every
//! processor for minutes, the kill matrix and the skeletons, has binaries of its own, which cargo runs after this one.

mod architecture;
mod bad_input;
mod certificates;
mod clauses;
mod command_line;
mod described;
mod diff;
mod driver_command;
mod endpoint;
mod expectations;
mod guarded_endpoint;
mod interrupted;
mod odd_driver;
mod pattern_process;
mod pattern_upstream;
mod patterns;
#[path = "../shared/python.rs"]
mod python;
mod real_clients;
mod served;
mod shards;
#[path = "../shared/tool.rs"]
mod tool;
mod via_proxy;
mod workflows;
