//! Where `backend.yaml` files come from.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    model::Origin,
    problem::{Problem, Span},
};

/// The name of every file that declares a backend.
const FILE_NAME: &str = "backend.yaml";

/// Something that declares backends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The `backend.yaml` of a driver that is built in.
    Builtin {
        /// The driver's name, which `driver: { builtin: … }` can say in any file of the registry.
        name: &'static str,
        /// The text of the file.
        text: &'static str,
        /// What messages call the file.
        path: &'static str,
    },
    /// A folder that is searched for files named `backend.yaml`, hidden folders left out; or one such file.
    Folder(PathBuf),
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: Arc<str>,
    /// The byte that each line starts at.
    lines: Vec<usize>,
    folder: Option<PathBuf>,
}

/// Every file of every source in order, or what was wrong with it.
pub(super) fn read_all(sources: &[Source]) -> Vec<Result<File, Problem>> {
    sources
        .iter()
        .flat_map(|source| match source {
            Source::Builtin { text, path, .. } => vec![Ok(File::new(*path, text, None))],
            Source::Folder(folder) => read_folder(folder),
        })
        .collect()
}

fn read_folder(folder: &Path) -> Vec<Result<File, Problem>> {
    let mut paths = Vec::new();
    if let Err((path, error)) = find(folder, &mut paths) {
        let problem = Problem::without_place(format!("{} cannot be read: {error}", path.display()))
            .help(format!("give a folder that holds files named `{FILE_NAME}`"));
        return vec![Err(problem)];
    }
    if paths.is_empty() {
        let problem = Problem::without_place(format!("{} holds no `{FILE_NAME}`", folder.display()))
            .help(format!("every backend is declared in a file named `{FILE_NAME}`"));
        return vec![Err(problem)];
    }
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn find(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let failed = |error| (path.to_owned(), error);
    if fs::metadata(path).map_err(failed)?.is_file() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // Links to folders are not followed, because they can lead round in a circle.
        if entry.file_type().map_err(failed)?.is_dir() {
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                find(&entry.path(), found)?;
            }
        } else if entry.file_name() == FILE_NAME {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<File, Problem> {
    let label = path.display().to_string();
    let folder = path.parent().map(Path::to_owned);
    let bytes = fs::read(path).map_err(|error| {
        Problem::without_place(format!("{label} cannot be read: {error}"))
            .help("make the file readable, or move it out of the folder")
    })?;
    match str::from_utf8(&bytes) {
        Ok(text) => Ok(File::new(label, text, folder)),
        Err(error) => {
            let file = File::new(label, &String::from_utf8_lossy(&bytes), folder);
            // What is valid stays as it is, so that the position in the shown text is the one in the file.
            let start = file.clamp(error.valid_up_to());
            let span = Span { start, end: file.clamp(start + char::REPLACEMENT_CHARACTER.len_utf8()) };
            Err(Problem::new(&file, span, "the file is not UTF-8", "the first byte that is not")
                .help("save the file as UTF-8"))
        }
    }
}

impl File {
    pub(super) fn new(path: impl Into<String>, text: &str, folder: Option<PathBuf>) -> Self {
        // A byte order mark is no part of the text, and positions are counted without it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(byte, _)| byte + 1)).collect();
        Self { path: path.into(), text: Arc::from(text), lines, folder }
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub(super) fn position(&self, byte: usize) -> (usize, usize) {
        let byte = self.clamp(byte);
        let line = self.lines.partition_point(|start| *start <= byte);
        (line, self.text[self.lines[line - 1]..byte].chars().count() + 1)
    }

    /// The byte of a line (from 1) and a column (from 0, in characters); the end of the text where there is no such.
    pub(super) fn byte(&self, line: usize, column: usize) -> usize {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let rest = &self.text[start..];
        start + rest.char_indices().nth(column).map_or(rest.len(), |(offset, _)| offset)
    }

    pub(super) fn origin(&self, span: Span) -> Origin {
        Origin { path: self.path.clone(), line: self.position(span.start).0, folder: self.folder.clone() }
    }

    /// The nearest boundary of a character that is not after `byte`.
    fn clamp(&self, byte: usize) -> usize {
        self.text.floor_char_boundary(byte)
    }
}
