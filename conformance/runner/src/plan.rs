//! What a run will do: which targets, and for each the cases that its declaration calls for.

use crate::registry::{Backend, Registry, Setup};
use prism_interfaces::catalogue;
use prism_reports::event::Route;
pub use prism_reports::pattern::matches;
use prism_suites::{Case, suite};

/// What was asked for on the command line; empty means everything.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Backends, as `name` (its default set-ups) or `name@setup`.
    pub backends: Vec<String>,
    /// Interfaces, or `lifecycle` and `clock`.
    pub interfaces: Vec<String>,
    /// Case ids, in which `*` stands for any characters.
    pub cases: Vec<String>,
    /// Backends, as in `backends`, without which the run is incomplete.
    pub required: Vec<String>,
    /// Patterns, as `name` or as the label of one binding, in which `*` stands for any characters.
    pub patterns: Vec<String>,
    /// How each target is reached, once for each; empty means directly.
    pub routes: Vec<Route>,
}

/// A backend in one set-up, and its cases.
#[derive(Debug, Clone)]
pub struct PlannedTarget {
    /// Its name, and how it is reached where that is not directly: `redis via proxy`.
    pub label: String,
    /// As `--backend` takes it: `redis`, or `redis@redis-7.2` for a set-up that is not the first.
    pub name: String,
    /// How its cases reach it.
    pub route: Route,
    /// The backend.
    pub backend: Backend,
    /// The set-up.
    pub setup: Setup,
    /// Whether the run is incomplete without it.
    pub required: bool,
    /// In the order of reports.
    pub cases: Vec<Case>,
}

impl PlannedTarget {
    pub(crate) fn reached(&self, route: Route) -> Self {
        let label = format!("{}{}", self.name, route.suffix());
        Self { label, route, ..self.clone() }
    }

    /// Whether both can have one server.
    pub(crate) fn shares_server_with(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Why there is no plan. Every kind is a mistake of the caller's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing of this name is registered.
    #[error("there is no {kind} `{name}`{} (there are {})", nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default(), known.join(", "))]
    Unknown {
        /// `backend`, `set-up`, `interface`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// A required backend was not selected.
    #[error("`{0}` is required but not selected; select it as well, or leave --backend and --pattern out")]
    RequiredNotSelected(String),
}

pub(crate) fn unknown<'a>(
    kind: &'static str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> PlanError {
    let known: Vec<&str> = known.into_iter().collect();
    PlanError::Unknown {
        kind,
        name: name.to_owned(),
        nearest: prism_yaml::nearest(name, known.iter().copied()).map(str::to_owned),
        known: known.into_iter().map(str::to_owned).collect(),
    }
}

/// Makes the plan. The cases of targets without any are left in, so that they show as empty.
pub fn plan(registry: &Registry, selection: &Selection) -> Result<Vec<PlannedTarget>, PlanError> {
    let services: Vec<&str> = catalogue::services().map(|service| service.id).collect();
    if let Some(name) = selection.interfaces.iter().find(|name| !services.contains(&name.as_str())) {
        return Err(unknown("interface", name, services));
    }
    let mut targets = Vec::new();
    if selection.backends.is_empty() {
        for backend in registry.backends() {
            targets.extend(backend.default_setups().map(|setup| target(backend, setup)));
        }
    }
    for name in &selection.backends {
        for (backend, setup) in find(registry, name)? {
            let found = target(backend, setup);
            if !targets.iter().any(|known: &PlannedTarget| known.name == found.name) {
                targets.push(found);
            }
        }
    }
    for name in &selection.required {
        for (backend, setup) in find(registry, name)? {
            let wanted = setup_name(backend, setup);
            let Some(target) = targets.iter_mut().find(|target| target.name == wanted) else {
                return Err(PlanError::RequiredNotSelected(name.clone()));
            };
            target.required = true;
        }
    }
    let routes = if selection.routes.is_empty() { &[Route::Direct][..] } else { &selection.routes };
    targets = targets.iter().flat_map(|target| routes.iter().map(|route| target.reached(*route))).collect();
    for target in &mut targets {
        let virtual_clock = has_virtual_clock(&target.setup);
        let cases = suite::called_for(&target.backend.declaration);
        target.cases = selection.select(cases, virtual_clock);
    }
    Ok(targets)
}

/// Whether a set-up has the clock of tests.
pub(crate) fn has_virtual_clock(setup: &Setup) -> bool {
    let clock = setup.embedded.as_ref().and_then(|settings| settings.get("clock"));
    clock.is_some_and(|clock| clock == "virtual")
}

impl Selection {
    /// Those of the cases that were asked for.
    pub(crate) fn select(&self, cases: Vec<Case>, virtual_clock: bool) -> Vec<Case> {
        cases
            .into_iter()
            .filter(|case| virtual_clock || !case.needs_clock)
            .filter(|case| {
                self.interfaces.is_empty() || self.interfaces.iter().any(|id| id == case.interface())
            })
            .filter(|case| {
                self.cases.is_empty() || self.cases.iter().any(|pattern| matches(pattern, &case.id))
            })
            .collect()
    }
}

pub(crate) fn find<'a>(
    registry: &'a Registry,
    name: &str,
) -> Result<Vec<(&'a Backend, &'a Setup)>, PlanError> {
    let (backend_name, setup_name) = match name.split_once('@') {
        Some((backend, setup)) => (backend, Some(setup)),
        None => (name, None),
    };
    let backend = registry.find(backend_name).ok_or_else(|| {
        unknown("backend", backend_name, registry.backends().iter().map(|backend| backend.name.as_str()))
    })?;
    match setup_name {
        None => Ok(backend.default_setups().map(|setup| (backend, setup)).collect()),
        Some(setup_name) => match backend.setup(setup_name) {
            Some(setup) => Ok(vec![(backend, setup)]),
            None => {
                Err(unknown("set-up", setup_name, backend.setups.iter().map(|setup| setup.name.as_str())))
            }
        },
    }
}

fn target(backend: &Backend, setup: &Setup) -> PlannedTarget {
    let name = setup_name(backend, setup);
    PlannedTarget {
        label: name.clone(),
        name,
        route: Route::Direct,
        backend: backend.clone(),
        setup: setup.clone(),
        required: false,
        cases: Vec::new(),
    }
}

/// The name of the backend alone for its first set-up, else with the set-up.
pub(crate) fn setup_name(backend: &Backend, setup: &Setup) -> String {
    if backend.setups.first().is_some_and(|first| first.name == setup.name) {
        backend.name.clone()
    } else {
        format!("{}@{}", backend.name, setup.name)
    }
}
