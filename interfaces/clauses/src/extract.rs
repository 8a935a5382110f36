//! Finds the numbered clauses in the comments of a compiled `.proto` file.

use prost_types::{FileDescriptorProto, source_code_info::Location};
use std::fmt;

/// A clause as it stands in a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawClause {
    /// Such as `KVB-07`.
    pub id: String,
    /// `MUST`, `SHOULD` or `MAY`.
    pub level: String,
    /// The contract revision from which on it counts, such as `2026-12`; none if it always has.
    pub from: Option<String>,
    /// The sentence, on one line.
    pub text: String,
    /// What the comment belongs to, such as `KeyValueBasic.Set`.
    pub element: String,
    /// The line in the `.proto` file, from 1.
    pub line: usize,
}

/// A comment that looks like a clause but is not one, or a number that is out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClauseError {
    /// As the descriptor calls it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is wrong, and what is expected.
    pub message: String,
}

impl std::error::Error for ClauseError {}

impl fmt::Display for ClauseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// All clauses of a file in the order of their lines, or everything that is wrong with them.
///
/// `source` is the text of the file; it is needed for line numbers, which descriptors give for elements but not for
/// their comments.
pub fn extract(file: &FileDescriptorProto, source: &str) -> Result<Vec<RawClause>, Vec<ClauseError>> {
    let mut lines = ClauseLines::new(source);
    let mut errors = Vec::new();
    let mut clauses: Vec<RawClause> = Vec::new();

    let info = file.source_code_info.clone().unwrap_or_default();
    let mut locations: Vec<&Location> = info.location.iter().collect();
    locations.sort_by_key(|location| location.span.clone());
    for location in locations {
        let element = element_name(file, &location.path);
        let comments = location
            .leading_detached_comments
            .iter()
            .map(String::as_str)
            .chain(location.leading_comments.as_deref())
            .chain(location.trailing_comments.as_deref());
        for paragraph in comments.flat_map(paragraphs) {
            if !paragraph.starts_with('[') {
                continue;
            }
            let line = lines.next_line();
            match parse(&paragraph) {
                Ok(parsed) => clauses.push(RawClause { element: element.clone(), line, ..parsed }),
                Err(message) => errors.push(ClauseError { file: file.name().to_owned(), line, message }),
            }
        }
    }
    errors.extend(order_errors(file.name(), &clauses));
    if errors.is_empty() { Ok(clauses) } else { Err(errors) }
}

/// Joins the lines of each paragraph of a comment; a line that starts with `[` starts a paragraph of its own.
fn paragraphs(comment: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in comment.lines().map(str::trim) {
        if line.is_empty() {
            open = false;
        } else if open && !line.starts_with('[') {
            if let Some(last) = found.last_mut() {
                last.push(' ');
                last.push_str(line);
            }
        } else {
            found.push(line.to_owned());
            open = true;
        }
    }
    found
}

fn parse(paragraph: &str) -> Result<RawClause, String> {
    let shape = "a clause reads `[ABC-01] MUST|SHOULD|MAY sentence.`, with `(from 2026-12)` after the level while it is provisional";
    let (id, rest) = paragraph[1..].split_once(']').ok_or_else(|| format!("no `]`; {shape}"))?;
    let (prefix, number) = id.split_once('-').ok_or_else(|| format!("`[{id}]` is no clause id; {shape}"))?;
    if prefix.len() != 3
        || !prefix.bytes().all(|b| b.is_ascii_uppercase())
        || number.len() != 2
        || !number.bytes().all(|b| b.is_ascii_digit())
    {
        return Err(format!("`[{id}]` is no clause id; {shape}"));
    }
    let (level, text) =
        rest.trim().split_once(' ').ok_or_else(|| format!("`[{id}]` has no sentence; {shape}"))?;
    if !["MUST", "SHOULD", "MAY"].contains(&level) {
        return Err(format!("`[{id}]` has the level `{level}`; {shape}"));
    }
    let (from, text) = match text.trim_start().strip_prefix("(from") {
        None => (None, text),
        Some(rest) => match rest.split_once(')') {
            Some((revision, text)) if is_revision(revision.trim()) => {
                (Some(revision.trim().to_owned()), text)
            }
            _ => return Err(format!("`[{id}]` does not say from which revision it counts; {shape}")),
        },
    };
    if ["", "."].contains(&text.trim()) {
        return Err(format!("`[{id}]` has no sentence; {shape}"));
    }
    if !text.ends_with('.') {
        return Err(format!("`[{id}]` does not end with a full stop; {shape}"));
    }
    Ok(RawClause {
        id: id.to_owned(),
        level: level.to_owned(),
        from,
        text: text.trim().to_owned(),
        element: String::new(),
        line: 0,
    })
}

/// Year and month: revisions are compared as text.
fn is_revision(text: &str) -> bool {
    let Some((year, month)) = text.split_once('-') else { return false };
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(year, 4) && digits(month, 2) && ("01"..="12").contains(&month)
}

/// One prefix a file, numbers 01, 02, 03 in the order of the lines.
fn order_errors(file: &str, clauses: &[RawClause]) -> Vec<ClauseError> {
    let mut errors = Vec::new();
    let Some(first) = clauses.first() else { return errors };
    let prefix = &first.id[..3];
    for (index, clause) in clauses.iter().enumerate() {
        let expected = format!("{prefix}-{:02}", index + 1);
        if clause.id == expected {
            continue;
        }
        let message = if clauses[..index].iter().any(|earlier| earlier.id == clause.id) {
            format!("`[{}]` is there twice; expected `[{expected}]`", clause.id)
        } else {
            format!("`[{}]` is out of order; expected `[{expected}]`", clause.id)
        };
        errors.push(ClauseError { file: file.to_owned(), line: clause.line, message });
    }
    errors
}

/// The lines of the source on which a clause starts, in order: the same order in which descriptors list comments.
struct ClauseLines(std::vec::IntoIter<usize>);

impl ClauseLines {
    fn new(source: &str) -> Self {
        let starts = source
            .lines()
            .enumerate()
            .filter(|(_, line)| {
                line.trim_start()
                    .strip_prefix("//")
                    .is_some_and(|comment| comment.trim_start().starts_with('['))
            })
            .map(|(index, _)| index + 1);
        Self(starts.collect::<Vec<_>>().into_iter())
    }

    fn next_line(&mut self) -> usize {
        self.0.next().unwrap_or(0)
    }
}

fn element_name(file: &FileDescriptorProto, path: &[i32]) -> String {
    let at =
        |index: usize| path.get(index).and_then(|value| usize::try_from(*value).ok()).unwrap_or(usize::MAX);
    match path.first() {
        Some(6) => {
            let Some(service) = file.service.get(at(1)) else { return String::new() };
            match (path.get(2), service.method.get(at(3))) {
                (Some(2), Some(method)) => format!("{}.{}", service.name(), method.name()),
                _ => service.name().to_owned(),
            }
        }
        Some(4) => file.message_type.get(at(1)).map(|message| message.name().to_owned()).unwrap_or_default(),
        Some(5) => file.enum_type.get(at(1)).map(|item| item.name().to_owned()).unwrap_or_default(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::{
        MethodDescriptorProto, ServiceDescriptorProto, SourceCodeInfo, source_code_info::Location,
    };

    /// A file with one service of one rpc whose comments are given; the source repeats them.
    fn file(service: &str, method: &str) -> (FileDescriptorProto, String) {
        let location = |path: Vec<i32>, line: i32, text: &str| Location {
            path,
            span: vec![line, 0, 1],
            leading_comments: Some(text.to_owned()),
            ..Location::default()
        };
        let descriptor = FileDescriptorProto {
            name: Some("x.proto".to_owned()),
            service: vec![ServiceDescriptorProto {
                name: Some("Thing".to_owned()),
                method: vec![MethodDescriptorProto { name: Some("Do".to_owned()), ..Default::default() }],
                ..Default::default()
            }],
            source_code_info: Some(SourceCodeInfo {
                // Deliberately not in the order of the lines.
                location: vec![location(vec![6, 0, 2, 0], 9, method), location(vec![6, 0], 5, service)],
            }),
            ..Default::default()
        };
        let comment = |text: &str| text.lines().fold(String::new(), |all, line| all + "  // " + line + "\n");
        let source = format!("syntax;\n{}service\n{}rpc\n", comment(service), comment(method));
        (descriptor, source)
    }

    fn errors(service: &str, method: &str) -> Vec<String> {
        let (descriptor, source) = file(service, method);
        extract(&descriptor, &source).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn clauses_carry_their_element_line_and_joined_text() {
        let (descriptor, source) = file(
            "A service.\n\n[ABC-01] MUST Be\n  kind.\n[ABC-02] MAY Rest.",
            "[ABC-03] SHOULD Do.\n\nMore.",
        );
        let clauses = extract(&descriptor, &source).unwrap();
        let seen: Vec<_> = clauses
            .iter()
            .map(|c| (c.id.as_str(), c.level.as_str(), c.text.as_str(), c.element.as_str(), c.line))
            .collect();
        assert_eq!(
            seen,
            [
                ("ABC-01", "MUST", "Be kind.", "Thing", 4),
                ("ABC-02", "MAY", "Rest.", "Thing", 6),
                ("ABC-03", "SHOULD", "Do.", "Thing.Do", 8),
            ]
        );
    }

    #[test]
    fn a_provisional_clause_says_from_when_it_counts() {
        let (descriptor, source) =
            file("A service.\n\n[ABC-01] MUST (from 2026-12) Be\n  kind.\n[ABC-02] MUST Be.", "Words.");
        let clauses = extract(&descriptor, &source).unwrap();
        let seen: Vec<_> = clauses.iter().map(|c| (c.from.as_deref(), c.text.as_str())).collect();
        assert_eq!(seen, [(Some("2026-12"), "Be kind."), (None, "Be.")]);
    }

    #[test]
    fn duplicates_and_gaps_are_errors_with_their_lines() {
        assert_eq!(
            errors("[ABC-01] MUST A.\n[ABC-01] MUST B.", "[ABC-04] MUST C."),
            [
                "x.proto:3: `[ABC-01]` is there twice; expected `[ABC-02]`",
                "x.proto:5: `[ABC-04]` is out of order; expected `[ABC-03]`"
            ]
        );
        assert_eq!(
            errors("[ABC-01] MUST A.", "[ABD-02] MUST B."),
            ["x.proto:4: `[ABD-02]` is out of order; expected `[ABC-02]`"]
        );
    }

    #[test]
    fn malformed_clauses_are_errors_with_their_lines() {
        for (comment, part) in [
            ("[ABC-1] MUST A.", "no clause id"),
            ("[abc-01] MUST A.", "no clause id"),
            ("[ABC01] MUST A.", "no clause id"),
            ("[ABC-01 MUST A.", "no `]`"),
            ("[ABC-01] must A.", "level `must`"),
            ("[ABC-01] MUST", "no sentence"),
            ("[ABC-01] MUST A", "full stop"),
            ("[ABC-01] MUST (from 2026-13) A.", "from which revision"),
            ("[ABC-01] MUST (from later) A.", "from which revision"),
            ("[ABC-01] MUST (from 2026-12 A.", "from which revision"),
            ("[ABC-01] MUST (from 2026-12) .", "no sentence"),
        ] {
            let found = errors("Words.", comment);
            assert!(found[0].starts_with("x.proto:4: ") && found[0].contains(part), "{comment}: {found:?}");
        }
    }
}
