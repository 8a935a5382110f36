//! What changed since another report: for a terminal, as a page, as data, and as a part of the pages of a run.

mod markdown;
mod parts;
mod terminal;

use std::io::{self, Write};

use crate::diff::{Diff, Incomparable};

pub use markdown::render as markdown;
pub use terminal::render as terminal;

pub(super) use markdown::section;
pub(super) use parts::{Part, headline, parts, side, verdict};
pub(super) use terminal::{lines, sentence_case};

/// The changes since a baseline, or why there is no telling.
pub type Since = Result<Diff, Incomparable>;

/// The diff as pretty-printed JSON, as [`crate::diff_schema`] describes it, with a newline at the end.
pub fn json(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, diff)?;
    out.write_all(b"\n")
}
