//! YAML as a tree in which every node knows its place and no key is lost.
//!
//! The tree is built from the parser's events, because a map would keep only one of two equal keys. Anchors, aliases
//! and tags are refused: what people write for us is short enough to be written out, and then it can be read line by line.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::{File, Problem, Span};

/// No file that people write for us is nested deeper; the bound keeps a hostile file from exhausting the stack.
const MAX_DEPTH: usize = 32;

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Where it is.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug)]
pub enum Value {
    /// Nothing was written, or `null`, or `~`.
    Null,
    /// A word, a number, a quoted text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys with values, in the order of the file, repeated keys included.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// What the node is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// A list or mapping that has not ended yet.
struct Open {
    span: Span,
    is_mapping: bool,
    children: Vec<Node>,
}

/// Parses a file that must hold exactly one document; `needs` is what one that is empty is told to add.
///
/// # Errors
///
/// Everything that keeps it from being a tree, in the order of the file.
pub fn parse(file: &File, needs: &str) -> Result<Node, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(file.text()) {
        let (event, span) = match event {
            Ok((event, span)) => (
                event,
                Span {
                    start: file.byte(span.start.line(), span.start.col()),
                    end: file.byte(span.end.line(), span.end.col()),
                },
            ),
            Err(error) => {
                let start = file.byte(error.marker().line(), error.marker().col());
                problems.push(
                    Problem::new(
                        file,
                        Span { start, end: start },
                        format!("the file is not YAML: {}", error.info()),
                        "here",
                    )
                    .help("the rest of the file was not checked"),
                );
                return Err(problems);
            }
        };
        let node = match event {
            Event::SequenceStart(anchor, tag) => {
                refuse_extras(file, span, anchor, tag.is_some(), &mut problems);
                open.push(Open { span, is_mapping: false, children: Vec::new() });
                None
            }
            Event::MappingStart(anchor, tag) => {
                refuse_extras(file, span, anchor, tag.is_some(), &mut problems);
                open.push(Open { span, is_mapping: true, children: Vec::new() });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|ended| ended.close(file, span)),
            Event::Scalar(text, style, anchor, tag) => {
                refuse_extras(file, span, anchor, tag.is_some(), &mut problems);
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let value = if is_null { Value::Null } else { Value::Text(text.into_owned()) };
                Some(Node { span, value })
            }
            Event::Alias(_) => {
                problems.push(
                    Problem::new(file, span, "an alias is not supported here", "refers to another place")
                        .help("write the value out"),
                );
                Some(Node { span, value: Value::Null })
            }
            _ => None,
        };
        if open.len() > MAX_DEPTH {
            problems.push(
                Problem::new(file, span, "the file is nested too deeply", "here")
                    .help(format!("no such file needs more than {MAX_DEPTH} levels")),
            );
            return Err(problems);
        }
        if let Some(node) = node {
            match open.last_mut() {
                Some(parent) => parent.children.push(node),
                None => documents.push(node),
            }
        }
    }
    if let Some(second) = documents.get(1) {
        problems.push(
            Problem::new(file, second.span, "the file holds several documents", "the second one")
                .help("write one document to a file; put this one into a file of its own"),
        );
    }
    match documents.into_iter().next() {
        Some(document) if problems.is_empty() => Ok(document),
        Some(_) => Err(problems),
        None => Err(vec![empty(file, needs)]),
    }
}

/// A file without anything in it.
pub fn empty(file: &File, needs: &str) -> Problem {
    Problem::new(file, Span { start: 0, end: 0 }, "the file is empty", "nothing is declared here").help(needs)
}

fn refuse_extras(file: &File, span: Span, anchor: usize, tagged: bool, problems: &mut Vec<Problem>) {
    if anchor > 0 {
        problems.push(
            Problem::new(file, span, "an anchor is not supported here", "has an anchor")
                .help("write the value out where it is needed"),
        );
    }
    if tagged {
        problems.push(
            Problem::new(file, span, "a tag is not supported here", "has a tag")
                .help("remove the tag; quotes make a text of a number"),
        );
    }
}

impl Open {
    fn close(self, file: &File, end: Span) -> Node {
        // A block ends where the next thing begins; what is blank before that is not part of it.
        let whole = file.text().get(self.span.start..end.end.max(self.span.end)).unwrap_or_default();
        let span = Span { start: self.span.start, end: self.span.start + whole.trim_end().len() };
        let value = if self.is_mapping {
            let mut pairs = Vec::with_capacity(self.children.len() / 2);
            let mut children = self.children.into_iter();
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                pairs.push((key, value));
            }
            Value::Mapping(pairs)
        } else {
            Value::List(self.children)
        };
        Node { span, value }
    }
}
