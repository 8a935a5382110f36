//! From the tree to the configuration.

use super::{
    Config, ConfigErrors, Limits, NamespaceConfig, Rate, Rule, UpstreamAddress, UpstreamConfig,
    checker::{Checker, nearest},
    file::File,
    problem::Span,
    yaml::{self, Node},
};
use http::Uri;
use prism_interfaces::Namespace;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADER_BYTES: u32 = 64 << 10;
const CONNECTIONS: usize = 2;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

pub(super) fn read(file: &File) -> Result<Config, ConfigErrors> {
    let document = yaml::parse(file).map_err(ConfigErrors::new)?;
    let mut checker = Checker::new(file);
    let config = root(&mut checker, &document);
    let problems = checker.into_problems();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(ConfigErrors::new(problems)),
    }
}

fn root(checker: &mut Checker<'_>, document: &Node) -> Option<Config> {
    const KEYS: &[&str] =
        &["listen", "admin", "drain_timeout", "max_header_bytes", "upstreams", "namespaces"];
    let what = "the configuration";
    let fields = checker.record(document, what, KEYS, "listen: 127.0.0.1:7400")?;
    let listen = checker.required(&fields, "listen", what, "listen: 127.0.0.1:7400");
    let listen = listen.and_then(|node| address(checker, node, "`listen`"));
    let admin = checker.required(&fields, "admin", what, "admin: 127.0.0.1:7401");
    let admin = admin.and_then(|node| address(checker, node, "`admin`").map(|address| (address, node.span)));
    if let (Some(listen), Some((admin, span))) = (listen, admin)
        && listen == admin
        && admin.port() != 0
    {
        checker.report(span, "`admin` is the address of `listen`", "give it a port of its own");
    }
    let drain_timeout = match fields.get("drain_timeout") {
        Some(node) => checker.duration(node, "`drain_timeout`"),
        None => Some(DRAIN_TIMEOUT),
    };
    let max_header_bytes = match fields.get("max_header_bytes") {
        Some(node) => {
            checker.number(node, "`max_header_bytes`", 1 << 10, 1 << 20).map(|number| number as u32)
        }
        None => Some(MAX_HEADER_BYTES),
    };
    let upstreams = checker.required(&fields, "upstreams", what, "upstreams: { name: { endpoint: … } }");
    let mut known: Option<Vec<String>> = None;
    let upstreams = upstreams.and_then(|node| {
        let entries =
            checker.mapping(node, "`upstreams`", "name: { endpoint: \"http://127.0.0.1:9001\" }")?;
        known = Some(entries.iter().map(|(name, ..)| name.to_owned()).collect());
        if entries.iter().next().is_none() {
            checker.report(entries.span(), "`upstreams` names none", "add an upstream with its endpoint");
        }
        let mut read: Vec<UpstreamConfig> =
            entries.iter().filter_map(|(name, span, node)| upstream(checker, name, span, node)).collect();
        read.sort_by(|left, right| left.name.cmp(&right.name));
        Some(read)
    });
    let example = "namespaces: [{ prefix: \"*\", upstream: name }]";
    let namespaces = checker.required(&fields, "namespaces", what, example).map(|node| {
        let mut seen: Vec<(Rule, Span)> = Vec::new();
        let items = checker.list(node, "`namespaces`", example);
        items.iter().filter_map(|item| namespace(checker, item, known.as_deref(), &mut seen)).collect()
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
            "write `127.0.0.1:7400`, or `[::]:7400` for every address of the machine",
        );
    }
    parsed
}

fn upstream(checker: &mut Checker<'_>, name: &str, key: Span, node: &Node) -> Option<UpstreamConfig> {
    const KEYS: &[&str] = &["endpoint", "connections", "connect_timeout", "health_interval", "backoff"];
    let what = format!("upstream `{name}`");
    if name.is_empty() {
        checker.report(key, "an upstream has an empty name", "give it a name");
    }
    let fields = checker.record(node, &what, KEYS, "endpoint: http://127.0.0.1:9001")?;
    let node = checker.required(&fields, "endpoint", &what, "endpoint: http://127.0.0.1:9001");
    let endpoint = node.and_then(|node| endpoint(checker, node));
    let connections = match fields.get("connections") {
        Some(node) => checker.number(node, "`connections`", 1, 64).map(|number| number as usize),
        None => Some(CONNECTIONS),
    };
    let mut duration = |name: &str, or: Duration| match fields.get(name) {
        Some(node) => checker.duration(node, &format!("`{name}`")),
        None => Some(or),
    };
    let connect_timeout = duration("connect_timeout", CONNECT_TIMEOUT);
    let health_interval = duration("health_interval", HEALTH_INTERVAL);
    let (first, max) = match fields.get("backoff") {
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
    let first = match fields.get("first") {
        Some(node) => checker.duration(node, "`first`"),
        None => Some(BACKOFF_FIRST),
    };
    let max = match fields.get("max") {
        Some(node) => checker.duration(node, "`max`"),
        None => first.map(|first| first.max(BACKOFF_MAX)),
    };
    let (first, max) = (first?, max?);
    if first > max {
        checker.report(
            node.span,
            "`backoff` begins above its maximum",
            "make `max` at least as long as `first`",
        );
    }
    Some((first, max))
}

fn endpoint(checker: &mut Checker<'_>, node: &Node) -> Option<UpstreamAddress> {
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
            "write `http://host:port`, or `unix:/path` for a Unix socket; there is no TLS to upstreams",
        );
    }
    authority.map(|authority| UpstreamAddress::Tcp(authority.as_str().to_owned()))
}

fn namespace(
    checker: &mut Checker<'_>,
    node: &Node,
    upstreams: Option<&[String]>,
    seen: &mut Vec<(Rule, Span)>,
) -> Option<NamespaceConfig> {
    let what = "an entry of `namespaces`";
    let example = "{ name: orders, upstream: redis }";
    let fields = checker.record(node, what, &["name", "prefix", "upstream", "limits"], example)?;
    let rule = match (fields.get("name"), fields.get("prefix")) {
        (Some(node), None) => exact(checker, node).map(|rule| (rule, node.span)),
        (None, Some(node)) => prefix(checker, node).map(|rule| (rule, node.span)),
        (Some(_), Some(node)) => {
            checker.report(
                node.span,
                format!("{what} has `name` and `prefix`"),
                "keep one of the two; write two entries where both are meant",
            );
            None
        }
        (None, None) => {
            checker.report(
                fields.span(),
                format!("{what} has neither `name` nor `prefix`"),
                "add `name: orders`, or `prefix: team-a-*`",
            );
            None
        }
    };
    let rule = rule.and_then(|(rule, span)| {
        if let Some((_, first)) = seen.iter().find(|(known, _)| *known == rule) {
            let first = checker.at(*first);
            checker.report(
                span,
                format!("`{rule}` is routed twice"),
                format!("the first is at {first}; remove one of the two"),
            );
            return None;
        }
        seen.push((rule.clone(), span));
        Some(rule)
    });
    let upstream = checker.required(&fields, "upstream", what, "upstream: redis").and_then(|node| {
        let name = checker.text(node, "`upstream`", "redis")?;
        if let Some(known) = upstreams
            && !known.iter().any(|known| known == name)
        {
            let help = match nearest(name, known.iter().map(String::as_str)) {
                Some(meant) => format!("write `{meant}`"),
                None => format!("the upstreams are `{}`", known.join("`, `")),
            };
            checker.report(node.span, format!("there is no upstream `{name}`"), help);
        }
        Some(name.to_owned())
    });
    let limits = match fields.get("limits") {
        Some(node) => limits(checker, node),
        None => Some(Limits::default()),
    };
    Some(NamespaceConfig { rule: rule?, upstream: upstream?, limits: limits? })
}

fn exact(checker: &mut Checker<'_>, node: &Node) -> Option<Rule> {
    let name = checker.text(node, "`name`", "orders")?;
    if Namespace::new(name).is_err() {
        checker.report(
            node.span,
            format!("`{name}` is no namespace"),
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
            "write how the namespaces begin and then `*`, such as `team-a-*`; `\"*\"` takes all",
        );
    }
    prefix.map(|prefix| Rule::Prefix(prefix.to_owned()))
}

fn limits(checker: &mut Checker<'_>, node: &Node) -> Option<Limits> {
    const KEYS: &[&str] = &["max_message_bytes", "max_concurrent", "rate", "burst"];
    let fields = checker.record(node, "`limits`", KEYS, "{ max_concurrent: 100 }")?;
    let mut number = |name: &str, to: u32| match fields.get(name) {
        Some(node) => {
            checker.number(node, &format!("`{name}`"), 1, u64::from(to)).map(|number| Some(number as u32))
        }
        None => Some(None),
    };
    let max_message_bytes = number("max_message_bytes", u32::MAX);
    let max_concurrent = number("max_concurrent", 1_000_000);
    let burst = number("burst", 1_000_000);
    let rate = match fields.get("rate") {
        Some(node) => checker.rate(node, "`rate`").map(Some),
        None => Some(None),
    };
    if let (Some(None), Some(node)) = (rate, fields.get("burst")) {
        checker.report(node.span, "`burst` stands without `rate`", "add `rate`, in calls per second");
    }
    let rate = rate?.map(|per_second| Rate {
        per_second,
        // Without a burst of its own, a second's worth may come at once.
        burst: burst.flatten().unwrap_or((per_second.ceil() as u32).clamp(1, 1_000_000)),
    });
    Some(Limits { max_message_bytes: max_message_bytes?, max_concurrent: max_concurrent?, rate })
}
