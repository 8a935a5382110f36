use std::{fs, path::Path, time::Duration};

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::*;

const MEMSTORE: &str = "\
backend: memstore
description: In memory, the reference
driver: { builtin: memstore }
concurrency: 32
servers:
  virtual-clock: { embedded: { clock: virtual } }
  system-clock: { embedded: { clock: system, path: \"{workdir}/x\" }, default: true }
interfaces:
  keyvalue_basic: { max_key_bytes: 4096, max_value_bytes: 4MiB }
  keyvalue_scan:
  keyvalue_ttl: { granularity: 1ms }
guarantees: { consistency: linearizable, durability: driver_restart }
";

const REDIS: &str = "\
backend: redis
description: Redis over RESP
driver: { builtin: redis }
servers:
  redis-7.0:
    external: { env: PRISM_REDIS_URL }
    container: { image: \"redis:7.0\", port: 6379, command: [--save, \"\"], env: { A: \"1\" } }
    process: { command: [redis-server, --port, \"{port}\", --save, \"\", --dir, \"{workdir}\"] }
    settings: { url: \"redis://{address}\" }
interfaces: { keyvalue_basic: { max_key_bytes: 4096, max_value_bytes: 16MiB } }
guarantees: { consistency: eventual, within: 2s, durability: none }
";

const MISTAKES: &str = include_str!("tests/mistakes.yaml");

fn builtins() -> Vec<Source> {
    vec![
        Source::Builtin { name: "memstore", text: MEMSTORE, path: "backends/memstore/backend.yaml" },
        Source::Builtin { name: "redis", text: REDIS, path: "backends/redis/backend.yaml" },
    ]
}

fn load(path: &'static str, text: &'static str) -> Result<Registry, Problems> {
    let mut sources = builtins();
    // The name is that of a driver which the file may or may not use.
    sources.push(Source::Builtin { name: "spare", text, path });
    Registry::load(&sources)
}

/// One line a problem: place, message, help.
fn told(errors: &Problems) -> Vec<String> {
    errors
        .problems()
        .iter()
        .map(|problem| {
            let place = problem.position().map_or(String::new(), |(path, line, column)| {
                format!("{}:{line}:{column}: ", Path::new(path).file_name().unwrap().display())
            });
            let help = miette::Diagnostic::help(problem).map(|help| format!(" [{help}]")).unwrap_or_default();
            format!("{place}{problem}{help}")
        })
        .collect()
}

#[test]
fn good_files_become_backends_sorted_by_name() {
    let mut sources = builtins();
    sources.reverse();
    let registry = Registry::load(&sources).unwrap();
    let names: Vec<_> = registry.backends().iter().map(|backend| backend.name.as_str()).collect();
    assert_eq!(names, ["memstore", "redis"]);
    assert_eq!(registry.nearest("rediss"), Some("redis"));
    assert_eq!(registry.nearest("postgres"), None);

    let memstore = registry.find("memstore").unwrap();
    assert_eq!(memstore.driver, DriverSpec::Builtin("memstore".to_owned()));
    assert_eq!(memstore.concurrency, 32);
    assert_eq!(memstore.origin.to_string(), "backends/memstore/backend.yaml:1");
    assert_eq!(
        memstore.default_setups().map(|setup| setup.name.as_str()).collect::<Vec<_>>(),
        ["virtual-clock", "system-clock"]
    );
    assert_eq!(memstore.declaration.traits("keyvalue_basic").bytes("max_value_bytes"), 4 << 20);
    assert!(
        memstore.declaration.traits("keyvalue_scan").flag("ordered"),
        "the default of a trait is filled in"
    );

    let redis = registry.find("redis").unwrap();
    assert_eq!(redis.concurrency, 8);
    assert_eq!(redis.declaration.guarantees.duration("within"), Duration::from_secs(2));
    let setup = redis.setup("redis-7.0").unwrap();
    assert!(setup.default && setup.needs_server());
    assert_eq!(setup.external, Some(External { env: "PRISM_REDIS_URL".to_owned() }));
    let container = setup.container.as_ref().unwrap();
    assert_eq!((container.image.as_str(), container.port), ("redis:7.0", 6379));
    assert_eq!(container.command, ["--save", ""]);
    assert_eq!(setup.process.as_ref().unwrap().command.len(), 7);
}

#[test]
fn an_endpoint_needs_no_servers() {
    let registry = load(
        "stranger.yaml",
        "backend: stranger\ndescription: D\n\
         driver: { endpoint: \"http://127.0.0.1:50051\", settings: { mode: fast } }\n\
         interfaces: { keyvalue_scan: {}, keyvalue_basic: { max_key_bytes: 256, max_value_bytes: 1 } }\n\
         guarantees: { consistency: sequential, durability: none }\n",
    )
    .unwrap();
    let stranger = registry.find("stranger").unwrap();
    let settings = BTreeMap::from([("mode".to_owned(), "fast".to_owned())]);
    let uri = "http://127.0.0.1:50051".to_owned();
    assert_eq!(stranger.driver, DriverSpec::Endpoint(Remote { uri, settings, ..Remote::default() }));
    assert_eq!(stranger.setups.len(), 1);
    assert!(stranger.setups[0].default && !stranger.setups[0].needs_server());
}

#[test]
fn a_command_and_a_guarded_endpoint_are_read() {
    let tail = "interfaces: { keyvalue_basic: { max_key_bytes: 256, max_value_bytes: 1 } }\n\
                guarantees: { consistency: sequential, durability: none }\n";
    let driver = |text: &str| {
        let text = format!("backend: stranger\ndescription: D\ndriver: {text}\n{tail}");
        let registry = load("stranger.yaml", String::leak(text)).unwrap();
        registry.find("stranger").unwrap().driver.clone()
    };
    let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let expected = DriverCommand {
        command: vec!["./my-driver".to_owned(), "--listen".to_owned(), "{socket}".to_owned()],
        settings: map("mode", "fast"),
        env: map("LOG", "{workdir}/log"),
        one_instance: true,
    };
    assert!(expected.uses_socket());
    let command = "{ command: [./my-driver, --listen, \"{socket}\"], settings: { mode: fast }, \
                   env: { LOG: \"{workdir}/log\" }, instances: one }";
    assert_eq!(driver(command), DriverSpec::Command(expected));

    let expected = Remote {
        uri: "https://driver.example:443".to_owned(),
        settings: BTreeMap::new(),
        tls: Some(Tls {
            ca: Some("ca.pem".to_owned()),
            identity: Some(TlsIdentity { cert: "me.pem".to_owned(), key: "me.key".to_owned() }),
            domain: Some("driver".to_owned()),
        }),
        metadata: BTreeMap::from([
            ("authorization".to_owned(), MetadataValue::Env("TOKEN".to_owned())),
            ("x-tenant".to_owned(), MetadataValue::Text("acme".to_owned())),
        ]),
    };
    let endpoint = "{ endpoint: \"https://driver.example:443\", \
                    tls: { ca: ca.pem, cert: me.pem, key: me.key, domain: driver }, \
                    metadata: { authorization: { env: TOKEN }, x-tenant: acme } }";
    assert_eq!(driver(endpoint), DriverSpec::Endpoint(expected));
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let errors = load("backends/mistakes/backend.yaml", MISTAKES).unwrap_err();
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::none())
        .with_width(110)
        .render_report(&mut text, &errors)
        .unwrap();
    insta::assert_snapshot!(text);
    let lines: Vec<usize> = errors.problems().iter().map(|problem| problem.position().unwrap().1).collect();
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn contradictions_are_found_wherever_they_are() {
    let head = "backend: x\ndescription: D\n";
    let tail = "interfaces: { keyvalue_basic: { max_key_bytes: 256, max_value_bytes: 1 } }\n\
                guarantees: { consistency: linearizable, durability: none }\n";
    for (part, expected) in [
        ("driver: redis\n", "3:9: `driver` is a text, not a mapping"),
        ("driver:\n", "3:7: `driver` is nothing, not a mapping"),
        ("driver: {}\n", "3:1: the driver is not named"),
        ("driver: { command: [./x], instances: 1 }\n", "`instances` is `1` [write `many`, or `one`"),
        ("driver: { endpoint: \"http://a:1\", instances: one }\n", "`instances` stands beside `endpoint`"),
        ("driver: { command: [] }\n", "3:20: `command` names no program"),
        ("driver: { command: \"./x {address}\" }\n", "`command` is a text, not a list"),
        (
            "driver: { command: [./x, \"{adress}\"] }\n",
            "`{adress}` means nothing in `command` [write `{address}`]",
        ),
        (
            "driver: { command: [./x, \"{address}\"], env: { SOCK: \"{socket}\" } }\n",
            "the driver is told of a port and of a socket",
        ),
        (
            "driver: { command: [./x], tls: {} }\n",
            "`tls` stands beside `command` [remove it; only `endpoint` can have it]",
        ),
        ("driver: { command: [./x], endpoint: \"http://a:1\" }\n", "`endpoint`, `command` are given"),
        ("driver: { endpoint: \"http://a:1\", env: { A: b } }\n", "`env` stands beside `endpoint`"),
        (
            "driver: { endpoint: \"http://a:1\", tls: { ca: x.pem } }\n",
            "`tls` is given, but the endpoint is `http://`",
        ),
        ("driver: { endpoint: \"https://a:1\", tls: { cert: x } }\n", "`tls` has `cert` without `key`"),
        (
            "driver: { endpoint: \"http://a:1\", metadata: { Authorization: x } }\n",
            "`Authorization` cannot be metadata: it is not a lower-case header name",
        ),
        (
            "driver: { endpoint: \"http://a:1\", metadata: { prism-namespace: x } }\n",
            "it belongs to the contract",
        ),
        ("driver: { endpoint: \"http://a:1\", metadata: { grpc-timeout: x } }\n", "it belongs to gRPC"),
        (
            "driver: { endpoint: \"http://a:1\", metadata: { a: { env: my-token } } }\n",
            "`my-token` is not a name for an environment variable",
        ),
        (
            "driver: { endpoint: \"http://a:1\", metadata: { a: \"x\\ny\" } }\n",
            "the value of `a` cannot be sent",
        ),
        ("driver: { builtin: redis, settings: { a: b } }\n", "`settings` stands beside `builtin`"),
        ("driver: { endpoint: \"127.0.0.1:1\" }\n", "the endpoint is"),
        ("driver: { builtin: redis }\nservers: {}\n", "`servers` names no set-up"),
        (
            "driver: { builtin: redis }\nservers: { a: {} }\n",
            "set-up `a` does not say where its server comes from",
        ),
        (
            "driver: { builtin: redis }\nservers: { a: { embedded: {}, settings: { b: c } } }\n",
            "has `settings` as well",
        ),
        (
            "driver: { builtin: redis }\nservers: { a: { embedded: {}, default: false } }\n",
            "no set-up is the default",
        ),
        (
            "driver: { builtin: redis }\nservers: { a: { embedded: {}, default: yes } }\n",
            "`default` is neither true nor false",
        ),
        (
            "driver: { builtin: redis }\nservers: { a: { embedded: { p: \"{workdri}\" } } }\n",
            "`{workdri}` means nothing in `embedded` [write `{workdir}`]",
        ),
        (
            "driver: { builtin: redis }\nservers: { a: { process: { command: [] } } }\n",
            "`command` names no program",
        ),
        (
            "driver: { builtin: redis }\nservers: { a: { container: { image: redis, port: 1 } } }\n",
            "`redis` is not an image with a tag",
        ),
        (
            "driver: { builtin: redis }\nservers: { a: { container: { image: \"redis:7\", port: 70000 } } }\n",
            "`port` is not a whole number from 1 to 65535",
        ),
        (
            "driver: { builtin: redis }\nconcurrency: 0\n",
            "`concurrency` is not a whole number from 1 to 1024",
        ),
        (
            "driver: { builtin: redis }\nconcurrency: [8]\n",
            "`concurrency` is not a whole number from 1 to 1024",
        ),
    ] {
        let text = String::leak(format!("{head}{part}{tail}"));
        let told = told(&load("f.yaml", text).unwrap_err());
        assert!(told.iter().any(|line| line.contains(expected)), "{part}: {told:#?}");
    }
    for (part, expected) in [
        (
            "guarantees: { consistency: eventual, durability: none }",
            "consistency is `eventual` without `within`",
        ),
        (
            "guarantees: { consistency: sequential, durability: none, within: 1s }",
            "`within` is given, but consistency is `sequential`",
        ),
        (
            "guarantees: { consistency: strong, durability: none }",
            "`consistency` is `strong` [write one of `linearizable`",
        ),
        ("guarantees:", "`guarantees` does not declare `durability`"),
        ("", "a backend has no `guarantees`"),
    ] {
        let interfaces = "interfaces: { keyvalue_basic: { max_key_bytes: 256, max_value_bytes: 1 } }";
        let text = String::leak(format!("{head}driver: {{ builtin: redis }}\n{interfaces}\n{part}\n"));
        let told = told(&load("f.yaml", text).unwrap_err());
        assert!(told.iter().any(|line| line.contains(expected)), "{part}: {told:#?}");
    }
}

#[test]
fn an_interface_that_another_one_needs_is_asked_for() {
    let text = "backend: x\ndescription: D\ndriver: { builtin: redis }\n\
                interfaces: { pubsub_wildcards: {}, keyvalue_cas: {}, keyvalue_basics: {} }\n\
                guarantees: { consistency: sequential, durability: none }\n";
    let told = told(&load("f.yaml", text).unwrap_err());
    assert_eq!(
        told,
        [
            "f.yaml:4:15: `pubsub_wildcards` needs `pubsub_basic`, which is not declared \
             [declare `pubsub_basic` too, or remove `pubsub_wildcards`]",
            // A slip of the pen is one mistake, not two.
            "f.yaml:4:55: there is no interface `keyvalue_basics` [write `keyvalue_basic`]",
        ]
    );
}

#[test]
fn what_is_not_one_yaml_document_is_refused_with_its_place() {
    for (text, expected) in [
        ("", "f.yaml:1:1: the file is empty"),
        ("# only a comment\n", "f.yaml:1:1: the file is empty"),
        ("null\n", "f.yaml:1:1: the file is empty"),
        ("- a\n", "f.yaml:1:1: a backend is a list, not a mapping"),
        ("backend: x\n---\nbackend: y\n", "f.yaml:3:1: the file holds several documents"),
        ("backend: [x\ndescription: D\n", "the file is not YAML"),
        ("a: &x 1\nb: *x\n", "f.yaml:2:4: an alias is not supported here [write the value out]"),
        ("a: !!int 1\n", "a tag is not supported here"),
        (
            "\u{feff}backend: x\nbackend: y\n",
            "f.yaml:2:1: `backend` is written twice in a backend [the first is at 1:1",
        ),
        ("# é\r\nbackend: \"é\", x\r\n", "f.yaml:2:13: the file is not YAML"),
        ("{ é: 1, driver: 2 }\n", "f.yaml:1:17: `driver` is a text"),
    ] {
        let told = told(&load("f.yaml", String::leak(text.to_owned())).unwrap_err());
        assert!(told.iter().any(|line| line.contains(expected)), "{text:?}: {told:#?}");
    }
    let deep = told(&load("f.yaml", String::leak("- ".repeat(100))).unwrap_err());
    assert_eq!(deep, ["f.yaml:1:65: the file is nested too deeply [no such file needs more than 32 levels]"]);
    let deeper = told(&load("f.yaml", String::leak("[".repeat(100_000))).unwrap_err());
    assert!(deeper.len() == 1 && deeper[0].contains("the file is not YAML"), "{deeper:#?}");
}

#[test]
fn folders_are_searched_and_what_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("b/deep/er/backend.yaml", MEMSTORE.replace("backend: memstore", "backend: copy").as_bytes());
    write("b/other.yaml", b"not looked at");
    write(".hidden/backend.yaml", b"not looked at");
    let sources = |folder: &Path| {
        let mut sources = builtins();
        sources.push(Source::Folder(folder.to_owned()));
        sources
    };
    let registry = Registry::load(&sources(folder.path())).unwrap();
    let copy = registry.find("copy").unwrap();
    assert_eq!(copy.origin.folder, Some(folder.path().join("b/deep/er")));
    let alone = Registry::load(&sources(&folder.path().join("b/deep/er/backend.yaml"))).unwrap();
    assert_eq!(alone.backends().len(), 3, "a file can be given itself");

    write("a/backend.yaml", MEMSTORE.as_bytes());
    write("c/backend.yaml", b"backend: caf\xe9\n");
    let errors = Registry::load(&sources(folder.path())).unwrap_err();
    let lines = told(&errors);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines[0].contains("backend.yaml:1:10: backend `memstore` is declared twice")
            && lines[0].contains("declared in backends/memstore/backend.yaml:1 already")
            && errors.problems()[0].position().unwrap().0.ends_with("a/backend.yaml"),
        "{lines:#?}"
    );
    assert!(lines[1].contains("backend.yaml:1:13: the file is not UTF-8"), "{lines:#?}");

    let empty = tempfile::tempdir().unwrap();
    let lines = told(&Registry::load(&sources(empty.path())).unwrap_err());
    assert!(lines[0].contains("holds no `backend.yaml`"), "{lines:#?}");
    let lines = told(&Registry::load(&sources(&empty.path().join("nowhere"))).unwrap_err());
    assert!(lines[0].contains("nowhere cannot be read"), "{lines:#?}");
}
