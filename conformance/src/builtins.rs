//! The drivers that are built in: the only place that names concrete backends.

use prism_driver_kit::Host;
use prism_interfaces::Endpoint;
use prism_memstore::Memstore;
use prism_redis::Redis;
use prism_runner::registry::Source;
use prism_sqlite::Sqlite;

/// A driver of this build.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    /// As in `driver: { builtin: … }`.
    pub name: &'static str,
    /// The text of its backend.yaml.
    pub yaml: &'static str,
    /// Where that file is in the repository.
    pub path: &'static str,
    /// Makes an instance that has not been started.
    pub launch: fn() -> Endpoint,
}

/// Every driver of this build.
pub const BUILTINS: &[Builtin] = &[
    Builtin {
        name: "memstore",
        yaml: include_str!("../../backends/memstore/backend.yaml"),
        path: "backends/memstore/backend.yaml",
        launch: || Host::new(Memstore::new()).endpoint(),
    },
    Builtin {
        name: "redis",
        yaml: include_str!("../../backends/redis/backend.yaml"),
        path: "backends/redis/backend.yaml",
        launch: || Host::new(Redis::new()).endpoint(),
    },
    Builtin {
        name: "sqlite",
        yaml: include_str!("../../backends/sqlite/backend.yaml"),
        path: "backends/sqlite/backend.yaml",
        launch: || Host::new(Sqlite::new()).endpoint(),
    },
];

/// The driver of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// Their backend.yaml files.
pub fn sources() -> Vec<Source> {
    BUILTINS
        .iter()
        .map(|builtin| Source::Builtin { name: builtin.name, text: builtin.yaml, path: builtin.path })
        .collect()
}
