//! What the event log is told of targets and cases.

use crate::{
    plan::PlannedTarget,
    registry::{BoundBackend, DriverSpec},
    servers::TargetServers,
    target::Target,
};
use prism_interfaces::{
    Clause, Level, catalogue,
    lifecycle::v1::InterfaceDescription,
    traits::{Declaration, Traits},
};
use prism_reports::{
    Outcome,
    event::{
        CaseFinished, ClauseInfo, ClauseLevel, Composed, DeclaredInterface, Described, DescribedInterface,
        FilledSlot, PlannedCase, Provision, TargetPlanned, TargetReady,
    },
};
use prism_suites::{Case, Kind};
use std::{collections::BTreeMap, time::Duration};

/// The catalogue of clauses, as a log carries it so that it explains itself.
pub fn clauses() -> Vec<ClauseInfo> {
    let of = |interface: &'static str, clauses: &'static [Clause]| {
        clauses.iter().map(move |clause| ClauseInfo {
            id: clause.id.to_owned(),
            level: match clause.level {
                Level::Must => ClauseLevel::Must,
                Level::Should => ClauseLevel::Should,
                Level::May => ClauseLevel::May,
            },
            interface: interface.to_owned(),
            from: clause.from.map(str::to_owned),
            text: clause.text.to_owned(),
        })
    };
    of("general", catalogue::GENERAL)
        .chain(catalogue::services().flat_map(|service| of(service.id, service.clauses)))
        .collect()
}

/// A case that this kind of driver cannot be put to.
pub(crate) fn not_measurable(target: &Target, case: &Case, why: &str) -> CaseFinished {
    CaseFinished {
        target: target.label.clone(),
        case: case.id.clone(),
        outcome: Outcome::NotMeasured,
        duration_ms: 0.0,
        calls: 0,
        failure: None,
        notes: vec![why.to_owned()],
        logs: Vec::new(),
        namespace: None,
        p50_us: BTreeMap::new(),
    }
}

/// A target as the log has it.
pub fn planned(target: &PlannedTarget) -> TargetPlanned {
    TargetPlanned {
        target: target.label.clone(),
        backend: target.backend.name.clone(),
        setup: target.setup.name.clone(),
        required: target.required,
        route: target.route,
        declared: declared(&target.backend.declaration),
        guarantees: guarantees(&target.backend.declaration),
        composed: composed(target),
        cases: target
            .cases
            .iter()
            .map(|case| PlannedCase {
                id: case.id.clone(),
                interface: case.interface().to_owned(),
                kind: case.kind.as_str().to_owned(),
                clauses: case.clauses.iter().map(|id| (*id).to_owned()).collect(),
                sentence: case.sentence.to_owned(),
                undeclared: case.kind == Kind::Refusal,
            })
            .collect(),
    }
}

fn declared(declaration: &Declaration) -> Vec<DeclaredInterface> {
    let of = |(id, traits): (&String, &Traits)| DeclaredInterface {
        interface: id.clone(),
        traits: traits.iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    declaration.interfaces.iter().map(of).collect()
}

fn guarantees(declaration: &Declaration) -> BTreeMap<String, String> {
    declaration.guarantees.iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a pattern is composed of.
fn composed(target: &PlannedTarget) -> Option<Composed> {
    let DriverSpec::Pattern(composition) = &target.backend.driver else { return None };
    let slot = |bound: &BoundBackend| FilledSlot {
        slot: bound.slot.clone(),
        backend: bound.backend.name.clone(),
        setup: bound.setup.name.clone(),
        declared: declared(&bound.backend.declaration),
        guarantees: guarantees(&bound.backend.declaration),
    };
    Some(Composed {
        parameters: composition.pattern.certify.clone(),
        slots: composition.slots.iter().map(slot).collect(),
    })
}

pub(crate) fn ready(
    planned: &PlannedTarget,
    servers: &TargetServers,
    target: &Target,
    took: Duration,
) -> TargetReady {
    let provision = match planned.backend.driver {
        DriverSpec::Endpoint(_) => "endpoint".to_owned(),
        DriverSpec::Command(_) => "command".to_owned(),
        DriverSpec::Pattern(_) => "pattern".to_owned(),
        DriverSpec::Builtin(_) => servers.own.kind.to_string(),
    };
    let described = &target.described;
    let known = |version: &str| (!version.is_empty()).then(|| version.to_owned());
    TargetReady {
        target: planned.label.clone(),
        provision: Provision {
            provision,
            server_version: known(&described.server_version),
            images: servers.images(),
            driver_version: known(&described.version),
            ready_ms: took.as_millis() as u64,
            effort: target.effort.to_string(),
            call_cost_us: Some((target.call_cost.as_secs_f64() * 1e7).round() / 10.0),
            described: Some(Described {
                name: described.name.clone(),
                interfaces: described.interfaces.iter().map(described_interface).collect(),
            }),
        },
    }
}

fn described_interface(described: &InterfaceDescription) -> DescribedInterface {
    DescribedInterface {
        interface: described.id.clone(),
        proto_hash: described.proto_hash.clone(),
        traits: described.traits.clone().into_iter().collect(),
    }
}
