//! A file's text, and the places in it.

use crate::{Problem, Span};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A file that was read, or a text that stands for one.
#[derive(Debug)]
pub struct File {
    path: String,
    text: Arc<str>,
    /// The byte that each line starts at.
    lines: Vec<usize>,
    folder: Option<PathBuf>,
}

impl File {
    /// A text; `path` is what problems call it, `folder` what relative paths in it start from.
    pub fn new(path: impl Into<String>, text: &str, folder: Option<PathBuf>) -> Self {
        // A byte order mark is no part of the text, and positions are counted without it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(byte, _)| byte + 1)).collect();
        Self { path: path.into(), text: Arc::from(text), lines, folder }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or is not UTF-8; in the latter case with the place of the first byte that is not.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let label = path.display().to_string();
        let folder = path.parent().map(Path::to_owned);
        let bytes = fs::read(path).map_err(|error| {
            Problem::without_place(format!("{label} cannot be read: {error}"))
                .help("give the path of a file that is there and readable")
        })?;
        match str::from_utf8(&bytes) {
            Ok(text) => Ok(Self::new(label, text, folder)),
            Err(error) => {
                let file = Self::new(label, &String::from_utf8_lossy(&bytes), folder);
                // What is valid stays as it is, so that the position in the shown text is the one in the file.
                let start = file.clamp(error.valid_up_to());
                let span = Span { start, end: file.clamp(start + char::REPLACEMENT_CHARACTER.len_utf8()) };
                Err(Problem::new(&file, span, "the file is not UTF-8", "the first byte that is not")
                    .help("save the file as UTF-8"))
            }
        }
    }

    /// What problems call the file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it says.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The folder that relative paths in it start from; `None` for a text without a file.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let byte = self.clamp(byte);
        let line = self.lines.partition_point(|start| *start <= byte);
        (line, self.text[self.lines[line - 1]..byte].chars().count() + 1)
    }

    /// The byte of a line (from 1) and a column (from 0, in characters); the end of the text where there is no such.
    pub(crate) fn byte(&self, line: usize, column: usize) -> usize {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let rest = &self.text[start..];
        start + rest.char_indices().nth(column).map_or(rest.len(), |(offset, _)| offset)
    }

    /// The nearest boundary of a character that is not after `byte`.
    fn clamp(&self, byte: usize) -> usize {
        self.text.floor_char_boundary(byte)
    }
}
