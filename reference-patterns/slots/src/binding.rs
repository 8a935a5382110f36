//! The bindings that a registry of backends allows.

use crate::{Candidate, PatternSpec, unmet};
use std::{collections::BTreeSet, fmt};

/// The most bindings of a pattern that are all taken; of more, every pair of choices is taken at least once.
pub const ALL_UP_TO: usize = 16;

/// Which backend is bound to each slot of a pattern, in the order of its slots; slots without one are left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding(pub Vec<(String, String)>);

/// The bindings of a pattern that are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bindings {
    /// In a stable order.
    pub chosen: Vec<Binding>,
    /// How many there are altogether.
    pub possible: usize,
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (slot, backend)) in self.0.iter().enumerate() {
            write!(f, "{}{slot}={backend}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl Binding {
    /// What is bound to a slot.
    pub fn backend(&self, slot: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == slot).map(|(_, backend)| backend.as_str())
    }
}

/// Every valid binding where there are at most [`ALL_UP_TO`]; else enough of them that every two choices in two slots
/// that can be made together are made together once. Slots that the application fills stay empty.
pub fn bindings(pattern: &PatternSpec, backends: &[Candidate<'_>]) -> Bindings {
    // For each slot the names that fit, and `None` where it can stay empty.
    let choices: Vec<(&str, Vec<Option<&str>>)> = pattern
        .slots
        .iter()
        .filter(|slot| !slot.application)
        .map(|slot| {
            let fits = backends.iter().filter(|backend| unmet(slot, backend.declaration).is_empty());
            let mut names: Vec<Option<&str>> = fits.map(|backend| Some(backend.name)).collect();
            if slot.optional {
                names.insert(0, None);
            }
            (slot.name.as_str(), names)
        })
        .collect();
    let sizes: Vec<usize> = choices.iter().map(|(_, names)| names.len()).collect();
    let possible = sizes.iter().product();
    let rows = if possible <= ALL_UP_TO { all(&sizes) } else { pairwise(&sizes) };
    let chosen = rows.into_iter().map(|row| {
        let bound = choices.iter().zip(row).filter_map(|((slot, names), index)| {
            names[index].map(|name| ((*slot).to_owned(), name.to_owned()))
        });
        Binding(bound.collect())
    });
    Bindings { chosen: chosen.collect(), possible }
}

/// Every row, the last column changing fastest.
fn all(sizes: &[usize]) -> Vec<Vec<usize>> {
    sizes.iter().fold(vec![Vec::new()], |rows, size| {
        let longer = |row: Vec<usize>| (0..*size).map(move |index| [row.as_slice(), &[index]].concat());
        rows.into_iter().flat_map(longer).collect()
    })
}

/// Rows that hold every pair of values of two columns, found greedily: as long as a pair is missing, the row that holds
/// the most of those that are. The rows are few enough to look at all of them each time.
fn pairwise(sizes: &[usize]) -> Vec<Vec<usize>> {
    let rows = all(sizes);
    let pairs = |row: &[usize]| {
        let mut pairs = Vec::new();
        for left in 0..row.len() {
            for right in left + 1..row.len() {
                pairs.push((left, row[left], right, row[right]));
            }
        }
        pairs
    };
    let mut missing: BTreeSet<_> = rows.iter().flat_map(|row| pairs(row)).collect();
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        let worth = |row: &&Vec<usize>| pairs(row).iter().filter(|pair| missing.contains(pair)).count();
        // The first of equal ones, so that the order is stable.
        let Some(best) = rows.iter().rev().max_by_key(worth) else { break };
        for pair in pairs(best) {
            missing.remove(&pair);
        }
        chosen.push(best.clone());
    }
    chosen.sort();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_taken_all_and_of_many_every_pair_is_there() {
        assert_eq!(all(&[2, 2]), [[0, 0], [0, 1], [1, 0], [1, 1]]);
        assert_eq!(all(&[2, 0]), Vec::<Vec<usize>>::new());
        for sizes in [&[2, 4, 3][..], &[3, 3, 3, 3], &[5, 1, 4]] {
            let rows = pairwise(sizes);
            assert!(rows.len() < all(sizes).len().max(21), "{sizes:?}: {}", rows.len());
            for left in 0..sizes.len() {
                for right in left + 1..sizes.len() {
                    for (a, b) in (0..sizes[left]).flat_map(|a| (0..sizes[right]).map(move |b| (a, b))) {
                        assert!(rows.iter().any(|row| row[left] == a && row[right] == b), "{sizes:?}");
                    }
                }
            }
            assert_eq!(rows, pairwise(sizes), "the same every time");
        }
        assert_eq!(pairwise(&[2, 4, 3]).len(), 12);
    }
}
