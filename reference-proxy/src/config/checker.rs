//! Reading a tree by hand, so that every problem is found and none hides another.

use super::{
    file::File,
    problem::{Problem, Span},
    yaml::{Node, Value},
};
use std::time::Duration;

/// Collects the problems of one file.
#[derive(Debug)]
pub(super) struct Checker<'f> {
    file: &'f File,
    problems: Vec<Problem>,
}

/// The keys of a mapping with their values, by key; the first of equal ones.
#[derive(Debug)]
pub(super) struct Fields<'n> {
    span: Span,
    entries: Vec<(&'n str, Span, &'n Node)>,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, ..)| *key == name).map(|(.., node)| *node)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'n str, Span, &'n Node)> {
        self.entries.iter().copied()
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }
}

impl<'f> Checker<'f> {
    pub(super) fn new(file: &'f File) -> Self {
        Self { file, problems: Vec::new() }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Notes a problem.
    pub(super) fn report(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(self.file, span, message).help(help));
    }

    /// Where a span begins, as `line:column`.
    pub(super) fn at(&self, span: Span) -> String {
        let (line, column) = self.file.place(span);
        format!("{line}:{column}")
    }

    /// A mapping with any keys, each written once.
    pub(super) fn mapping<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> Option<Fields<'n>> {
        let Value::Mapping(pairs) = &node.value else {
            self.wrong_kind(node, what, "a mapping", example);
            return None;
        };
        let mut entries: Vec<(&str, Span, &Node)> = Vec::new();
        for (key, value) in pairs {
            let Value::Text(name) = &key.value else {
                self.wrong_kind(key, &format!("a key of {what}"), "a word", example);
                continue;
            };
            if let Some((_, first, _)) = entries.iter().find(|(known, ..)| known == name) {
                let first = self.at(*first);
                self.report(
                    key.span,
                    format!("`{name}` is written twice in {what}"),
                    format!("the first is at {first}; remove or rename one of the two"),
                );
                continue;
            }
            entries.push((name, key.span, value));
        }
        Some(Fields { span: node.span, entries })
    }

    /// A mapping that has these keys and no others.
    pub(super) fn record<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
        example: &str,
    ) -> Option<Fields<'n>> {
        let fields = self.mapping(node, what, example)?;
        for (name, span, _) in fields.iter() {
            if !known.contains(&name) {
                let help = match nearest(name, known.iter().copied()) {
                    Some(meant) => format!("write `{meant}`"),
                    None => format!("{what} can have `{}`", known.join("`, `")),
                };
                self.report(span, format!("`{name}` is not a key of {what}"), help);
            }
        }
        Some(fields)
    }

    /// A field that must be there.
    pub(super) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
        what: &str,
        example: &str,
    ) -> Option<&'n Node> {
        let node = fields.get(name);
        if node.is_none() {
            self.report(fields.span(), format!("{what} has no `{name}`"), format!("add `{example}`"));
        }
        node
    }

    /// The entries of a list.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> &'n [Node] {
        if let Value::List(items) = &node.value {
            return items;
        }
        self.wrong_kind(node, what, "a list", example);
        &[]
    }

    /// A text that is not empty.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            Value::Text(_) => {
                self.report(node.span, format!("{what} is empty"), format!("write `{example}`"));
                None
            }
            _ => {
                self.wrong_kind(node, what, "a text", example);
                None
            }
        }
    }

    /// A whole number in a range.
    pub(super) fn number(&mut self, node: &Node, what: &str, from: u64, to: u64) -> Option<u64> {
        let number = match &node.value {
            Value::Text(text) => text.parse::<u64>().ok().filter(|number| (from..=to).contains(number)),
            _ => None,
        };
        if number.is_none() {
            self.report(
                node.span,
                format!("{what} is not a whole number from {from} to {to}"),
                format!("write a whole number from {from} to {to}"),
            );
        }
        number
    }

    /// A number of calls per second, above zero.
    pub(super) fn rate(&mut self, node: &Node, what: &str) -> Option<f64> {
        let rate = match &node.value {
            Value::Text(text) => text.parse::<f64>().ok().filter(|rate| (0.001..=1e9).contains(rate)),
            _ => None,
        };
        if rate.is_none() {
            self.report(
                node.span,
                format!("{what} is not a number from 0.001 to 1000000000"),
                "write how many calls a second may come, such as `100`",
            );
        }
        rate
    }

    /// A length of time above zero, such as `250ms`, `5s` or `2m`.
    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let duration = match &node.value {
            Value::Text(text) => parse_duration(text),
            _ => None,
        };
        if duration.is_none() {
            self.report(
                node.span,
                format!("{what} is not a length of time"),
                "write a whole number above 0 with its unit, up to a day: `250ms`, `5s` or `2m`",
            );
        }
        duration
    }

    fn wrong_kind(&mut self, node: &Node, what: &str, wanted: &str, example: &str) {
        self.report(
            node.span,
            format!("{what} is {}, not {wanted}", node.kind()),
            format!("write `{example}`"),
        );
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => number,
        "s" => number.checked_mul(1_000)?,
        "m" => number.checked_mul(60_000)?,
        _ => return None,
    };
    (1..=86_400_000).contains(&milliseconds).then(|| Duration::from_millis(milliseconds))
}

/// The candidate that was probably meant: at most a third of its letters are wrong.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_are_above_zero() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_mins(2)));
        for bad in ["", "5", "s", "0s", "-1s", "1.5s", "5 s", "5h", "99999999999999999999s", "1441m"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
