//! What the multicast registry costs with 1,000 identities, over one backend in both slots, memstore in this process and
//! Redis: `cargo bench -p prism-conformance --bench multicast_registry`. Redis is left out, and that is said, where its
//! server cannot be had.

#[path = "shared/backend.rs"]
mod backend;

use backend::Running;
use criterion::{Criterion, criterion_group, criterion_main};
use prism_interfaces::{
    Endpoint,
    pattern::multicast_registry::v1::{
        Comparison, EnumerateRequest, Filter, MulticastRequest, RegisterRequest, Value, filter::Condition,
        multicast_registry_client::MulticastRegistryClient, value::Kind,
    },
    pubsub::v1::{SubscribeRequest, pub_sub_basic_client::PubSubBasicClient},
};
use prism_suites::{Seam, client::Lifecycle};
use std::{collections::BTreeMap, hint::black_box, io::Write};
use tokio::{
    runtime::Runtime,
    sync::{Mutex, mpsc},
};

const IDENTITIES: u32 = 1000;

async fn start(endpoint: &Endpoint) {
    let lifecycle = Lifecycle::new(endpoint.clone());
    lifecycle.initialize(&BTreeMap::new()).await.expect("Initialize");
    lifecycle.start().await.expect("Start");
}

fn number(number: u32) -> Value {
    Value { kind: Some(Kind::Integer(i64::from(number))) }
}

fn filled(runtime: &Runtime, backend: &Endpoint) -> MulticastRegistryClient<Endpoint> {
    runtime.block_on(async {
        let pattern = prism_patterns::find("multicast-registry").expect("the pattern");
        let slots = ["registry", "messaging"].map(|slot| (slot.to_owned(), backend.clone()));
        let endpoint = pattern.launch(pattern.bind(slots.into()).await);
        start(&endpoint).await;
        let mut client = MulticastRegistryClient::new(endpoint.layer(Seam::namespace("bench")));
        for place in 0..IDENTITIES {
            let identity = format!("device-{place}");
            let topic = format!("to.{identity}");
            let metadata = [("load".to_owned(), number(place % 10))].into();
            let request = RegisterRequest { identity, topic, metadata, ..RegisterRequest::default() };
            client.register(request).await.expect("Register");
        }
        client
    })
}

/// A subscriber for each identity; each message that arrives is told.
async fn listening(backend: &Endpoint) -> mpsc::UnboundedReceiver<()> {
    let (arrives, arrived) = mpsc::unbounded_channel();
    for place in 0..IDENTITIES {
        let mut client = PubSubBasicClient::new(backend.layer(Seam::namespace("bench")));
        let topic = format!("to.device-{place}");
        let mut events = client.subscribe(SubscribeRequest { topic }).await.expect("Subscribe").into_inner();
        // What is published after the first event is not missed.
        events.message().await.expect("an event").expect("an event");
        let arrives = arrives.clone();
        tokio::spawn(async move {
            while let Ok(Some(_)) = events.message().await {
                // Nobody waits for it any more when the benchmark is over.
                let _ = arrives.send(());
            }
        });
    }
    arrived
}

fn a_thousand(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    for name in ["memstore", "redis"] {
        let running = match runtime.block_on(Running::start(name)) {
            Ok(running) => running,
            Err(why) => {
                let _ = writeln!(std::io::stderr(), "left out: {name}: {why}");
                continue;
            }
        };
        over(criterion, &runtime, name, &running.endpoint);
        runtime.block_on(async {
            let namespace = running.endpoint.layer(Seam::namespace("bench"));
            Lifecycle::new(namespace).drop_namespace().await.expect("DropNamespace");
            running.stop().await.expect("it ends");
        });
    }
}

fn over(criterion: &mut Criterion, runtime: &Runtime, name: &str, backend: &Endpoint) {
    let client = filled(runtime, backend);
    let tenth = Comparison { field: "load".to_owned(), value: Some(number(3)) };
    let tenth = Some(Filter { condition: Some(Condition::Equals(tenth)) });
    let mut group = criterion.benchmark_group(format!("1000 identities, {name}"));
    for (name, filter) in [("enumerate all", None), ("enumerate a tenth", tenth)] {
        let request = EnumerateRequest { filter, limit: IDENTITIES, ..EnumerateRequest::default() };
        group.bench_function(name, |bencher| {
            bencher.to_async(runtime).iter(|| async {
                let answer = client.clone().enumerate(request.clone()).await.expect("Enumerate");
                black_box(answer.into_inner().total)
            });
        });
    }
    group.bench_function("multicast to all, nobody listens", |bencher| {
        bencher.to_async(runtime).iter(|| async {
            let answer = client.clone().multicast(MulticastRequest::default()).await.expect("Multicast");
            assert_eq!(answer.into_inner().delivered, IDENTITIES);
        });
    });
    let arrived = Mutex::new(runtime.block_on(listening(backend)));
    group.bench_function("multicast to all, until each subscriber has it", |bencher| {
        bencher.to_async(runtime).iter(|| async {
            let answer = client.clone().multicast(MulticastRequest::default()).await.expect("Multicast");
            assert_eq!(answer.into_inner().delivered, IDENTITIES);
            let mut arrived = arrived.lock().await;
            for _ in 0..IDENTITIES {
                arrived.recv().await.expect("a message");
            }
        });
    });
    group.finish();
}

criterion_group!(benches, a_thousand);
criterion_main!(benches);
