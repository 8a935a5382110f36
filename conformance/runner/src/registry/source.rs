//! Where `backend.yaml` and `pattern.yaml` files come from.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use prism_yaml::{File, Problem};

/// The name of every file that declares a backend.
const FILE_NAME: &str = "backend.yaml";

/// The name of every file that declares a pattern.
const PATTERN_FILE_NAME: &str = "pattern.yaml";

/// What a file declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Backend,
    Pattern,
}

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
    /// The `pattern.yaml` of a pattern that is built in.
    Pattern {
        /// The pattern's name, which `driver: { builtin: … }` can say in any pattern.yaml of the registry.
        name: &'static str,
        /// The text of the file.
        text: &'static str,
        /// What messages call the file.
        path: &'static str,
    },
    /// A folder that is searched for files named `backend.yaml` or `pattern.yaml`, hidden folders left out; or one such
    /// file.
    Folder(PathBuf),
}

/// Every file of every source in order, or what was wrong with it.
pub(super) fn read_all(sources: &[Source]) -> Vec<(FileKind, Result<File, Problem>)> {
    sources
        .iter()
        .flat_map(|source| match source {
            Source::Builtin { text, path, .. } => {
                vec![(FileKind::Backend, Ok(File::new(*path, text, None)))]
            }
            Source::Pattern { text, path, .. } => {
                vec![(FileKind::Pattern, Ok(File::new(*path, text, None)))]
            }
            Source::Folder(folder) => read_folder(folder),
        })
        .collect()
}

fn read_folder(folder: &Path) -> Vec<(FileKind, Result<File, Problem>)> {
    let mut paths = Vec::new();
    if let Err((path, error)) = find(folder, &mut paths) {
        let problem = Problem::without_place(format!("{} cannot be read: {error}", path.display()))
            .help(format!("give a folder that holds files named `{FILE_NAME}`"));
        return vec![(FileKind::Backend, Err(problem))];
    }
    if paths.is_empty() {
        let problem = Problem::without_place(format!("{} holds no `{FILE_NAME}`", folder.display()))
            .help(format!("every backend is declared in a file named `{FILE_NAME}`"));
        return vec![(FileKind::Backend, Err(problem))];
    }
    paths.sort();
    paths.iter().map(|path| (kind(path), File::read(path))).collect()
}

fn kind(path: &Path) -> FileKind {
    if path.file_name().is_some_and(|name| name == PATTERN_FILE_NAME) {
        FileKind::Pattern
    } else {
        FileKind::Backend
    }
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
        } else if [FILE_NAME, PATTERN_FILE_NAME].iter().any(|name| entry.file_name() == *name) {
            found.push(entry.path());
        }
    }
    Ok(())
}
