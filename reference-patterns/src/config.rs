//! The configuration file of a pattern that is a process.

use prism_slots::{ParameterSpec, PatternSpec};
use prism_yaml::{Checker, Field, File, Node, Problem, Problems, Value, nearest, node, quoted};
use std::{collections::BTreeMap, path::Path, path::PathBuf, time::Duration};

const NEEDS: &str = "a pattern needs at least `listen` and `slots`";
const KEYS: [&str; 5] = ["listen", "start", "slots", "parameters", "shutdown_timeout"];
const LISTEN_EXAMPLE: &str = "listen: 127.0.0.1:0";
const SLOT_EXAMPLE: &str = "store: { endpoint: http://127.0.0.1:50051 }";

/// How long what is in flight may take when the process is asked to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the process listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listen {
    /// `host:port`; port 0 takes a free one.
    Tcp(String),
    /// A Unix socket that is not there yet.
    Unix(PathBuf),
}

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) listen: Listen,
    /// Whether it starts by itself; else it waits for Initialize and Start, as behind a proxy.
    pub(crate) start: bool,
    /// The URI of what is bound, by slot.
    pub(crate) slots: BTreeMap<String, String>,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) shutdown_timeout: Duration,
}

impl Config {
    pub(crate) fn load(path: &Path, pattern: &PatternSpec) -> Result<Self, Problems> {
        let what = "the configuration";
        let file = File::read(path).map_err(|problem| Problems::new(what, vec![problem]))?;
        read(&file, pattern).map_err(|problems| Problems::new(what, problems))
    }
}

fn read(file: &File, pattern: &PatternSpec) -> Result<Config, Vec<Problem>> {
    let document = node::parse(file, NEEDS)?;
    if let Value::Null = document.value {
        return Err(vec![node::empty(file, NEEDS)]);
    }
    let mut checker = Checker::new(file);
    let config = document_of(&mut checker, &document, pattern);
    let mut problems = checker.into_problems();
    problems.sort_by_key(Problem::start);
    config.filter(|_| problems.is_empty()).ok_or(problems)
}

fn document_of(checker: &mut Checker<'_>, document: &Node, pattern: &PatternSpec) -> Option<Config> {
    let what = "the configuration";
    let fields = checker.record(document, what, &KEYS, LISTEN_EXAMPLE)?;
    let listen = checker
        .required(&fields, "listen", what, LISTEN_EXAMPLE)
        .and_then(|field| checker.text(field.node, "`listen`", LISTEN_EXAMPLE))
        .map(|text| match text.strip_prefix("unix:") {
            Some(path) => Listen::Unix(PathBuf::from(path)),
            None => Listen::Tcp(text.to_owned()),
        });
    let start = match fields.node("start") {
        Some(node) => checker.flag(node, "`start`"),
        None => Some(true),
    };
    let slots = checker
        .required(&fields, "slots", what, &format!("slots: {{ {SLOT_EXAMPLE} }}"))
        .map(|field| slots_of(checker, field, pattern, listen.as_ref()));
    let parameters = match fields.get("parameters") {
        Some(field) => parameters_of(checker, field, &pattern.parameters),
        None => BTreeMap::new(),
    };
    let shutdown_timeout = match fields.node("shutdown_timeout") {
        Some(node) => checker.duration(node, "`shutdown_timeout`"),
        None => Some(SHUTDOWN_TIMEOUT),
    };
    Some(Config {
        listen: listen?,
        start: start?,
        slots: slots?,
        parameters,
        shutdown_timeout: shutdown_timeout?,
    })
}

fn slots_of(
    checker: &mut Checker<'_>,
    field: Field<'_>,
    pattern: &PatternSpec,
    listen: Option<&Listen>,
) -> BTreeMap<String, String> {
    let mut slots = BTreeMap::new();
    let Some(fields) = checker.mapping(field.node, "`slots`", SLOT_EXAMPLE) else { return slots };
    let known: Vec<&str> = pattern.slots.iter().map(|slot| slot.name.as_str()).collect();
    for slot in fields.iter() {
        let what = format!("the slot `{}`", slot.name);
        if !known.contains(&slot.name) {
            let help = match nearest(slot.name, known.iter().copied()) {
                Some(meant) => format!("write `{meant}`"),
                None => format!("the slots of {} are {}", pattern.name, quoted(&known)),
            };
            checker.report(
                slot.key,
                format!("`{}` has no slot `{}`", pattern.name, slot.name),
                "unknown slot",
                help,
            );
            continue;
        }
        let Some(record) = checker.record(slot.node, &what, &["endpoint"], SLOT_EXAMPLE) else { continue };
        let Some(endpoint) = checker.required(&record, "endpoint", &what, "endpoint: http://…") else {
            continue;
        };
        let Some(uri) = checker.text(endpoint.node, "`endpoint`", "http://127.0.0.1:50051") else { continue };
        if !["http://", "https://", "unix:"].iter().any(|scheme| uri.starts_with(scheme)) {
            checker.report(
                endpoint.node.span,
                format!("`{uri}` is no endpoint"),
                "bad value",
                "write `http://HOST:PORT` or `unix:PATH`",
            );
            continue;
        }
        let own = match listen {
            Some(Listen::Tcp(address)) => uri.trim_start_matches("http://") == address,
            Some(Listen::Unix(path)) => {
                uri.strip_prefix("unix:").is_some_and(|other| Path::new(other) == path)
            }
            None => false,
        };
        if own {
            checker.report(
                endpoint.node.span,
                format!("{what} is bound to the pattern itself"),
                "this is where it listens",
                "bind a backend to it",
            );
        }
        slots.insert(slot.name.to_owned(), uri.to_owned());
    }
    for missing in pattern.slots.iter().filter(|slot| !slot.optional && fields.get(&slot.name).is_none()) {
        checker.report(
            field.key,
            format!("nothing is bound to the slot `{}`", missing.name),
            format!("{} needs it for {}", pattern.name, missing.description),
            format!("add `{}: {{ endpoint: http://… }}`", missing.name),
        );
    }
    slots
}

fn parameters_of(
    checker: &mut Checker<'_>,
    field: Field<'_>,
    specs: &[ParameterSpec],
) -> BTreeMap<String, String> {
    let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let mut parameters = BTreeMap::new();
    let Some(fields) = checker.record(field.node, "`parameters`", &known, "parameters: { max_retries: 3 }")
    else {
        return parameters;
    };
    for field in fields.iter() {
        let Some(spec) = specs.iter().find(|spec| spec.name == field.name) else { continue };
        let Value::Text(text) = &field.node.value else {
            checker.text(field.node, &format!("`{}`", field.name), "3");
            continue;
        };
        if let Err(problem) = spec.kind.parse(text) {
            checker.report(
                field.node.span,
                format!("`{}` {problem}", field.name),
                "bad value",
                format!("it is {}", spec.description),
            );
        }
        parameters.insert(field.name.to_owned(), text.clone());
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_keyvalue(text: &str) -> Result<Config, Vec<String>> {
        let pattern = crate::find("keyvalue").unwrap().spec();
        let told =
            |problem: &Problem| format!("{}: {problem}", problem.position().map_or(0, |(_, line, _)| line));
        read(&File::new("pattern.yaml", text, None), pattern)
            .map_err(|problems| problems.iter().map(told).collect())
    }

    #[test]
    fn a_good_file_is_read() {
        let config = of_keyvalue(
            "listen: 127.0.0.1:0\nslots: { store: { endpoint: http://127.0.0.1:1 } }\nparameters: { default_ttl: 5m }\n",
        )
        .unwrap();
        assert_eq!(config.listen, Listen::Tcp("127.0.0.1:0".into()));
        assert_eq!((config.start, config.shutdown_timeout), (true, SHUTDOWN_TIMEOUT));
        assert_eq!(config.parameters["default_ttl"], "5m");
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let told = of_keyvalue(
            "listen: unix:/run/a.sock\n\
             start: maybe\n\
             slots:\n  stor: { endpoint: http://a }\n  store: { endpoint: unix:/run/a.sock }\n  store: {}\n\
             parameters:\n  default_ttl: 5 minutes\n  color: red\n",
        )
        .unwrap_err();
        let expected = [
            "2: `start` is neither",
            "4: `keyvalue` has no slot `stor`",
            "5: the slot `store` is bound to the pattern itself",
            "6: `store` is written twice",
            "8: `default_ttl` is `5 minutes`; write a length of time",
            "9: `color` is not a key",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told}\n{expected}");
        }
        let empty = of_keyvalue("listen: 127.0.0.1:0\nslots: {}\n").unwrap_err();
        assert!(empty[0].starts_with("2: nothing is bound to the slot `store`"), "{empty:?}");
    }
}
