//! The mutants of patterns, over memstore in every slot.

use super::{
    MatrixOptions, Trial, look,
    looks::{Look, look_at_all},
    not_green, settings, try_out,
};
use crate::{builtins, patterns::ReferencePatterns};
use prism_interfaces::traits::Declaration;
use prism_patterns_suite::{PatternMutant, mutants};
use prism_runner::{
    Patterns,
    pattern::{Composed, PatternBench, PatternCommand},
    plan::matches,
    registry::Registry,
    target::{DriverAccess, Launcher},
};
use prism_slots::PatternSpec;
use prism_suites::{BoundSlots, Case, Watchdog, client::Lifecycle};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What came of them.
pub(super) struct OfPatterns {
    pub(super) looks: Vec<Look>,
    pub(super) broken: BTreeMap<String, String>,
}

/// Runs every pattern's mutants against its cases; what survives or kills nothing is looked at again alone.
pub(super) async fn run(
    registry: &Registry,
    options: &MatrixOptions,
    watchdog: &Watchdog,
    progress: &(impl Fn(&super::MutantRow) + Send + Sync),
) -> Result<OfPatterns, String> {
    let memstore = registry.find("memstore").ok_or("memstore is not registered")?;
    let mut all = OfPatterns { looks: Vec::new(), broken: BTreeMap::new() };
    for pattern in registry.patterns() {
        let of_pattern: Vec<PatternMutant> =
            mutants().into_iter().filter(|mutant| mutant.pattern == pattern.builtin).collect();
        let chosen: Vec<&PatternMutant> = of_pattern
            .iter()
            .filter(|mutant| {
                options.mutants.is_empty() || options.mutants.iter().any(|asked| matches(asked, mutant.id))
            })
            .collect();
        let wanted = |case: &Case| {
            options.cases.is_empty() || options.cases.iter().any(|asked| matches(asked, &case.id))
        };
        let against = async |mutant: Option<&PatternMutant>, only: Option<&str>| {
            let mut trial =
                trial(pattern, &memstore.declaration, mutant, options.pattern_command.as_ref()).await?;
            trial.cases.retain(|case| only.is_none_or(|id| case.id == id) && wanted(case));
            Ok::<Trial, String>(trial)
        };
        let unchanged = against(None, None).await?;
        if unchanged.cases.is_empty() || (chosen.is_empty() && !options.mutants.is_empty()) {
            continue;
        }
        let broken: BTreeMap<String, String> =
            not_green(try_out(unchanged, options, watchdog).await?).collect();
        let try_mutant = async |mutant: &PatternMutant, only: Option<&str>| {
            let mut trial = against(Some(mutant), only).await?;
            trial.cases.retain(|case| !broken.contains_key(&case.id));
            look(mutant.id, mutant.sentence, trial, options, watchdog).await
        };
        // The faults of what holds for every pattern are seeded into one of them; the others need not kill their cases.
        let interface = |id: &str| id.split('/').next().unwrap_or_default().to_owned();
        let seeded: BTreeSet<String> = chosen.iter().map(|mutant| interface(mutant.id)).collect();
        let must_kill = |case: &str| seeded.contains(&interface(case));
        let try_one = async |mutant: &&PatternMutant, only: Option<&str>| try_mutant(mutant, only).await;
        let looks = look_at_all(&chosen, options.jobs, try_one, progress, must_kill).await?;
        all.looks.extend(looks);
        all.broken.extend(broken);
    }
    Ok(all)
}

/// The reference patterns, with a fault around one.
#[derive(Debug)]
struct Mutated(PatternMutant);

#[async_trait::async_trait]
impl Patterns for Mutated {
    fn declares(
        &self,
        builtin: &str,
        slots: &BTreeMap<String, Declaration>,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Declaration, String> {
        ReferencePatterns.declares(builtin, slots, parameters)
    }

    fn cases(&self) -> Vec<Case> {
        ReferencePatterns.cases()
    }

    fn of_application(&self, builtin: &str) -> BoundSlots {
        ReferencePatterns.of_application(builtin)
    }

    fn steps(&self, builtin: &str) -> Vec<String> {
        ReferencePatterns.steps(builtin)
    }

    fn out_of_bounds(&self, builtin: &str) -> Vec<(String, String)> {
        ReferencePatterns.out_of_bounds(builtin)
    }

    async fn bind(&self, builtin: &str, slots: BoundSlots) -> Result<Launcher, String> {
        if builtin != self.0.pattern {
            return ReferencePatterns.bind(builtin, slots).await;
        }
        let inner = ReferencePatterns.bind(builtin, (self.0.slots)(slots)).await?;
        let face = Arc::clone(&self.0.face);
        Ok(Arc::new(move || face(inner())))
    }

    fn seen_by_process(&self, slots: BoundSlots) -> BoundSlots {
        (self.0.slots)(slots)
    }
}

/// A pattern over memstore in every slot, with a fault around it or without.
async fn trial(
    pattern: &PatternSpec,
    backend: &Declaration,
    mutant: Option<&PatternMutant>,
    command: Option<&PatternCommand>,
) -> Result<Trial, String> {
    let patterns: Arc<dyn Patterns> = match mutant {
        Some(mutant) => Arc::new(Mutated(mutant.clone())),
        None => Arc::new(ReferencePatterns),
    };
    let memstore = builtins::find("memstore").ok_or("memstore is not built in")?;
    let beneath = (memstore.launch)();
    let lifecycle = Lifecycle::new(beneath.clone());
    let started = async {
        lifecycle.initialize(&settings()).await?;
        lifecycle.start().await
    };
    started.await.map_err(|status| format!("memstore does not start: {status}"))?;
    let mut slots = patterns.of_application(&pattern.builtin);
    let mut declared = BTreeMap::new();
    for slot in pattern.slots.iter().filter(|slot| !slot.application) {
        slots.insert(slot.name.clone(), beneath.clone());
        declared.insert(slot.name.clone(), backend.clone());
    }
    let declaration = patterns.declares(&pattern.builtin, &declared, &pattern.certify)?;
    let cases = patterns.cases().into_iter().filter(|case| case.called_for_by(&declaration)).collect();
    let launch = patterns.bind(&pattern.builtin, slots.clone()).await?;
    let bench = Arc::new(PatternBench::new(patterns, &pattern.builtin, slots, command.cloned()));
    let access = DriverAccess::Pattern(Arc::new(Composed::new(launch, bench)));
    Ok(Trial { access, settings: pattern.certify.clone(), declaration, cases })
}
