//! What the multicast registry costs with 1,000 identities, over memstore in both slots: `cargo bench -p
//! prism-conformance --bench multicast_registry`.

use criterion::{Criterion, criterion_group, criterion_main};
use prism_conformance::builtins;
use prism_interfaces::{
    Endpoint,
    pattern::multicast_registry::v1::{
        Comparison, EnumerateRequest, Filter, MulticastRequest, RegisterRequest, Value, filter::Condition,
        multicast_registry_client::MulticastRegistryClient, value::Kind,
    },
};
use prism_suites::{Seam, client::Lifecycle};
use std::{collections::BTreeMap, hint::black_box};
use tokio::runtime::Runtime;

const IDENTITIES: u32 = 1000;

async fn start(endpoint: &Endpoint) {
    let lifecycle = Lifecycle::new(endpoint.clone());
    lifecycle.initialize(&BTreeMap::new()).await.expect("Initialize");
    lifecycle.start().await.expect("Start");
}

fn number(number: u32) -> Value {
    Value { kind: Some(Kind::Integer(i64::from(number))) }
}

fn filled(runtime: &Runtime) -> MulticastRegistryClient<Endpoint> {
    runtime.block_on(async {
        let memstore = (builtins::find("memstore").expect("memstore").launch)();
        start(&memstore).await;
        let pattern = prism_patterns::find("multicast-registry").expect("the pattern");
        let slots = ["registry", "messaging"].map(|slot| (slot.to_owned(), memstore.clone()));
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

fn a_thousand(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let client = filled(&runtime);
    let tenth = Comparison { field: "load".to_owned(), value: Some(number(3)) };
    let tenth = Some(Filter { condition: Some(Condition::Equals(tenth)) });
    let mut group = criterion.benchmark_group("1000 identities");
    for (name, filter) in [("enumerate all", None), ("enumerate a tenth", tenth)] {
        let request = EnumerateRequest { filter, limit: IDENTITIES, ..EnumerateRequest::default() };
        group.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                let answer = client.clone().enumerate(request.clone()).await.expect("Enumerate");
                black_box(answer.into_inner().total)
            });
        });
    }
    group.bench_function("multicast to all", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let answer = client.clone().multicast(MulticastRequest::default()).await.expect("Multicast");
            assert_eq!(answer.into_inner().delivered, IDENTITIES);
        });
    });
    group.finish();
}

criterion_group!(benches, a_thousand);
criterion_main!(benches);
