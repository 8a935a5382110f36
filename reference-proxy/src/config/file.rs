//! A configuration file's text, with the places in it.

use super::problem::{Problem, Span};
use std::{fs, path::Path};

/// A file that was read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
    /// The byte that each line starts at.
    lines: Vec<usize>,
}

impl File {
    pub(super) fn new(path: impl Into<String>, text: &str) -> Self {
        // A byte order mark is no part of the text, and positions are counted without it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(byte, _)| byte + 1)).collect();
        Self { path: path.into(), text, lines }
    }

    pub(super) fn read(path: &Path) -> Result<Self, Problem> {
        let label = path.display().to_string();
        let bytes = fs::read(path).map_err(|error| {
            Problem::without_place(&label, format!("the file cannot be read: {error}"))
                .help("give the path of a readable YAML file")
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(label, &text)),
            Err(_) => {
                Err(Problem::without_place(&label, "the file is not UTF-8").help("save the file as UTF-8"))
            }
        }
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub(super) fn position(&self, byte: usize) -> (usize, usize) {
        let byte = self.text.floor_char_boundary(byte);
        let line = self.lines.partition_point(|start| *start <= byte);
        (line, self.text[self.lines[line - 1]..byte].chars().count() + 1)
    }

    /// The byte of a line (from 1) and a column (from 0, in characters); the end of the text where there is no such.
    pub(super) fn byte(&self, line: usize, column: usize) -> usize {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let rest = &self.text[start..];
        start + rest.char_indices().nth(column).map_or(rest.len(), |(offset, _)| offset)
    }

    /// The first byte of a span, as a problem shows it.
    pub(super) fn place(&self, span: Span) -> (usize, usize) {
        self.position(span.start)
    }
}
