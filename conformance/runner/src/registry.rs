//! Which backends and patterns there are: every `backend.yaml` and `pattern.yaml`, found, parsed and checked.
//!
//! Everything that is wrong is told at once, each problem with its place and with what to write instead; a registry
//! with a problem is no registry.

mod backend;
mod driver;
mod interfaces;
mod model;
pub(crate) mod placeholder;
mod servers;
mod source;
#[cfg(test)]
mod tests;

use prism_slots::PatternSpec;
use prism_yaml::{Problem, Problems, nearest};
use std::collections::BTreeMap;

pub use backend::is_name;
pub use model::{
    Backend, BoundBackend, Composition, Container, DriverCommand, DriverSpec, External, MetadataValue,
    Origin, Process, Remote, Setup, Tls, TlsIdentity,
};
pub use source::Source;

/// Every known backend and pattern, by name.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    backends: Vec<Backend>,
    patterns: Vec<PatternSpec>,
}

impl Registry {
    /// Reads and checks all sources.
    ///
    /// # Errors
    ///
    /// Every problem of every file, in the order of the sources, then of the paths, then of the positions.
    pub fn load(sources: &[Source]) -> Result<Self, Problems> {
        let builtins: Vec<&str> = sources
            .iter()
            .filter_map(|source| match source {
                Source::Builtin { name, .. } => Some(*name),
                Source::Pattern { .. } | Source::Folder(_) => None,
            })
            .collect();
        let patterns_of_build: Vec<&str> = sources
            .iter()
            .filter_map(|source| match source {
                Source::Pattern { name, .. } => Some(*name),
                Source::Builtin { .. } | Source::Folder(_) => None,
            })
            .collect();
        let mut problems = Vec::new();
        let mut backends: Vec<Backend> = Vec::new();
        let mut patterns: Vec<PatternSpec> = Vec::new();
        let mut seen: BTreeMap<(&str, String), Origin> = BTreeMap::new();
        for (kind, file) in source::read_all(sources) {
            let file = match file {
                Ok(file) => file,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            let (what, name, mut found) = match kind {
                source::FileKind::Backend => {
                    let read = backend::read(&file, &builtins);
                    backends.extend(read.backend);
                    ("backend", read.name, read.problems)
                }
                source::FileKind::Pattern => {
                    let read = prism_slots::read(&file, &patterns_of_build);
                    patterns.extend(read.pattern);
                    ("pattern", read.name, read.problems)
                }
            };
            if let Some((name, span)) = name {
                if let Some(first) = seen.get(&(what, name.clone())) {
                    let message = format!("{what} `{name}` is declared twice");
                    let help = format!(
                        "it is declared in {first} already; rename one of the two, or remove one file"
                    );
                    found.push(Problem::new(&file, span, message, "again here").help(help));
                } else {
                    seen.insert((what, name), Origin::new(&file, span));
                }
            }
            found.sort_by_key(Problem::start);
            problems.extend(found);
        }
        if problems.is_empty() {
            backends.sort_by(|left, right| left.name.cmp(&right.name));
            patterns.sort_by(|left, right| left.name.cmp(&right.name));
            Ok(Self { backends, patterns })
        } else {
            Err(Problems::new("the registry", problems))
        }
    }

    /// All backends, sorted by name.
    pub fn backends(&self) -> &[Backend] {
        &self.backends
    }

    /// All patterns, sorted by name.
    pub fn patterns(&self) -> &[PatternSpec] {
        &self.patterns
    }

    /// The backend with this name.
    pub fn find(&self, name: &str) -> Option<&Backend> {
        self.backends.iter().find(|backend| backend.name == name)
    }

    /// The backend whose name is most like `name`, if one is like it at all.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.backends.iter().map(|backend| backend.name.as_str()))
    }
}
