//! The arrows between crates: what each may use of the workspace. A dependency that is not listed fails.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::BTreeMap;

/// What each crate may use; `DRIVERS` stands for every crate under `backends/` but the kit.
const ARROWS: &[(&str, &[&str])] = &[
    ("prism-clauses", &[]),
    // Its build script alone.
    ("prism-interfaces", &["prism-clauses"]),
    ("prism-yaml", &[]),
    ("prism-process", &[]),
    ("prism-check", &[]),
    ("prism-reports", &[]),
    ("prism-driver-kit", &["prism-interfaces"]),
    ("prism-memstore", &["prism-interfaces", "prism-driver-kit"]),
    ("prism-sqlite", &["prism-interfaces", "prism-driver-kit"]),
    ("prism-redis", &["prism-interfaces", "prism-driver-kit"]),
    ("prism-mutants", &["prism-interfaces"]),
    // The proxy sees the contract and no backend, and knows what patterns take; its tests run its suite.
    (
        "prism-proxy",
        &[
            "prism-interfaces",
            "prism-yaml",
            "prism-process",
            "prism-slots",
            "prism-patterns",
            "prism-proxy-suite",
        ],
    ),
    ("prism-proxy-suite", &["prism-interfaces", "prism-clauses", "prism-proxy"]),
    ("prism-slots", &["prism-interfaces", "prism-yaml"]),
    // A pattern sees what is in its slots and no backend.
    (
        "prism-patterns",
        &["prism-interfaces", "prism-yaml", "prism-process", "prism-slots", "prism-driver-kit"],
    ),
    // Its seeded faults are forwarders like any others.
    ("prism-patterns-suite", &["prism-interfaces", "prism-mutants", "prism-suites"]),
    ("prism-suites", &["prism-interfaces", "prism-check"]),
    // The kit serves a driver of this process to whoever can only reach an address.
    (
        "prism-runner",
        &[
            "prism-interfaces",
            "prism-yaml",
            "prism-process",
            "prism-driver-kit",
            "prism-slots",
            "prism-suites",
            "prism-reports",
        ],
    ),
    ("prism-conformance-test", &["prism-interfaces", "prism-suites", "prism-runner", "prism-reports"]),
    (
        "prism-conformance",
        &[
            "prism-interfaces",
            "prism-yaml",
            "prism-driver-kit",
            "prism-memstore",
            "prism-sqlite",
            "prism-redis",
            "prism-mutants",
            "prism-slots",
            "prism-patterns",
            "prism-patterns-suite",
            // A run can put it in front of every backend.
            "prism-proxy",
            "prism-suites",
            "prism-runner",
            "prism-reports",
            // The benchmarks measure its histories.
            "prism-check",
        ],
    ),
];

/// What crates must not use of the rest of the world.
const FORBIDDEN: &[(&str, &[&str])] = &[
    // Judges are pure.
    ("prism-check", &["tokio", "tonic", "futures"]),
    // The contract knows no client library.
    ("prism-interfaces", &["redis", "sqlx", "async-nats"]),
    // Suites see the contract and the judges, never a backend.
    ("prism-suites", &["redis", "sqlx", "async-nats", "testcontainers"]),
];

#[test]
fn no_arrow_bends() {
    let metadata =
        MetadataCommand::new().manifest_path("Cargo.toml").no_deps().exec().expect("cargo metadata");
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut bent = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.to_string();
        let Some(allowed) = arrows.get(name.as_str()) else {
            bent.push(format!("{name} is not in the list of arrows"));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = dependency.name.starts_with("prism-");
            if ours && !allowed.contains(&dependency.name.as_str()) {
                bent.push(format!("{name} uses {}", dependency.name));
            }
            let forbidden =
                FORBIDDEN.iter().filter(|(crate_name, _)| *crate_name == name).flat_map(|(_, names)| *names);
            if dependency.kind != DependencyKind::Development
                && forbidden.clone().any(|word| *word == dependency.name)
            {
                bent.push(format!("{name} uses {}", dependency.name));
            }
        }
    }
    assert_eq!(bent, Vec::<String>::new());
}

#[test]
fn every_dependency_has_its_version_in_the_one_table() {
    let metadata =
        MetadataCommand::new().manifest_path("Cargo.toml").no_deps().exec().expect("cargo metadata");
    for package in metadata.workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest");
        let dependencies = manifest.lines().skip_while(|line| !line.contains("dependencies]"));
        for line in dependencies.filter(|line| line.contains('=') && !line.trim_start().starts_with('#')) {
            let own_target =
                ["name", "harness", "path", "test", "features"].iter().any(|key| line.starts_with(key));
            assert!(
                own_target || line.contains("workspace = true"),
                "{}: `{line}` does not take its version from the workspace",
                package.manifest_path
            );
        }
    }
}
