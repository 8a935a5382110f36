//! Appends a page to the file that GitHub shows as the summary of a step.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What GitHub takes as the summary of one step, in bytes. It shows nothing at all of a file that is larger.
pub const STEP_SUMMARY_LIMIT: u64 = 1024 * 1024;

/// Kept free for whoever writes to the same file after us.
const MARGIN: u64 = 16 * 1024;

/// What [`append_step_summary`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryWritten {
    /// How many bytes the file held before.
    pub existing: u64,
    /// How many bytes were left for the page.
    pub budget: usize,
    /// How many bytes were appended; 0 if no page fits.
    pub appended: usize,
}

/// Appends what `page` makes of the bytes that are left, so that the file stays below [`STEP_SUMMARY_LIMIT`] with what it
/// held before. Never removes anything.
///
/// `page` gets its budget in bytes; see [`crate::render::markdown`]. A page that is longer is not written, and neither is
/// an empty one.
pub fn append_step_summary(path: &Path, page: impl FnOnce(usize) -> String) -> io::Result<SummaryWritten> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let existing = file.seek(SeekFrom::End(0))?;
    // A blank line, so that the page does not become part of a paragraph that is there.
    let glue: &[u8] = match existing {
        0 => b"",
        _ if ends_with_newline(&mut file)? => b"\n",
        _ => b"\n\n",
    };
    let left = STEP_SUMMARY_LIMIT.saturating_sub(existing).saturating_sub(MARGIN + glue.len() as u64);
    let budget = usize::try_from(left).unwrap_or(usize::MAX);
    let text = page(budget);
    if text.is_empty() || text.len() > budget {
        return Ok(SummaryWritten { existing, budget, appended: 0 });
    }
    let bytes = [glue, text.as_bytes()].concat();
    file.write_all(&bytes)?;
    Ok(SummaryWritten { existing, budget, appended: bytes.len() })
}

fn ends_with_newline(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
