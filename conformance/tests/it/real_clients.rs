//! Clients that are not ours, against the proxy in front of a driver, each in a process of its own.

use crate::{
    python::left_out,
    served::Served,
    tool::{Ran, Tool},
};
use std::process::Command;
use tempfile::TempDir;

/// What `clients/client.py` says, in this order.
const HOLDS: &[&str] = &[
    "reflection",
    "unary",
    "metadata",
    "server streaming",
    "deadline",
    "error details",
    "health",
    "many threads",
];

#[test]
fn grpcio_finds_everything_by_reflection_and_is_served_through_the_proxy() {
    let requirements = include_str!("clients/requirements.txt");
    let Some(python) = Python::with("grpcio against the proxy", requirements) else { return };
    let tool = Tool::new();
    let driver = Served::start(&tool, &["serve", "memstore"]);
    let config = tool.file(
        "proxy.yaml",
        &format!(
            "listen: 127.0.0.1:0\n\
             admin: 127.0.0.1:0\n\
             upstreams: {{ memstore: {{ endpoint: \"{}\" }} }}\n\
             namespaces:\n\
             \x20 - {{ name: tests, upstream: memstore }}\n\
             \x20 - {{ prefix: team-*, upstream: memstore }}\n",
            driver.uri()
        ),
    );
    let proxy = Served::start(&tool, &["proxy", "--config", config.to_str().expect("a path in UTF-8")]);
    let script = tool.file("client.py", include_str!("clients/client.py"));
    let ran = python.run(&[script.to_str().expect("a path in UTF-8"), proxy.address()]);
    let holds: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((holds.as_slice(), ran.code), (HOLDS, 0), "{}", ran.stderr);
}

/// A virtual environment.
struct Python {
    folder: TempDir,
}

impl Python {
    /// With what a requirements.txt names; `None`, which is said, where there is no Python or no package index.
    fn with(what: &str, requirements: &str) -> Option<Self> {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::write(folder.path().join("requirements.txt"), requirements).expect("a file");
        let line = "python3 -m venv venv && venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt";
        let made = Command::new("/bin/sh").args(["-c", line]).current_dir(folder.path()).output();
        let made = Ran::from(made.expect("a shell runs"));
        if made.code != 0 {
            left_out(what, &format!("`{line}` failed\n{}{}", made.stdout, made.stderr));
            return None;
        }
        Some(Self { folder })
    }

    /// Runs a script to its end.
    fn run(&self, arguments: &[&str]) -> Ran {
        let python = self.folder.path().join("venv/bin/python");
        Ran::from(Command::new(python).args(arguments).output().expect("python runs"))
    }
}
