//! What is wrong with a configuration, each thing with its place.

use super::file::File;
use std::fmt;

/// A part of a file's text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// One thing that is wrong, with its place and with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    path: String,
    place: Option<(usize, usize)>,
    message: String,
    help: String,
}

impl Problem {
    /// A problem at a place in a file.
    pub(super) fn new(file: &File, span: Span, message: impl Into<String>) -> Self {
        Self {
            path: file.path.clone(),
            place: Some(file.place(span)),
            message: message.into(),
            help: String::new(),
        }
    }

    /// A problem with the file as a whole.
    pub(super) fn without_place(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), place: None, message: message.into(), help: String::new() }
    }

    /// Says what to write instead.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Line and column, both from 1; `None` where the file as a whole is to blame.
    pub fn place(&self) -> Option<(usize, usize)> {
        self.place
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Problem {
    /// `file:line:column: message`, and below it what to write instead.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone)]
pub struct ConfigErrors {
    problems: Vec<Problem>,
}

impl ConfigErrors {
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(Problem::place);
        Self { problems }
    }

    /// The problems by position; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => f.write_str("the configuration has a problem")?,
            count => write!(f, "the configuration has {count} problems")?,
        }
        self.problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

impl std::error::Error for ConfigErrors {}
