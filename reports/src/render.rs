//! What people and machines read, each a pure function of the report.

mod budget;
mod cell;
mod groups;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod terminal;
mod text;
