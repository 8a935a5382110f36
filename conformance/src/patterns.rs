//! The patterns that are built in: the only place that names them.

use prism_interfaces::traits::Declaration;
use prism_patterns::find;
use prism_patterns_suite as suite;
use prism_runner::{Patterns, registry::Source, target::Launcher};
use prism_slots::Parameters;
use prism_suites::{BoundSlots, Case};
use std::{collections::BTreeMap, sync::Arc};

/// The reference patterns, with their suites.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReferencePatterns;

/// Their pattern.yaml files.
pub fn sources() -> Vec<Source> {
    prism_patterns::BUILTINS
        .iter()
        .map(|builtin| Source::Pattern { name: builtin.name, text: builtin.yaml, path: builtin.path })
        .collect()
}

fn builtin(name: &str) -> Result<&'static prism_patterns::Builtin, String> {
    find(name).ok_or_else(|| format!("there is no built-in pattern `{name}`"))
}

#[async_trait::async_trait]
impl Patterns for ReferencePatterns {
    fn declares(
        &self,
        name: &str,
        slots: &BTreeMap<String, Declaration>,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Declaration, String> {
        let builtin = builtin(name)?;
        let given = |parameter: &str| parameters.get(parameter).map(String::as_str);
        let parameters = Parameters::parse(&builtin.spec().parameters, given).map_err(|problems| {
            let told: Vec<String> =
                problems.iter().map(|(parameter, problem)| format!("`{parameter}` {problem}")).collect();
            told.join("; ")
        })?;
        Ok(builtin.declares(slots, &parameters))
    }

    fn cases(&self) -> Vec<Case> {
        suite::cases()
    }

    fn of_application(&self, name: &str) -> BoundSlots {
        suite::of_application(name)
    }

    fn steps(&self, name: &str) -> Vec<String> {
        let steps = find(name).map(|builtin| builtin.steps).unwrap_or_default();
        steps.iter().map(|step| (*step).to_owned()).collect()
    }

    fn out_of_bounds(&self, name: &str) -> Vec<(String, String)> {
        let parameters = find(name).into_iter().flat_map(|builtin| &builtin.spec().parameters);
        parameters
            .filter_map(|parameter| Some((parameter.name.clone(), parameter.kind.out_of_bounds()?)))
            .collect()
    }

    async fn bind(&self, name: &str, slots: BoundSlots) -> Result<Launcher, String> {
        let builtin = builtin(name)?;
        let slots = builtin.bind(slots).await;
        Ok(Arc::new(move || builtin.launch(slots.clone())))
    }
}
