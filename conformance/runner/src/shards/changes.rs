//! What a change of files leaves to be tested.

use crate::{
    plan::PlannedTarget,
    registry::{Backend, DriverSpec, Registry},
};
use prism_interfaces::catalogue;
use prism_reports::{event::Route, plan::LeftOut};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, absolute},
};

/// What has to be tested.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Touched {
    /// All of it; what asked for that is named, where it was a file.
    #[default]
    Everything,
    /// What the changed files are part of.
    Part {
        /// Targets, by their labels.
        targets: BTreeSet<String>,
        /// Interfaces, of every target.
        interfaces: BTreeSet<String>,
    },
    /// All of it, because this file is part of everything.
    Because(String),
}

/// What one file is part of.
enum Of {
    /// Nothing that a verdict depends on.
    Nothing,
    Targets(BTreeSet<String>),
    Interface(String),
    Everything,
}

/// What is in the repository of the tool and takes no part in a verdict.
const ASIDE: &[&str] = &[
    ".ci/",
    ".github/",
    ".gitignore",
    "LICENSE",
    "conformance/benches/",
    "conformance/mutants/",
    "conformance/templates/",
    "conformance/test/",
    "conformance/tests/",
    "deny.toml",
    "reports/examples/",
    "reports/schema/",
    "reports/tests/",
    "rustfmt.toml",
];

impl Touched {
    /// What these files, relative to the top of the work tree, are part of: the folder of a backend's declaration or
    /// of its driver, with the patterns that stand on it; the cases of one interface; or everything, which is also what
    /// an unknown file is part of.
    pub fn by_files(files: &[String], top: &Path, registry: &Registry, targets: &[PlannedTarget]) -> Self {
        let (mut of_targets, mut interfaces) = (BTreeSet::new(), BTreeSet::new());
        for file in files {
            match part_of(file, top, registry, targets) {
                Of::Nothing => {}
                Of::Targets(found) => of_targets.extend(found),
                Of::Interface(interface) => {
                    interfaces.insert(interface);
                }
                Of::Everything => return Self::Because(file.clone()),
            }
        }
        Self::Part { targets: of_targets, interfaces }
    }

    /// The interfaces that are left of each target of which something is left out; none where all of it is.
    pub(super) fn narrowed(&self, all: &[PlannedTarget]) -> BTreeMap<String, Vec<String>> {
        let Self::Part { targets, interfaces } = self else { return BTreeMap::new() };
        let narrowed = all.iter().filter(|target| !targets.contains(&target.label)).map(|target| {
            let has = |interface: &&String| target.cases.iter().any(|case| case.interface() == *interface);
            (target.label.clone(), interfaces.iter().filter(has).cloned().collect())
        });
        narrowed.collect()
    }

    /// The target with the cases that are left, and what is not.
    pub(super) fn keep(&self, target: &PlannedTarget, left_out: &mut Vec<LeftOut>) -> PlannedTarget {
        let mut kept = target.clone();
        let Self::Part { targets, interfaces } = self else { return kept };
        if targets.contains(&target.label) {
            return kept;
        }
        kept.cases.retain(|case| interfaces.contains(case.interface()));
        let without = target.cases.len() - kept.cases.len();
        if without > 0 {
            let what = if kept.cases.is_empty() {
                target.label.clone()
            } else {
                format!("{}, all but {}", target.label, listed(interfaces))
            };
            let why = "no changed file is part of it".to_owned();
            left_out.push(LeftOut { what, cases: without as u64, why });
        }
        kept
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn part_of(file: &str, top: &Path, registry: &Registry, targets: &[PlannedTarget]) -> Of {
    let labels = |is_part: &dyn Fn(&PlannedTarget) -> bool| -> BTreeSet<String> {
        targets.iter().filter(|target| is_part(target)).map(|target| target.label.clone()).collect()
    };
    let stood_on = labels(&|target| stands_on(target, file, top));
    if !stood_on.is_empty() {
        return Of::Targets(stood_on);
    }
    // That of a backend which is not planned.
    if registry.backends().iter().any(|backend| belongs(backend, file, top)) {
        return Of::Nothing;
    }
    let aside = Path::new(file).extension().is_some_and(|extension| extension == "md")
        || ASIDE.iter().any(|part| file == *part || (part.ends_with('/') && file.starts_with(part)));
    if aside {
        return Of::Nothing;
    }
    if file.starts_with("reference-proxy/") {
        let through = labels(&|target| target.route == Route::Proxy);
        return if through.is_empty() { Of::Nothing } else { Of::Targets(through) };
    }
    if file.starts_with("reference-patterns/") {
        let patterns = labels(&|target| matches!(target.backend.driver, DriverSpec::Pattern(_)));
        return if patterns.is_empty() { Of::Nothing } else { Of::Targets(patterns) };
    }
    if let Some(rest) = file.strip_prefix("conformance/suites/src/") {
        let name = rest.split('/').next().unwrap_or(rest);
        let name = name.strip_suffix(".rs").unwrap_or(name);
        if catalogue::services().any(|service| service.id == name) {
            return Of::Interface(name.to_owned());
        }
    }
    Of::Everything
}

/// Whether the file belongs to the target, or to what is in its slots.
fn stands_on(target: &PlannedTarget, file: &str, top: &Path) -> bool {
    match &target.backend.driver {
        DriverSpec::Pattern(composition) => {
            is_in(file, Path::new(&target.backend.origin.path).parent())
                || composition.slots.iter().any(|bound| belongs(&bound.backend, file, top))
        }
        _ => belongs(&target.backend, file, top),
    }
}

/// Whether the file is in the folder of a backend, or in that of its built-in driver.
fn belongs(backend: &Backend, file: &str, top: &Path) -> bool {
    let declared = match &backend.origin.folder {
        None => is_in(file, Path::new(&backend.origin.path).parent()),
        Some(folder) => {
            let folder = absolute(folder).unwrap_or_else(|_| folder.clone());
            is_in(file, folder.strip_prefix(top).ok())
        }
    };
    let driver = match &backend.driver {
        DriverSpec::Builtin(name) => is_in(file, Some(&Path::new("backends").join(name))),
        _ => false,
    };
    declared || driver
}

/// A folder that is the top itself holds everything, and so tells nothing.
fn is_in(file: &str, folder: Option<&Path>) -> bool {
    folder.is_some_and(|folder| !folder.as_os_str().is_empty() && Path::new(file).starts_with(folder))
}
