//! One `backend.yaml`.

use std::collections::BTreeMap;

use super::{
    checker::{Checker, Field, quoted},
    interfaces,
    model::{Backend, DriverSpec},
    nearest::nearest,
    problem::{Problem, Span},
    servers,
    source::File,
    yaml::{self, Value},
};

const DEFAULT_CONCURRENCY: usize = 8;
const MAX_CONCURRENCY: u64 = 1024;
const KEYS: [&str; 7] =
    ["backend", "description", "driver", "concurrency", "servers", "interfaces", "guarantees"];
const BACKEND_EXAMPLE: &str = "backend: my-backend";
const DESCRIPTION_EXAMPLE: &str = "description: My server, over its own protocol";
const DRIVER_EXAMPLE: &str = "driver: { endpoint: \"http://127.0.0.1:50051\" }";

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
    let document = match yaml::parse(file) {
        Ok(document) => document,
        Err(problems) => return Read { name: None, backend: None, problems },
    };
    if let Value::Null = document.value {
        return Read { name: None, backend: None, problems: vec![yaml::empty(file)] };
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
    document: &yaml::Node,
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
        .and_then(|field| read_driver(checker, field, builtins));
    let concurrency = match fields.get("concurrency") {
        Some(field) => checker.number(field.node, "`concurrency`", 1, MAX_CONCURRENCY).map(|n| n as usize),
        None => Some(DEFAULT_CONCURRENCY),
    };
    let brings_server = matches!(driver, Some(DriverSpec::Endpoint { .. }));
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
        origin: checker.file().origin(span),
    })
}

fn read_driver(checker: &mut Checker<'_>, field: Field<'_>, builtins: &[&str]) -> Option<DriverSpec> {
    let what = "`driver`";
    let known = ["builtin", "endpoint", "command", "settings"];
    let fields = checker.record(field.node, what, &known, DRIVER_EXAMPLE)?;
    let [builtin, endpoint, command, settings] = known.map(|name| fields.get(name));
    let ways: Vec<Field<'_>> = [builtin, endpoint, command].into_iter().flatten().collect();
    if ways.len() > 1 {
        let names: Vec<&str> = ways.iter().map(|way| way.name).collect();
        checker.report(
            ways[1].key,
            format!("a driver is one thing, but {} are given", quoted(&names)),
            "one too many",
            "keep one of them",
        );
    } else if ways.is_empty() {
        checker.report(
            field.key,
            "the driver is not named",
            "neither `builtin` nor `endpoint`",
            format!(
                "write `{DRIVER_EXAMPLE}`, or `driver: {{ builtin: … }}` with one of {}",
                quoted(builtins)
            ),
        );
    }
    if let Some(command) = command {
        checker.report(
            command.key,
            "`driver: command` is not supported yet",
            "cannot be started from here",
            "serve the driver yourself and use `driver: { endpoint: … }`",
        );
    }
    if let (Some(settings), None, Some(_)) = (settings, endpoint, builtin) {
        checker.report(
            settings.key,
            "`settings` stands beside `builtin`",
            "not here",
            "write the settings under a set-up in `servers`",
        );
    }
    let settings = match (settings, endpoint) {
        (Some(settings), Some(_)) => {
            checker.text_map(settings.node, "`settings`", "settings: { pool: \"4\" }")?
        }
        _ => BTreeMap::new(),
    };
    match (builtin, endpoint) {
        (Some(builtin), None) => {
            let name = checker.text(builtin.node, "`builtin`", "builtin: memstore")?;
            if !builtins.contains(&name) {
                let help = match nearest(name, builtins.iter().copied()) {
                    Some(meant) => format!("write `{meant}`"),
                    None => format!("the built-in drivers are {}", quoted(builtins)),
                };
                checker.report(
                    builtin.node.span,
                    format!("there is no built-in driver `{name}`"),
                    "unknown driver",
                    help,
                );
                return None;
            }
            Some(DriverSpec::Builtin(name.to_owned()))
        }
        (None, Some(endpoint)) => {
            let uri = checker.text(endpoint.node, "`endpoint`", DRIVER_EXAMPLE)?;
            if let Err(wrong) = check_uri(uri) {
                checker.report(
                    endpoint.node.span,
                    format!("the endpoint {wrong}"),
                    "bad endpoint",
                    "write `http://` or `https://` with a host and a port, such as `http://127.0.0.1:50051`",
                );
                // What else is wrong with an endpoint driver is still worth checking.
            }
            Some(DriverSpec::Endpoint { uri: uri.to_owned(), settings })
        }
        _ => None,
    }
}

fn check_uri(text: &str) -> Result<(), &'static str> {
    let uri: http::Uri = text.parse().map_err(|_| "is not a URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("is neither an http:// nor an https:// URL");
    }
    let authority = uri.authority().ok_or("has no host")?;
    if authority.as_str().contains('@') {
        return Err("has a user name in it");
    }
    if authority.host().is_empty() {
        return Err("has no host");
    }
    if authority.port_u16().is_none_or(|port| port == 0) {
        return Err("has no port");
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err("has a path");
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_a_scheme_a_host_and_a_port() {
        for good in ["http://127.0.0.1:50051", "https://driver.example:443/", "http://[::1]:50051"] {
            assert_eq!(check_uri(good), Ok(()), "{good}");
        }
        for (bad, wrong) in [
            ("127.0.0.1:50051", "is"),
            ("grpc://127.0.0.1:50051", "is neither an http:// nor an https:// URL"),
            ("http://127.0.0.1", "has no port"),
            ("http://127.0.0.1:0", "has no port"),
            ("http://a:b@127.0.0.1:1", "has a user name in it"),
            ("http://127.0.0.1:1/x", "has a path"),
            ("", "is"),
        ] {
            assert!(check_uri(bad).unwrap_err().starts_with(wrong), "{bad}");
        }
    }
}
