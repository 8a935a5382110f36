//! Which interface of which target goes into which group.

use crate::{execute::case_seed, plan::PlannedTarget};
use prism_reports::Report;
use std::collections::{BTreeMap, BTreeSet};

/// How long the cases of one group may take together, in milliseconds, where there are groups enough. They run side by
/// side, so that a machine is done much earlier; a job takes about a minute before its first case.
const GROUP_MS: f64 = 60_000.0;

/// How many cases make a group where nothing is recorded.
const GROUP_CASES: usize = 50;

/// How long cases took before, in milliseconds, by target and case.
#[derive(Debug, Clone, Default)]
pub struct Durations(BTreeMap<String, BTreeMap<String, f64>>);

impl Durations {
    /// What an earlier report recorded. Cases that did not run are left out.
    pub fn of_report(report: &Report) -> Self {
        let mut durations: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
        for (target, case) in report.cases().filter(|(_, case)| case.duration_ms > 0.0) {
            durations.entry(target.target.clone()).or_default().insert(case.id.clone(), case.duration_ms);
        }
        Self(durations)
    }

    fn of(&self, target: &PlannedTarget, case: &str) -> Option<f64> {
        self.0.get(&target.label)?.get(case).copied()
    }

    /// How long a case of the target took on the average.
    fn mean_of(&self, target: &PlannedTarget) -> Option<f64> {
        mean(self.0.get(&target.label)?.values())
    }

    fn mean(&self) -> Option<f64> {
        mean(self.0.values().flat_map(BTreeMap::values))
    }
}

fn mean<'a>(values: impl Iterator<Item = &'a f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// One group.
#[derive(Debug, Default)]
pub(super) struct Bin<'a> {
    /// The servers, by the names of their targets.
    pub(super) names: Vec<&'a str>,
    pub(super) cases: u64,
    pub(super) expected_ms: Option<u64>,
    /// Targets with their interfaces, in the order of the plan.
    pub(super) parts: Vec<(&'a str, Vec<&'a str>)>,
}

/// One interface of everything that one server can serve: what is never divided.
struct Unit<'a> {
    interface: &'a str,
    cases: usize,
    /// In milliseconds; absent where the target was never recorded.
    weight: Option<f64>,
}

/// Targets that differ only in how they are reached.
struct Server<'a> {
    name: &'a str,
    targets: Vec<&'a PlannedTarget>,
    units: Vec<Unit<'a>>,
}

impl Server<'_> {
    fn weight(&self) -> Option<f64> {
        self.units.iter().map(|unit| unit.weight).sum()
    }

    fn cases(&self) -> usize {
        self.units.iter().map(|unit| unit.cases).sum()
    }

    /// Into how many groups it is divided where there are groups enough.
    fn wanted(&self) -> usize {
        let wanted = match self.weight() {
            Some(weight) => (weight / GROUP_MS).ceil() as usize,
            None => self.cases().div_ceil(GROUP_CASES),
        };
        wanted.clamp(1, self.units.len().max(1))
    }
}

/// At most so many groups.
pub(super) fn bins<'a>(targets: &[&'a PlannedTarget], durations: &Durations, most: usize) -> Vec<Bin<'a>> {
    let servers = servers(targets, durations);
    // What a case is taken to last where nothing is known of its target.
    let usual = durations.mean().unwrap_or(1_000.0);
    let load = |server: &Server<'_>| server.weight().unwrap_or(server.cases() as f64 * usual);
    if servers.len() > most {
        let loads: Vec<(&str, Option<f64>)> =
            servers.iter().map(|server| (server.name, Some(load(server)))).collect();
        return spread(&loads, most)
            .into_iter()
            .map(|members| bin(members.into_iter().map(|index| (&servers[index], None))))
            .collect();
    }
    let mut wanted: Vec<usize> = servers.iter().map(Server::wanted).collect();
    while wanted.iter().sum::<usize>() > most {
        // The one whose groups are smallest does with one fewer.
        let size = |index: &usize| load(&servers[*index]) / wanted[*index] as f64;
        let smallest = (0..servers.len())
            .filter(|index| wanted[*index] > 1)
            .min_by(|left, right| size(left).total_cmp(&size(right)));
        match smallest {
            Some(index) => wanted[index] -= 1,
            None => break,
        }
    }
    let mut bins = Vec::new();
    for (server, wanted) in servers.iter().zip(wanted) {
        let units: Vec<(&str, Option<f64>)> =
            server.units.iter().map(|unit| (unit.interface, unit.weight)).collect();
        for members in spread(&units, wanted) {
            bins.push(bin([(server, Some(members))]));
        }
    }
    bins
}

fn servers<'a>(targets: &[&'a PlannedTarget], durations: &Durations) -> Vec<Server<'a>> {
    let mut servers: Vec<Server<'a>> = Vec::new();
    for &target in targets {
        match servers.iter_mut().find(|server| server.name == target.name) {
            Some(server) => server.targets.push(target),
            None => servers.push(Server { name: &target.name, targets: vec![target], units: Vec::new() }),
        }
    }
    for server in &mut servers {
        // A target that is new beside a recorded one is taken to last as long.
        let known = server.targets.iter().find_map(|target| durations.mean_of(target));
        for &target in &server.targets {
            let usual = durations.mean_of(target).or(known);
            for case in &target.cases {
                let weight = durations.of(target, &case.id).or(usual);
                let interface = case.interface();
                match server.units.iter_mut().find(|unit| unit.interface == interface) {
                    Some(unit) => {
                        unit.cases += 1;
                        unit.weight = unit.weight.zip(weight).map(|(sum, more)| sum + more);
                    }
                    None => server.units.push(Unit { interface, cases: 1, weight }),
                }
            }
        }
    }
    servers
}

/// Puts things into at most `count` groups, none of them empty: where all weights are known, the heaviest first into the
/// group that is lightest so far; else by a hash of the name, so that what is new moves nothing else.
fn spread(things: &[(&str, Option<f64>)], count: usize) -> Vec<BTreeSet<usize>> {
    let mut groups = vec![BTreeSet::new(); count];
    let weights: Option<Vec<f64>> = things.iter().map(|(_, weight)| *weight).collect();
    match weights {
        Some(weights) => {
            let mut order: Vec<usize> = (0..things.len()).collect();
            order.sort_by(|left, right| weights[*right].total_cmp(&weights[*left]));
            let mut loads = vec![0.0_f64; count];
            for index in order {
                let lightest = (0..count).min_by(|left, right| loads[*left].total_cmp(&loads[*right]));
                let lightest = lightest.unwrap_or(0);
                loads[lightest] += weights[index];
                groups[lightest].insert(index);
            }
        }
        None => {
            for (index, (name, _)) in things.iter().enumerate() {
                // The group with the highest hash: with one group more, only what moves there moves.
                let highest = (0..count).max_by_key(|group| case_seed(*group as u64, name));
                groups[highest.unwrap_or(0)].insert(index);
            }
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// A group of servers, each with those of its units that are meant; `None` for all of them.
fn bin<'s, 'a: 's>(members: impl IntoIterator<Item = (&'s Server<'a>, Option<BTreeSet<usize>>)>) -> Bin<'a> {
    let mut bin = Bin { expected_ms: Some(0), ..Bin::default() };
    let mut expected = Some(0.0);
    for (server, units) in members {
        let units: Vec<&Unit<'a>> = (server.units.iter().enumerate())
            .filter(|(index, _)| units.as_ref().is_none_or(|units| units.contains(index)))
            .map(|(_, unit)| unit)
            .collect();
        bin.names.push(server.name);
        bin.cases += units.iter().map(|unit| unit.cases as u64).sum::<u64>();
        let weight: Option<f64> = units.iter().map(|unit| unit.weight).sum();
        expected = expected.zip(weight).map(|(sum, more)| sum + more);
        for target in &server.targets {
            let has = |interface: &str| target.cases.iter().any(|case| case.interface() == interface);
            let interfaces: Vec<&str> =
                units.iter().map(|unit| unit.interface).filter(|interface| has(interface)).collect();
            if !interfaces.is_empty() {
                bin.parts.push((&target.label, interfaces));
            }
        }
    }
    bin.expected_ms = expected.map(|sum| sum.round() as u64);
    bin
}
