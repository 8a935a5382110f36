//! What a call costs at the seam: in process and over loopback, bare and with the layers of a case.

use criterion::{Criterion, criterion_group, criterion_main};
use prism_check::history::{History, Outcome};
use prism_conformance::builtins;
use prism_interfaces::Endpoint;
use prism_suites::{
    Seam, Tap,
    client::{KeyValue, Lifecycle},
};
use std::{collections::BTreeMap, hint::black_box};
use tokio::{net::TcpListener, runtime::Runtime};

fn started() -> (Runtime, Endpoint) {
    let runtime = Runtime::new().expect("a runtime");
    let endpoint = (builtins::find("memstore").expect("memstore").launch)();
    runtime.block_on(async {
        let lifecycle = Lifecycle::new(endpoint.clone());
        lifecycle.initialize(&BTreeMap::new()).await.expect("Initialize");
        lifecycle.start().await.expect("Start");
    });
    (runtime, endpoint)
}

/// The same driver on a loopback port.
fn served(runtime: &Runtime, endpoint: Endpoint) -> Endpoint {
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(prism_driver_kit::serve(endpoint, listener, std::future::pending()));
        let channel =
            tonic::transport::Endpoint::from_shared(format!("http://{address}")).expect("an address");
        Endpoint::new(channel.tcp_nodelay(true).connect().await.expect("a connection"))
    })
}

fn one_call(criterion: &mut Criterion) {
    let (runtime, endpoint) = started();
    let remote = served(&runtime, endpoint.clone());
    let mut group = criterion.benchmark_group("get");
    let in_namespace = |endpoint: &Endpoint| endpoint.layer(Seam::namespace("bench"));
    for (name, endpoint) in [
        ("in process", in_namespace(&endpoint)),
        ("in process, with the tap", in_namespace(&endpoint.layer(Tap::new()))),
        ("over loopback", in_namespace(&remote)),
        ("over loopback, with the tap", in_namespace(&remote.layer(Tap::new()))),
    ] {
        let client = KeyValue::new(endpoint);
        group.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter(|| async { black_box(client.get("key").await.expect("Get")) });
        });
    }
    group.finish();
}

fn one_record(criterion: &mut Criterion) {
    criterion.bench_function("history: one operation", |bencher| {
        bencher.iter_batched_ref(
            History::<&str, u32>::new,
            |history| {
                let id = history.invoke(0, black_box("get"));
                history.complete(id, Outcome::Ok(1));
            },
            criterion::BatchSize::NumIterations(1000),
        );
    });
}

criterion_group!(benches, one_call, one_record);
criterion_main!(benches);
