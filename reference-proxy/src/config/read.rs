//! From the tree to the configuration.

use super::{
    Config, Limits, NamespaceConfig, Problems, ProcessConfig, Rate, Rule, UpstreamAddress, UpstreamConfig,
    pattern::{self, Edge},
    problems,
};
use http::Uri;
use prism_interfaces::Namespace;
use prism_yaml::{Checker, Field, Fields, File, Node, Span, Value, nearest, node};
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

/// What an empty file is told to add.
const NEEDS: &str = "a configuration needs at least `listen`, `admin`, `upstreams` and `namespaces`";
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADER_BYTES: u32 = 64 << 10;
const CONNECTIONS: usize = 2;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

pub(super) fn read(file: &File) -> Result<Config, Problems> {
    let document = node::parse(file, NEEDS).map_err(problems)?;
    let mut checker = Checker::new(file);
    let config = root(&mut checker, &document);
    let found = checker.into_problems();
    match config {
        Some(config) if found.is_empty() => Ok(config),
        _ => Err(problems(found)),
    }
}

fn root(checker: &mut Checker<'_>, document: &Node) -> Option<Config> {
    const KEYS: &[&str] =
        &["listen", "admin", "drain_timeout", "max_header_bytes", "upstreams", "namespaces"];
    let what = "the configuration";
    let fields = checker.record(document, what, KEYS, "listen: 127.0.0.1:7400")?;
    let listen = checker.required(&fields, "listen", what, "listen: 127.0.0.1:7400");
    let listen = listen.and_then(|Field { node, .. }| address(checker, node, "`listen`"));
    let admin = checker.required(&fields, "admin", what, "admin: 127.0.0.1:7401");
    let admin = admin
        .and_then(|Field { node, .. }| address(checker, node, "`admin`").map(|address| (address, node.span)));
    if let (Some(listen), Some((admin, span))) = (listen, admin)
        && listen == admin
        && admin.port() != 0
    {
        checker.report(
            span,
            "`admin` is the address of `listen`",
            "same address",
            "give it a port of its own",
        );
    }
    let drain_timeout = match fields.node("drain_timeout") {
        Some(node) => checker.duration(node, "`drain_timeout`"),
        None => Some(DRAIN_TIMEOUT),
    };
    let max_header_bytes = match fields.node("max_header_bytes") {
        Some(node) => {
            checker.number(node, "`max_header_bytes`", 1 << 10, 1 << 20).map(|number| number as u32)
        }
        None => Some(MAX_HEADER_BYTES),
    };
    let upstreams = checker.required(&fields, "upstreams", what, "upstreams: { name: { endpoint: … } }");
    let mut known: Option<Vec<String>> = None;
    let upstreams = upstreams.and_then(|Field { node, .. }| {
        let entries =
            checker.mapping(node, "`upstreams`", "name: { endpoint: \"http://127.0.0.1:9001\" }")?;
        known = Some(entries.iter().map(|field| field.name.to_owned()).collect());
        if entries.is_empty() {
            checker.report(
                checker.first_line(entries.span),
                "`upstreams` names none",
                "empty",
                "add an upstream with its endpoint",
            );
        }
        let mut edges = Vec::new();
        let names = known.as_deref().unwrap_or_default();
        let read = entries.iter().filter_map(|field| upstream(checker, field, names, &mut edges));
        let mut read: Vec<UpstreamConfig> = read.collect();
        pattern::circles(checker, &edges);
        read.sort_by(|left, right| left.name.cmp(&right.name));
        Some(read)
    });
    let example = "namespaces: [{ prefix: \"*\", upstream: name }]";
    let namespaces =
        checker.required(&fields, "namespaces", what, example).and_then(|Field { node, .. }| {
            let mut seen: Vec<(Rule, Vec<String>, Span)> = Vec::new();
            let items = checker.list(node, "`namespaces`", example)?;
            Some(
                items
                    .iter()
                    .filter_map(|item| namespace(checker, item, known.as_deref(), &mut seen))
                    .collect(),
            )
        });
    Some(Config {
        listen: listen?,
        admin: admin?.0,
        drain_timeout: drain_timeout?,
        max_header_bytes: max_header_bytes?,
        upstreams: upstreams?,
        namespaces: namespaces?,
    })
}

fn address(checker: &mut Checker<'_>, node: &Node, what: &str) -> Option<SocketAddr> {
    let text = checker.text(node, what, "127.0.0.1:7400")?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        checker.report(
            node.span,
            format!("{what} is not an IP address with a port: `{text}`"),
            "bad value",
            "write `127.0.0.1:7400`, or `[::]:7400` for every address of the machine",
        );
    }
    parsed
}

fn upstream(
    checker: &mut Checker<'_>,
    Field { name, key, node }: Field<'_>,
    names: &[String],
    edges: &mut Vec<Edge>,
) -> Option<UpstreamConfig> {
    const KEYS: &[&str] = &[
        "endpoint",
        "command",
        "pattern",
        "slots",
        "parameters",
        "shutdown_timeout",
        "settings",
        "env",
        "connections",
        "connect_timeout",
        "health_interval",
        "backoff",
    ];
    let what = format!("upstream `{name}`");
    if name.is_empty() {
        checker.report(key, "an upstream has an empty name", "empty name", "give it a name");
    }
    let fields = checker.record(node, &what, KEYS, "endpoint: http://127.0.0.1:9001")?;
    let kinds = ["command", "endpoint", "pattern"];
    let given: Vec<Field<'_>> = fields.iter().filter(|field| kinds.contains(&field.name)).collect();
    for (kind, names) in [("command", &["settings", "env"][..]), ("pattern", &pattern::KEYS)] {
        if given.iter().any(|field| field.name == kind) {
            continue;
        }
        for name in names {
            if let Some(node) = fields.node(name) {
                checker.report(
                    node.span,
                    format!("`{name}` stands without `{kind}`"),
                    "means nothing alone",
                    format!("add `{kind}`, or remove this"),
                );
            }
        }
    }
    let endpoint = match given.as_slice() {
        [Field { name: "command", node, .. }] => process(checker, node, &fields),
        [Field { name: "pattern", node, .. }] => pattern::read(checker, name, node, &fields, names, edges),
        [Field { node, .. }] => endpoint(checker, node),
        [] => {
            checker.required(&fields, "endpoint", &what, "endpoint: http://127.0.0.1:9001");
            None
        }
        [first, second, ..] => {
            checker.report(
                first.node.span,
                format!("{what} has `{}` and `{}`", first.name, second.name),
                "one too many",
                "keep `endpoint` for an upstream that runs, `command` for a driver that the proxy starts, or `pattern`",
            );
            None
        }
    };
    let connections = match fields.node("connections") {
        Some(node) => checker.number(node, "`connections`", 1, 64).map(|number| number as usize),
        None => Some(CONNECTIONS),
    };
    let mut duration = |name: &str, or: Duration| match fields.node(name) {
        Some(node) => checker.duration(node, &format!("`{name}`")),
        None => Some(or),
    };
    let connect_timeout = duration("connect_timeout", CONNECT_TIMEOUT);
    let health_interval = duration("health_interval", HEALTH_INTERVAL);
    let (first, max) = match fields.node("backoff") {
        Some(node) => backoff(checker, node)?,
        None => (BACKOFF_FIRST, BACKOFF_MAX),
    };
    Some(UpstreamConfig {
        name: name.to_owned(),
        endpoint: endpoint?,
        connections: connections?,
        connect_timeout: connect_timeout?,
        health_interval: health_interval?,
        backoff_first: first,
        backoff_max: max,
    })
}

fn backoff(checker: &mut Checker<'_>, node: &Node) -> Option<(Duration, Duration)> {
    let fields = checker.record(node, "`backoff`", &["first", "max"], "{ first: 100ms, max: 10s }")?;
    let first = match fields.node("first") {
        Some(node) => checker.duration(node, "`first`"),
        None => Some(BACKOFF_FIRST),
    };
    let max = match fields.node("max") {
        Some(node) => checker.duration(node, "`max`"),
        None => first.map(|first| first.max(BACKOFF_MAX)),
    };
    let (first, max) = (first?, max?);
    if first > max {
        checker.report(
            node.span,
            "`backoff` begins above its maximum",
            "`first` is longer than `max`",
            "make `max` at least as long as `first`",
        );
    }
    Some((first, max))
}

fn process(checker: &mut Checker<'_>, node: &Node, fields: &Fields<'_>) -> Option<UpstreamAddress> {
    let command = checker.texts(node, "`command`", "[./my-driver, --listen, \"{address}\"]")?;
    if command.first().is_none_or(String::is_empty) {
        checker.report(
            node.span,
            "`command` names no program",
            "empty",
            "write `command: [./my-driver, --listen, \"{address}\"]`",
        );
        return None;
    }
    let mut map = |name: &str| match fields.node(name) {
        Some(node) => checker.text_map(node, &format!("`{name}`"), "{ name: value }"),
        None => Some(BTreeMap::new()),
    };
    let (settings, env) = (map("settings")?, map("env")?);
    let folder = checker.file().folder().map(ToOwned::to_owned);
    Some(UpstreamAddress::Process(ProcessConfig { command, settings, env, folder }))
}

pub(super) fn endpoint(checker: &mut Checker<'_>, node: &Node) -> Option<UpstreamAddress> {
    let text = checker.text(node, "`endpoint`", "http://127.0.0.1:9001")?;
    if let Some(path) = text.strip_prefix("unix:")
        && path.starts_with('/')
    {
        // `unix:///path` and `unix:/path` are the same to gRPC clients.
        let path = path.strip_prefix("//").unwrap_or(path);
        return Some(UpstreamAddress::Unix(PathBuf::from(path)));
    }
    let uri: Option<Uri> = text.parse().ok();
    let authority = uri.filter(|uri| {
        uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none()
    });
    let authority = authority.and_then(|uri| uri.authority().cloned());
    let authority = authority.filter(|authority| {
        authority.port_u16().is_some_and(|port| port > 0) && !authority.as_str().contains('@')
    });
    if authority.is_none() {
        checker.report(
            node.span,
            format!("`endpoint` is not an address of an upstream: `{text}`"),
            "bad value",
            "write `http://host:port`, or `unix:/path` for a Unix socket; there is no TLS to upstreams",
        );
    }
    authority.map(|authority| UpstreamAddress::Tcp(authority.as_str().to_owned()))
}

fn namespace(
    checker: &mut Checker<'_>,
    node: &Node,
    upstreams: Option<&[String]>,
    seen: &mut Vec<(Rule, Vec<String>, Span)>,
) -> Option<NamespaceConfig> {
    let what = "an entry of `namespaces`";
    let example = "{ name: orders, upstream: redis }";
    let fields =
        checker.record(node, what, &["name", "prefix", "services", "upstream", "limits"], example)?;
    let rule = match (fields.node("name"), fields.node("prefix")) {
        (Some(node), None) => exact(checker, node).map(|rule| (rule, node.span)),
        (None, Some(node)) => prefix(checker, node).map(|rule| (rule, node.span)),
        (Some(_), Some(node)) => {
            checker.report(
                node.span,
                format!("{what} has `name` and `prefix`"),
                "one too many",
                "keep one of the two; write two entries where both are meant",
            );
            None
        }
        (None, None) => {
            checker.report(
                checker.first_line(fields.span),
                format!("{what} has neither `name` nor `prefix`"),
                "which namespaces?",
                "add `name: orders`, or `prefix: team-a-*`",
            );
            None
        }
    };
    let services = match fields.node("services") {
        Some(node) => services(checker, node)?,
        None => Vec::new(),
    };
    let rule = rule.and_then(|(rule, span)| {
        let again = |known: &[String]| match services.as_slice() {
            [] => known.is_empty().then_some(String::new()),
            own => own.iter().find(|own| known.contains(own)).map(|own| format!(" for `{own}`")),
        };
        let twice = seen.iter().find_map(|(known, services, span)| {
            again(services).filter(|_| *known == rule).map(|what| (what, span))
        });
        if let Some((what, first)) = twice {
            let (line, column) = checker.file().position(first.start);
            checker.report(
                span,
                format!("`{rule}` is routed twice{what}"),
                "again here",
                format!("the first is at {line}:{column}; remove one of the two"),
            );
            return None;
        }
        seen.push((rule.clone(), services.clone(), span));
        Some(rule)
    });
    let upstream =
        checker.required(&fields, "upstream", what, "upstream: redis").and_then(|Field { node, .. }| {
            let name = checker.text(node, "`upstream`", "redis")?;
            if let Some(known) = upstreams
                && !known.iter().any(|known| known == name)
            {
                let help = match nearest(name, known.iter().map(String::as_str)) {
                    Some(meant) => format!("write `{meant}`"),
                    None => format!("the upstreams are `{}`", known.join("`, `")),
                };
                checker.report(node.span, format!("there is no upstream `{name}`"), "unknown upstream", help);
            }
            Some(name.to_owned())
        });
    let limits = match fields.node("limits") {
        Some(node) => limits(checker, node),
        None => Some(Limits::default()),
    };
    Some(NamespaceConfig { rule: rule?, services, upstream: upstream?, limits: limits? })
}

fn exact(checker: &mut Checker<'_>, node: &Node) -> Option<Rule> {
    let name = checker.text(node, "`name`", "orders")?;
    if Namespace::new(name).is_err() {
        checker.report(
            node.span,
            format!("`{name}` is no namespace"),
            "bad value",
            "a namespace has 1 to 63 of `a` to `z`, `0` to `9` and `-`, and does not begin with `-`; \
             a rule for several is written with `prefix`",
        );
        return None;
    }
    Some(Rule::Exact(name.to_owned()))
}

fn prefix(checker: &mut Checker<'_>, node: &Node) -> Option<Rule> {
    let text = checker.text(node, "`prefix`", "team-a-*")?;
    let prefix = text.strip_suffix('*').filter(|prefix| prefix.is_empty() || Namespace::new(*prefix).is_ok());
    if prefix.is_none() {
        checker.report(
            node.span,
            format!("`{text}` is no prefix of namespaces"),
            "bad value",
            "write how the namespaces begin and then `*`, such as `team-a-*`; `\"*\"` takes all",
        );
    }
    prefix.map(|prefix| Rule::Prefix(prefix.to_owned()))
}

fn services(checker: &mut Checker<'_>, node: &Node) -> Option<Vec<String>> {
    const EXAMPLE: &str = "[prism.keyvalue.v1.*]";
    let items = checker.list(node, "`services`", EXAMPLE)?;
    if items.is_empty() {
        checker.report(
            node.span,
            "`services` names none",
            "empty",
            format!("write {EXAMPLE}, or leave it out"),
        );
        return None;
    }
    let mut read = Vec::new();
    for item in items {
        let text = checker.text(item, "an entry of `services`", "prism.keyvalue.v1.*")?;
        let name = text.strip_suffix(".*").unwrap_or(text);
        let is_word = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && part.chars().all(|rest| rest.is_ascii_alphanumeric() || rest == '_')
        };
        if !name.split('.').all(is_word) {
            checker.report(
                item.span,
                format!("`{text}` is no service"),
                "bad value",
                "write a full name such as `prism.keyvalue.v1.KeyValueBasic`, or a package such as \
                 `prism.keyvalue.v1.*`",
            );
            return None;
        }
        read.push(text.to_owned());
    }
    read.sort();
    read.dedup();
    Some(read)
}

fn limits(checker: &mut Checker<'_>, node: &Node) -> Option<Limits> {
    const KEYS: &[&str] = &["max_message_bytes", "max_concurrent", "rate", "burst"];
    let fields = checker.record(node, "`limits`", KEYS, "{ max_concurrent: 100 }")?;
    let mut number = |name: &str, to: u32| match fields.node(name) {
        Some(node) => {
            checker.number(node, &format!("`{name}`"), 1, u64::from(to)).map(|number| Some(number as u32))
        }
        None => Some(None),
    };
    let max_message_bytes = number("max_message_bytes", u32::MAX);
    let max_concurrent = number("max_concurrent", 1_000_000);
    let burst = number("burst", 1_000_000);
    let rate = match fields.node("rate") {
        Some(node) => rate(checker, node).map(Some),
        None => Some(None),
    };
    if let (Some(None), Some(node)) = (rate, fields.node("burst")) {
        checker.report(
            node.span,
            "`burst` stands without `rate`",
            "means nothing alone",
            "add `rate`, in calls per second",
        );
    }
    let rate = rate?.map(|per_second| Rate {
        per_second,
        // Without a burst of its own, a second's worth may come at once.
        burst: burst.flatten().unwrap_or((per_second.ceil() as u32).clamp(1, 1_000_000)),
    });
    Some(Limits { max_message_bytes: max_message_bytes?, max_concurrent: max_concurrent?, rate })
}

/// A number of calls per second, above zero.
fn rate(checker: &mut Checker<'_>, node: &Node) -> Option<f64> {
    let rate = match &node.value {
        Value::Text(text) => text.parse::<f64>().ok().filter(|rate| (0.001..=1e9).contains(rate)),
        _ => None,
    };
    if rate.is_none() {
        checker.report(
            node.span,
            "`rate` is not a number from 0.001 to 1000000000",
            "bad value",
            "write how many calls a second may come, such as `100`",
        );
    }
    rate
}
