//! The configuration file of a pattern that is a process.

use crate::pattern::Blamed;
use prism_slots::{
    PatternSpec,
    given::{self, Given},
};
use prism_yaml::{Checker, Field, File, Node, Problem, Problems, Span, Value, node};
use std::{collections::BTreeMap, path::Path, path::PathBuf, time::Duration};

const NEEDS: &str = "a pattern needs at least `listen` and `slots`";
const KEYS: [&str; 6] = ["listen", "start", "slots", "parameters", "start_timeout", "shutdown_timeout"];
const LISTEN_EXAMPLE: &str = "listen: 127.0.0.1:0";
const SLOT_EXAMPLE: &str = "store: { endpoint: http://127.0.0.1:50051 }";

/// How long slots may take to answer for the first time.
const START_TIMEOUT: Duration = Duration::from_secs(30);

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
    pub(crate) slots: BTreeMap<String, Given<String>>,
    /// Where the slots are, for what is missing in them.
    pub(crate) slots_at: Span,
    pub(crate) parameters: BTreeMap<String, Given<String>>,
    /// How long slots may take to answer for the first time.
    pub(crate) start_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
}

/// What problems are problems of.
const WHAT: &str = "the configuration";

impl Config {
    /// The file comes back as well, for problems that show later.
    pub(crate) fn load(path: &Path, pattern: &PatternSpec) -> Result<(Self, File), Problems> {
        let file = File::read(path).map_err(|problem| Problems::new(WHAT, vec![problem]))?;
        let config = read(&file, pattern).map_err(|problems| Problems::new(WHAT, problems))?;
        Ok((config, file))
    }

    /// What is wrong with slots or with parameters once the backends are known, at its place.
    pub(crate) fn unfit(&self, file: &File, told: Vec<(Blamed, String)>) -> Problems {
        let problems = told.into_iter().map(|(blamed, message)| {
            let place = match &blamed {
                Blamed::Slot(name) => self.slots.get(name).map(|given| given.span),
                Blamed::Parameter(name) => self.parameters.get(name).map(|given| given.span),
                Blamed::Nothing => None,
            };
            Problem::new(file, place.unwrap_or(self.slots_at), message, "does not fit")
        });
        let mut problems: Vec<Problem> = problems.collect();
        problems.sort_by_key(Problem::start);
        Problems::new(WHAT, problems)
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
    let slots_field = checker.required(&fields, "slots", what, &format!("slots: {{ {SLOT_EXAMPLE} }}"));
    let slots = slots_field.map(|field| {
        given::slots(checker, field, pattern, SLOT_EXAMPLE, |checker, slot, what| {
            endpoint_of(checker, slot, what, listen.as_ref())
        })
    });
    let whole = checker.first_line(document.span);
    let written = fields.get("parameters");
    let missing = start.filter(|start| *start).map(|_| written.map_or(whole, |field| field.key));
    let parameters = given::parameters(checker, written, &pattern.parameters, missing);
    if let (Some(false), Some(field)) = (start, written) {
        checker.report(
            field.key,
            "`parameters` stands with `start: false`",
            "means nothing here",
            "whoever calls Initialize gives the parameters; remove one of the two",
        );
    }
    let mut duration = |name: &str, or: Duration| match fields.node(name) {
        Some(node) => checker.duration(node, &format!("`{name}`")),
        None => Some(or),
    };
    let start_timeout = duration("start_timeout", START_TIMEOUT);
    let shutdown_timeout = duration("shutdown_timeout", SHUTDOWN_TIMEOUT);
    Some(Config {
        listen: listen?,
        start: start?,
        slots_at: slots_field.map_or(whole, |field| field.key),
        slots: slots?,
        parameters,
        start_timeout: start_timeout?,
        shutdown_timeout: shutdown_timeout?,
    })
}

/// Where a backend is reached that a slot is bound to.
fn endpoint_of(
    checker: &mut Checker<'_>,
    slot: Field<'_>,
    what: &str,
    listen: Option<&Listen>,
) -> Option<String> {
    let record = checker.record(slot.node, what, &["endpoint"], SLOT_EXAMPLE)?;
    let endpoint = checker.required(&record, "endpoint", what, "endpoint: http://…")?;
    let uri = checker.text(endpoint.node, "`endpoint`", "http://127.0.0.1:50051")?;
    if !["http://", "https://", "unix:"].iter().any(|scheme| uri.starts_with(scheme)) {
        checker.report(
            endpoint.node.span,
            format!("`{uri}` is no endpoint"),
            "bad value",
            "write `http://HOST:PORT` or `unix:PATH`",
        );
        return None;
    }
    let own = match listen {
        Some(Listen::Tcp(address)) => uri.trim_start_matches("http://") == address,
        Some(Listen::Unix(path)) => uri.strip_prefix("unix:").is_some_and(|other| Path::new(other) == path),
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
    Some(uri.to_owned())
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
        assert_eq!(config.parameters["default_ttl"].value, "5m");
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
