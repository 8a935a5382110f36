//! Reads expectation files: the failures that are known.
//!
//! A name that nothing has is a mistake in the file. An entry whose names exist and that still speaks of nothing is left
//! in, with [`Expectation::known`] 0: the report makes a failure of it.

pub mod update;

use crate::PlannedTarget;
use jiff::civil::Date;
use prism_interfaces::catalogue;
use prism_reports::{
    event::Route,
    expectation::{Expectation, Subject},
    pattern::matches,
};
use prism_yaml::{Checker, Field, Fields, File, Node, Problem, Problems, Span, Value, nearest, node};
use std::collections::{BTreeSet, HashMap};

const EXAMPLE: &str = "expectations:";
const KEYS: &[&str] = &["backend", "case", "route", "because", "issue", "expires", "clause", "error"];
const ENTRY: &str = "- { backend: redis, case: keyvalue_ttl/accepts_max_ttl, because: …, issue: https://…, expires: 2027-03-31 }";

/// An entry with its places in the file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it says.
    pub expectation: Expectation,
    /// The whole entry, from its first key to its last value.
    pub span: Span,
    /// The value of `backend`.
    pub backend: Span,
    /// The value of `case`.
    pub case: Span,
}

impl From<&PlannedTarget> for Subject {
    fn from(target: &PlannedTarget) -> Self {
        Self {
            backend: target.backend.name.clone(),
            setup: target.setup.name.clone(),
            name: target.name.clone(),
            route: target.route,
        }
    }
}

/// What a file says.
#[derive(Debug, Clone)]
pub struct Entries {
    /// In the order of the file.
    pub entries: Vec<Entry>,
    /// The value of `expectations`.
    pub list: Span,
}

/// Reads a file against everything that is registered, by every way: what entries may speak of.
///
/// # Errors
///
/// Everything that is wrong with the file, each with its line and with what to write instead.
pub fn read(file: &File, everything: &[PlannedTarget]) -> Result<Entries, Problems> {
    let failed = |problems| Problems::new("the expectation file", problems);
    let root =
        node::parse(file, "add `expectations:` with an entry for each known failure").map_err(failed)?;
    let mut reader = Reader { checker: Checker::new(file), known: Known::of(everything) };
    let (list, mut entries) = reader.file(&root);
    let overlaps = count(file, &mut entries, everything);
    let mut problems = reader.checker.into_problems();
    problems.extend(overlaps);
    problems.sort_by_key(Problem::start);
    if problems.is_empty() { Ok(Entries { entries, list }) } else { Err(failed(problems)) }
}

/// What there is to speak of.
struct Known {
    subjects: Vec<Subject>,
    backends: BTreeSet<String>,
    cases: BTreeSet<String>,
}

impl Known {
    fn of(everything: &[PlannedTarget]) -> Self {
        let subjects: Vec<Subject> = everything.iter().map(Subject::from).collect();
        let mut backends = BTreeSet::new();
        for target in everything {
            backends.extend([target.backend.name.clone(), target.name.clone()]);
            if !target.name.contains('[') {
                backends.insert(format!("{}@{}", target.backend.name, target.setup.name));
            }
        }
        let planned = everything.iter().flat_map(|target| &target.cases).map(|case| case.id.clone());
        let suites = prism_suites::suite::all().into_iter().map(|case| case.id);
        Self { subjects, backends, cases: planned.chain(suites).collect() }
    }
}

struct Reader<'f> {
    checker: Checker<'f>,
    known: Known,
}

impl Reader<'_> {
    fn file(&mut self, root: &Node) -> (Span, Vec<Entry>) {
        let what = "the expectation file";
        let Some(fields) = self.checker.record(root, what, &["expectations"], EXAMPLE) else {
            return (root.span, Vec::new());
        };
        let Some(list) = self.checker.required(&fields, "expectations", what, EXAMPLE) else {
            return (root.span, Vec::new());
        };
        // Nothing after the colon is an empty list: what is left when the last entry was removed.
        if matches!(list.node.value, Value::Null) {
            return (self.nothing(list), Vec::new());
        }
        let items = self.checker.list(list.node, "`expectations`", ENTRY).unwrap_or_default();
        (list.node.span, items.iter().filter_map(|item| self.entry(item)).collect())
    }

    /// Where a value could be written that is not there: at the end of the line, or in place of `null`.
    fn nothing(&self, field: Field<'_>) -> Span {
        let text = self.checker.file().text();
        let written = &text[field.node.span.start..field.node.span.end];
        if matches!(written, "null" | "~") {
            return field.node.span;
        }
        let at = text[field.key.end..].find('\n').map_or(text.len(), |at| field.key.end + at);
        Span { start: at, end: at }
    }

    fn entry(&mut self, item: &Node) -> Option<Entry> {
        let what = "an expectation";
        let fields = self.checker.record(item, what, KEYS, ENTRY)?;
        let backend = self.checker.required(&fields, "backend", what, "backend: redis");
        let case = self.checker.required(&fields, "case", what, "case: keyvalue_ttl/accepts_max_ttl");
        let backends = backend.and_then(|field| self.names(field, "redis", Self::check_backend));
        let cases =
            case.and_then(|field| self.names(field, "keyvalue_ttl/accepts_max_ttl", Self::check_case));
        let because = self.sentence(&fields, "because", "because: the server rounds to whole seconds");
        let issue = self.sentence(&fields, "issue", "issue: https://example.com/issues/7");
        if let (Some(link), Some(field)) = (&issue, fields.get("issue")) {
            self.check_link(link, field.node.span);
        }
        let expires = self.sentence(&fields, "expires", "expires: 2027-03-31");
        if let (Some(date), Some(field)) = (&expires, fields.get("expires")) {
            self.check_date(date, field.node.span);
        }
        // A bad value is a problem of the file, so that nobody gets to see the entry without it.
        let route = fields.node("route").and_then(|node| self.route(node));
        let clause = fields.node("clause").and_then(|node| self.clause(node));
        let error = fields.node("error").and_then(|node| self.error(node));
        let (line, _) = self.checker.file().position(item.span.start);
        Some(Entry {
            expectation: Expectation {
                file: self.checker.file().path().to_owned(),
                line,
                backends: backends?,
                cases: cases?,
                route,
                because: because?,
                issue: issue?,
                expires: expires?,
                clause,
                error,
                known: 0,
            },
            span: self.exact(item),
            backend: self.exact(backend?.node),
            case: self.exact(case?.node),
        })
    }

    /// The place of a node without the comments that follow it.
    fn exact(&self, node: &Node) -> Span {
        let text = self.checker.file().text();
        let last = match &node.value {
            Value::Null | Value::Text(_) => return node.span,
            Value::List(items) => items.last(),
            Value::Mapping(pairs) => pairs.last().map(|(_, value)| value),
        };
        let end = last.map_or(node.span.start, |last| self.exact(last).end);
        // What is written in brackets ends with one.
        let bracket = match text.as_bytes().get(node.span.start) {
            Some(b'[') => text[end..].find(']'),
            Some(b'{') => text[end..].find('}'),
            _ => None,
        };
        Span { start: node.span.start, end: bracket.map_or(end, |at| end + at + 1) }
    }

    /// One name, or a list of them, none twice.
    fn names(
        &mut self,
        field: Field<'_>,
        example: &str,
        check: fn(&mut Self, &str, Span) -> bool,
    ) -> Option<Vec<String>> {
        let what = format!("`{}`", field.name);
        let nodes = match &field.node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(field.node),
        };
        if nodes.is_empty() {
            self.checker.report(
                field.key,
                format!("{what} names nothing"),
                "empty",
                format!("write `{example}`"),
            );
            return None;
        }
        let mut names: Vec<String> = Vec::new();
        let mut good = true;
        for node in nodes {
            let Some(name) = self.checker.text(node, &what, example) else {
                good = false;
                continue;
            };
            if names.iter().any(|known| known == name) {
                self.checker.report(
                    node.span,
                    format!("`{name}` is named twice"),
                    "again here",
                    "remove one of the two",
                );
                good = false;
            }
            good &= check(self, name, node.span);
            names.push(name.to_owned());
        }
        good.then_some(names)
    }

    fn check_backend(&mut self, name: &str, span: Span) -> bool {
        if self.known.subjects.iter().any(|subject| subject.is_meant_by(name)) {
            return true;
        }
        let help = match nearest(name, self.known.backends.iter().map(String::as_str)) {
            Some(meant) => format!("write `{meant}`"),
            None => "`prism-conformance list` shows the backends and the bindings of patterns".to_owned(),
        };
        self.checker.report(span, format!("there is no backend `{name}`"), "unknown backend", help);
        false
    }

    fn check_case(&mut self, name: &str, span: Span) -> bool {
        if self.known.cases.iter().any(|id| matches(name, id)) {
            return true;
        }
        let help = match nearest(name, self.known.cases.iter().map(String::as_str)) {
            Some(meant) => format!("write `{meant}`"),
            None => "`prism-conformance list` shows the cases".to_owned(),
        };
        self.checker.report(span, format!("there is no case `{name}`"), "unknown case", help);
        false
    }

    fn sentence(&mut self, fields: &Fields<'_>, name: &str, example: &str) -> Option<String> {
        let field = self.checker.required(fields, name, "an expectation", example)?;
        self.checker.text(field.node, &format!("`{name}`"), example).map(str::to_owned)
    }

    fn check_link(&mut self, link: &str, span: Span) {
        if !is_link(link) {
            self.checker.report(
                span,
                "`issue` is no link",
                "not a link",
                "write the address of the issue, such as `https://example.com/issues/7`",
            );
        }
    }

    fn check_date(&mut self, date: &str, span: Span) {
        if !is_date(date) {
            self.checker.report(
                span,
                format!("`expires` is `{date}`, which is no day"),
                "not a day",
                "write a day as `2027-03-31`: the last on which the failure is excused",
            );
        }
    }

    fn route(&mut self, node: &Node) -> Option<Route> {
        match &node.value {
            Value::Text(text) if text == "direct" => Some(Route::Direct),
            Value::Text(text) if text == "proxy" => Some(Route::Proxy),
            _ => {
                self.checker.report(
                    node.span,
                    "`route` is neither direct nor proxy",
                    "bad value",
                    "write `direct` or `proxy`, or leave `route` out where the verdict is the same both ways",
                );
                None
            }
        }
    }

    fn clause(&mut self, node: &Node) -> Option<String> {
        let id = self.checker.text(node, "`clause`", "KVT-04")?;
        if catalogue::clause(id).is_some() {
            return Some(id.to_owned());
        }
        let help = match nearest(id, catalogue::clauses().map(|clause| clause.id)) {
            Some(meant) => format!("write `{meant}`"),
            None => "`prism-conformance explain keyvalue_ttl` shows the clauses of an interface".to_owned(),
        };
        self.checker.report(node.span, format!("there is no clause `{id}`"), "unknown clause", help);
        None
    }

    fn error(&mut self, node: &Node) -> Option<String> {
        let word = self.checker.text(node, "`error`", "RESOURCE_EXHAUSTED")?;
        let is_word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(is_word) {
            return Some(word.to_owned());
        }
        self.checker.report(
            node.span,
            "`error` is neither a gRPC status nor a reason",
            "bad value",
            "write it in capitals, such as `RESOURCE_EXHAUSTED` or `KEY_TOO_LONG`",
        );
        None
    }
}

/// Whether this is the address of something.
pub fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.chars().any(|c| c.is_whitespace() || c.is_control()))
}

/// Whether this is a day, as `expires` takes it.
pub fn is_date(text: &str) -> bool {
    // The parser also takes a time of day, which would be lost.
    text.len() == 10 && text.parse::<Date>().is_ok()
}

/// Counts what each entry speaks of. Two that speak of the same result would contradict each other: a problem.
fn count(file: &File, entries: &mut [Entry], everything: &[PlannedTarget]) -> Vec<Problem> {
    let mut overlaps: HashMap<(usize, usize), String> = HashMap::new();
    for target in everything {
        let subject = Subject::from(target);
        let of_it: Vec<usize> =
            (0..entries.len()).filter(|&place| entries[place].expectation.speaks_of(&subject)).collect();
        for case in target.cases.iter().filter(|_| !of_it.is_empty()) {
            let mut first = None;
            for &place in &of_it {
                if !entries[place].expectation.speaks_of_case(&case.id) {
                    continue;
                }
                entries[place].expectation.known += 1;
                match first {
                    None => first = Some(place),
                    Some(first) => {
                        let what = || format!("{} on {}", case.id, target.label);
                        overlaps.entry((first, place)).or_insert_with(what);
                    }
                }
            }
        }
    }
    let problem = |((first, second), what): ((usize, usize), String)| {
        let line = entries[first].expectation.line;
        Problem::new(
            file,
            entries[second].case,
            format!("line {line} speaks of {what} as well"),
            "again here",
        )
        .help("narrow or remove one of the two")
    };
    overlaps.into_iter().map(problem).collect()
}
