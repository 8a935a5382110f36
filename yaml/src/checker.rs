//! Reading a tree by hand, so that every problem is found and none hides another.

use std::{collections::BTreeMap, time::Duration};

use crate::{File, Node, Problem, Span, Value, duration::parse_duration, nearest};

/// Collects the problems of one file.
#[derive(Debug)]
pub struct Checker<'f> {
    file: &'f File,
    problems: Vec<Problem>,
}

/// The keys of a mapping with their values, by key; the first of equal ones.
#[derive(Debug)]
pub struct Fields<'n> {
    /// Where the mapping is, for what is missing in it.
    pub span: Span,
    entries: Vec<Field<'n>>,
}

/// A key with its value.
#[derive(Debug, Clone, Copy)]
pub struct Field<'n> {
    /// The key.
    pub name: &'n str,
    /// Where the key is.
    pub key: Span,
    /// The value.
    pub node: &'n Node,
}

impl<'n> Fields<'n> {
    /// No fields, where nothing was written.
    pub fn empty(span: Span) -> Self {
        Self { span, entries: Vec::new() }
    }

    /// The field with this name.
    pub fn get(&self, name: &str) -> Option<Field<'n>> {
        self.entries.iter().find(|field| field.name == name).copied()
    }

    /// The value of the field with this name.
    pub fn node(&self, name: &str) -> Option<&'n Node> {
        self.get(name).map(|field| field.node)
    }

    /// Every field, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = Field<'n>> {
        self.entries.iter().copied()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<'f> Checker<'f> {
    /// Of this file, nothing is wrong so far.
    pub fn new(file: &'f File) -> Self {
        Self { file, problems: Vec::new() }
    }

    /// The file.
    pub fn file(&self) -> &'f File {
        self.file
    }

    /// What was found, in the order in which it was.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Notes a problem.
    pub fn report(
        &mut self,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem::new(self.file, span, message, label).help(help));
    }

    /// The fields of a mapping whose keys are names that the file chooses.
    pub fn mapping<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> Option<Fields<'n>> {
        let Value::Mapping(pairs) = &node.value else {
            self.wrong_kind(node, what, "a mapping", example);
            return None;
        };
        let mut entries: Vec<Field<'n>> = Vec::new();
        for (key, value) in pairs {
            let Value::Text(name) = &key.value else {
                self.wrong_kind(key, &format!("a key of {what}"), "a word", example);
                continue;
            };
            if let Some(first) = entries.iter().find(|field| field.name == name) {
                let (line, column) = self.file.position(first.key.start);
                self.report(
                    key.span,
                    format!("`{name}` is written twice in {what}"),
                    "again here",
                    format!("the first is at {line}:{column}; remove or rename one of the two"),
                );
                continue;
            }
            entries.push(Field { name, key: key.span, node: value });
        }
        Some(Fields { span: node.span, entries })
    }

    /// The fields of a mapping that has these keys and no others.
    pub fn record<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
        example: &str,
    ) -> Option<Fields<'n>> {
        let fields = self.mapping(node, what, example)?;
        for field in fields.iter() {
            if !known.contains(&field.name) {
                let help = match nearest(field.name, known.iter().copied()) {
                    Some(meant) => format!("write `{meant}`"),
                    None => format!("{what} can have {}", quoted(known)),
                };
                self.report(
                    field.key,
                    format!("`{}` is not a key of {what}", field.name),
                    "unknown key",
                    help,
                );
            }
        }
        Some(fields)
    }

    /// A field that must be there.
    pub fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
        what: &str,
        example: &str,
    ) -> Option<Field<'n>> {
        let field = fields.get(name);
        if field.is_none() {
            self.report(
                self.first_line(fields.span),
                format!("{what} has no `{name}`"),
                format!("`{name}` is missing here"),
                format!("add `{example}`"),
            );
        }
        field
    }

    /// A text that is not empty.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) if text.is_empty() => {
                self.report(node.span, format!("{what} is empty"), "empty", format!("write `{example}`"));
                None
            }
            Value::Text(text) => Some(text),
            _ => {
                self.wrong_kind(node, what, "a text", example);
                None
            }
        }
    }

    /// A list of texts, which may be empty ones.
    pub fn texts(&mut self, node: &Node, what: &str, example: &str) -> Option<Vec<String>> {
        let items = self.list(node, what, example)?;
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Text(text) => texts.push(text.clone()),
                _ => self.wrong_kind(item, &format!("an entry of {what}"), "a text", example),
            }
        }
        (texts.len() == items.len()).then_some(texts)
    }

    /// Texts by name, such as settings; a text may be empty.
    pub fn text_map(&mut self, node: &Node, what: &str, example: &str) -> Option<BTreeMap<String, String>> {
        let fields = self.mapping(node, what, example)?;
        let mut map = BTreeMap::new();
        for field in fields.iter() {
            match &field.node.value {
                Value::Text(text) => {
                    map.insert(field.name.to_owned(), text.clone());
                }
                _ => self.wrong_kind(field.node, &format!("`{}` of {what}", field.name), "a text", example),
            }
        }
        Some(map)
    }

    /// A whole number in a range.
    pub fn number(&mut self, node: &Node, what: &str, from: u64, to: u64) -> Option<u64> {
        let number = match &node.value {
            Value::Text(text) => text.parse::<u64>().ok().filter(|number| (from..=to).contains(number)),
            _ => None,
        };
        if number.is_none() {
            self.report(
                node.span,
                format!("{what} is not a whole number from {from} to {to}"),
                "bad value",
                format!("write a whole number from {from} to {to}"),
            );
        }
        number
    }

    /// A length of time above zero and up to a day, such as `250ms`, `5s` or `2m`.
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let duration = match &node.value {
            Value::Text(text) => parse_duration(text),
            _ => None,
        };
        if duration.is_none() {
            self.report(
                node.span,
                format!("{what} is not a length of time"),
                "bad value",
                "write a whole number with a unit, such as `250ms`, `5s` or `2m`; above zero, at most a day",
            );
        }
        duration
    }

    /// The entries of a list.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> Option<&'n [Node]> {
        let Value::List(items) = &node.value else {
            self.wrong_kind(node, what, "a list", example);
            return None;
        };
        Some(items)
    }

    /// `true` or `false`.
    pub fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.value {
            Value::Text(text) if text == "true" => Some(true),
            Value::Text(text) if text == "false" => Some(false),
            _ => {
                self.report(
                    node.span,
                    format!("{what} is neither true nor false"),
                    "bad value",
                    "write `true` or `false`",
                );
                None
            }
        }
    }

    /// The part of a span that is in its first line, so that what is missing from a long mapping points at its start.
    pub fn first_line(&self, span: Span) -> Span {
        let text = &self.file.text()[span.start..span.end];
        Span { start: span.start, end: span.start + text.find('\n').unwrap_or(text.len()) }
    }

    fn wrong_kind(&mut self, node: &Node, what: &str, wanted: &str, example: &str) {
        self.report(
            self.first_line(node.span),
            format!("{what} is {}, not {wanted}", node.kind()),
            format!("should be {wanted}"),
            format!("write `{example}`"),
        );
    }
}

/// Words as a message lists them.
pub fn quoted(words: &[&str]) -> String {
    format!("`{}`", words.join("`, `"))
}
