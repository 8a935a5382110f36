//! A pattern behind the proxy: a process over what its slots are bound to.

use crate::tool::Tool;
use prism_interfaces::Endpoint;
use prism_suites::{Seam, client::KeyValue};
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tonic::Code;

/// A proxy that is asked to end like any service, so that it can end what it has started.
struct Proxy {
    child: Child,
    address: String,
}

impl Proxy {
    fn start(tool: &Tool) -> Self {
        let mut child = tool
            .command(&["proxy", "--config", "proxy.yaml", "--log", "prism_proxy::upstream=info"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tool runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("listen="));
        let address = address.unwrap_or_else(|| panic!("no address in `{line}`")).to_owned();
        Self { child, address }
    }

    /// Its exit code, and the upstreams whose processes have ended, in order, with how.
    fn end(mut self) -> (Option<i32>, Vec<(String, String)>) {
        self.terminate();
        let mut log = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut log).expect("text");
        let code = self.child.wait().expect("it ends").code();
        let ended = log
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|event| event["message"] == "the process has ended")
            .map(|event| {
                let word = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
                (word("upstream"), word("how"))
            });
        (code, ended.collect())
    }

    fn terminate(&self) {
        let killed = Command::new("/bin/kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(killed.expect("kill runs").success());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.terminate();
            let _ = self.child.wait();
        }
    }
}

/// A proxy in front of this, with memstore and SQLite as processes.
fn configure(tool: &Tool, upstreams: &str, upstream: &str) {
    let driver = |name: &str| {
        format!(
            "  {name}: {{ command: ['{}', serve, {name}, --listen, '{{address}}', --no-start], settings: {{ clock: virtual }} }}\n",
            env!("CARGO_BIN_EXE_prism-conformance")
        )
    };
    let text = format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nupstreams:\n{upstreams}{}{}namespaces:\n  - {{ prefix: '*', upstream: {upstream} }}\n",
        driver("memstore"),
        driver("sqlite")
    );
    tool.file("proxy.yaml", &text);
}

/// What memstore declares of this, as it stands in its backend.yaml, with the room that keyvalue leaves for a key.
fn declared(wanted: &[&str]) -> String {
    let yaml = prism_conformance::builtins::find("memstore").expect("memstore").yaml;
    let lines =
        yaml.lines().filter(|line| wanted.iter().any(|id| line.trim().starts_with(&format!("{id}:"))));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), wanted.len(), "{yaml}");
    lines.join("\n").replace("max_key_bytes: 4KiB", "max_key_bytes: 4032B") + "\n"
}

#[test]
fn the_suites_of_key_values_run_through_proxy_and_pattern() {
    let tool = Tool::new();
    let pattern = "  sessions:\n    pattern: keyvalue\n    slots: { store: memstore }\n    parameters: { key_prefix: 'sessions/' }\n";
    configure(&tool, pattern, "sessions");
    let interfaces = [
        "keyvalue_basic",
        "keyvalue_scan",
        "keyvalue_ttl",
        "keyvalue_transactional",
        "keyvalue_batch",
        "keyvalue_cas",
    ];
    let proxy = Proxy::start(&tool);
    tool.file(
        "mine/backend.yaml",
        &format!(
            "backend: through\ndescription: keyvalue over memstore behind the proxy\n\
             driver: {{ endpoint: 'http://{}' }}\n\
             servers: {{ mine: {{ embedded: {{ key_prefix: 'sessions/' }} }} }}\n\
             interfaces:\n{}guarantees: {{ consistency: linearizable, durability: driver_restart }}\n",
            proxy.address,
            declared(&interfaces)
        ),
    );
    let mut arguments = vec!["run", "--registry", "mine", "--backend", "through", "--effort", "quick"];
    arguments.extend(interfaces.iter().flat_map(|interface| ["--interface", interface]));
    tool.run(&arguments).exits(0).says("CONFORMANT");
    let (code, ended) = proxy.end();
    assert_eq!(code, Some(0));
    let of_both: Vec<_> = ended.iter().filter(|(upstream, _)| upstream != "sqlite").collect();
    let clean = "exited with code 0".to_owned();
    assert_eq!(
        of_both,
        [&("sessions".to_owned(), clean.clone()), &("memstore".to_owned(), clean)],
        "what stands on something ends before it"
    );
}

// The client has a thread of its own, so that its connection ends when the proxy says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_that_is_killed_is_started_again_over_what_it_stands_on() {
    let tool = Tool::new();
    let pattern = "  sessions:\n    pattern: keyvalue\n    slots: { store: memstore }\n    backoff: { first: 10ms, max: 50ms }\n";
    configure(&tool, pattern, "sessions");
    let proxy = Proxy::start(&tool);
    let channel =
        tonic::transport::Endpoint::from_shared(format!("http://{}", proxy.address)).expect("a URI");
    let kv = KeyValue::new(Endpoint::new(channel.connect_lazy()).layer(Seam::namespace("killed")));
    for round in 0..3 {
        let (key, waited) = (format!("round-{round}"), Instant::now());
        while let Err(status) = kv.set(&key, "kept").await {
            assert_eq!(status.code(), Code::Unavailable, "{status:?}");
            assert!(waited.elapsed() < Duration::from_secs(60), "{status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for before in 0..=round {
            let found = kv.get(&format!("round-{before}")).await.expect("an answer");
            assert_eq!(found.as_deref(), Some(&b"kept"[..]), "round {before}");
        }
        let pattern = child(proxy.child.id(), "pattern").expect("a process of the pattern");
        let killed = Command::new("/bin/kill").args(["-KILL", &pattern.to_string()]).status();
        assert!(killed.expect("kill runs").success());
    }
    assert_eq!(proxy.end().0, Some(0));
}

/// A process that another one has started, with this argument.
fn child(parent: u32, argument: &str) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|id| {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default();
        let of_parent = read("status").lines().any(|line| line == format!("PPid:\t{parent}"));
        of_parent && read("cmdline").split('\0').any(|word| word == argument)
    })
}

#[test]
fn a_binding_that_does_not_fit_is_told_to_callers_with_its_line() {
    let tool = Tool::new();
    configure(
        &tool,
        "  fleet:\n    pattern: multicast-registry\n    slots: { registry: memstore, messaging: sqlite }\n",
        "fleet",
    );
    let proxy = Proxy::start(&tool);
    tool.file(
        "mine/backend.yaml",
        &format!(
            "backend: through\ndescription: a pattern that does not start\n\
             driver: {{ endpoint: 'http://{}' }}\ninterfaces:\n{}\
             guarantees: {{ consistency: linearizable, durability: driver_restart }}\n",
            proxy.address,
            declared(&["keyvalue_basic"])
        ),
    );
    tool.run(&["run", "--registry", "mine", "--backend", "through", "--case", "keyvalue_basic/get_missing"])
        .exits(3)
        .says("the upstream `fleet` is down: proxy.yaml:6:5: ")
        .says("slot `messaging`: `sqlite` lacks `pubsub_basic`");
}

#[test]
fn every_mistake_about_a_pattern_is_told_at_once_with_its_line() {
    let tool = Tool::new();
    tool.file(
        "proxy.yaml",
        "listen: 127.0.0.1:0\n\
         admin: 127.0.0.1:0\n\
         upstreams:\n  \
           redis: { endpoint: 'http://127.0.0.1:1' }\n  \
           a: { pattern: keyvalu, slots: {} }\n  \
           b: { pattern: keyvalue, slots: { stor: redis } }\n  \
           c: { pattern: keyvalue, slots: { store: redsi } }\n  \
           d: { pattern: keyvalue, slots: { store: d } }\n  \
           e: { pattern: keyvalue, slots: { store: f } }\n  \
           f: { pattern: keyvalue, slots: { store: e } }\n  \
           g: { pattern: keyvalue, slots: { store: redis, store: redis } }\n  \
           h: { pattern: keyvalue, slots: { store: redis }, parameters: { default_ttl: 0s, key_prefx: a } }\n  \
           i: { pattern: consumer, slots: { messages: redis, handler: { endpoint: 'here' } } }\n  \
           j: { pattern: keyvalue, endpoint: 'http://127.0.0.1:1', slots: { store: redis } }\n  \
           k: { endpoint: 'http://127.0.0.1:1', parameters: {} }\n  \
           l: { pattern: keyvalue }\n\
         namespaces: [{ prefix: '*', upstream: b }]\n",
    );
    let ran = tool.run(&["proxy", "--config", "proxy.yaml", "--check"]).exits(1);
    let told: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("proxy.yaml:")).collect();
    let expected = [
        "5: there is no pattern `keyvalu`",
        "6: nothing is bound to the slot `store`",
        "6: `keyvalue` has no slot `stor`",
        "7: there is no upstream `redsi`",
        "8: the slot `store` of `d` is bound to itself: d → d",
        "9: the slot `store` of `e` is bound to itself: e → f → e",
        "11: `store` is written twice in `slots`",
        "12: `default_ttl` is `0s`; write a length of time",
        "12: `key_prefx` is not a key of `parameters`",
        "13: the parameter `namespace` is missing",
        "13: the parameter `topic` is missing",
        "13: `endpoint` is not an address of an upstream: `here`",
        "14: upstream `j` has `pattern` and `endpoint`",
        "15: `parameters` stands without `pattern`",
        "16: upstream `l` has no `slots`",
    ];
    let told: Vec<String> = told
        .iter()
        .filter_map(|line| {
            let (line, rest) = line.strip_prefix("proxy.yaml:")?.split_once(':')?;
            let (_, message) = rest.split_once(": ")?;
            Some(format!("{line}: {message}"))
        })
        .collect();
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
    for help in ["write `keyvalue`", "write `store`", "write `redis`", "write `key_prefix`"] {
        assert!(ran.stderr.contains(help), "{help}\n{}", ran.stderr);
    }
}
