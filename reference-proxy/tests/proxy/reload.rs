use crate::support::{Client, Upstream, config, next};
use prism_proxy::Proxy;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tonic::Code;

#[tokio::test]
async fn a_reload_under_load_loses_no_call() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let to = |name: &str| {
        let yaml = if name == "a" { a.yaml() } else { b.yaml() };
        // The other upstream is gone from the configuration altogether.
        config(&[(name, yaml)], &[&format!("prefix: '*', upstream: {name}")], "")
    };
    let proxy = Proxy::start(to("a")).await.expect("a proxy");
    let client = Client::connect(proxy.address(), "x").await;
    let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..16)
        .map(|_| {
            let (client, stop, made) = (client.clone(), Arc::clone(&stop), Arc::clone(&made));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    client.who().await.expect("no call is lost");
                    made.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 0..20 {
        let name = if round % 2 == 0 { "b" } else { "a" };
        proxy.reload(to(name)).expect("the same addresses");
        let before = made.load(Ordering::SeqCst);
        // Whoever calls after the reload is at the new place.
        assert_eq!(client.who().await.expect("a call"), name);
        crate::support::eventually("the load goes on", async || made.load(Ordering::SeqCst) > before + 16)
            .await;
    }
    stop.store(true, Ordering::SeqCst);
    for task in load {
        task.await.expect("no call was lost");
    }
}

#[tokio::test]
async fn a_call_in_flight_keeps_the_upstream_that_it_began_with() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let rule = |name: &str| format!("prefix: '*', upstream: {name}");
    let proxy = Proxy::start(config(&[("a", a.yaml())], &[&rule("a")], "")).await.expect("a proxy");
    let client = Client::connect(proxy.address(), "x").await;
    let mut open = client.open("Open").await;
    assert_eq!(next(&mut open).await.expect("a message"), Some(b"first".to_vec()));
    proxy.reload(config(&[("b", b.yaml())], &[&rule("b")], "")).expect("the same addresses");
    assert_eq!(client.who().await.expect("a new call"), "b");
    a.seen.released.send_replace(true);
    assert_eq!(next(&mut open).await.expect("a message"), Some(b"second".to_vec()));
    assert_eq!(next(&mut open).await.expect("the end"), None);
}

#[tokio::test]
async fn limits_count_across_a_reload() {
    let a = Upstream::start("a").await;
    let limited = |most: u32| {
        let rule = format!("prefix: '*', upstream: a, limits: {{ max_concurrent: {most} }}");
        config(&[("a", a.yaml())], &[&rule], "")
    };
    let proxy = Proxy::start(limited(2)).await.expect("a proxy");
    let client = Client::connect(proxy.address(), "x").await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call("Wait").await }
    });
    a.seen.open_calls(1).await;
    proxy.reload(limited(1)).expect("the same addresses");
    let status = client.call("Echo").await.expect_err("the one in flight counts");
    assert_eq!(status.code(), Code::ResourceExhausted);
    a.seen.released.send_replace(true);
    waiting.await.expect("no panic").expect("an answer");
}

#[tokio::test]
async fn another_address_is_refused_and_everything_stays() {
    let a = Upstream::start("a").await;
    let before = config(&[("a", a.yaml())], &["name: x, upstream: a"], "");
    let proxy = Proxy::start(before.clone()).await.expect("a proxy");
    let mut other = config(&[("a", a.yaml())], &["name: y, upstream: a"], "");
    other.listen.set_port(1);
    let refused = proxy.reload(other).expect_err("another address");
    assert!(
        refused.to_string().starts_with("`listen` cannot change from 127.0.0.1:0 to 127.0.0.1:1"),
        "{refused}"
    );
    let client = Client::connect(proxy.address(), "x").await;
    assert_eq!(client.who().await.expect("the old rule"), "a");
}
