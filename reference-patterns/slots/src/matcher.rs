//! Whether what is bound to the slots of a pattern fits.

use crate::{PatternSpec, SlotSpec};
use prism_interfaces::traits::{Declaration, Traits};
use prism_yaml::nearest;
use std::fmt;

/// A backend, as far as slots look at it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// As messages call it.
    pub name: &'a str,
    /// What it declares.
    pub declaration: &'a Declaration,
}

/// What was bound to a slot.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The slot.
    pub slot: &'a str,
    /// The backend.
    pub backend: Candidate<'a>,
}

/// One reason why a binding does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The slot.
    pub slot: String,
    /// What is wrong, such as "`sqlite` lacks `pubsub_basic`".
    pub problem: String,
    /// What would fit, as far as it is known.
    pub fitting: Vec<String>,
}

/// Every reason why a binding does not fit; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Misfits(pub Vec<Misfit>);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot `{}`: {}", self.slot, self.problem)?;
        match self.fitting.as_slice() {
            [] => Ok(()),
            [one] => write!(f, "; {one} would fit"),
            several => write!(f, "; {} would fit", several.join(", ")),
        }
    }
}

impl fmt::Display for Misfits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, misfit) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            misfit.fmt(f)?;
        }
        Ok(())
    }
}

/// Why a backend does not fit a slot, each reason for itself; empty where it does.
pub fn unmet(slot: &SlotSpec, declaration: &Declaration) -> Vec<String> {
    let mut reasons: Vec<String> = slot
        .requires
        .iter()
        .filter(|interface| !declaration.has(interface))
        .map(|interface| format!("lacks `{interface}`"))
        .collect();
    if !slot.one_of.is_empty() && !slot.one_of.iter().any(|interface| declaration.has(interface)) {
        reasons.push(format!("has none of `{}`", slot.one_of.join("`, `")));
    }
    for wanted in &slot.traits {
        let traits: Traits = if wanted.interface == "guarantees" {
            declaration.guarantees.clone()
        } else if declaration.has(&wanted.interface) {
            declaration.traits(&wanted.interface)
        } else {
            continue;
        };
        // A running backend describes its interfaces and not its guarantees; the registry knows both.
        if wanted.interface == "guarantees" && traits.iter().next().is_none() {
            continue;
        }
        let value = traits.iter().find(|(name, _)| *name == wanted.name).map(|(_, value)| value);
        if !value.as_ref().is_some_and(|value| wanted.any_of.contains(value)) {
            reasons.push(format!(
                "has {} `{}: {}`, and the slot takes `{}`",
                wanted.interface,
                wanted.name,
                value.as_deref().unwrap_or("nothing"),
                wanted.any_of.join("`, `")
            ));
        }
    }
    reasons
}

/// Checks a binding: every slot that is named exists and is bound once, what is bound fits, and no slot that has to be
/// bound is empty. `candidates` are the backends that messages can suggest.
///
/// # Errors
///
/// Every reason at once, in the order of the pattern's slots, names that are no slots last.
pub fn check(
    pattern: &PatternSpec,
    bound: &[Bound<'_>],
    candidates: &[Candidate<'_>],
) -> Result<(), Misfits> {
    let mut misfits = Vec::new();
    for slot in &pattern.slots {
        let fitting = || {
            let fits = candidates.iter().filter(|candidate| unmet(slot, candidate.declaration).is_empty());
            fits.map(|candidate| candidate.name.to_owned()).collect::<Vec<_>>()
        };
        let here: Vec<&Bound<'_>> = bound.iter().filter(|bound| bound.slot == slot.name).collect();
        let mut tell =
            |problem: String, fitting| misfits.push(Misfit { slot: slot.name.clone(), problem, fitting });
        match here.as_slice() {
            [] if slot.optional || slot.application => {}
            [] => tell(
                format!("nothing is bound to it, and the pattern needs it for {}", slot.description),
                fitting(),
            ),
            [one] => {
                let reasons = unmet(slot, one.backend.declaration);
                if !reasons.is_empty() {
                    tell(format!("`{}` {}", one.backend.name, reasons.join(" and ")), fitting());
                }
            }
            [first, others @ ..] => {
                let names: Vec<&str> = others.iter().map(|other| other.backend.name).collect();
                tell(
                    format!("it is bound twice, to `{}` and `{}`", first.backend.name, names.join("`, `")),
                    Vec::new(),
                );
            }
        }
    }
    let known = || pattern.slots.iter().map(|slot| slot.name.as_str());
    for bound in bound.iter().filter(|bound| pattern.slot(bound.slot).is_none()) {
        let problem = if let Some(meant) = nearest(bound.slot, known()) {
            format!("`{}` has no such slot; did you mean `{meant}`?", pattern.name)
        } else {
            let slots: Vec<&str> = known().collect();
            format!("`{}` has no such slot; its slots are `{}`", pattern.name, slots.join("`, `"))
        };
        misfits.push(Misfit { slot: bound.slot.to_owned(), problem, fitting: Vec::new() });
    }
    if misfits.is_empty() { Ok(()) } else { Err(Misfits(misfits)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::traits::TraitValue;
    use std::collections::BTreeMap;

    fn declaration(interfaces: &[&str]) -> Declaration {
        let interfaces = interfaces.iter().map(|id| ((*id).to_owned(), Traits::default()));
        Declaration { interfaces: interfaces.collect::<BTreeMap<_, _>>(), guarantees: Traits::default() }
    }

    fn pattern() -> PatternSpec {
        let slot = |name: &str, optional, requires: &[&str]| SlotSpec {
            name: name.to_owned(),
            description: "tests".to_owned(),
            optional,
            requires: requires.iter().map(|id| (*id).to_owned()).collect(),
            ..SlotSpec::default()
        };
        PatternSpec {
            name: "p".into(),
            description: String::new(),
            builtin: "p".into(),
            serves: Vec::new(),
            passes_on: None,
            slots: vec![
                slot("sink", false, &["pubsub_basic"]),
                slot("store", true, &["keyvalue_basic", "keyvalue_ttl"]),
            ],
            parameters: Vec::new(),
            certify: BTreeMap::new(),
            place: (String::new(), 1),
        }
    }

    #[test]
    fn every_reason_is_told_at_once_with_what_would_fit() {
        let (kv, both) = (
            declaration(&["keyvalue_basic"]),
            declaration(&["keyvalue_basic", "keyvalue_ttl", "pubsub_basic"]),
        );
        let all =
            [Candidate { name: "kv", declaration: &kv }, Candidate { name: "both", declaration: &both }];
        let bind = |slot, index: usize| Bound { slot, backend: all[index] };
        let pattern = pattern();
        assert_eq!(check(&pattern, &[bind("sink", 1)], &all), Ok(()));
        assert_eq!(check(&pattern, &[bind("sink", 1), bind("store", 1)], &all), Ok(()));
        let told = |bound: &[Bound<'_>]| check(&pattern, bound, &all).unwrap_err().to_string();
        assert_eq!(
            told(&[bind("store", 0)]),
            "slot `sink`: nothing is bound to it, and the pattern needs it for tests; both would fit; \
             slot `store`: `kv` lacks `keyvalue_ttl`; both would fit"
        );
        assert_eq!(
            told(&[bind("sink", 1), bind("sink", 1), bind("stor", 0)]),
            "slot `sink`: it is bound twice, to `both` and `both`; \
             slot `stor`: `p` has no such slot; did you mean `store`?"
        );
    }

    #[test]
    fn choices_and_traits_are_looked_at() {
        let mut slot = pattern().slots.remove(0);
        slot.requires.clear();
        slot.one_of = vec!["pubsub_basic".into(), "pubsub_wildcards".into()];
        slot.traits = vec![SlotTraitFixture::consistency()];
        let mut backend = declaration(&["keyvalue_basic"]);
        backend.guarantees.set("consistency", TraitValue::Choice("eventual".into()));
        assert_eq!(
            unmet(&slot, &backend),
            [
                "has none of `pubsub_basic`, `pubsub_wildcards`",
                "has guarantees `consistency: eventual`, and the slot takes `linearizable`",
            ]
        );
        let mut good = declaration(&["pubsub_wildcards"]);
        good.guarantees.set("consistency", TraitValue::Choice("linearizable".into()));
        assert!(unmet(&slot, &good).is_empty());
    }

    struct SlotTraitFixture;

    impl SlotTraitFixture {
        fn consistency() -> crate::spec::SlotTrait {
            crate::spec::SlotTrait {
                interface: "guarantees".into(),
                name: "consistency".into(),
                any_of: vec!["linearizable".into()],
            }
        }
    }
}
