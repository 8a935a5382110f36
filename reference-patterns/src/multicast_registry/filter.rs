//! Filters: their limits, and what they match.

use super::value;
use prism_interfaces::{
    Fault,
    contract::v1::Reason,
    pattern::multicast_registry::v1::{Comparison, Filter, Value, filter::Condition, value::Kind},
};
use std::{cmp::Ordering, collections::HashMap};

/// The most values of a `one_of`.
const MOST_CHOICES: usize = 100;

/// How large a filter may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// A condition alone has depth 1.
    pub(super) depth: usize,
    /// Conditions, those of conditions included.
    pub(super) clauses: usize,
}

type Metadata = HashMap<String, Value>;

/// Whether a filter has a meaning and is within its limits. No filter is one, too.
pub(super) fn check(filter: Option<&Filter>, limits: Limits) -> Result<(), Fault> {
    let Some(filter) = filter else { return Ok(()) };
    let mut clauses = 0;
    walk(filter, 1, limits, &mut clauses)
        .map_err(|problem| Fault::invalid_argument(Reason::FilterInvalid, problem).field("filter"))
}

fn walk(filter: &Filter, depth: usize, limits: Limits, clauses: &mut usize) -> Result<(), String> {
    *clauses += 1;
    if depth > limits.depth {
        return Err(format!("the filter is nested deeper than {}", limits.depth));
    }
    if *clauses > limits.clauses {
        return Err(format!("the filter holds more than {} conditions", limits.clauses));
    }
    let condition = filter.condition.as_ref().ok_or("the filter has no condition where there must be one")?;
    let field = |name: &str| {
        if name.is_empty() { Err("a field of the filter has an empty name".to_owned()) } else { Ok(()) }
    };
    let operand = |name: &str, operand: &Value| match value::problem(operand) {
        Some(problem) => Err(format!("what the filter compares {name:?} with {problem}")),
        None => Ok(()),
    };
    match condition {
        Condition::Equals(comparison)
        | Condition::NotEquals(comparison)
        | Condition::Less(comparison)
        | Condition::LessOrEqual(comparison)
        | Condition::Greater(comparison)
        | Condition::GreaterOrEqual(comparison)
        | Condition::Contains(comparison) => {
            field(&comparison.field)?;
            operand(&comparison.field, comparison.value.as_ref().unwrap_or(&Value { kind: None }))
        }
        Condition::OneOf(choice) => {
            field(&choice.field)?;
            if choice.values.len() > MOST_CHOICES {
                let (is, name) = (choice.values.len(), &choice.field);
                return Err(format!("a `one_of` of {name:?} has {is} values; the most is {MOST_CHOICES}"));
            }
            choice.values.iter().try_for_each(|value| operand(&choice.field, value))
        }
        Condition::StartsWith(part) | Condition::EndsWith(part) => field(&part.field),
        Condition::Exists(name) => field(name),
        Condition::All(parts) | Condition::Any(parts) => {
            parts.filters.iter().try_for_each(|part| walk(part, depth + 1, limits, clauses))
        }
        Condition::Not(part) => walk(part, depth + 1, limits, clauses),
    }
}

/// Whether metadata match a filter that was checked; without one everything does.
pub(super) fn matches(filter: Option<&Filter>, metadata: &Metadata) -> bool {
    let Some(filter) = filter else { return true };
    let Some(condition) = &filter.condition else { return false };
    match condition {
        Condition::Equals(comparison) => both(comparison, metadata).is_some_and(|(a, b)| value::equal(a, b)),
        Condition::NotEquals(comparison) => {
            both(comparison, metadata).is_some_and(|(a, b)| !value::equal(a, b))
        }
        Condition::Less(comparison) => order(comparison, metadata).is_some_and(Ordering::is_lt),
        Condition::LessOrEqual(comparison) => order(comparison, metadata).is_some_and(Ordering::is_le),
        Condition::Greater(comparison) => order(comparison, metadata).is_some_and(Ordering::is_gt),
        Condition::GreaterOrEqual(comparison) => order(comparison, metadata).is_some_and(Ordering::is_ge),
        Condition::OneOf(choice) => metadata
            .get(&choice.field)
            .is_some_and(|field| choice.values.iter().any(|value| value::equal(field, value))),
        Condition::StartsWith(part) => {
            text(&part.field, metadata).is_some_and(|text| text.starts_with(&part.text))
        }
        Condition::EndsWith(part) => {
            text(&part.field, metadata).is_some_and(|text| text.ends_with(&part.text))
        }
        Condition::Contains(comparison) => both(comparison, metadata).is_some_and(contains),
        Condition::Exists(name) => metadata.contains_key(name),
        Condition::All(parts) => parts.filters.iter().all(|part| matches(Some(part), metadata)),
        Condition::Any(parts) => parts.filters.iter().any(|part| matches(Some(part), metadata)),
        Condition::Not(part) => !matches(Some(part), metadata),
    }
}

/// The field and what it is compared with, where both are there.
fn both<'a>(comparison: &'a Comparison, metadata: &'a Metadata) -> Option<(&'a Value, &'a Value)> {
    Some((metadata.get(&comparison.field)?, comparison.value.as_ref()?))
}

fn order(comparison: &Comparison, metadata: &Metadata) -> Option<Ordering> {
    let (field, value) = both(comparison, metadata)?;
    value::compare(field, value)
}

fn text<'a>(field: &str, metadata: &'a Metadata) -> Option<&'a str> {
    match metadata.get(field)?.kind.as_ref()? {
        Kind::Text(text) => Some(text),
        _ => None,
    }
}

fn contains((field, value): (&Value, &Value)) -> bool {
    match (&field.kind, &value.kind) {
        (Some(Kind::Text(whole)), Some(Kind::Text(part))) => whole.contains(part),
        (Some(Kind::List(list)), _) => list.values.iter().any(|element| value::equal(element, value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
