//! A backend, and its cases as tests.

use crate::{
    conduct::{Conducted, Running},
    tell::Teller,
};
use libtest_mimic::{Arguments, Completion, Conclusion, Failed, Trial};
use prism_interfaces::Endpoint;
use prism_runner::{
    Launcher, PlannedTarget, Selection, plan,
    registry::{DriverSpec, Registry, Source},
};
use prism_suites::Effort;
use std::{
    env, fmt,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

/// The exit code of a backend that cannot be tested, as that of `prism-conformance` for bad usage.
const UNUSABLE: u8 = 2;

/// What the driver of this process is called where one is needed.
const IN_PROCESS: &str = "in-process";

/// A backend to test.
#[derive(Clone)]
pub struct Backend {
    yaml: PathBuf,
    launcher: Option<Launcher>,
}

/// Why a backend cannot be tested at all.
#[derive(Debug, Clone)]
pub struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

impl Backend {
    /// The one that this backend.yaml declares, with the driver that it says.
    pub fn declared_in(backend_yaml: impl Into<PathBuf>) -> Self {
        Self { yaml: backend_yaml.into(), launcher: None }
    }

    /// With a driver of this process in place of the one that backend.yaml says. `launch` makes an instance that has
    /// not been started; instances of one target are on the same server, so what they store must not live in them.
    pub fn in_process(mut self, launch: impl Fn() -> Endpoint + Send + Sync + 'static) -> Self {
        self.launcher = Some(Arc::new(launch));
        self
    }

    /// Runs the cases that the arguments of this process select, prints what came of them, and is to be returned from
    /// `main`.
    pub fn main(self) -> ExitCode {
        match self.run(&Arguments::from_args()) {
            Ok(conclusion) => conclusion.exit_code(),
            Err(why) => {
                // Where even this cannot be written there is nobody left to tell.
                let _ = writeln!(io::stderr(), "error: {why}");
                ExitCode::from(UNUSABLE)
            }
        }
    }

    /// Runs the cases that the arguments select.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with backend.yaml, or with the variables `PRISM_SEED` and `PRISM_EFFORT`.
    pub fn run(self, arguments: &Arguments) -> Result<Conclusion, Unusable> {
        let seed = variable("PRISM_SEED", "a number", |text| text.parse().ok())?;
        let effort = variable("PRISM_EFFORT", "quick, standard or thorough", effort)?;
        let mut targets = self.targets()?;
        let several = targets.len() > 1;
        let mut names = Vec::new();
        for target in &mut targets {
            let setup = several.then(|| target.setup.name.clone());
            target.cases.retain(|case| {
                let name = name(setup.as_deref(), &case.id);
                let selected = !arguments.is_filtered_out(&Trial::test(name.as_str(), || Ok(())));
                let key = (target.label.clone(), case.id.clone());
                names.push((name, selected.then_some(key)));
                selected
            });
        }
        if arguments.list || names.iter().all(|(_, selected)| selected.is_none()) {
            let trials = names.into_iter().map(|(name, _)| Trial::test(name, || Ok(())));
            return Ok(libtest_mimic::run(arguments, trials.collect()));
        }

        let launcher = self.launcher;
        let launchers = Arc::new(move |name: &str| launcher.clone().filter(|_| name == IN_PROCESS));
        let mut running = Running::start(targets, launchers, seed, effort, arguments.test_threads)
            .map_err(|error| Unusable(format!("no thread can be started: {error}")))?;
        let teller = Arc::new(Teller::new(running.seed()));
        let mut trials = Vec::new();
        for (name, selected) in names {
            let awaited = selected.and_then(|key| running.result_of(&key));
            let teller = Arc::clone(&teller);
            trials.push(Trial::ignorable_test(name.clone(), move || match awaited {
                Some(awaited) => completion(&teller, &name, awaited.wait()),
                None => Err("it was not selected".into()),
            }));
        }
        let conclusion = libtest_mimic::run(arguments, trials);
        running.finish();
        Ok(conclusion)
    }

    fn targets(&self) -> Result<Vec<PlannedTarget>, Unusable> {
        let registry = Registry::load(&[Source::Folder(self.yaml.clone())])
            .map_err(|problems| Unusable(problems.plain()))?;
        let mut targets =
            plan(&registry, &Selection::default()).map_err(|error| Unusable(error.to_string()))?;
        if self.launcher.is_some() {
            for target in &mut targets {
                // What it is initialized with besides the settings of the set-up goes along.
                if let DriverSpec::Command(command) = &target.backend.driver {
                    for (name, value) in &command.settings {
                        let settings = target.setup.embedded.as_mut().unwrap_or(&mut target.setup.settings);
                        settings.entry(name.clone()).or_insert_with(|| value.clone());
                    }
                }
                target.backend.driver = DriverSpec::Builtin(IN_PROCESS.to_owned());
            }
        }
        Ok(targets)
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("yaml", &self.yaml).finish_non_exhaustive()
    }
}

/// The name of a test: the id of the case, behind that of the set-up where there are several.
fn name(setup: Option<&str>, case: &str) -> String {
    setup.map_or_else(|| case.to_owned(), |setup| format!("{setup}/{case}"))
}

fn variable<T>(name: &str, form: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Unusable> {
    match env::var(name) {
        Ok(text) if !text.is_empty() => match read(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(Unusable(format!("{name}={text}: it is not {form}"))),
        },
        _ => Ok(None),
    }
}

fn effort(text: &str) -> Option<Effort> {
    [Effort::Quick, Effort::Standard, Effort::Thorough].into_iter().find(|effort| effort.to_string() == text)
}

fn completion(teller: &Teller, name: &str, conducted: Conducted) -> Result<Completion, Failed> {
    match conducted {
        Conducted::Held => Ok(Completion::Completed),
        Conducted::NotMeasured(why) => Ok(Completion::ignored_with(why)),
        Conducted::Failed(failed) => Err(teller.case(name, *failed).into()),
        Conducted::NoResult(why) => Err(teller.reason(&why).into()),
    }
}
