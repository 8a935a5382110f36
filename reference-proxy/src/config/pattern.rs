//! Upstreams that are patterns: what is bound to their slots, and what they are given.

use super::{PatternConfig, SlotConfig, UpstreamAddress};
use prism_slots::given;
use prism_yaml::{Checker, Field, Fields, Node, Span, Value, nearest, quoted};
use std::time::Duration;

/// The keys that an upstream has for this alone.
pub(super) const KEYS: [&str; 3] = ["slots", "parameters", "shutdown_timeout"];
const SLOT_EXAMPLE: &str = "store: redis";
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// That an upstream stands on another one.
pub(super) struct Edge {
    upstream: String,
    slot: String,
    on: String,
    span: Span,
}

/// Reads what stands beside `pattern`; `upstreams` are the names of all of them.
pub(super) fn read(
    checker: &mut Checker<'_>,
    upstream: &str,
    name: &Node,
    fields: &Fields<'_>,
    upstreams: &[String],
    edges: &mut Vec<Edge>,
) -> Option<UpstreamAddress> {
    let what = format!("upstream `{upstream}`");
    let known: Vec<&str> = prism_patterns::BUILTINS.iter().map(|builtin| builtin.name).collect();
    let text = checker.text(name, "`pattern`", "keyvalue")?;
    let Some(builtin) = prism_patterns::find(text) else {
        let help = match nearest(text, known.iter().copied()) {
            Some(meant) => format!("write `{meant}`"),
            None => format!("the patterns are {}", quoted(&known)),
        };
        checker.report(name.span, format!("there is no pattern `{text}`"), "unknown pattern", help);
        return None;
    };
    let spec = builtin.spec();
    let at = checker.required(fields, "slots", &what, &format!("slots: {{ {SLOT_EXAMPLE} }}"));
    let slots = at.map(|field| {
        given::slots(checker, field, spec, SLOT_EXAMPLE, |checker, field, what| {
            slot(checker, upstream, field, what, upstreams, edges)
        })
    });
    let parameters = given::parameters(checker, fields.get("parameters"), &spec.parameters, Some(name.span));
    let shutdown_timeout = match fields.node("shutdown_timeout") {
        Some(node) => checker.duration(node, "`shutdown_timeout`"),
        None => Some(SHUTDOWN_TIMEOUT),
    };
    let (line, column) = checker.file().position(at?.key.start);
    Some(UpstreamAddress::Pattern(PatternConfig {
        name: builtin.name.to_owned(),
        slots: slots?.into_iter().map(|(name, given)| (name, given.value)).collect(),
        parameters: parameters.into_iter().map(|(name, given)| (name, given.value)).collect(),
        shutdown_timeout: shutdown_timeout?,
        command: Vec::new(),
        place: super::Told(format!("{}:{line}:{column}", checker.file().path())),
    }))
}

/// What a slot is bound to: an upstream of the file, or an endpoint.
fn slot(
    checker: &mut Checker<'_>,
    upstream: &str,
    field: Field<'_>,
    what: &str,
    upstreams: &[String],
    edges: &mut Vec<Edge>,
) -> Option<SlotConfig> {
    if matches!(field.node.value, Value::Mapping(_)) {
        let record =
            checker.record(field.node, what, &["endpoint"], "{ endpoint: http://127.0.0.1:9001 }")?;
        let endpoint = checker.required(&record, "endpoint", what, "endpoint: http://127.0.0.1:9001")?;
        let address = super::read::endpoint(checker, endpoint.node)?;
        return Some(SlotConfig::Endpoint(address.to_string()));
    }
    let on = checker.text(field.node, what, "redis")?;
    if !upstreams.iter().any(|known| known == on) {
        let help = match nearest(on, upstreams.iter().map(String::as_str)) {
            Some(meant) => format!("write `{meant}`"),
            None => "write the name of an upstream, or `{ endpoint: http://… }`".to_owned(),
        };
        checker.report(field.node.span, format!("there is no upstream `{on}`"), "unknown upstream", help);
        return None;
    }
    edges.push(Edge {
        upstream: upstream.to_owned(),
        slot: field.name.to_owned(),
        on: on.to_owned(),
        span: field.node.span,
    });
    Some(SlotConfig::Upstream(on.to_owned()))
}

/// Tells each upstream that stands on itself, directly or over others, once.
pub(super) fn circles(checker: &mut Checker<'_>, edges: &[Edge]) {
    let mut told: Vec<Vec<&str>> = Vec::new();
    for edge in edges {
        let Some(mut way) = way(edges, &edge.on, &edge.upstream, &mut Vec::new()) else { continue };
        way.insert(0, &edge.upstream);
        let mut members = way.clone();
        members.sort_unstable();
        members.dedup();
        if told.contains(&members) {
            continue;
        }
        told.push(members);
        checker.report(
            edge.span,
            format!(
                "the slot `{}` of `{}` is bound to itself: {}",
                edge.slot,
                edge.upstream,
                way.join(" → ")
            ),
            "stands on itself",
            "bind a backend to it",
        );
    }
}

/// From one upstream to another, both named, along what they stand on.
fn way<'a>(edges: &'a [Edge], from: &'a str, to: &str, seen: &mut Vec<&'a str>) -> Option<Vec<&'a str>> {
    if from == to {
        return Some(vec![from]);
    }
    if seen.contains(&from) {
        return None;
    }
    seen.push(from);
    edges.iter().filter(|edge| edge.upstream == from).find_map(|edge| {
        let mut rest = way(edges, &edge.on, to, seen)?;
        rest.insert(0, from);
        Some(rest)
    })
}
