//! Patterns in processes of their own: how they end, and what they say of what is wrong with their files.

use crate::tool::Tool;
use prism_conformance::builtins;
use prism_interfaces::{Endpoint, catalogue};
use prism_patterns::{BUILTINS, Builtin};
use prism_patterns_suite::{
    consumer::{Answer, Handler},
    twist::{Gate, hiding},
};
use prism_runner::bridge::Bridge;
use prism_suites::{
    Seam,
    client::{KeyValue, Lifecycle, PubSub},
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};
use tonic::Code;

/// How long a test waits between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// A pattern that serves.
struct Process {
    child: Child,
    endpoint: Endpoint,
}

impl Process {
    /// Starts it with the file `pattern.yaml` of the folder, and waits until it listens.
    fn start(tool: &Tool, pattern: &str) -> Self {
        let mut child = tool
            .command(&["pattern", pattern, "--config", "pattern.yaml", "--log", "error"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the tool runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listen=").unwrap_or_else(|| panic!("no address: `{line}`"));
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).expect("a URI");
        let endpoint = Endpoint::new(channel.connect_lazy()).layer(Seam::namespace("process"));
        Self { child, endpoint }
    }

    fn terminate(&self) {
        terminate(&self.child);
    }

    async fn ends(mut self) -> Option<i32> {
        ended(&mut self.child).await.code()
    }
}

fn terminate(child: &Child) {
    let killed = Command::new("/bin/kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
}

async fn ended(child: &mut Child) -> ExitStatus {
    loop {
        if let Some(status) = child.try_wait().expect("a status") {
            return status;
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waited).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A memstore that runs, in this process.
async fn memstore() -> Endpoint {
    let endpoint = (builtins::find("memstore").expect("memstore").launch)();
    let lifecycle = Lifecycle::new(endpoint.clone());
    lifecycle.initialize(&BTreeMap::new()).await.expect("Initialize");
    lifecycle.start().await.expect("Start");
    endpoint
}

/// Serves what is bound on sockets of the folder, and writes the file that binds it.
fn configure(tool: &Tool, bound: &[(&str, Endpoint)], rest: &str) -> Vec<Bridge> {
    let mut text = "listen: 127.0.0.1:0\nslots:\n".to_owned();
    let mut bridges = Vec::new();
    for (slot, endpoint) in bound {
        let socket = tool.path().join(format!("{slot}.sock"));
        bridges.push(Bridge::open(endpoint.clone(), &socket, "a slot").expect("a socket"));
        let _ = writeln!(text, "  {slot}: {{ endpoint: \"unix:{}\" }}", socket.display());
    }
    tool.file("pattern.yaml", &format!("{text}{rest}"));
    bridges
}

/// Asks the process to end while a call is in flight, and waits until it drains.
async fn asked_to_end(process: &Process, gate: &Gate) -> tokio::task::JoinHandle<Result<(), tonic::Status>> {
    let kv = KeyValue::new(process.endpoint.clone());
    let call = tokio::spawn(async move { kv.set("key", "value").await });
    eventually("the call is in the slot", async || gate.held() == 1).await;
    process.terminate();
    let kv = KeyValue::new(process.endpoint.clone());
    eventually("it drains", async || {
        kv.get("key").await.is_err_and(|status| status.code() == Code::Unavailable)
    })
    .await;
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_waits_for_the_call_in_flight_and_the_code_is_0() {
    let (tool, gate) = (Tool::new(), Gate::new("Set"));
    let _bridges = configure(&tool, &[("store", gate.on(memstore().await))], "");
    let process = Process::start(&tool, "keyvalue");
    let call = asked_to_end(&process, &gate).await;
    gate.let_through(1);
    call.await.expect("no panic").expect("it was waited for");
    assert_eq!(process.ends().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_time_is_cut_off_and_the_code_is_2() {
    let (tool, gate) = (Tool::new(), Gate::new("Set"));
    let _bridges = configure(&tool, &[("store", gate.on(memstore().await))], "shutdown_timeout: 300ms\n");
    let process = Process::start(&tool, "keyvalue");
    let call = asked_to_end(&process, &gate).await;
    call.await.expect("no panic").expect_err("it was cut off");
    assert_eq!(process.ends().await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once_and_the_code_is_2() {
    let (tool, gate) = (Tool::new(), Gate::new("Set"));
    let _bridges = configure(&tool, &[("store", gate.on(memstore().await))], "shutdown_timeout: 60m\n");
    let process = Process::start(&tool, "keyvalue");
    let call = asked_to_end(&process, &gate).await;
    process.terminate();
    assert_eq!(process.ends().await, Some(2));
    call.await.expect("no panic").expect_err("it was cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_never_answers_makes_the_code_2() {
    let (tool, handler) = (Tool::new(), Handler::always(Answer::Silence));
    let memstore = memstore().await;
    let bound = [("messages", memstore.clone()), ("handler", handler.endpoint())];
    let rest = "parameters: { namespace: process, topic: letters }\nshutdown_timeout: 300ms\n";
    let _bridges = configure(&tool, &bound, rest);
    let process = Process::start(&tool, "consumer");
    let publisher = PubSub::new(memstore.layer(Seam::namespace("process")));
    eventually("the handler has the message", async || {
        // What is published before the consumer has subscribed goes to nobody.
        publisher.publish("letters", "one").await.expect("published");
        !handler.seen().is_empty()
    })
    .await;
    process.terminate();
    assert_eq!(process.ends().await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_one_that_waits_for_its_slots_or_for_initialize() {
    let tool = Tool::new();
    for text in [
        "listen: 127.0.0.1:0\nslots: { store: { endpoint: 'unix:/nowhere.sock' } }\nstart_timeout: 60m\n",
        "listen: 127.0.0.1:0\nstart: false\nslots: { store: { endpoint: 'unix:/nowhere.sock' } }\nstart_timeout: 1ms\n",
    ] {
        tool.file("pattern.yaml", text);
        let mut command = tool.command(&["pattern", "keyvalue", "--config", "pattern.yaml", "--log", "info"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool runs");
        // What it says first comes after it has begun to listen to signals.
        let mut line = String::new();
        BufReader::new(child.stderr.take().expect("a pipe")).read_line(&mut line).expect("a line");
        terminate(&child);
        assert_eq!(ended(&mut child).await.code(), Some(0), "{line}");
    }
}

#[test]
fn an_address_in_use_is_told_and_the_code_is_1() {
    let tool = Tool::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    // Nothing is waited for before.
    tool.file(
        "pattern.yaml",
        &format!("listen: {address}\nslots: {{ store: {{ endpoint: 'unix:/nowhere.sock' }} }}\nstart_timeout: 60m\n"),
    );
    tool.run(&["pattern", "keyvalue", "--config", "pattern.yaml"])
        .exits(1)
        .complains(&format!("cannot listen on {address}: "));
}

/// Runs a pattern that does not start; what it says, as `line: message`.
async fn refused(tool: &Tool, pattern: &str, text: &str) -> Vec<String> {
    tool.file("pattern.yaml", text);
    let mut command = tool.command(&["pattern", pattern, "--config", "pattern.yaml", "--log", "off"]);
    let ran = tokio::task::spawn_blocking(move || command.output().expect("the tool runs"));
    let ran = crate::tool::Ran::from(ran.await.expect("no panic")).exits(1);
    let told = ran.stderr.lines().filter_map(|line| {
        let (line, rest) = line.strip_prefix("pattern.yaml:")?.split_once(':')?;
        let (_, message) = rest.split_once(": ")?;
        Some(format!("{line}: {message}"))
    });
    let told: Vec<String> = told.collect();
    assert!(!told.is_empty(), "{pattern}: {}", ran.stderr);
    told
}

fn tells(pattern: &str, told: &[String], expected: &[String]) {
    assert_eq!(told.len(), expected.len(), "{pattern}: {told:#?}\n{expected:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{pattern}: {told}\n{expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pattern_tells_every_mistake_of_its_file_at_once() {
    for Builtin { name, .. } in BUILTINS {
        let spec = prism_patterns::find(name).expect("it is built in").spec();
        let slot = &spec.slots[0].name;
        let mut text = format!(
            "listen: 127.0.0.1:4000\nslots:\n  {slot}s: {{ endpoint: 'http://127.0.0.1:1' }}\n  \
             {slot}: {{ endpoint: 'http://127.0.0.1:4000' }}\n  {slot}: {{ endpoint: 'http://127.0.0.1:2' }}\n\
             start_timeout: soon\nparameters:\n  colour: red\n"
        );
        let mut expected: Vec<String> = Vec::new();
        let missing = spec.slots.iter().skip(1).filter(|slot| !slot.optional);
        expected.extend(missing.map(|slot| format!("2: nothing is bound to the slot `{}`", slot.name)));
        expected.push(format!("3: `{name}` has no slot `{slot}s`"));
        expected.push(format!("4: the slot `{slot}` is bound to the pattern itself"));
        expected.push(format!("5: `{slot}` is written twice"));
        expected.push("6: `start_timeout` is not a length of time".to_owned());
        expected.push("8: `colour` is not a key of `parameters`".to_owned());
        let mut line = 8;
        for (index, parameter) in spec.parameters.iter().enumerate() {
            let value = if index == 0 {
                "[a, list]".to_owned()
            } else if let Some(value) = parameter.kind.out_of_bounds() {
                format!("'{value}'")
            } else {
                continue;
            };
            line += 1;
            let _ = writeln!(text, "  {}: {value}", parameter.name);
            expected.push(format!("{line}: `{}` ", parameter.name));
        }
        assert!(line > 9, "{name} has parameters with bounds");
        tells(name, &refused(&Tool::new(), name, &text).await, &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pattern_tells_every_slot_that_does_not_fit_or_does_not_answer() {
    let all: Vec<&str> = catalogue::INTERFACES.iter().map(|interface| interface.id).collect();
    let bare = hiding(memstore().await, &all);
    for Builtin { name, .. } in BUILTINS {
        let spec = prism_patterns::find(name).expect("it is built in").spec();
        let tool = Tool::new();
        let of_backends: Vec<&str> =
            spec.slots.iter().filter(|slot| !slot.application).map(|slot| slot.name.as_str()).collect();
        let mut bound: Vec<(&str, Endpoint)> = of_backends.iter().map(|slot| (*slot, bare.clone())).collect();
        let of_application = spec.slots.iter().filter(|slot| slot.application);
        bound.extend(of_application.map(|slot| (slot.name.as_str(), Handler::patient().endpoint())));
        let needed = spec.parameters.iter().filter(|parameter| parameter.required);
        let needed: Vec<String> = needed.map(|parameter| format!("{}: needed", parameter.name)).collect();
        let rest = format!("start_timeout: 1ms\nparameters: {{ {} }}\n", needed.join(", "));
        let bridges = configure(&tool, &bound, &rest);
        let text = tool.read("pattern.yaml");
        let at = |slot: &str| {
            1 + text.lines().position(|line| line.trim().starts_with(&format!("{slot}:"))).expect("a line")
        };
        let lacks: Vec<String> = of_backends
            .iter()
            .map(|slot| format!("{}: slot `{slot}`: `memstore` lacks `", at(slot)))
            .collect();
        tells(name, &refused(&tool, name, &text).await, &lacks);
        drop(bridges);
        let mute: Vec<String> =
            of_backends.iter().map(|slot| format!("{}: slot `{slot}` does not say", at(slot))).collect();
        let told = refused(&tool, name, &text.replace(".sock", ".gone")).await;
        tells(name, &told, &mute);
        assert!(told.iter().all(|told| told.contains("No such file or directory")), "{told:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deduplication_without_a_store_is_told_at_its_line_with_the_slot_that_does_not_fit() {
    let tool = Tool::new();
    let memstore = memstore().await;
    let rest = "parameters:\n  batch_size: 3\n  deduplication: id\n";
    for (backend, lacking) in [(memstore.clone(), false), (hiding(memstore, &["pubsub_basic"]), true)] {
        let bridges = configure(&tool, &[("messages", backend)], rest);
        let text = tool.read("pattern.yaml");
        let mut expected = vec!["6: the parameter `deduplication` needs".to_owned()];
        if lacking {
            expected.insert(0, "3: slot `messages`: `memstore` lacks `pubsub_basic`".to_owned());
        }
        tells("producer", &refused(&tool, "producer", &text).await, &expected);
        drop(bridges);
        std::fs::remove_file(tool.path().join("messages.sock")).expect("a socket");
    }
}

#[test]
fn every_slot_of_every_pattern_is_held_against_traits_and_bound_once() {
    use prism_interfaces::traits::{Declaration, TraitValue, Traits};
    use prism_slots::{Bound, Candidate, check, spec::SlotTrait};
    for Builtin { name, .. } in BUILTINS {
        let mut spec = prism_patterns::find(name).expect("it is built in").spec().clone();
        let of_backends = |slot: &&mut prism_slots::SlotSpec| !slot.application;
        let mut declaration = Declaration::default();
        declaration.guarantees.set("consistency", TraitValue::Choice("eventual".into()));
        for slot in spec.slots.iter_mut().filter(of_backends) {
            let interfaces = slot.requires.iter().chain(&slot.one_of);
            declaration.interfaces.extend(interfaces.map(|id| (id.clone(), Traits::default())));
            slot.traits.push(SlotTrait {
                interface: "guarantees".to_owned(),
                name: "consistency".to_owned(),
                any_of: vec!["linearizable".to_owned()],
            });
        }
        let backend = Candidate { name: "weak", declaration: &declaration };
        let slots: Vec<&str> =
            spec.slots.iter().filter(|slot| !slot.application).map(|slot| slot.name.as_str()).collect();
        let once: Vec<Bound<'_>> = slots.iter().map(|slot| Bound { slot, backend }).collect();
        let misfits = check(&spec, &once, &[]).expect_err("none has the trait").0;
        let told: Vec<(&str, bool)> = misfits
            .iter()
            .map(|misfit| (misfit.slot.as_str(), misfit.problem.contains("`consistency: eventual`")))
            .collect();
        assert_eq!(told, slots.iter().map(|slot| (*slot, true)).collect::<Vec<_>>(), "{name}");
        let twice: Vec<Bound<'_>> = once.iter().chain(&once).copied().collect();
        let misfits = check(&spec, &twice, &[]).expect_err("each is bound twice").0;
        assert_eq!(misfits.len(), slots.len(), "{name}");
        assert!(misfits.iter().all(|misfit| misfit.problem.starts_with("it is bound twice")), "{misfits:?}");
    }
}
