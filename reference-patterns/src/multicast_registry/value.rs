//! Values of metadata: what they may be, and how they compare.

use prism_interfaces::pattern::multicast_registry::v1::{Value, value::Kind};
use std::cmp::Ordering;

/// Where the integers that fit into 64 bits end.
const BEYOND_INTEGERS: f64 = 9_223_372_036_854_775_808.0;

/// What is wrong with a value; continues the sentence "the field …".
pub(super) fn problem(value: &Value) -> Option<&'static str> {
    match &value.kind {
        None => Some("has a value of no kind"),
        Some(Kind::Number(number)) if number.is_nan() => Some("is not a number (NaN)"),
        Some(Kind::List(list)) => list.values.iter().find_map(|value| match &value.kind {
            Some(Kind::List(_)) => Some("has a list in a list"),
            _ => problem(value),
        }),
        Some(_) => None,
    }
}

/// Whether two values are equal.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (&left.kind, &right.kind) {
        (Some(Kind::Flag(left)), Some(Kind::Flag(right))) => left == right,
        (Some(Kind::Null(_)), Some(Kind::Null(_))) => true,
        (Some(Kind::List(left)), Some(Kind::List(right))) => {
            left.values.len() == right.values.len()
                && left.values.iter().zip(&right.values).all(|(left, right)| equal(left, right))
        }
        _ => compare(left, right) == Some(Ordering::Equal),
    }
}

/// The order of two values; `None` where they have none.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left.kind.as_ref()?, right.kind.as_ref()?) {
        (Kind::Text(left), Kind::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Kind::Data(left), Kind::Data(right)) => Some(left.cmp(right)),
        (Kind::Integer(left), Kind::Integer(right)) => Some(left.cmp(right)),
        (Kind::Number(left), Kind::Number(right)) => left.partial_cmp(right),
        (Kind::Integer(left), Kind::Number(right)) => mixed(*left, *right),
        (Kind::Number(left), Kind::Integer(right)) => mixed(*right, *left).map(Ordering::reverse),
        _ => None,
    }
}

/// An integer and a number by their exact values; a conversion of either would round.
fn mixed(integer: i64, number: f64) -> Option<Ordering> {
    if number.is_nan() {
        return None;
    }
    if number >= BEYOND_INTEGERS {
        return Some(Ordering::Less);
    }
    if number < -BEYOND_INTEGERS {
        return Some(Ordering::Greater);
    }
    let whole = number.trunc();
    Some(integer.cmp(&(whole as i64)).then(whole.partial_cmp(&number)?))
}

/// An order of all values, for sorting: null, flags, numbers, texts, data, lists.
pub(super) fn sort(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match &value.kind {
        None => 0,
        Some(Kind::Null(_)) => 1,
        Some(Kind::Flag(_)) => 2,
        Some(Kind::Integer(_) | Kind::Number(_)) => 3,
        Some(Kind::Text(_)) => 4,
        Some(Kind::Data(_)) => 5,
        Some(Kind::List(_)) => 6,
    };
    rank(left).cmp(&rank(right)).then_with(|| match (&left.kind, &right.kind) {
        (Some(Kind::Flag(left)), Some(Kind::Flag(right))) => left.cmp(right),
        (Some(Kind::List(left)), Some(Kind::List(right))) => {
            let pairs = left.values.iter().zip(&right.values);
            pairs
                .map(|(left, right)| sort(left, right))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| left.values.len().cmp(&right.values.len()))
        }
        _ => compare(left, right).unwrap_or(Ordering::Equal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::pattern::multicast_registry::v1::{List, Null};

    fn of(kind: Kind) -> Value {
        Value { kind: Some(kind) }
    }

    #[test]
    fn integers_and_numbers_compare_by_their_exact_values() {
        let big = 1_i64 << 53;
        for (integer, number, order) in [
            (3, 3.0, Ordering::Equal),
            (0, -0.0, Ordering::Equal),
            (3, 3.5, Ordering::Less),
            (-3, -3.5, Ordering::Greater),
            (0, 0.5, Ordering::Less),
            (0, -0.5, Ordering::Greater),
            (big, big as f64, Ordering::Equal),
            (big + 1, big as f64, Ordering::Greater),
            (i64::MAX, i64::MAX as f64, Ordering::Less),
            (i64::MIN, i64::MIN as f64, Ordering::Equal),
            (i64::MAX, f64::INFINITY, Ordering::Less),
            (i64::MIN, f64::NEG_INFINITY, Ordering::Greater),
        ] {
            assert_eq!(compare(&of(Kind::Integer(integer)), &of(Kind::Number(number))), Some(order));
            assert_eq!(
                compare(&of(Kind::Number(number)), &of(Kind::Integer(integer))),
                Some(order.reverse())
            );
        }
        assert_eq!(compare(&of(Kind::Integer(0)), &of(Kind::Number(f64::NAN))), None);
    }

    #[test]
    fn sorting_is_a_total_order_over_all_kinds() {
        let list = |values: &[i64]| {
            of(Kind::List(List { values: values.iter().map(|value| of(Kind::Integer(*value))).collect() }))
        };
        let sorted = [
            of(Kind::Null(Null {})),
            of(Kind::Flag(false)),
            of(Kind::Flag(true)),
            of(Kind::Number(-0.5)),
            of(Kind::Integer(0)),
            of(Kind::Number(1.5)),
            of(Kind::Integer(2)),
            of(Kind::Text(String::new())),
            of(Kind::Text("B".into())),
            of(Kind::Text("a".into())),
            of(Kind::Data(b"\0"[..].into())),
            list(&[]),
            list(&[1]),
            list(&[1, 0]),
            list(&[2]),
        ];
        for (place, left) in sorted.iter().enumerate() {
            for (other, right) in sorted.iter().enumerate() {
                assert_eq!(sort(left, right), place.cmp(&other), "{left:?} {right:?}");
            }
        }
    }
}
