//! One `pattern.yaml`.

use crate::{ParameterKind, ParameterSpec, PatternSpec, SlotSpec, spec::SlotTrait};
use prism_interfaces::{catalogue, traits};
use prism_yaml::{Checker, Field, File, Node, Problem, Span, Value, nearest, node, quoted};
use std::{collections::BTreeMap, time::Duration};

/// What an empty file is told to add.
const NEEDS: &str = "a pattern needs at least `pattern`, `description`, `driver` and `slots`";
const KEYS: [&str; 8] =
    ["pattern", "description", "driver", "serves", "passes_on", "slots", "parameters", "certify"];
const SLOT_KEYS: [&str; 7] = ["description", "optional", "filled_by", "requires", "one_of", "uses", "traits"];
const PARAMETER_KEYS: [&str; 8] =
    ["description", "kind", "min", "max", "max_bytes", "values", "default", "required"];
const SLOT_EXAMPLE: &str = "store: { description: where keys are, requires: [keyvalue_basic] }";
const PARAMETER_EXAMPLE: &str = "max_retries: { kind: count, max: 100, default: 3, description: … }";
const KINDS: [&str; 4] = ["count", "duration", "text", "choice"];

/// The longest length of time that a parameter can have: ten years.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// What became of a file.
pub struct Read {
    /// Given where it has a name, even if something else is wrong, so that repeated names are found.
    pub name: Option<(String, Span)>,
    /// Given where nothing is wrong.
    pub pattern: Option<PatternSpec>,
    /// Everything that is wrong, in the order of finding.
    pub problems: Vec<Problem>,
}

/// Reads the text of a pattern that is built in, whose tests say that nothing is wrong with it.
///
/// # Panics
///
/// Where something is.
pub fn builtin(path: &str, text: &str, builtins: &[&str]) -> PatternSpec {
    let read = read(&File::new(path, text, None), builtins);
    let problems: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
    read.pattern.unwrap_or_else(|| panic!("{path}: {}", problems.join("; ")))
}

/// Reads and checks a file; `builtins` are the patterns that `driver: { builtin: … }` can name.
pub fn read(file: &File, builtins: &[&str]) -> Read {
    let document = match node::parse(file, NEEDS) {
        Ok(document) => document,
        Err(problems) => return Read { name: None, pattern: None, problems },
    };
    if let Value::Null = document.value {
        return Read { name: None, pattern: None, problems: vec![node::empty(file, NEEDS)] };
    }
    let mut reader = Reader { checker: Checker::new(file), name: None };
    let pattern = reader.document(&document, builtins);
    let Reader { checker, name } = reader;
    let problems = checker.into_problems();
    Read { name, pattern: pattern.filter(|_| problems.is_empty()), problems }
}

struct Reader<'f> {
    checker: Checker<'f>,
    name: Option<(String, Span)>,
}

impl Reader<'_> {
    fn document(&mut self, document: &Node, builtins: &[&str]) -> Option<PatternSpec> {
        let what = "a pattern";
        let example = "pattern: my-pattern";
        let fields = self.checker.record(document, what, &KEYS, example)?;
        if let Some(field) = self.checker.required(&fields, "pattern", what, example)
            && let Some(text) = self.checker.text(field.node, "`pattern`", example)
        {
            if is_name(text) {
                self.name = Some((text.to_owned(), field.node.span));
            } else {
                self.checker.report(
                    field.node.span,
                    format!("`{text}` is not a name for a pattern"),
                    "bad name",
                    "write lower-case letters, digits and hyphens, starting with a letter or digit",
                );
            }
        }
        let example = "description: What it is for";
        let description = self
            .checker
            .required(&fields, "description", what, example)
            .and_then(|field| self.checker.text(field.node, "`description`", example))
            .map(str::to_owned);
        let example = "driver: { builtin: producer }";
        let builtin = self
            .checker
            .required(&fields, "driver", what, example)
            .and_then(|field| self.driver(field, builtins, example));
        let serves = match fields.get("serves") {
            Some(field) => self.interfaces(field, "`serves`"),
            None => Vec::new(),
        };
        let example = format!("slots: {{ {SLOT_EXAMPLE} }}");
        let slots = match self.checker.required(&fields, "slots", what, &example) {
            Some(field) => self.slots(field),
            None => Vec::new(),
        };
        let passes_on = match fields.get("passes_on") {
            Some(field) => self.slot_name(field, &slots),
            None => None,
        };
        let parameters = match fields.get("parameters") {
            Some(field) => self.parameters(field),
            None => Vec::new(),
        };
        let certify = match fields.get("certify") {
            Some(field) => self.certify(field, &parameters),
            None => BTreeMap::new(),
        };
        let (name, span) = self.name.clone()?;
        let (line, _) = self.checker.file().position(span.start);
        let place = (self.checker.file().path().to_owned(), line);
        Some(PatternSpec {
            name,
            description: description?,
            builtin: builtin?,
            serves,
            passes_on,
            slots,
            parameters,
            certify,
            place,
        })
    }

    fn driver(&mut self, field: Field<'_>, builtins: &[&str], example: &str) -> Option<String> {
        let fields = self.checker.record(field.node, "`driver`", &["builtin"], example)?;
        let builtin = self.checker.required(&fields, "builtin", "`driver`", example)?;
        let text = self.checker.text(builtin.node, "`builtin`", example)?;
        if builtins.contains(&text) {
            return Some(text.to_owned());
        }
        let help = match nearest(text, builtins.iter().copied()) {
            Some(meant) => format!("write `{meant}`"),
            None => format!("the patterns of this build are {}", quoted(builtins)),
        };
        self.checker.report(
            builtin.node.span,
            format!("there is no built-in pattern `{text}`"),
            "unknown pattern",
            help,
        );
        None
    }

    /// A list of interfaces that exist.
    fn interfaces(&mut self, field: Field<'_>, what: &str) -> Vec<String> {
        let known: Vec<&str> =
            catalogue::INTERFACES.iter().chain(catalogue::PATTERNS).map(|interface| interface.id).collect();
        let Some(items) = self.checker.list(field.node, what, "[keyvalue_basic]") else { return Vec::new() };
        let mut found = Vec::new();
        for item in items {
            let Some(text) = self.checker.text(item, what, "keyvalue_basic") else { continue };
            if known.contains(&text) {
                found.push(text.to_owned());
            } else {
                let help = match nearest(text, known.iter().copied()) {
                    Some(meant) => format!("write `{meant}`"),
                    None => format!("the interfaces are {}", quoted(&known)),
                };
                self.checker.report(
                    item.span,
                    format!("there is no interface `{text}`"),
                    "unknown interface",
                    help,
                );
            }
        }
        found
    }

    fn slots(&mut self, field: Field<'_>) -> Vec<SlotSpec> {
        let Some(fields) = self.checker.mapping(field.node, "`slots`", SLOT_EXAMPLE) else {
            return Vec::new();
        };
        if fields.is_empty() {
            self.checker.report(
                field.key,
                "a pattern has no slots",
                "empty",
                format!("add `{SLOT_EXAMPLE}`"),
            );
        }
        fields.iter().filter_map(|field| self.slot(field)).collect()
    }

    fn slot(&mut self, field: Field<'_>) -> Option<SlotSpec> {
        let what = format!("the slot `{}`", field.name);
        let fields = self.checker.record(field.node, &what, &SLOT_KEYS, SLOT_EXAMPLE)?;
        let description = self.checker.required(&fields, "description", &what, "description: …")?;
        let mut slot = SlotSpec {
            name: field.name.to_owned(),
            description: self.checker.text(description.node, "`description`", "…")?.to_owned(),
            ..SlotSpec::default()
        };
        if let Some(optional) = fields.node("optional") {
            slot.optional = self.checker.flag(optional, "`optional`").unwrap_or_default();
        }
        if let Some(filled_by) = fields.node("filled_by") {
            match self.checker.text(filled_by, "`filled_by`", "application") {
                Some("application") => slot.application = true,
                Some(other) => self.checker.report(
                    filled_by.span,
                    format!("a slot cannot be filled by `{other}`"),
                    "unknown",
                    "write `application`, or leave it out for a backend of the registry",
                ),
                None => {}
            }
        }
        for (key, list) in
            [("requires", &mut slot.requires), ("one_of", &mut slot.one_of), ("uses", &mut slot.uses)]
        {
            if let Some(field) = fields.get(key) {
                *list = self.interfaces(field, &format!("`{key}` of {what}"));
            }
        }
        if slot.requires.is_empty() && slot.one_of.is_empty() {
            self.checker.report(
                field.key,
                format!("{what} asks for no interface, so anything could be bound to it"),
                "needs `requires` or `one_of`",
                "add `requires: [keyvalue_basic]`",
            );
        }
        if let Some(field) = fields.get("traits") {
            slot.traits = self.traits(field, &what);
        }
        Some(slot)
    }

    /// `traits: { keyvalue_scan: { ordered: [true] } }`.
    fn traits(&mut self, field: Field<'_>, what: &str) -> Vec<SlotTrait> {
        let example = "guarantees: { consistency: [linearizable, sequential] }";
        let mut found = Vec::new();
        let Some(interfaces) = self.checker.mapping(field.node, &format!("`traits` of {what}"), example)
        else {
            return found;
        };
        for interface in interfaces.iter() {
            let specs = if interface.name == "guarantees" {
                traits::GUARANTEES
            } else {
                traits::specs(interface.name)
            };
            let known: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
            if known.is_empty() {
                self.checker.report(
                    interface.key,
                    format!("`{}` has no traits", interface.name),
                    "no traits",
                    "name an interface that has traits, or `guarantees`",
                );
                continue;
            }
            let owner = format!("`{}`", interface.name);
            let Some(fields) = self.checker.record(interface.node, &owner, &known, example) else { continue };
            for wanted in fields.iter() {
                let Some(spec) = specs.iter().find(|spec| spec.name == wanted.name) else { continue };
                let Some(values) = self.checker.texts(wanted.node, &format!("`{}`", wanted.name), "[true]")
                else {
                    continue;
                };
                for value in &values {
                    if let Err(problem) = spec.kind.parse(value) {
                        let message = format!("a value of `{}` {problem}", wanted.name);
                        self.checker.report(
                            wanted.node.span,
                            message,
                            "bad value",
                            format!("write `{example}`"),
                        );
                    }
                }
                found.push(SlotTrait {
                    interface: interface.name.to_owned(),
                    name: wanted.name.to_owned(),
                    any_of: values,
                });
            }
        }
        found
    }

    fn slot_name(&mut self, field: Field<'_>, slots: &[SlotSpec]) -> Option<String> {
        let text = self.checker.text(field.node, "`passes_on`", "store")?;
        if slots.iter().any(|slot| slot.name == text) {
            return Some(text.to_owned());
        }
        let known: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
        self.checker.report(
            field.node.span,
            format!("there is no slot `{text}`"),
            "unknown slot",
            format!("write one of {}", quoted(&known)),
        );
        None
    }

    fn parameters(&mut self, field: Field<'_>) -> Vec<ParameterSpec> {
        let Some(fields) = self.checker.mapping(field.node, "`parameters`", PARAMETER_EXAMPLE) else {
            return Vec::new();
        };
        fields.iter().filter_map(|field| self.parameter(field)).collect()
    }

    fn parameter(&mut self, field: Field<'_>) -> Option<ParameterSpec> {
        let what = format!("the parameter `{}`", field.name);
        let fields = self.checker.record(field.node, &what, &PARAMETER_KEYS, PARAMETER_EXAMPLE)?;
        let description = self.checker.required(&fields, "description", &what, "description: …")?;
        let description = self.checker.text(description.node, "`description`", "…")?.to_owned();
        let kind_field = self.checker.required(&fields, "kind", &what, "kind: count")?;
        let kind = match self.checker.text(kind_field.node, "`kind`", "count")? {
            "count" => {
                let mut bound = |name: &str, otherwise| match fields.node(name) {
                    Some(node) => self.checker.number(node, &format!("`{name}`"), 0, u64::MAX),
                    None => Some(otherwise),
                };
                ParameterKind::Count { min: bound("min", 0)?, max: bound("max", u64::MAX)? }
            }
            "duration" => {
                let mut bound = |name: &str, otherwise| match fields.node(name) {
                    Some(node) => {
                        let text = self.checker.text(node, &format!("`{name}`"), "1s")?;
                        let bound = traits::parse_duration(text);
                        if bound.is_none() {
                            self.checker.report(
                                node.span,
                                format!("`{name}` is not a length of time"),
                                "bad value",
                                "write a whole number with a unit, such as `250ms`, `5s` or `2m`",
                            );
                        }
                        bound
                    }
                    None => Some(otherwise),
                };
                ParameterKind::Duration { min: bound("min", Duration::ZERO)?, max: bound("max", LONGEST)? }
            }
            "text" => ParameterKind::Text {
                max_bytes: match fields.node("max_bytes") {
                    Some(node) => self.checker.number(node, "`max_bytes`", 1, 1 << 20)?,
                    None => 4096,
                },
            },
            "choice" => {
                let values = self.checker.required(&fields, "values", &what, "values: [on, off]")?;
                ParameterKind::Choice(self.checker.texts(values.node, "`values`", "[on, off]")?)
            }
            other => {
                let help = match nearest(other, KINDS) {
                    Some(meant) => format!("write `{meant}`"),
                    None => format!("write one of {}", quoted(&KINDS)),
                };
                self.checker.report(
                    kind_field.node.span,
                    format!("there is no kind `{other}`"),
                    "unknown kind",
                    help,
                );
                return None;
            }
        };
        let default = match fields.node("default") {
            Some(node) => Some(self.checker.text(node, "`default`", "3")?.to_owned()),
            None => None,
        };
        if let (Some(text), Some(node)) = (&default, fields.node("default"))
            && let Err(problem) = kind.parse(text)
        {
            self.checker.report(
                node.span,
                format!("the default of `{}` {problem}", field.name),
                "out of bounds",
                "give a default that the parameter takes",
            );
        }
        let required = match fields.node("required") {
            Some(node) => self.checker.flag(node, "`required`")?,
            None => false,
        };
        Some(ParameterSpec { name: field.name.to_owned(), description, kind, required, default })
    }

    /// Values that the parameters take.
    fn certify(&mut self, field: Field<'_>, parameters: &[ParameterSpec]) -> BTreeMap<String, String> {
        let known: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        let example = "certify: { max_retries: 2 }";
        let Some(fields) = self.checker.record(field.node, "`certify`", &known, example) else {
            return BTreeMap::new();
        };
        let mut values = BTreeMap::new();
        for field in fields.iter() {
            let Some(spec) = parameters.iter().find(|parameter| parameter.name == field.name) else {
                continue;
            };
            let Some(text) = self.checker.text(field.node, &format!("`{}`", field.name), "3") else {
                continue;
            };
            if let Err(problem) = spec.kind.parse(text) {
                self.checker.report(
                    field.node.span,
                    format!("`{}` {problem}", field.name),
                    "bad value",
                    "give a value that the parameter takes",
                );
            }
            values.insert(field.name.to_owned(), text.to_owned());
        }
        values
    }
}

/// As for backends.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_of_a_file_is_told_at_once_with_its_line() {
        let text = "\
pattern: Producer
description: Publishes
driver: { builtin: producr }
colour: red
serves: [pattern_keyvalue, pattern_keyvalu]
passes_on: shop
slots:
  sink: { description: out, requires: [pubsub_basics] }
  store: { description: kept, optional: perhaps }
  third: { description: kept, requires: [keyvalue_scan], traits: { keyvalue_scan: { ordered: [maybe] } } }
parameters:
  retries: { kind: count, max: 5, default: 9, description: how often }
  mode: { kind: chioce, values: [a], description: how }
certify: { retrys: 1 }
";
        let found = read(&File::new("pattern.yaml", text, None), &["producer", "consumer"]);
        assert!(found.pattern.is_none());
        let mut told: Vec<String> = found
            .problems
            .iter()
            .map(|problem| {
                let line = problem.position().map_or(0, |(_, line, _)| line);
                format!("{line}: {problem}")
            })
            .collect();
        told.sort_by_key(|text| text.split(':').next().and_then(|line| line.parse::<u32>().ok()));
        let expected = [
            "1: `Producer` is not a name",
            "3: there is no built-in pattern `producr`",
            "4: `colour` is not a key",
            "5: there is no interface `pattern_keyvalu`",
            "6: there is no slot `shop`",
            "8: there is no interface `pubsub_basics`",
            "8: the slot `sink` asks for no interface",
            "9: `optional` is neither",
            "9: the slot `store` asks for no interface",
            "10: a value of `ordered` is `maybe`",
            "12: the default of `retries` is `9`",
            "13: there is no kind `chioce`",
            "14: `retrys` is not a key",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for expected in expected {
            assert!(told.iter().any(|text| text.starts_with(expected)), "{expected}\n{told:#?}");
        }
    }
}
