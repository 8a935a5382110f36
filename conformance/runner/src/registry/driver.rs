//! How the driver of a backend is reached.

use std::collections::BTreeMap;

use super::{
    model::{DriverCommand, DriverSpec, MetadataValue, Remote, Tls, TlsIdentity},
    placeholder::{self, ADDRESS, HOST, PORT, SOCKET, WORKDIR},
    servers::{check_placeholders, is_variable, read_env},
};
use prism_yaml::{Checker, Field, Fields, Value, nearest, quoted};

pub(super) const DRIVER_EXAMPLE: &str = "driver: { endpoint: \"http://127.0.0.1:50051\" }";
const COMMAND_EXAMPLE: &str = "command: [./my-driver, --listen, \"{address}\"]";
const SETTINGS_EXAMPLE: &str = "settings: { pool: \"4\" }";
const TLS_EXAMPLE: &str = "tls: { ca: ca.pem }";
const METADATA_EXAMPLE: &str = "metadata: { authorization: { env: MY_DRIVER_TOKEN } }";

/// What each kind of driver can have beside its name.
const EXTRAS: [(&str, &[&str]); 5] = [
    ("settings", &["endpoint", "command"]),
    ("env", &["command"]),
    ("instances", &["command"]),
    ("tls", &["endpoint"]),
    ("metadata", &["endpoint"]),
];

/// Reads `driver`.
pub(super) fn read(checker: &mut Checker<'_>, field: Field<'_>, builtins: &[&str]) -> Option<DriverSpec> {
    let known = ["builtin", "endpoint", "command", "settings", "env", "instances", "tls", "metadata"];
    let fields = checker.record(field.node, "`driver`", &known, DRIVER_EXAMPLE)?;
    let ways: Vec<Field<'_>> =
        ["builtin", "endpoint", "command"].into_iter().filter_map(|way| fields.get(way)).collect();
    match ways[..] {
        [] => {
            checker.report(
                field.key,
                "the driver is not named",
                "none of `builtin`, `endpoint`, `command`",
                format!(
                    "write `driver: {{ {COMMAND_EXAMPLE} }}`, `{DRIVER_EXAMPLE}`, or `driver: {{ builtin: … }}` with one of {}",
                    quoted(builtins)
                ),
            );
            None
        }
        [way] => {
            check_extras(checker, &fields, way.name);
            match way.name {
                "builtin" => read_builtin(checker, way, builtins),
                "endpoint" => read_endpoint(checker, way, &fields).map(DriverSpec::Endpoint),
                _ => read_command(checker, way, &fields).map(DriverSpec::Command),
            }
        }
        _ => {
            let names: Vec<&str> = ways.iter().map(|way| way.name).collect();
            checker.report(
                ways[1].key,
                format!("a driver is one thing, but {} are given", quoted(&names)),
                "one too many",
                "keep one of them",
            );
            None
        }
    }
}

/// Reports what does not belong to this kind of driver.
fn check_extras(checker: &mut Checker<'_>, fields: &Fields<'_>, way: &str) {
    for (name, ways) in EXTRAS {
        let Some(extra) = fields.get(name).filter(|_| !ways.contains(&way)) else { continue };
        let help = match (name, way) {
            ("settings", _) => "write the settings under a set-up in `servers`".to_owned(),
            ("env", "builtin") => "remove it; a built-in driver has its settings alone".to_owned(),
            _ => format!("remove it; only {} can have it", quoted(ways)),
        };
        checker.report(extra.key, format!("`{name}` stands beside `{way}`"), "not here", help);
    }
}

fn read_builtin(checker: &mut Checker<'_>, builtin: Field<'_>, builtins: &[&str]) -> Option<DriverSpec> {
    let name = checker.text(builtin.node, "`builtin`", "builtin: memstore")?;
    if builtins.contains(&name) {
        return Some(DriverSpec::Builtin(name.to_owned()));
    }
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
    None
}

fn read_settings(checker: &mut Checker<'_>, fields: &Fields<'_>) -> Option<BTreeMap<String, String>> {
    match fields.get("settings") {
        Some(settings) => checker.text_map(settings.node, "`settings`", SETTINGS_EXAMPLE),
        None => Some(BTreeMap::new()),
    }
}

fn read_command(checker: &mut Checker<'_>, given: Field<'_>, fields: &Fields<'_>) -> Option<DriverCommand> {
    let settings = read_settings(checker, fields);
    let known = [ADDRESS, HOST, PORT, SOCKET, WORKDIR];
    let env = read_env(checker, fields, &known);
    let one_instance = match fields.get("instances") {
        Some(field) => read_instances(checker, field),
        None => Some(false),
    };
    let command = checker.texts(given.node, "`command`", COMMAND_EXAMPLE)?;
    check_placeholders(checker, given, "`command`", command.iter(), &known);
    if command.first().is_none_or(String::is_empty) {
        checker.report(
            given.node.span,
            "`command` names no program",
            "empty",
            "write the program first, then its arguments",
        );
        return None;
    }
    let (settings, env, one_instance) = (settings?, env?, one_instance?);
    let command = DriverCommand { command, settings, env, one_instance };
    let uses_port = command
        .command
        .iter()
        .chain(command.env.values())
        .any(|text| [ADDRESS, HOST, PORT].iter().any(|name| placeholder::uses(text, name)));
    if uses_port && command.uses_socket() {
        checker.report(
            given.node.span,
            "the driver is told of a port and of a socket",
            "`{socket}` and a port",
            "keep `{socket}`, or `{address}` (or `{host}` and `{port}`); it is looked for in one place",
        );
    }
    Some(command)
}

/// Whether the driver has to be alone.
fn read_instances(checker: &mut Checker<'_>, field: Field<'_>) -> Option<bool> {
    match checker.text(field.node, "`instances`", "instances: one")? {
        "one" => Some(true),
        "many" => Some(false),
        other => {
            checker.report(
                field.node.span,
                format!("`instances` is `{other}`"),
                "bad value",
                "write `many`, or `one` where what the driver stores lives in its process",
            );
            None
        }
    }
}

fn read_endpoint(checker: &mut Checker<'_>, given: Field<'_>, fields: &Fields<'_>) -> Option<Remote> {
    let settings = read_settings(checker, fields);
    let metadata =
        fields.get("metadata").map_or(Some(BTreeMap::new()), |field| read_metadata(checker, field));
    let tls = fields.get("tls").map_or(Some(None), |field| read_tls(checker, field).map(Some));
    let uri = checker.text(given.node, "`endpoint`", DRIVER_EXAMPLE)?;
    if let Err(wrong) = check_uri(uri) {
        checker.report(
            given.node.span,
            format!("the endpoint {wrong}"),
            "bad endpoint",
            "write `http://` or `https://` with a host and a port, such as `http://127.0.0.1:50051`",
        );
        // What else is wrong with an endpoint driver is still worth checking.
    }
    if let Some(tls) = fields.get("tls").filter(|_| uri.starts_with("http://")) {
        checker.report(
            tls.key,
            "`tls` is given, but the endpoint is `http://`",
            "no TLS to configure",
            "write the endpoint with `https://`, or remove `tls`",
        );
    }
    Some(Remote { uri: uri.to_owned(), settings: settings?, tls: tls?, metadata: metadata? })
}

fn read_tls(checker: &mut Checker<'_>, field: Field<'_>) -> Option<Tls> {
    let known = ["ca", "cert", "key", "domain"];
    let fields = checker.record(field.node, "`tls`", &known, TLS_EXAMPLE)?;
    let [ca, cert, key, domain] = known.map(|name| match fields.get(name) {
        Some(field) => {
            checker.text(field.node, &format!("`{name}`"), TLS_EXAMPLE).map(|text| Some(text.to_owned()))
        }
        None => Some(None),
    });
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        if let (Some(given), None) = (fields.get(one), fields.get(other)) {
            checker.report(
                given.key,
                format!("`tls` has `{one}` without `{other}`"),
                "half an identity",
                "give both, or neither",
            );
        }
    }
    let identity = match (cert?, key?) {
        (Some(cert), Some(key)) => Some(TlsIdentity { cert, key }),
        _ => None,
    };
    Some(Tls { ca: ca?, identity, domain: domain? })
}

fn read_metadata(checker: &mut Checker<'_>, field: Field<'_>) -> Option<BTreeMap<String, MetadataValue>> {
    let fields = checker.mapping(field.node, "`metadata`", METADATA_EXAMPLE)?;
    let mut metadata = BTreeMap::new();
    for field in fields.iter() {
        if let Err(wrong) = check_header(field.name) {
            checker.report(
                field.key,
                format!("`{}` cannot be metadata: {wrong}", field.name),
                "bad name",
                "write lower-case letters, digits and hyphens, such as `authorization`",
            );
        }
        let value = if let Value::Text(text) = &field.node.value {
            if http::HeaderValue::from_str(text).is_err() {
                checker.report(
                    field.node.span,
                    format!("the value of `{}` cannot be sent in a header", field.name),
                    "bad value",
                    "write visible ASCII characters and spaces",
                );
            }
            Some(MetadataValue::Text(text.clone()))
        } else {
            read_variable(checker, field).map(MetadataValue::Env)
        };
        metadata.insert(field.name.to_owned(), value?);
    }
    Some(metadata)
}

/// `{ env: NAME }`.
fn read_variable(checker: &mut Checker<'_>, field: Field<'_>) -> Option<String> {
    let what = format!("`{}` of `metadata`", field.name);
    let fields = checker.record(field.node, &what, &["env"], METADATA_EXAMPLE)?;
    let env = checker.required(&fields, "env", &what, "env: MY_DRIVER_TOKEN")?;
    let name = checker.text(env.node, "`env`", "env: MY_DRIVER_TOKEN")?;
    if !is_variable(name) {
        checker.report(
            env.node.span,
            format!("`{name}` is not a name for an environment variable"),
            "bad name",
            "write upper-case letters, digits and underscores, such as `MY_DRIVER_TOKEN`",
        );
    }
    Some(name.to_owned())
}

/// Whether a header of this name can be added to every call.
fn check_header(name: &str) -> Result<(), &'static str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase())
        || http::HeaderName::from_bytes(name.as_bytes()).is_err()
    {
        return Err("it is not a lower-case header name");
    }
    if name.starts_with("grpc-") || ["te", "content-type", "user-agent", "host"].contains(&name) {
        return Err("it belongs to gRPC");
    }
    if name.starts_with("prism-") {
        return Err("it belongs to the contract");
    }
    if name.ends_with("-bin") {
        return Err("binary values are not supported");
    }
    Ok(())
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
