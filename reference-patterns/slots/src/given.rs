//! What a file gives to a pattern: something for each of its slots, and parameters.

use crate::{ParameterSpec, PatternSpec};
use prism_yaml::{Checker, Field, Span, Value, nearest, quoted};
use std::collections::BTreeMap;

/// Something that a file gives, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given<T> {
    /// What it says.
    pub value: T,
    /// Where.
    pub span: Span,
}

/// Reads a mapping of slots. `read` is asked what stands at a slot of the pattern and tells what is wrong with it; its
/// last argument is what messages call the slot. Slots that the pattern does not have, and such that must be bound and
/// are not, are told here.
pub fn slots<'n, T>(
    checker: &mut Checker<'_>,
    field: Field<'n>,
    pattern: &PatternSpec,
    example: &str,
    mut read: impl FnMut(&mut Checker<'_>, Field<'n>, &str) -> Option<T>,
) -> BTreeMap<String, Given<T>> {
    let mut slots = BTreeMap::new();
    let Some(fields) = checker.mapping(field.node, "`slots`", example) else { return slots };
    let known: Vec<&str> = pattern.slots.iter().map(|slot| slot.name.as_str()).collect();
    for slot in fields.iter() {
        if !known.contains(&slot.name) {
            let help = match nearest(slot.name, known.iter().copied()) {
                Some(meant) => format!("write `{meant}`"),
                None => format!("the slots of {} are {}", pattern.name, quoted(&known)),
            };
            let message = format!("`{}` has no slot `{}`", pattern.name, slot.name);
            checker.report(slot.key, message, "unknown slot", help);
            continue;
        }
        if let Some(value) = read(checker, slot, &format!("the slot `{}`", slot.name)) {
            slots.insert(slot.name.to_owned(), Given { value, span: slot.node.span });
        }
    }
    for missing in pattern.slots.iter().filter(|slot| !slot.optional && fields.get(&slot.name).is_none()) {
        checker.report(
            field.key,
            format!("nothing is bound to the slot `{}`", missing.name),
            format!("{} needs it for {}", pattern.name, missing.description),
            format!("add `{}` to `slots`", missing.name),
        );
    }
    slots
}

/// Reads a mapping of parameters, where there is one: unknown ones, and values that are of another kind or out of bounds,
/// are told; and, at `missing`, those that have to be given and are not.
pub fn parameters(
    checker: &mut Checker<'_>,
    field: Option<Field<'_>>,
    specs: &[ParameterSpec],
    missing: Option<Span>,
) -> BTreeMap<String, Given<String>> {
    let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let mut parameters = BTreeMap::new();
    let example = "parameters: { max_retries: 3 }";
    let fields = match field {
        Some(field) => {
            let Some(fields) = checker.record(field.node, "`parameters`", &known, example) else {
                return parameters;
            };
            Some(fields)
        }
        None => None,
    };
    for field in fields.iter().flat_map(prism_yaml::Fields::iter) {
        let Some(spec) = specs.iter().find(|spec| spec.name == field.name) else { continue };
        let Value::Text(text) = &field.node.value else {
            checker.text(field.node, &format!("`{}`", field.name), "3");
            continue;
        };
        if let Err(problem) = spec.kind.parse(text) {
            checker.report(
                field.node.span,
                format!("`{}` {problem}", field.name),
                "bad value",
                format!("it is {}", spec.description),
            );
        }
        parameters.insert(field.name.to_owned(), Given { value: text.clone(), span: field.node.span });
    }
    let is_given = |name: &str| fields.as_ref().is_some_and(|fields| fields.get(name).is_some());
    for spec in specs.iter().filter(|spec| spec.required && !is_given(&spec.name)) {
        if let Some(at) = missing {
            checker.report(
                at,
                format!("the parameter `{}` is missing", spec.name),
                format!("it is {}", spec.description),
                format!("add `parameters: {{ {}: … }}`", spec.name),
            );
        }
    }
    parameters
}
