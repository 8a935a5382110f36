//! `init`: the skeleton of a backend.

use crate::{
    builtins,
    cli::InitArgs,
    command::{Trouble, print, quoted},
    init::{Language, NewFile, Prism, Skeleton},
};
use prism_runner::registry::is_name;
use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Shown by `init --help`.
pub const EXAMPLES: &str = "\
Examples:
  prism-conformance init my-backend --language python
  prism-conformance init backends/my-backend --language rust --prism https://git.example/prism.git

The skeleton conforms as it is: a driver that serves Lifecycle and keyvalue_basic over gRPC, a backend.yaml, a
workflow for GitHub Actions, and a README of one page. What to type next is printed.";

/// Writes the skeleton and says what to do next.
pub fn init(args: &InitArgs) -> Result<ExitCode, Trouble> {
    let folder = &args.folder;
    let name = name(folder)?;
    let home = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let cannot =
        |error: io::Error| Trouble::usage(format!("{} cannot be written: {error}", folder.display()));
    let was_there = is_there(folder)?;
    fs::create_dir_all(&home).map_err(cannot)?;
    let prism = Prism::find(args.prism.as_deref(), &home).map_err(Trouble::usage)?;
    if args.language == Language::Rust {
        if prism == Prism::Unknown {
            return Err(Trouble::usage(
                "a driver in Rust depends on Prism Conformance, which is in no package index, and the checkout that this \
                 program was built from is gone; say where it is, with --prism and a git URL or a folder",
            ));
        }
        if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(Trouble::usage(format!(
                "`{name}` cannot be the name of a crate, which begins with a letter; choose another, such as `my-{name}`"
            )));
        }
    }
    let skeleton = Skeleton { name, language: args.language, prism };
    let files = skeleton.files();
    if let Err(error) = write(folder, &files) {
        // What is half there would only be in the way of the next try.
        remove(folder, &files, was_there);
        return Err(cannot(error));
    }
    print(&told(&skeleton, folder, &files))?;
    Ok(ExitCode::SUCCESS)
}

/// The name of the backend, which is that of its folder.
fn name(folder: &Path) -> Result<String, Trouble> {
    // `.` has a name as well, though not in itself.
    let named = if folder.file_name().is_some() {
        folder.to_owned()
    } else {
        folder.canonicalize().unwrap_or_default()
    };
    let text = named.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !is_name(&text) {
        let better: String = text
            .to_lowercase()
            .chars()
            .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
            .collect();
        let better = better.trim_matches('-');
        let hint = if is_name(better) { format!(", such as `{better}`") } else { String::new() };
        return Err(Trouble::usage(format!(
            "`{text}` is not a name for a backend; use lower-case letters, digits and hyphens, starting with a letter or \
             digit{hint}"
        )));
    }
    if builtins::find(&text).is_some() {
        return Err(Trouble::usage(format!(
            "`{text}` is the name of a built-in backend; choose another, such as `my-{text}`"
        )));
    }
    Ok(text)
}

/// Whether the folder is there, empty but for what git keeps in it.
fn is_there(folder: &Path) -> Result<bool, Trouble> {
    let refuse = |what: &str| {
        Trouble::usage(format!(
            "{} {what}; nothing was written: remove it first, or choose another name",
            folder.display()
        ))
    };
    match fs::read_dir(folder) {
        Ok(entries) => {
            let others =
                entries.filter(|entry| entry.as_ref().map_or(true, |entry| entry.file_name() != ".git"));
            if others.count() > 0 { Err(refuse("is there already and not empty")) } else { Ok(true) }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(refuse("is a file, or in one")),
        Err(error) => Err(Trouble::usage(format!("{} cannot be read: {error}", folder.display()))),
    }
}

fn write(folder: &Path, files: &[NewFile]) -> io::Result<()> {
    for file in files {
        let path = folder.join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, &file.text)?;
    }
    Ok(())
}

/// Undoes [`write`], as far as it got; the folder held nothing else.
fn remove(folder: &Path, files: &[NewFile], was_there: bool) {
    if !was_there {
        let _ = fs::remove_dir_all(folder);
        return;
    }
    for file in files {
        let first = file.path.split('/').next().unwrap_or_default();
        let path = folder.join(first);
        let _ = if first == file.path { fs::remove_file(path) } else { fs::remove_dir_all(path) };
    }
}

fn told(skeleton: &Skeleton, folder: &Path, files: &[NewFile]) -> String {
    let described = || files.iter().filter(|file| !file.what.is_empty());
    let width = described().map(|file| file.path.len()).max().unwrap_or_default();
    let mut text = format!("The backend {} is in {}:\n\n", skeleton.name, folder.display());
    for NewFile { path, what, .. } in described() {
        let _ = writeln!(text, "  {path:width$}  {what}");
    }
    if files.iter().any(|file| file.path.starts_with("proto/")) {
        let _ = writeln!(text, "  {:width$}  the contract: every interface, with what it demands", "proto/");
    }
    text.push_str("\nNext:\n\n");
    let program = std::env::args().next().unwrap_or_else(|| "prism-conformance".to_owned());
    for command in skeleton.next_commands(&quoted(&program), &quoted(&folder.display().to_string())) {
        let _ = writeln!(text, "  {command}");
    }
    text
}
