//! Which bindings of which patterns a run tries.

use super::Patterns;
use crate::{
    PlannedTarget, Selection,
    plan::{PlanError, find, has_virtual_clock, matches, setup_name, unknown},
    registry::{Backend, BoundBackend, Composition, DriverSpec, Origin, Registry, Setup},
};
use prism_reports::event::Route;
use prism_slots::{Binding, Candidate, PatternSpec, bindings};
use prism_suites::suite;
use std::collections::BTreeMap;

/// The cases that may run at once against a pattern; a backend beneath is shared with other targets.
const CONCURRENCY: usize = 16;

/// Plans every selected pattern over the bindings that the registered backends allow in their first set-ups: all of them
/// where they are few, else so that every pair of choices is there.
///
/// # Errors
///
/// Where a pattern or a binding that was asked for is not there.
pub fn plan_patterns(
    registry: &Registry,
    selection: &Selection,
    patterns: &dyn Patterns,
) -> Result<Vec<PlannedTarget>, PlanError> {
    let mut required: Vec<Vec<String>> = Vec::new();
    for name in &selection.required {
        let found = find(registry, name)?;
        required.push(found.into_iter().map(|(backend, setup)| setup_name(backend, setup)).collect());
    }
    let backends: Vec<Candidate<'_>> = registry
        .backends()
        .iter()
        .map(|backend| Candidate { name: &backend.name, declaration: &backend.declaration })
        .collect();
    let mut all = Vec::new();
    for pattern in registry.patterns() {
        for binding in bindings(pattern, &backends).chosen {
            all.extend(target(registry, pattern, &binding, patterns));
        }
    }
    for asked in &selection.patterns {
        if !all.iter().any(|target: &PlannedTarget| named(asked, &target.backend.name, &target.name)) {
            let names = registry.patterns().iter().map(|pattern| pattern.name.as_str());
            return Err(unknown(
                "pattern",
                asked,
                names.chain(all.iter().map(|target| target.name.as_str())),
            ));
        }
    }
    let asked = |target: &PlannedTarget| {
        selection.patterns.is_empty()
            || selection.patterns.iter().any(|asked| named(asked, &target.backend.name, &target.name))
    };
    let routes = if selection.routes.is_empty() { &[Route::Direct][..] } else { &selection.routes };
    let chosen = all.iter().filter(|target| asked(target));
    let mut targets: Vec<PlannedTarget> =
        chosen.flat_map(|target| routes.iter().map(|route| target.reached(*route))).collect();
    for target in &mut targets {
        let DriverSpec::Pattern(composition) = &target.backend.driver else { continue };
        target.required =
            composition.slots.iter().any(|bound| required.iter().flatten().any(|name| *name == bound.name));
        let passed_on = composition.pattern.passes_on.as_ref();
        let clock = composition
            .slots
            .iter()
            .any(|bound| Some(&bound.slot) == passed_on && has_virtual_clock(&bound.setup));
        let declaration = &target.backend.declaration;
        let of_pattern = patterns.cases().into_iter().filter(|case| case.called_for_by(declaration));
        let cases = suite::called_for(declaration).into_iter().chain(of_pattern).collect();
        target.cases = selection.select(cases, clock);
    }
    // Where backends are planned as well, their plan looks after what is required.
    if selection.backends.is_empty() && !selection.patterns.is_empty() {
        // A slot holds one set-up of a backend, and its name alone means every default one.
        let bound = |name: &String| targets.iter().any(|target| is_bound(target, name));
        let missing = selection.required.iter().zip(&required).find(|(_, setups)| !setups.iter().any(bound));
        if let Some((name, _)) = missing {
            return Err(PlanError::RequiredNotSelected(name.clone()));
        }
    }
    Ok(targets)
}

/// Whether a backend is in a slot of the target.
fn is_bound(target: &PlannedTarget, name: &str) -> bool {
    matches!(&target.backend.driver, DriverSpec::Pattern(composition)
        if composition.slots.iter().any(|bound| bound.name == name))
}

/// Whether a pattern or one of its bindings is asked for by this.
fn named(asked: &str, pattern: &str, label: &str) -> bool {
    asked == pattern || matches(asked, label)
}

fn target(
    registry: &Registry,
    pattern: &PatternSpec,
    binding: &Binding,
    patterns: &dyn Patterns,
) -> Option<PlannedTarget> {
    let mut slots = Vec::new();
    for (slot, name) in &binding.0 {
        let backend = registry.find(name)?;
        let setup = backend.setups.first()?;
        slots.push(BoundBackend {
            slot: slot.clone(),
            name: setup_name(backend, setup),
            backend: backend.clone(),
            setup: setup.clone(),
        });
    }
    let declared: BTreeMap<String, _> =
        slots.iter().map(|bound| (bound.slot.clone(), bound.backend.declaration.clone())).collect();
    let declaration = match patterns.declares(&pattern.builtin, &declared, &pattern.certify) {
        Ok(declaration) => declaration,
        Err(why) => {
            tracing::warn!(pattern = pattern.name, why, "a binding was left out");
            return None;
        }
    };
    let label = format!("{}[{binding}]", pattern.name);
    let (path, line) = pattern.place.clone();
    let composition = Composition { pattern: pattern.clone(), slots };
    let setup = Setup {
        name: binding.to_string(),
        default: true,
        embedded: Some(pattern.certify.clone()),
        ..Setup::default()
    };
    Some(PlannedTarget {
        label: label.clone(),
        name: label,
        route: Route::Direct,
        backend: Backend {
            name: pattern.name.clone(),
            description: pattern.description.clone(),
            driver: DriverSpec::Pattern(Box::new(composition)),
            concurrency: CONCURRENCY,
            setups: vec![setup.clone()],
            declaration,
            origin: Origin { path, line, folder: None },
        },
        setup,
        required: false,
        cases: Vec::new(),
    })
}
