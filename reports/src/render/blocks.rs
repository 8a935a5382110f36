//! Splits the matrix into tables that can be read: a page is only so wide, and forty bindings of patterns have nothing
//! to say about the interfaces of six backends.

use std::collections::BTreeSet;

use crate::model::{Report, TargetReport};

/// The most targets beside each other.
const COLUMNS: usize = 8;

/// One table of the matrix.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// Its columns, each with its place in [`Report::targets`].
    pub(super) targets: Vec<(usize, &'a TargetReport)>,
    /// Its rows: the interfaces that any of its targets declares or was tested for.
    pub(super) interfaces: Vec<&'a str>,
}

impl Block<'_> {
    /// The backends of the table, in the order of its columns.
    pub(super) fn backends(&self) -> String {
        let mut names: Vec<&str> = self.targets.iter().map(|(_, target)| target.backend.as_str()).collect();
        names.dedup();
        names.join(", ")
    }
}

/// The tables: the targets of one backend stay together, in the order in which backends were planned. Backends share a
/// table as long as it does not grow too wide and they have a declared interface in common.
pub(super) fn blocks(report: &Report) -> Vec<Block<'_>> {
    let mut families: Vec<(&str, Vec<(usize, &TargetReport)>)> = Vec::new();
    for (index, target) in report.targets.iter().enumerate() {
        match families.iter_mut().find(|(backend, _)| *backend == target.backend) {
            Some((_, members)) => members.push((index, target)),
            None => families.push((&target.backend, vec![(index, target)])),
        }
    }
    let mut tables: Vec<Vec<(usize, &TargetReport)>> = Vec::new();
    for (_, members) in families {
        match tables.last_mut() {
            Some(last) if last.len() + members.len() <= COLUMNS && related(last, &members) => {
                last.extend(members);
            }
            _ => tables.extend(members.chunks(COLUMNS).map(<[_]>::to_vec)),
        }
    }
    let rows = |targets: &[(usize, &TargetReport)]| {
        let names = report.interfaces.iter().map(String::as_str);
        names.filter(|name| targets.iter().any(|(_, target)| target.interface(name).is_some())).collect()
    };
    tables.into_iter().map(|targets| Block { interfaces: rows(&targets), targets }).collect()
}

/// Whether the two have a declared interface in common, or one of them declares nothing.
fn related(some: &[(usize, &TargetReport)], others: &[(usize, &TargetReport)]) -> bool {
    let declared = |targets: &[(usize, &TargetReport)]| -> BTreeSet<String> {
        let all = targets.iter().flat_map(|(_, target)| &target.declared);
        all.map(|declared| declared.interface.clone()).collect()
    };
    let (some, others) = (declared(some), declared(others));
    some.is_empty() || others.is_empty() || !some.is_disjoint(&others)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::DeclaredInterface;
    use crate::model::{Counts, InterfaceSummary, TargetStatus};

    fn target(backend: &str, setup: &str, interface: &str) -> TargetReport {
        TargetReport {
            target: format!("{backend}@{setup}"),
            backend: backend.into(),
            setup: setup.into(),
            required: false,
            route: crate::event::Route::Direct,
            status: TargetStatus::Measured,
            provision: None,
            declared: vec![DeclaredInterface { interface: interface.into(), traits: BTreeMap::new() }],
            guarantees: BTreeMap::new(),
            composed: None,
            counts: Counts::default(),
            interfaces: vec![InterfaceSummary {
                interface: interface.into(),
                declared: true,
                counts: Counts::default(),
                level: None,
            }],
            level: None,
            cases: Vec::new(),
            provisional: Vec::new(),
        }
    }

    #[test]
    fn families_stay_together_and_tables_stay_narrow() {
        let mut report = Report::from_events(&[]);
        report.interfaces = vec!["keyvalue_basic".into(), "registry".into()];
        for setup in ["direct", "proxied"] {
            for backend in ["memstore", "redis", "sqlite"] {
                report.targets.push(target(backend, setup, "keyvalue_basic"));
            }
        }
        for binding in 0..20 {
            report.targets.push(target("multicast", &format!("binding-{binding}"), "registry"));
        }
        let blocks = blocks(&report);
        let seen: Vec<(usize, String)> = blocks.iter().map(|b| (b.targets.len(), b.backends())).collect();
        let multicast = || "multicast".to_owned();
        assert_eq!(
            seen,
            [(6, "memstore, redis, sqlite".into()), (8, multicast()), (8, multicast()), (4, multicast())]
        );
        assert_eq!(blocks[0].interfaces, ["keyvalue_basic"]);
        assert_eq!(blocks[1].interfaces, ["registry"]);
        assert_eq!(blocks[0].targets[1].0, 3, "the place of the target is kept");
    }
}
