//! What both runs selected: only that is compared.

use std::collections::{BTreeMap, BTreeSet};

use super::{Diff, Incomparable, Pair, latency};
use crate::event::{Digests, Route};
use crate::model::{CaseReport, Provenance, Report, TargetReport};
use crate::pattern::matches;

/// The two reports, side by side.
pub(super) struct Scope<'a> {
    pub(super) before: Selected<'a>,
    pub(super) after: Selected<'a>,
    pairs: Vec<Pair<'a>>,
}

/// What one of the runs was asked for.
pub(super) struct Selected<'a> {
    report: &'a Report,
    run: Option<&'a Provenance>,
}

/// What makes two targets the same one.
fn key(target: &TargetReport) -> (&str, &str, bool) {
    (&target.backend, &target.setup, target.route.is_direct())
}

impl<'a> Scope<'a> {
    pub(super) fn of(before: &'a Report, after: &'a Report) -> Result<Self, Incomparable> {
        let known: BTreeMap<_, &TargetReport> =
            before.targets.iter().map(|target| (key(target), target)).collect();
        let pairs: Vec<Pair<'a>> = after
            .targets
            .iter()
            .filter_map(|after| Some(Pair { before: known.get(&key(after))?, after }))
            .collect();
        if pairs.is_empty() {
            let reached: BTreeSet<_> = before.targets.iter().map(|t| (&t.backend, &t.setup)).collect();
            if after.targets.iter().any(|t| reached.contains(&(&t.backend, &t.setup))) {
                return Err(Incomparable::OtherRoute);
            }
            let (before, after) = (names(&before.targets), names(&after.targets));
            return Err(Incomparable::NoCommonTarget { before, after });
        }
        let selected = |report: &'a Report| Selected { report, run: report.provenance.as_ref() };
        Ok(Self { before: selected(before), after: selected(after), pairs })
    }

    /// The targets that both runs have, in the order of the newer one.
    pub(super) fn pairs(&self) -> impl Iterator<Item = Pair<'a>> {
        self.pairs.iter().copied()
    }

    /// The targets that only the older run has.
    pub(super) fn gone(&self) -> Vec<&'a TargetReport> {
        let paired = |t: &TargetReport| self.pairs.iter().any(|pair| std::ptr::eq(pair.before, t));
        self.before.report.targets.iter().filter(|t| !paired(t)).collect()
    }

    /// The targets that only the newer run has.
    pub(super) fn come(&self) -> Vec<&'a TargetReport> {
        let paired = |t: &TargetReport| self.pairs.iter().any(|pair| std::ptr::eq(pair.after, t));
        self.after.report.targets.iter().filter(|t| !paired(t)).collect()
    }

    /// Whether levels can be compared: no run of a part of the cases has any.
    pub(super) fn has_levels(&self, target: &str, interface: &str) -> bool {
        [&self.before, &self.after].iter().all(|side| side.all_cases() && side.interface(target, interface))
    }

    /// Whether times can be compared.
    pub(super) fn same_machine(&self) -> bool {
        let host = |side: &Selected<'a>| side.run.map(|run| &run.host);
        host(&self.before) == host(&self.after)
    }

    /// Says what was left out, and what differs between the runs beside their results.
    pub(super) fn note(&self, diff: &mut Diff) {
        let of_before: Vec<_> = self.pairs.iter().map(|pair| pair.before).collect();
        let of_after: Vec<_> = self.pairs.iter().map(|pair| pair.after).collect();
        Self::left_out(diff, ["older", "newer"], &self.after, self.gone(), of_before);
        Self::left_out(diff, ["newer", "older"], &self.before, self.come(), of_after);
        if !(self.before.all_cases() && self.after.all_cases()) {
            diff.notes.push("levels are not compared: no run of a part of the cases has any".to_owned());
        }
        for pair in self.pairs() {
            if let Some((before, after)) = latency::ways(pair) {
                diff.notes.push(format!(
                    "times are not compared for {}: its server was {before} before and is {after} now",
                    pair.after.target
                ));
            }
        }
        if !self.same_machine() {
            diff.notes.push("times are not compared: the runs were made on different machines".to_owned());
        }
        latency::note(diff);
        let (Some(before), Some(after)) = (self.before.run, self.after.run) else { return };
        let host = |run: &Provenance| format!("{} {}, {} cores", run.host.os, run.host.arch, run.host.cores);
        let digest = |run: &Provenance, of: fn(&Digests) -> &String| {
            run.digests.as_ref().map_or_else(|| "unknown".to_owned(), |digests| of(digests).clone())
        };
        let effort = |run: &Provenance| run.effort.clone().unwrap_or_else(|| "as calls cost".to_owned());
        for (what, before, after) in [
            ("contract", before.contract_revision.clone(), after.contract_revision.clone()),
            ("text of the contract", digest(before, |d| &d.contract), digest(after, |d| &d.contract)),
            ("suite of cases", digest(before, |d| &d.suite), digest(after, |d| &d.suite)),
            ("tool version", before.tool_version.clone(), after.tool_version.clone()),
            ("effort", effort(before), effort(after)),
            ("machine", host(before), host(after)),
        ] {
            if before != after {
                diff.notes.push(format!("another {what}: {before} before, {after} now"));
            }
        }
        if before.seed != after.seed {
            diff.notes.push(format!(
                "other seeds, so that generated cases drew other data: {} before, {} now",
                before.seed, after.seed
            ));
        }
    }
}

impl Scope<'_> {
    /// Says what of the run that is named first the `other` one did not select.
    fn left_out(
        diff: &mut Diff,
        [name, other_name]: [&str; 2],
        other: &Selected<'_>,
        alone: Vec<&TargetReport>,
        common: Vec<&TargetReport>,
    ) {
        let alone: Vec<&str> =
            alone.into_iter().filter(|t| !other.target(t)).map(|t| t.target.as_str()).collect();
        if !alone.is_empty() {
            let list = alone.join(", ");
            diff.notes.push(format!("not compared, since the {other_name} run did not select it: {list}"));
        }
        let skipped: usize = common
            .into_iter()
            .map(|target| target.cases.iter().filter(|case| !other.case(&target.target, case)).count())
            .sum();
        if skipped > 0 {
            diff.notes.push(format!(
                "not compared, since the {other_name} run did not select them ({}): {} of the {name} one",
                other.filters(),
                if skipped == 1 { "1 case".to_owned() } else { format!("{skipped} cases") },
            ));
        }
    }
}

impl Selected<'_> {
    fn all_cases(&self) -> bool {
        self.run.is_none_or(|run| run.case_filter.is_empty())
    }

    /// Whether the run was asked for the cases of this interface on this target.
    pub(super) fn interface(&self, target: &str, interface: &str) -> bool {
        let lists = |names: &[String]| names.iter().any(|known| known == interface);
        self.run.is_none_or(|run| {
            (run.interface_filter.is_empty() || lists(&run.interface_filter))
                && run.narrowed.get(target).is_none_or(|names| lists(names))
        })
    }

    /// Whether the run was asked for this case of this target, whether or not it has it.
    pub(super) fn case(&self, target: &str, case: &CaseReport) -> bool {
        let named = |run: &Provenance| run.case_filter.iter().any(|pattern| matches(pattern, &case.id));
        (self.all_cases() || self.run.is_some_and(named)) && self.interface(target, &case.interface)
    }

    /// Whether the run was asked for this target, whether or not it has it. A backend that is named is there, or there
    /// is no run; a pattern with a star may have matched more.
    pub(super) fn target(&self, target: &TargetReport) -> bool {
        let route = |known: &TargetReport| known.route == target.route;
        let name = match target.route {
            Route::Direct => target.target.as_str(),
            Route::Proxy => target.target.strip_suffix(" via proxy").unwrap_or(&target.target),
        };
        let left_out = |run: &Provenance, name: &str| run.narrowed.get(name).is_some_and(Vec::is_empty);
        self.report.targets.iter().any(route)
            && self.run.is_none_or(|run| {
                (run.target_filter.is_empty()
                    || run.target_filter.iter().any(|pattern| matches(pattern, name)))
                    && !left_out(run, &target.target)
                    && !left_out(run, name)
            })
    }

    fn filters(&self) -> String {
        let Some(run) = self.run else { return String::new() };
        let cases = run.case_filter.iter().map(|pattern| format!("--case {pattern}"));
        let interfaces = run.interface_filter.iter().map(|name| format!("--interface {name}"));
        let asked = cases.chain(interfaces).collect::<Vec<_>>().join(" ");
        let narrowed = run.narrowed.values().any(|interfaces| !interfaces.is_empty());
        let parts = [asked.as_str(), if narrowed { "less of some targets" } else { "" }];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

fn names(targets: &[TargetReport]) -> String {
    targets.iter().map(|target| target.target.as_str()).collect::<Vec<_>>().join(", ")
}
