//! What a certificate says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::{Composed, DeclaredInterface, Digests, Host, Route, ServerImage};
use crate::exit::{Verdict, incomplete_because};
use crate::expectation::{Expectation, ExpectationReport};
use crate::model::{CaseReport, InterfaceSummary, Level, Provenance, Report, TargetReport, TargetStatus};
use crate::outcome::Outcome;

/// What a run proves of one backend, or of one pattern over the bindings that were run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`FORMAT`](super::FORMAT).
    pub format: String,
    /// Whether it is of a backend or of a pattern; left out where it is of a backend.
    #[serde(default, skip_serializing_if = "Kind::is_backend")]
    pub kind: Kind,
    /// The backend or the pattern, as registered.
    pub backend: String,
    /// When it was issued, as RFC 3339.
    pub issued_at: String,
    /// Which revision of the contract was proven.
    pub contract_revision: String,
    /// What was proven, and by what.
    pub digests: Digests,
    /// The run.
    pub run: CertifiedRun,
    /// The backend in each set-up, or the pattern over each binding, that was run; of the backends in the slots nothing is
    /// certified but that the pattern holds over them.
    pub targets: Vec<CertifiedTarget>,
    /// The known failures that were excused; empty if none was.
    pub expectations: Vec<Expectation>,
}

/// What a certificate can be of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A backend, in its set-ups.
    #[default]
    Backend,
    /// A pattern, over bindings of its slots.
    Pattern,
}

impl Kind {
    /// Whether it is the one that goes without saying.
    pub fn is_backend(&self) -> bool {
        *self == Self::Backend
    }
}

/// How it was proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertifiedRun {
    /// Identifies the run.
    pub run_id: String,
    /// When it began, as RFC 3339.
    pub started_at: String,
    /// Version of the tool.
    pub tool_version: String,
    /// The seed of everything random, in digits.
    pub seed: String,
    /// The commit of the work tree, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The machine.
    pub host: Host,
}

/// A backend in a set-up, or a pattern over a binding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertifiedTarget {
    /// Names the target in the run.
    pub target: String,
    /// The set-up; of a pattern the binding, such as `store=redis`.
    pub setup: String,
    /// How it was reached.
    pub route: Route,
    /// Where its server came from.
    pub provision: String,
    /// How many operations and histories were generated.
    pub effort: String,
    /// The version that the server gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// The images of its servers, where they were containers of the run.
    pub images: Vec<ServerImage>,
    /// The version that the driver gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_version: Option<String>,
    /// What it claims to serve.
    pub declared: Vec<DeclaredInterface>,
    /// Its further claims.
    pub guarantees: BTreeMap<String, String>,
    /// What a pattern is composed of, with what was declared of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composed: Option<Composed>,
    /// The lowest level of what it declares; none if an interface has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The levels of what it declares, and what every backend serves.
    pub interfaces: Vec<CertifiedInterface>,
    /// Every case with what it came to.
    pub cases: Vec<CertifiedCase>,
    /// Cases that do not count yet, with what they came to.
    pub provisional: Vec<CertifiedCase>,
}

/// The level of one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertifiedInterface {
    /// The interface.
    pub interface: String,
    /// The level; none if not even `core` is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertifiedCase {
    /// The case.
    pub id: String,
    /// The clauses that it proves.
    pub clauses: Vec<String>,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it could not be measured, where it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Why a report makes no certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotCertifiable {
    /// The run is not conformant.
    #[error("the run is {}: {}", verdict.label(), reasons.join("; "))]
    Verdict {
        /// What it came to.
        verdict: Verdict,
        /// Why, as far as the report says.
        reasons: Vec<String>,
    },
    /// Something weakens the run.
    #[error("the run proves less than a certificate says: {0}")]
    Weakened(String),
    /// The report is too old to say what was proven.
    #[error("the report does not say {0}")]
    Unknown(&'static str),
}

impl Certificate {
    /// What a report proves of a backend or of a pattern, issued at a time given as RFC 3339.
    pub fn of(report: &Report, backend: &str, issued_at: &str) -> Result<Self, NotCertifiable> {
        if report.verdict != Verdict::Conformant {
            let mut reasons = incomplete_because(report);
            let failed = report.cases().filter(|(_, case)| !case.outcome.proves() && case.outcome.counts());
            let failed = failed.filter(|(_, case)| case.outcome != Outcome::ExpectedFail).count();
            if failed > 0 {
                reasons.insert(0, format!("{failed} cases failed"));
            }
            reasons.extend(
                report.broken_expectations().map(|known| format!("{} is not true", known.entry.place())),
            );
            return Err(NotCertifiable::Verdict { verdict: report.verdict, reasons });
        }
        let run = report.provenance.as_ref().ok_or(NotCertifiable::Unknown("where it comes from"))?;
        let digests =
            run.digests.clone().ok_or(NotCertifiable::Unknown("which suite and contract it is of"))?;
        if let Some(how) = weakened(run) {
            return Err(NotCertifiable::Weakened(how));
        }
        let of_it = report.targets.iter().filter(|target| target.backend == backend);
        let targets = of_it.map(target).collect::<Result<Vec<_>, _>>()?;
        if targets.is_empty() {
            return Err(NotCertifiable::Weakened(format!("{backend} is not in it")));
        }
        let kind = if targets[0].composed.is_some() { Kind::Pattern } else { Kind::Backend };
        let excused = |known: &&ExpectationReport| known.excused > 0;
        Ok(Self {
            format: super::FORMAT.to_owned(),
            kind,
            backend: backend.to_owned(),
            issued_at: issued_at.to_owned(),
            contract_revision: run.contract_revision.clone(),
            digests,
            run: CertifiedRun {
                run_id: run.run_id.clone(),
                started_at: run.started_at.clone(),
                tool_version: run.tool_version.clone(),
                seed: run.seed.to_string(),
                commit: run.commit.clone(),
                host: run.host.clone(),
            },
            targets,
            expectations: report
                .expectations
                .iter()
                .filter(excused)
                .map(|known| known.entry.clone())
                .collect(),
        })
    }

    /// What does not fit together in it; none if everything does.
    pub(super) fn contradiction(&self) -> Option<String> {
        if self.targets.is_empty() {
            return Some("it certifies nothing".to_owned());
        }
        for target in &self.targets {
            let composed = target.composed.as_ref();
            if composed.is_some() != (self.kind == Kind::Pattern) {
                return Some(format!("{} is not what the certificate is of", target.target));
            }
            if composed.is_some_and(|composed| composed.slots.is_empty()) {
                return Some(format!("{} has nothing in its slots", target.target));
            }
            let fine = |case: &&CertifiedCase| {
                case.outcome.proves() || matches!(case.outcome, Outcome::ExpectedFail | Outcome::NotMeasured)
            };
            if let Some(case) = target.cases.iter().find(|case| !fine(case)) {
                return Some(format!("{} on {} is `{}`", case.id, target.target, case.outcome));
            }
            if !target.cases.iter().any(|case| case.outcome.proves()) {
                return Some(format!("nothing was proven of {}", target.target));
            }
            let excused = target.cases.iter().any(|case| case.outcome == Outcome::ExpectedFail);
            if excused && self.expectations.is_empty() {
                return Some(format!("{} failed as expected, and no expectation is recorded", target.target));
            }
        }
        None
    }
}

/// What a run leaves out.
fn weakened(run: &Provenance) -> Option<String> {
    if !run.case_filter.is_empty() {
        return Some(format!("only {} was selected", run.case_filter.join(", ")));
    }
    if !run.interface_filter.is_empty() {
        return Some(format!("only {} was selected", run.interface_filter.join(", ")));
    }
    if let Some((target, _)) = run.narrowed.first_key_value() {
        return Some(format!("a part of {target} was left out"));
    }
    if run.effort.as_deref() == Some("quick") {
        return Some("the effort was `quick`".to_owned());
    }
    run.plan.as_ref().filter(|plan| plan.group.is_some()).map(|_| "it is one group of a plan".to_owned())
}

fn target(target: &TargetReport) -> Result<CertifiedTarget, NotCertifiable> {
    let (TargetStatus::Measured, Some(provision)) = (&target.status, &target.provision) else {
        return Err(NotCertifiable::Weakened(format!("{} was not measured", target.target)));
    };
    let declared = |summary: &&InterfaceSummary| summary.declared;
    let level = |summary: &InterfaceSummary| CertifiedInterface {
        interface: summary.interface.clone(),
        level: summary.level,
    };
    let case = |case: &CaseReport| CertifiedCase {
        id: case.id.clone(),
        clauses: case.clauses.clone(),
        outcome: case.outcome,
        note: case.notes.first().filter(|_| case.outcome == Outcome::NotMeasured).cloned(),
    };
    Ok(CertifiedTarget {
        target: target.target.clone(),
        setup: target.setup.clone(),
        route: target.route,
        provision: provision.provision.clone(),
        effort: provision.effort.clone(),
        server_version: provision.server_version.clone(),
        images: provision.images.clone(),
        driver_version: provision.driver_version.clone(),
        declared: target.declared.clone(),
        guarantees: target.guarantees.clone(),
        composed: target.composed.clone(),
        level: target.level,
        interfaces: target.interfaces.iter().filter(declared).map(level).collect(),
        cases: target.cases.iter().map(case).collect(),
        provisional: target.provisional.iter().map(case).collect(),
    })
}
