//! Keys and values for generated operations, drawn from the adversarial pools.

use prism_check::pools::{Family, key_families, value_families};
use proptest::{sample::select, strategy::Strategy};
use std::fmt::Debug;

/// A handful of keys of two families, so that names meet which a careless driver takes for one another.
pub(crate) fn keys() -> impl Strategy<Value = Vec<String>> {
    two(key_families(), 4)
}

/// A handful of values of two families.
pub(crate) fn values() -> impl Strategy<Value = Vec<Vec<u8>>> {
    two(value_families(), 4)
}

/// At most `each` of one family and as many of another.
fn two<T: Clone + Debug + PartialEq + 'static>(
    families: Vec<Family<T>>,
    each: usize,
) -> impl Strategy<Value = Vec<T>> {
    let entries: Vec<Vec<T>> = families.into_iter().map(|family| family.entries).collect();
    (select(entries.clone()), select(entries)).prop_map(move |(first, second)| {
        let mut drawn: Vec<T> = first.into_iter().take(each).collect();
        for entry in second.into_iter().rev().take(each) {
            if !drawn.contains(&entry) {
                drawn.push(entry);
            }
        }
        drawn
    })
}
