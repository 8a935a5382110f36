//! Tests of the product as a whole; one binary, because linking it takes longer than running it.

mod architecture;
mod bad_input;
mod clauses;
mod command_line;
mod described;
mod driver_command;
mod endpoint;
mod guarded_endpoint;
mod interrupted;
mod kill_matrix;
mod odd_driver;
mod python;
mod real_clients;
mod served;
mod skeleton;
mod tool;
mod via_proxy;
mod workflows;
