//! Clients that are not ours, against the proxy in front of a driver, each in a process of its own.

use crate::{python::Python, served::Served, tool::Tool};

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
