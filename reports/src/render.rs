//! What people and machines read, each a pure function of the report.
//!
//! Renderers whose output grows with the number of cases write it piece by piece; the others are short, and one text.

pub mod annotations;
pub mod badge;
mod blocks;
mod budget;
mod cell;
pub mod changes;
pub mod ctrf;
mod groups;
pub mod html;
pub mod json;
pub mod junit;
mod links;
pub mod markdown;
pub mod terminal;
mod text;

use std::io;

/// What a renderer writes, in one text.
fn in_one_text(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("a vector takes every byte");
    String::from_utf8(bytes).expect("renderers write text")
}
