//! What is wrong with a file, each thing with its place.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

use crate::File;

/// A part of a file's text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// One thing that is wrong, with its place in a file and with what to write instead.
#[derive(Debug, Clone)]
pub struct Problem {
    message: String,
    place: Option<Place>,
    help: Option<String>,
}

#[derive(Debug, Clone)]
struct Place {
    source: NamedSource<Arc<str>>,
    path: String,
    line: usize,
    column: usize,
    span: Span,
    label: String,
}

impl Problem {
    /// A problem at a place in a file.
    pub fn new(file: &File, span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        let (line, column) = file.position(span.start);
        let source = NamedSource::new(file.path(), Arc::clone(file.text())).with_language("YAML");
        let place = Place { source, path: file.path().to_owned(), line, column, span, label: label.into() };
        Self { message: message.into(), place: Some(place), help: None }
    }

    /// A problem with something that has no text, such as a folder.
    pub fn without_place(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, help: None }
    }

    /// Says what to write instead.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The byte that it starts at.
    pub fn start(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.span.start)
    }

    /// The file and the place in it, line and column from 1; `None` where no file is to blame.
    pub fn position(&self) -> Option<(&str, usize, usize)> {
        self.place.as_ref().map(|place| (place.path.as_str(), place.line, place.column))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|place| &place.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.place.as_ref()?;
        let span = SourceSpan::from((place.span.start, place.span.end - place.span.start));
        let label = LabeledSpan::new_primary_with_span(Some(place.label.clone()), span);
        Some(Box::new(std::iter::once(label)))
    }
}

/// Everything that is wrong with one thing, such as `the registry`.
#[derive(Debug, Clone)]
pub struct Problems {
    what: &'static str,
    problems: Vec<Problem>,
}

impl Problems {
    /// What is wrong with `what`, in this order.
    pub fn new(what: &'static str, problems: Vec<Problem>) -> Self {
        Self { what, problems }
    }

    /// The problems; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// As lines of plain text: the heading, then `file:line:column: message` and the help of each.
    pub fn plain(&self) -> String {
        let mut text = self.to_string();
        for problem in &self.problems {
            text.push('\n');
            if let Some((path, line, column)) = problem.position() {
                let _ = write!(text, "{path}:{line}:{column}: ");
            }
            text.push_str(&problem.message);
            if let Some(help) = &problem.help {
                text.push_str("\n  help: ");
                text.push_str(help);
            }
        }
        text
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => write!(f, "{} has a problem", self.what),
            count => write!(f, "{} has {count} problems", self.what),
        }
    }
}

impl std::error::Error for Problems {}

impl Diagnostic for Problems {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}
