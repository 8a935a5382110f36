//! What a pattern implements, and the lifecycle of a driver around it.

use crate::{Slots, metrics::Metrics};
use async_trait::async_trait;
use prism_driver_kit::{Driver, DriverInfo, Host, InterfaceInfo, RunningDriver, SettingSpec, Settings};
use prism_interfaces::{
    Endpoint, Fault, catalogue, contract::v1::Reason, lifecycle::v1::InterfaceDescription,
};
use prism_slots::{Bound, Candidate, Parameters, PatternSpec, check};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Blamed {
    Slot(String),
    Parameter(String),
    /// Neither.
    Nothing,
}

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

/// A pattern over its slots, in state *created*: a driver like any other. Calls of both are counted.
pub fn host(
    spec: &'static PatternSpec,
    settings: &'static [SettingSpec],
    pattern: impl Pattern,
    slots: Slots,
) -> Endpoint {
    let metrics = Metrics::default();
    let slots = slots.through(|slot, endpoint| metrics.counting(slot, endpoint));
    let driver = PatternDriver { spec, settings, pattern, slots, metrics: metrics.clone() };
    metrics.counting("", Host::new(driver).endpoint())
}

struct PatternDriver<P> {
    spec: &'static PatternSpec,
    settings: &'static [SettingSpec],
    pattern: P,
    slots: Slots,
    metrics: Metrics,
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
    fn fits(&self, parameters: &Parameters) -> Result<(), Fault> {
        let join = |told: Vec<(Blamed, String)>| {
            told.into_iter().map(|(_, message)| message).collect::<Vec<_>>().join("; ")
        };
        let mute = mute(&self.slots);
        if !mute.is_empty() {
            return Err(Fault::new(Code::Unavailable, Reason::BackendUnavailable, join(mute)));
        }
        let misfits = misfits(self.spec, &self.slots);
        let checked = self.pattern.check(&self.slots, parameters);
        if misfits.is_empty() {
            return checked;
        }
        let mut told = join(misfits);
        if let Err(fault) = checked {
            told = format!("{told}; {}", Status::from(fault).message());
        }
        Err(Fault::failed_precondition(Reason::BindingInvalid, told))
    }
}

/// Everything that keeps a pattern from being initialized over these slots, parameters within their bounds given.
pub(crate) fn unfit(
    spec: &PatternSpec,
    pattern: &impl Pattern,
    slots: &Slots,
    parameters: &Parameters,
) -> Vec<(Blamed, String)> {
    let mute = mute(slots);
    if !mute.is_empty() {
        return mute;
    }
    let mut told = misfits(spec, slots);
    if let Err(fault) = pattern.check(slots, parameters) {
        let status = Status::from(fault);
        let violations = status.get_details_bad_request().map(|request| request.field_violations);
        let field = violations.unwrap_or_default().into_iter().next().map(|violation| violation.field);
        let parameter = field.and_then(|field| field.strip_prefix("settings.").map(str::to_owned));
        told.push((parameter.map_or(Blamed::Nothing, Blamed::Parameter), status.message().to_owned()));
    }
    told
}

/// The slots that do not say what is bound to them.
fn mute(slots: &Slots) -> Vec<(Blamed, String)> {
    let mute = slots.iter().filter_map(|slot| {
        let why = slot.described().err()?;
        Some((Blamed::Slot(slot.name.clone()), format!("slot `{}` {why}", slot.name)))
    });
    mute.collect()
}

/// The slots whose backends do not fit, and those that are empty and must not be.
fn misfits(spec: &PatternSpec, slots: &Slots) -> Vec<(Blamed, String)> {
    let bound: Vec<Bound<'_>> = slots
        .iter()
        .filter(|slot| !spec.slot(&slot.name).is_some_and(|slot| slot.application))
        .map(|slot| Bound {
            slot: &slot.name,
            backend: Candidate { name: slot.backend(), declaration: slot.declaration() },
        })
        .collect();
    let mut told: Vec<(Blamed, String)> = match check(spec, &bound, &[]) {
        Ok(()) => Vec::new(),
        Err(misfits) => misfits
            .0
            .into_iter()
            .map(|misfit| (Blamed::Slot(misfit.slot.clone()), misfit.to_string()))
            .collect(),
    };
    for slot in spec.slots.iter().filter(|slot| slot.application && !slot.optional) {
        if slots.get(&slot.name).is_none() {
            let message =
                format!("slot `{}`: nothing is bound to it, and it is {}", slot.name, slot.description);
            told.push((Blamed::Slot(slot.name.clone()), message));
        }
    }
    told
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
        self.fits(&parameters)
    }

    async fn start(&self, settings: &Settings) -> Result<RunningDriver, Status> {
        let parameters = self.parameters(settings)?;
        let running = self.pattern.start(Start { slots: self.slots.clone(), parameters }).await?;
        Ok(self.metrics.serving(running))
    }
}
