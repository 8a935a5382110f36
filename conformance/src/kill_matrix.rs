//! Every mutant against the cases that could kill it.
//!
//! The suite is trusted as far as every mutant is killed, and a case is worth having if it kills at least one. A
//! mutant is killed by a case that passes on the unchanged reference driver and says `fail` (or `undeclared`, which is
//! how an undeclared interface fails) on the mutant; a time-out or an error kills nothing.

mod looks;
mod patterns;

use crate::builtins;
use futures::stream::{self, StreamExt};
use looks::{Look, look_at_all};
use prism_driver_kit::Host;
use prism_interfaces::{Endpoint, traits::Declaration};
use prism_memstore::Memstore;
use prism_mutants::{Mutant, Subject};
use prism_reports::{Outcome, event::CaseFinished};
use prism_runner::{
    execute::{Execution, execute},
    pattern::PatternCommand,
    plan::matches,
    registry::Registry,
    target::{DriverAccess, Launcher, Target, TargetSpec},
};
use prism_suites::{Case, Effort, Watchdog, suite};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// What to run.
#[derive(Debug, Clone)]
pub struct MatrixOptions {
    /// Mutants by id, in which `*` stands for any characters; empty for all.
    pub mutants: Vec<String>,
    /// Cases by id, likewise.
    pub cases: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// How much generated cases do.
    pub effort: Effort,
    /// How many mutants are tried at once.
    pub jobs: usize,
    /// How a pattern is started as a process, for the cases that kill it.
    pub pattern_command: Option<PatternCommand>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct KillMatrix {
    /// The seed.
    pub seed: u64,
    /// Every mutant that was tried.
    pub mutants: Vec<MutantRow>,
    /// Every case that was tried.
    pub cases: Vec<CaseRow>,
    /// Cases that do not pass on the unchanged reference driver, with what they say. They kill nothing.
    pub broken: Vec<(String, String)>,
}

/// A mutant and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct MutantRow {
    /// Its id.
    pub id: &'static str,
    /// What it does wrong.
    pub sentence: &'static str,
    /// The cases that killed it.
    pub killed_by: BTreeSet<String>,
    /// Cases that noticed it without a verdict: time-outs, errors, inconclusive ones.
    pub disturbed: BTreeMap<String, Outcome>,
}

/// A case and what it did.
#[derive(Debug, Clone, Serialize)]
pub struct CaseRow {
    /// Its id.
    pub id: String,
    /// The mutants that it killed.
    pub kills: BTreeSet<&'static str>,
    /// How many mutants it was tried on.
    pub tried: usize,
}

impl KillMatrix {
    fn of(seed: u64, looks: &[Look], broken: &BTreeMap<String, String>) -> Self {
        let mut cases: BTreeMap<&str, CaseRow> = BTreeMap::new();
        for Look { row, tried } in looks {
            for id in tried {
                let case = cases.entry(id).or_insert_with(|| CaseRow {
                    id: id.clone(),
                    kills: BTreeSet::new(),
                    tried: 0,
                });
                case.tried += 1;
                if row.killed_by.contains(id) {
                    case.kills.insert(row.id);
                }
            }
        }
        Self {
            seed,
            mutants: looks.iter().map(|look| look.row.clone()).collect(),
            cases: cases.into_values().collect(),
            broken: broken.clone().into_iter().collect(),
        }
    }

    /// Mutants that nothing killed.
    pub fn survivors(&self) -> impl Iterator<Item = &MutantRow> {
        self.mutants.iter().filter(|mutant| mutant.killed_by.is_empty())
    }

    /// Cases that killed nothing.
    pub fn idle(&self) -> impl Iterator<Item = &CaseRow> {
        self.cases.iter().filter(|case| case.kills.is_empty())
    }
}

/// The interfaces that the reference driver serves where refusals are tried.
const NARROW: &[&str] = &["keyvalue_basic"];

/// How long a case may take before it counts as a time-out.
const LIMIT: Duration = Duration::from_mins(1);

/// A subject for cases: a way to its instances, and what is declared of them.
struct Trial {
    access: DriverAccess,
    settings: BTreeMap<String, String>,
    declaration: Declaration,
    cases: Vec<Case>,
}

impl Trial {
    /// Of memstore, or what stands in front of it.
    fn of_driver(launcher: Launcher, declaration: Declaration, cases: Vec<Case>) -> Self {
        Self { access: DriverAccess::Launch(launcher), settings: settings(), declaration, cases }
    }
}

/// What memstore is initialized with: its own store, and the clock of tests.
fn settings() -> BTreeMap<String, String> {
    let store = format!("kill-matrix-{:08x}", rand::random::<u32>());
    BTreeMap::from([("clock".to_owned(), "virtual".to_owned()), ("store".to_owned(), store)])
}

/// Runs the matrix; `progress` is told about every mutant that is done.
pub async fn run(
    registry: &Registry,
    options: &MatrixOptions,
    progress: impl Fn(&MutantRow) + Send + Sync,
) -> Result<KillMatrix, String> {
    let reference = registry.find("memstore").ok_or("memstore is not registered")?;
    let declaration = reference.declaration.clone();
    let wanted = |case: &Case| {
        options.cases.is_empty() || options.cases.iter().any(|pattern| matches(pattern, &case.id))
    };
    let chosen: Vec<Mutant> = prism_mutants::all()
        .into_iter()
        .filter(|mutant| {
            options.mutants.is_empty() || options.mutants.iter().any(|pattern| matches(pattern, mutant.id))
        })
        .collect();
    let watchdog = Watchdog::start();

    // The unchanged driver first, in both its forms: a case that is red there says nothing about a mutant.
    let mut broken = BTreeMap::new();
    for (launcher, declaration) in [(full(), declaration.clone()), (narrow(), narrowed(&declaration))] {
        let cases = suite::called_for(&declaration).into_iter().filter(wanted).collect();
        let trial = Trial::of_driver(launcher, declaration, cases);
        broken.extend(not_green(try_out(trial, options, &watchdog).await?));
    }

    let against = |mutant: &Mutant, only: Option<&str>| {
        let mut trial = trial(mutant, &declaration);
        trial.cases.retain(|case| {
            only.is_none_or(|id| case.id == id) && wanted(case) && !broken.contains_key(&case.id)
        });
        trial
    };
    let try_mutant = async |mutant: &Mutant, only: Option<&str>| {
        look(mutant.id, mutant.sentence, against(mutant, only), options, &watchdog).await
    };
    let mut looks = look_at_all(&chosen, options.jobs, try_mutant, &progress, |_| true).await?;
    let of_patterns = patterns::run(registry, options, &watchdog, &progress).await?;
    broken.extend(of_patterns.broken);
    looks.extend(of_patterns.looks);
    Ok(KillMatrix::of(options.seed, &looks, &broken))
}

/// Cases that are not as they should be, with what they say.
fn not_green(results: Vec<CaseFinished>) -> impl Iterator<Item = (String, String)> {
    results.into_iter().filter(|finished| !finished.outcome.proves()).map(|finished| {
        let why = finished.failure.map(|failure| failure.message).unwrap_or_default();
        (finished.case, format!("{}: {why}", finished.outcome))
    })
}

async fn look(
    id: &'static str,
    sentence: &'static str,
    trial: Trial,
    options: &MatrixOptions,
    watchdog: &Watchdog,
) -> Result<Look, String> {
    let tried = trial.cases.iter().map(|case| case.id.clone()).collect();
    let mut row = MutantRow { id, sentence, killed_by: BTreeSet::new(), disturbed: BTreeMap::new() };
    let results = try_out(trial, options, watchdog).await.map_err(|error| format!("{id}: {error}"))?;
    for finished in results {
        match finished.outcome {
            Outcome::Fail | Outcome::Undeclared => {
                row.killed_by.insert(finished.case);
            }
            outcome if outcome.proves() => {}
            outcome => {
                row.disturbed.insert(finished.case, outcome);
            }
        }
    }
    Ok(Look { row, tried })
}

fn full() -> Launcher {
    Arc::new(|| (builtins::find("memstore").unwrap_or(&builtins::BUILTINS[0]).launch)())
}

fn narrow() -> Launcher {
    Arc::new(|| Host::new(Memstore::serving(NARROW)).endpoint())
}

fn narrowed(declaration: &Declaration) -> Declaration {
    let mut narrowed = declaration.clone();
    narrowed.interfaces.retain(|id, _| NARROW.contains(&id.as_str()));
    narrowed
}

fn wrapped(inner: &Launcher, wrap: prism_mutants::mutant::Wrap) -> Launcher {
    let inner = Arc::clone(inner);
    Arc::new(move || -> Endpoint { wrap(inner()) })
}

/// How a mutant is tried: on which driver, with which declaration, by which cases.
fn trial(mutant: &Mutant, declaration: &Declaration) -> Trial {
    let interface = mutant.interface();
    let concerns = |case: &Case| {
        interface == "general" || case.interface() == interface || case.needs.contains(&interface)
    };
    let cases =
        |declaration: &Declaration| suite::called_for(declaration).into_iter().filter(concerns).collect();
    match &mutant.subject {
        Subject::Endpoint(make) => {
            Trial::of_driver(wrapped(&full(), make()), declaration.clone(), cases(declaration))
        }
        Subject::Refusals(make) => {
            let less = narrowed(declaration);
            let cases = cases(&less);
            Trial::of_driver(wrapped(&narrow(), make()), less, cases)
        }
        Subject::Undeclared(hidden) => {
            let mut less = declaration.clone();
            less.interfaces.remove(*hidden);
            let cases =
                suite::called_for(&less).into_iter().filter(|case| case.interface() == *hidden).collect();
            Trial::of_driver(full(), less, cases)
        }
        Subject::Declares { interface, name, value } => {
            let mut other = declaration.clone();
            let traits = if *interface == "guarantees" {
                Some(&mut other.guarantees)
            } else {
                other.interfaces.get_mut(*interface)
            };
            let specs = if *interface == "guarantees" {
                prism_interfaces::traits::GUARANTEES
            } else {
                prism_interfaces::traits::specs(interface)
            };
            let parsed =
                specs.iter().find(|spec| spec.name == *name).and_then(|spec| spec.kind.parse(value).ok());
            if let (Some(traits), Some(value)) = (traits, parsed) {
                traits.set(name, value);
            }
            let cases = cases(&other);
            Trial::of_driver(full(), other, cases)
        }
    }
}

async fn try_out(
    trial: Trial,
    options: &MatrixOptions,
    watchdog: &Watchdog,
) -> Result<Vec<CaseFinished>, String> {
    let Trial { access, settings, declaration, cases } = trial;
    let run = format!("{:08x}", rand::random::<u32>());
    let spec = TargetSpec {
        label: "memstore".to_owned(),
        declaration,
        settings,
        concurrency: 16,
        effort: Some(options.effort),
        proxy: None,
    };
    let target = Target::start(spec, access, watchdog.clone(), Duration::from_secs(5)).await?;
    let target = Arc::new(target);
    let results = stream::iter(cases.iter().enumerate())
        .map(|(index, case)| {
            let target = Arc::clone(&target);
            let execution = Execution {
                seed: options.seed,
                namespace: format!("km-{run}-{index}"),
                limit: LIMIT,
                keep: false,
                reproduce: String::new(),
            };
            async move {
                let slot = Arc::clone(&target.slots).acquire_owned().await.ok();
                execute(&target, case, &execution, slot).await
            }
        })
        .buffered(16)
        .collect()
        .await;
    target.stop().await;
    Ok(results)
}

/// Cases that may kill nothing in the matrix, each with its reason.
const EXEMPT: &[(&str, &str)] = &[(
    "pattern_slots/sigterm_ends_it",
    "it looks at the exit code of the program, which no twist of slots or answers changes",
)];

/// Why a case may kill nothing; `None` where it may not.
pub fn exemption(case: &str) -> Option<&'static str> {
    EXEMPT.iter().find(|(exempt, _)| *exempt == case).map(|(_, why)| *why)
}
