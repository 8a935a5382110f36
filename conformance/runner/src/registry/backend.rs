//! One `backend.yaml`.

use super::{
    driver::{self, DRIVER_EXAMPLE},
    interfaces,
    model::{Backend, DriverSpec, Origin},
    servers,
};
use prism_yaml::{Checker, File, Node, Problem, Span, Value, node};

/// What an empty file is told to add.
const NEEDS: &str =
    "a backend needs at least `backend`, `description`, `driver`, `interfaces` and `guarantees`";
const DEFAULT_CONCURRENCY: usize = 8;
const MAX_CONCURRENCY: u64 = 1024;
const KEYS: [&str; 7] =
    ["backend", "description", "driver", "concurrency", "servers", "interfaces", "guarantees"];
const BACKEND_EXAMPLE: &str = "backend: my-backend";
const DESCRIPTION_EXAMPLE: &str = "description: My server, over its own protocol";

/// What became of a file.
pub(super) struct Read {
    /// Given where it has a name, even if something else is wrong, so that repeated names are found.
    pub(super) name: Option<(String, Span)>,
    /// Given where nothing is wrong.
    pub(super) backend: Option<Backend>,
    pub(super) problems: Vec<Problem>,
}

/// Reads and checks a file.
pub(super) fn read(file: &File, builtins: &[&str]) -> Read {
    let document = match node::parse(file, NEEDS) {
        Ok(document) => document,
        Err(problems) => return Read { name: None, backend: None, problems },
    };
    if let Value::Null = document.value {
        return Read { name: None, backend: None, problems: vec![node::empty(file, NEEDS)] };
    }
    let mut checker = Checker::new(file);
    let mut name = None;
    let backend = read_document(&mut checker, &document, builtins, &mut name);
    let problems = checker.into_problems();
    // Parts that are wrong were left out, so a backend with problems is not what its file meant.
    Read { name, backend: backend.filter(|_| problems.is_empty()), problems }
}

fn read_document(
    checker: &mut Checker<'_>,
    document: &Node,
    builtins: &[&str],
    name: &mut Option<(String, Span)>,
) -> Option<Backend> {
    let what = "a backend";
    let fields = checker.record(document, what, &KEYS, BACKEND_EXAMPLE)?;

    let backend = checker.required(&fields, "backend", what, BACKEND_EXAMPLE);
    if let Some(field) = backend
        && let Some(text) = checker.text(field.node, "`backend`", BACKEND_EXAMPLE)
    {
        if is_name(text) {
            *name = Some((text.to_owned(), field.node.span));
        } else {
            checker.report(
                field.node.span,
                format!("`{text}` is not a name for a backend"),
                "bad name",
                "write lower-case letters, digits and hyphens, starting with a letter or digit",
            );
        }
    }
    let description = checker
        .required(&fields, "description", what, DESCRIPTION_EXAMPLE)
        .and_then(|field| checker.text(field.node, "`description`", DESCRIPTION_EXAMPLE));
    let driver = checker
        .required(&fields, "driver", what, DRIVER_EXAMPLE)
        .and_then(|field| driver::read(checker, field, builtins));
    let concurrency = match fields.get("concurrency") {
        Some(field) => checker.number(field.node, "`concurrency`", 1, MAX_CONCURRENCY).map(|n| n as usize),
        None => Some(DEFAULT_CONCURRENCY),
    };
    let brings_server = matches!(driver, Some(DriverSpec::Endpoint(_) | DriverSpec::Command(_)));
    let setups = servers::read(checker, fields.get("servers"), brings_server);
    let interfaces = checker.required(&fields, "interfaces", what, "interfaces: { keyvalue_scan: {} }");
    let guarantees = checker.required(&fields, "guarantees", what, interfaces::GUARANTEES_EXAMPLE);
    let declaration = interfaces::read(checker, interfaces, guarantees);

    let (name, span) = name.clone()?;
    Some(Backend {
        name,
        description: description?.to_owned(),
        driver: driver?,
        concurrency: concurrency?,
        setups,
        declaration,
        origin: Origin::new(checker.file(), span),
    })
}

/// Whether a backend can have this name: lower-case letters, digits and hyphens, starting with a letter or digit.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
