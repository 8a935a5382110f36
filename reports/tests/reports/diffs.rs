//! What changed from one run to another.

mod cases;
mod pages;
mod run;
mod times;
