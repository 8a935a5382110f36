//! What a backend declares: interfaces with their traits, and guarantees.

use std::collections::BTreeMap;

use prism_interfaces::{
    catalogue,
    traits::{self, Declaration, TraitKind, TraitSpec, Traits},
};

use prism_yaml::{Checker, Field, Fields, Node, Span, Value, nearest, quoted};

const INTERFACES_EXAMPLE: &str = "keyvalue_basic: { max_key_bytes: 4096, max_value_bytes: 1MiB }";
pub(super) const GUARANTEES_EXAMPLE: &str =
    "guarantees: { consistency: linearizable, durability: driver_restart }";

/// Reads `interfaces` and `guarantees`; parts with problems are left out of what is returned.
pub(super) fn read(
    checker: &mut Checker<'_>,
    interfaces: Option<Field<'_>>,
    guarantees: Option<Field<'_>>,
) -> Declaration {
    Declaration {
        interfaces: interfaces.map(|field| read_interfaces(checker, field)).unwrap_or_default(),
        guarantees: guarantees.and_then(|field| read_guarantees(checker, field)).unwrap_or_default(),
    }
}

fn read_interfaces(checker: &mut Checker<'_>, field: Field<'_>) -> BTreeMap<String, Traits> {
    let mut declared = BTreeMap::new();
    let Some(fields) = checker.mapping(field.node, "`interfaces`", INTERFACES_EXAMPLE) else {
        return declared;
    };
    if fields.is_empty() {
        checker.report(
            field.key,
            "no interface is declared",
            "empty",
            format!("write `{INTERFACES_EXAMPLE}`"),
        );
    }
    let ids: Vec<&str> = catalogue::INTERFACES.iter().map(|known| known.id).collect();
    // Someone who declares `keyvalue_basics` has not forgotten `keyvalue_basic`.
    let meant: Vec<&str> =
        fields.iter().filter_map(|field| nearest(field.name, ids.iter().copied())).collect();
    for interface in fields.iter() {
        let Some(spec) = catalogue::interface(interface.name) else {
            let help = match nearest(interface.name, ids.iter().copied()) {
                Some(meant) => format!("write `{meant}`"),
                None => format!("the interfaces are {}", quoted(&ids)),
            };
            checker.report(
                interface.key,
                format!("there is no interface `{}`", interface.name),
                "unknown interface",
                help,
            );
            continue;
        };
        for needed in spec.needs {
            if !meant.contains(needed) {
                checker.report(
                    interface.key,
                    format!("`{}` needs `{needed}`, which is not declared", interface.name),
                    "cannot stand alone",
                    format!("declare `{needed}` too, or remove `{}`", interface.name),
                );
            }
        }
        let what = format!("`{}`", interface.name);
        if let Some(traits) = read_traits(checker, interface, &what, traits::specs(spec.id)) {
            declared.insert(spec.id.to_owned(), traits);
        }
    }
    declared
}

fn read_guarantees(checker: &mut Checker<'_>, field: Field<'_>) -> Option<Traits> {
    let traits = read_traits(checker, field, "`guarantees`", traits::GUARANTEES);
    if let Value::Mapping(_) = field.node.value {
        let pairs = values(field.node);
        let value = |name: &str| pairs.iter().find(|(key, ..)| *key == name);
        match (value("consistency"), value("within")) {
            (Some((_, "eventual", span)), None) => checker.report(
                *span,
                "consistency is `eventual` without `within`",
                "says nothing that can be tested",
                "say how late a read may be, such as `within: 2s`",
            ),
            (Some((_, consistency, _)), Some((.., span))) if *consistency != "eventual" => checker.report(
                *span,
                format!("`within` is given, but consistency is `{consistency}`"),
                "only for `eventual`",
                "remove `within`, or write `consistency: eventual`",
            ),
            _ => {}
        }
    }
    traits
}

/// The values that are texts, by key, with their places.
fn values(node: &Node) -> Vec<(&str, &str, Span)> {
    let Value::Mapping(pairs) = &node.value else { return Vec::new() };
    pairs
        .iter()
        .filter_map(|(key, value)| match (&key.value, &value.value) {
            (Value::Text(name), Value::Text(text)) => Some((name.as_str(), text.as_str(), value.span)),
            _ => None,
        })
        .collect()
}

fn read_traits(
    checker: &mut Checker<'_>,
    field: Field<'_>,
    what: &str,
    specs: &[TraitSpec],
) -> Option<Traits> {
    let known: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
    let example =
        specs.iter().filter(|spec| spec.default.is_none()).map(example_of).collect::<Vec<_>>().join(", ");
    let example = if example.is_empty() {
        format!("{}: {{}}", field.name)
    } else {
        format!("{}: {{ {example} }}", field.name)
    };
    // Nothing after the colon is the same as `{}`.
    let nothing = Fields::empty(field.key);
    let fields = match field.node.value {
        Value::Null => nothing,
        Value::Mapping(_) if known.is_empty() => {
            let fields = checker.mapping(field.node, what, &example)?;
            for extra in fields.iter() {
                checker.report(
                    extra.key,
                    format!("`{}` is not a trait of {what}", extra.name),
                    "unknown trait",
                    format!("{what} has no traits: write `{example}`"),
                );
            }
            fields
        }
        _ => checker.record(field.node, what, &known, &example)?,
    };
    let mut raw = Vec::new();
    for spec in specs {
        if let Some(given) = fields.get(spec.name) {
            // Without a text the trait is neither bad nor missing for `Traits::parse`; the checker reports it.
            raw.push((spec, given, checker.text(given.node, &format!("`{}`", spec.name), &example_of(spec))));
        }
    }
    let texts = raw.iter().filter_map(|(spec, _, text)| text.map(|text| (spec.name, text)));
    match Traits::parse(specs, texts) {
        Ok(traits) => Some(traits),
        Err(problems) => {
            for (name, message) in problems {
                let spec = specs.iter().find(|spec| spec.name == name)?;
                match raw.iter().find(|(given, ..)| given.name == name) {
                    Some((_, given, Some(_))) => {
                        let (message, help) = split(&message);
                        checker.report(given.node.span, format!("`{name}` {message}"), "bad value", help);
                    }
                    Some(_) => {}
                    None => checker.report(
                        field.key,
                        format!("{what} does not declare `{name}`: {}", spec.meaning),
                        format!("`{name}` is missing here"),
                        format!("add `{}`", example_of(spec)),
                    ),
                }
            }
            None
        }
    }
}

/// A message of the trait parser says what is wrong and then, behind a semicolon, what to do.
fn split(message: &str) -> (&str, &str) {
    message.rsplit_once("; ").unwrap_or((message, "see the traits of this interface"))
}

fn example_of(spec: &TraitSpec) -> String {
    let value = match spec.kind {
        TraitKind::Bytes { min } if min > 1 => "4096",
        TraitKind::Bytes { .. } => "1MiB",
        TraitKind::Count { .. } => "1000",
        TraitKind::Duration => "1s",
        TraitKind::Flag => "true",
        TraitKind::Choice(words) => words.first().copied().unwrap_or_default(),
    };
    format!("{}: {value}", spec.name)
}
