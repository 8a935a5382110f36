//! The set-ups of a backend: where its server comes from.

use std::collections::BTreeMap;

use super::{
    model::{Container, External, Process, Setup},
    placeholder::{self, ADDRESS, HOST, PORT, SOCKET, WORKDIR},
};
use prism_yaml::{Checker, Field, Fields, nearest, quoted};

const SETUP_KEYS: [&str; 6] = ["default", "embedded", "external", "container", "process", "settings"];
const SERVERS_EXAMPLE: &str = "servers: { redis-7.0: { container: { image: \"redis:7.0\", port: 6379 } } }";
const SETTINGS_EXAMPLE: &str = "settings: { url: \"redis://{address}\" }";
const EMBEDDED_EXAMPLE: &str = "embedded: { clock: virtual }";
const CONTAINER_EXAMPLE: &str = "container: { image: \"redis:7.0\", port: 6379 }";
const PROCESS_EXAMPLE: &str = "process: { command: [redis-server, --port, \"{port}\"] }";
const EXTERNAL_EXAMPLE: &str = "external: { env: PRISM_REDIS_URL }";
const ENV_EXAMPLE: &str = "env: { LOG_LEVEL: debug }";

/// Reads `servers`; a backend without it has one set-up that needs no server.
///
/// `brings_server` is true of a driver that somebody else serves, which may well have its server already.
pub(super) fn read(checker: &mut Checker<'_>, field: Option<Field<'_>>, brings_server: bool) -> Vec<Setup> {
    let alone = || Setup {
        name: "default".to_owned(),
        default: true,
        embedded: Some(BTreeMap::new()),
        ..Setup::default()
    };
    let Some(field) = field else { return vec![alone()] };
    let Some(fields) = checker.mapping(field.node, "`servers`", SERVERS_EXAMPLE) else {
        return Vec::new();
    };
    if fields.is_empty() {
        checker.report(
            field.key,
            "`servers` names no set-up",
            "empty",
            format!("remove it, or write `{SERVERS_EXAMPLE}`"),
        );
    }
    let setups: Vec<Setup> = fields
        .iter()
        .enumerate()
        .filter_map(|(index, setup)| read_setup(checker, setup, index == 0, brings_server))
        .collect();
    if !setups.is_empty() && !setups.iter().any(|setup| setup.default) {
        checker.report(
            field.key,
            "no set-up is the default",
            "all are `default: false`",
            "remove `default: false` from the one to run when none is asked for",
        );
    }
    setups
}

fn read_setup(
    checker: &mut Checker<'_>,
    field: Field<'_>,
    first: bool,
    brings_server: bool,
) -> Option<Setup> {
    let name = field.name;
    let what = format!("set-up `{name}`");
    if !is_name(name) {
        checker.report(
            field.key,
            format!("`{name}` is not a name for a set-up"),
            "bad name",
            "write lower-case letters, digits, dots and hyphens, starting with a letter or digit",
        );
    }
    let fields = checker.record(field.node, &what, &SETUP_KEYS, SERVERS_EXAMPLE)?;
    let [default, embedded, external, container, process, settings] = SETUP_KEYS.map(|name| fields.get(name));
    check_ways(checker, &what, field, &fields, brings_server);

    let default = default.map_or(Some(first), |field| checker.flag(field.node, "`default`"));
    let embedded = embedded.and_then(|field| {
        let settings = checker.text_map(field.node, "`embedded`", EMBEDDED_EXAMPLE)?;
        check_placeholders(checker, field, "`embedded`", settings.values(), &[WORKDIR]);
        Some(settings)
    });
    let external = external.and_then(|field| read_external(checker, field));
    let container = container.and_then(|field| read_container(checker, field));
    let process = process.and_then(|field| read_process(checker, field));
    let settings = match settings {
        Some(field) => {
            let settings = checker.text_map(field.node, "`settings`", SETTINGS_EXAMPLE)?;
            let known = [ADDRESS, HOST, PORT, SOCKET, WORKDIR];
            check_placeholders(checker, field, "`settings`", settings.values(), &known);
            settings
        }
        None => BTreeMap::new(),
    };
    Some(Setup { name: name.to_owned(), default: default?, embedded, external, container, process, settings })
}

/// Whether the ways of getting a server go together.
fn check_ways(
    checker: &mut Checker<'_>,
    what: &str,
    field: Field<'_>,
    fields: &Fields<'_>,
    brings_server: bool,
) {
    let servers: Vec<&str> =
        ["external", "container", "process"].into_iter().filter(|way| fields.get(way).is_some()).collect();
    match fields.get("embedded") {
        Some(embedded) => {
            if !servers.is_empty() {
                checker.report(
                    embedded.key,
                    format!("{what} is `embedded` and has {} as well", quoted(&servers)),
                    "needs no server",
                    "remove one or the other, or make two set-ups of it",
                );
            } else if let Some(settings) = fields.get("settings") {
                checker.report(
                    settings.key,
                    format!("{what} is `embedded` and has `settings` as well"),
                    "not here",
                    "write the settings under `embedded`",
                );
            }
        }
        None if servers.is_empty() && !brings_server => checker.report(
            field.key,
            format!("{what} does not say where its server comes from"),
            "no server",
            "add `embedded`, `external`, `container` or `process`",
        ),
        None => {}
    }
}

fn read_external(checker: &mut Checker<'_>, field: Field<'_>) -> Option<External> {
    let fields = checker.record(field.node, "`external`", &["env"], EXTERNAL_EXAMPLE)?;
    let env = checker.required(&fields, "env", "`external`", "env: PRISM_REDIS_URL")?;
    let name = checker.text(env.node, "`env`", "env: PRISM_REDIS_URL")?;
    if !is_variable(name) {
        checker.report(
            env.node.span,
            format!("`{name}` is not a name for an environment variable"),
            "bad name",
            "write upper-case letters, digits and underscores, such as `PRISM_REDIS_URL`",
        );
    }
    Some(External { env: name.to_owned() })
}

fn read_container(checker: &mut Checker<'_>, field: Field<'_>) -> Option<Container> {
    let what = "`container`";
    let known = ["image", "port", "command", "env"];
    let fields = checker.record(field.node, what, &known, CONTAINER_EXAMPLE)?;
    let image = checker
        .required(&fields, "image", what, "image: \"redis:7.0\"")
        .and_then(|field| Some((field, checker.text(field.node, "`image`", "image: \"redis:7.0\"")?)));
    if let Some((field, image)) = image
        && !is_image(image)
    {
        checker.report(
            field.node.span,
            format!("`{image}` is not an image with a tag"),
            "bad image",
            "name the version, such as `redis:7.0`, so that a report says what was tested",
        );
    }
    let port = checker
        .required(&fields, "port", what, "port: 6379")
        .and_then(|field| checker.number(field.node, "`port`", 1, u64::from(u16::MAX)));
    let command = match fields.get("command") {
        Some(field) => {
            let command = checker.texts(field.node, "`command`", "command: [--save, \"\"]")?;
            check_placeholders(checker, field, "`command` of a container", command.iter(), &[PORT]);
            command
        }
        None => Vec::new(),
    };
    let env = read_env(checker, &fields, &[PORT])?;
    Some(Container { image: image?.1.to_owned(), port: port? as u16, command, env })
}

fn read_process(checker: &mut Checker<'_>, field: Field<'_>) -> Option<Process> {
    let what = "`process`";
    let fields = checker.record(field.node, what, &["command", "env"], PROCESS_EXAMPLE)?;
    let known = [ADDRESS, HOST, PORT, SOCKET, WORKDIR];
    let env = read_env(checker, &fields, &known)?;
    let given = checker.required(&fields, "command", what, "command: [redis-server, --port, \"{port}\"]")?;
    let command = checker.texts(given.node, "`command`", "command: [redis-server, --port, \"{port}\"]")?;
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
    let places = [PORT, ADDRESS, SOCKET];
    let told = command
        .iter()
        .chain(env.values())
        .any(|text| places.iter().any(|name| placeholder::uses(text, name)));
    if !told {
        checker.report(
            given.node.span,
            "the process is not told where to listen",
            "none of `{port}`, `{address}`, `{socket}`",
            "pass `{port}`, `{address}` or `{socket}` to it, so that two runs do not meet on one port",
        );
    }
    Some(Process { command, env })
}

pub(super) fn read_env(
    checker: &mut Checker<'_>,
    fields: &Fields<'_>,
    placeholders: &[&str],
) -> Option<BTreeMap<String, String>> {
    let Some(field) = fields.get("env") else { return Some(BTreeMap::new()) };
    let env = checker.text_map(field.node, "`env`", ENV_EXAMPLE)?;
    check_placeholders(checker, field, "`env`", env.values(), placeholders);
    Some(env)
}

pub(super) fn check_placeholders<'t>(
    checker: &mut Checker<'_>,
    field: Field<'_>,
    what: &str,
    texts: impl Iterator<Item = &'t String>,
    known: &[&str],
) {
    for name in texts.flat_map(|text| placeholder::names(text)) {
        if known.contains(&name) {
            continue;
        }
        let braced: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
        let braced: Vec<&str> = braced.iter().map(String::as_str).collect();
        let help = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("write `{{{meant}}}`"),
            None => format!("{what} can have {}", quoted(&braced)),
        };
        checker.report(
            checker.first_line(field.node.span),
            format!("`{{{name}}}` means nothing in {what}"),
            "unknown placeholder",
            help,
        );
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
}

pub(super) fn is_variable(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether an image is named with a tag or a digest, which stands behind the last colon.
fn is_image(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(name, tag)| {
        !name.is_empty()
            && !tag.is_empty()
            && !tag.contains('/')
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_a_tag() {
        for good in ["redis:7.0", "localhost:5000/redis:7.0", "redis@sha256:0123"] {
            assert!(is_image(good), "{good}");
        }
        for bad in ["redis", "localhost:5000/redis", "redis:", ":7.0", "redis:7 0"] {
            assert!(!is_image(bad), "{bad}");
        }
    }
}
