//! What a pattern implements, and the lifecycle of a driver around it.

use crate::Slots;
use async_trait::async_trait;
use prism_driver_kit::{Driver, DriverInfo, Host, InterfaceInfo, RunningDriver, SettingSpec, Settings};
use prism_interfaces::{Fault, catalogue, contract::v1::Reason, lifecycle::v1::InterfaceDescription};
use prism_slots::{Bound, Candidate, Parameters, PatternSpec, check};
use tonic::{Code, Status};

/// What a pattern starts from.
#[derive(Debug, Clone)]
pub struct Start {
    /// What is bound.
    pub slots: Slots,
    /// What was given, defaults filled in.
    pub parameters: Parameters,
}

/// A pattern. Its slots were checked when it is started.
#[async_trait]
pub trait Pattern: Send + Sync + 'static {
    /// Checks what goes beyond the bounds of single parameters and the needs of single slots.
    fn check(&self, _slots: &Slots, _parameters: &Parameters) -> Result<(), Fault> {
        Ok(())
    }

    /// What it serves, with traits; the same in every state.
    fn interfaces(&self, slots: &Slots) -> Vec<InterfaceDescription>;

    /// Whether it passes the clock of tests on.
    fn has_clock(&self, _slots: &Slots) -> bool {
        false
    }

    /// Begins to work.
    async fn start(&self, start: Start) -> Result<RunningDriver, Status>;
}

/// A pattern over its slots, in state *created*: a driver like any other.
pub fn host(
    spec: &'static PatternSpec,
    settings: &'static [SettingSpec],
    pattern: impl Pattern,
    slots: Slots,
) -> Host {
    Host::new(PatternDriver { spec, settings, pattern, slots })
}

struct PatternDriver<P> {
    spec: &'static PatternSpec,
    settings: &'static [SettingSpec],
    pattern: P,
    slots: Slots,
}

impl<P: Pattern> PatternDriver<P> {
    fn parameters(&self, settings: &Settings) -> Result<Parameters, Fault> {
        Parameters::parse(&self.spec.parameters, |name| settings.get(name)).map_err(|problems| {
            let told: Vec<String> =
                problems.iter().map(|(name, problem)| format!("the parameter `{name}` {problem}")).collect();
            let first = problems.first().map(|(name, _)| name.as_str()).unwrap_or_default();
            Fault::invalid_argument(Reason::SettingInvalid, told.join("; "))
                .field(format!("settings.{first}"))
        })
    }

    /// Whether what is bound fits, before anything else is asked of it.
    fn fits(&self) -> Result<(), Fault> {
        let mute: Vec<String> = self
            .slots
            .iter()
            .filter_map(|slot| slot.described().err().map(|why| format!("slot `{}` {why}", slot.name)))
            .collect();
        if !mute.is_empty() {
            return Err(Fault::new(Code::Unavailable, Reason::BackendUnavailable, mute.join("; ")));
        }
        let bound: Vec<Bound<'_>> = self
            .slots
            .iter()
            .filter(|slot| !self.spec.slot(&slot.name).is_some_and(|slot| slot.application))
            .map(|slot| Bound {
                slot: &slot.name,
                backend: Candidate { name: slot.backend(), declaration: slot.declaration() },
            })
            .collect();
        let mut told: Vec<String> = match check(self.spec, &bound, &[]) {
            Ok(()) => Vec::new(),
            Err(misfits) => misfits.0.iter().map(ToString::to_string).collect(),
        };
        for slot in self.spec.slots.iter().filter(|slot| slot.application && !slot.optional) {
            if self.slots.get(&slot.name).is_none() {
                told.push(format!(
                    "slot `{}`: nothing is bound to it, and it is {}",
                    slot.name, slot.description
                ));
            }
        }
        if told.is_empty() {
            return Ok(());
        }
        Err(Fault::failed_precondition(Reason::BindingInvalid, told.join("; ")))
    }
}

#[async_trait]
impl<P: Pattern> Driver for PatternDriver<P> {
    fn info(&self) -> DriverInfo {
        let interfaces = self.pattern.interfaces(&self.slots);
        // Traits are described at run time; what is served is known by now.
        let interfaces = interfaces
            .iter()
            .filter_map(|interface| catalogue::interface(&interface.id))
            .map(|spec| InterfaceInfo { id: spec.id, traits: &[] });
        DriverInfo {
            name: &self.spec.name,
            version: env!("CARGO_PKG_VERSION"),
            interfaces: interfaces.collect(),
            clock: self.pattern.has_clock(&self.slots),
            settings: self.settings,
        }
    }

    fn described(&self) -> Vec<InterfaceDescription> {
        self.pattern.interfaces(&self.slots)
    }

    fn check(&self, settings: &Settings) -> Result<(), Fault> {
        let parameters = self.parameters(settings)?;
        self.fits()?;
        self.pattern.check(&self.slots, &parameters)
    }

    async fn start(&self, settings: &Settings) -> Result<RunningDriver, Status> {
        let parameters = self.parameters(settings)?;
        self.pattern.start(Start { slots: self.slots.clone(), parameters }).await
    }
}
