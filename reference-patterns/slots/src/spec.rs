//! What a `pattern.yaml` says, checked.

use crate::ParameterKind;
use std::collections::BTreeMap;

/// One pattern: its slots, its parameters, what it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternSpec {
    /// `[a-z0-9][a-z0-9-]*`, unique in the registry.
    pub name: String,
    /// A line for people.
    pub description: String,
    /// The pattern of this build that carries it out.
    pub builtin: String,
    /// The interfaces that it serves whatever is bound.
    pub serves: Vec<String>,
    /// The slot whose interfaces it passes on.
    pub passes_on: Option<String>,
    /// In the order of the file.
    pub slots: Vec<SlotSpec>,
    /// In the order of the file.
    pub parameters: Vec<ParameterSpec>,
    /// The parameters that the suites run it with, beside the defaults.
    pub certify: BTreeMap<String, String>,
    /// Where it is declared: the file, and the line of its name from 1.
    pub place: (String, usize),
}

/// A place for a backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotSpec {
    /// Such as `message_sink`.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether it can stay empty.
    pub optional: bool,
    /// Whether the application fills it, and not a backend of the registry.
    pub application: bool,
    /// Interfaces that must all be there.
    pub requires: Vec<String>,
    /// Interfaces of which one must be there; empty where there is no choice.
    pub one_of: Vec<String>,
    /// Interfaces that are made use of where they are there.
    pub uses: Vec<String>,
    /// The values that a trait may have where its interface is there.
    pub traits: Vec<SlotTrait>,
}

/// The values that a trait of what is bound may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotTrait {
    /// The interface, or `guarantees`.
    pub interface: String,
    /// The trait.
    pub name: String,
    /// Any of these will do, in the notation of backend.yaml.
    pub any_of: Vec<String>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Such as `max_retries`.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its kind and bounds.
    pub kind: ParameterKind,
    /// Whether it must be given.
    pub required: bool,
    /// What holds where it is not given; `None` for nothing.
    pub default: Option<String>,
}

impl PatternSpec {
    /// The slot with this name.
    pub fn slot(&self, name: &str) -> Option<&SlotSpec> {
        self.slots.iter().find(|slot| slot.name == name)
    }
}
