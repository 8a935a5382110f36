//! A proxy that is part of a program, where no executable can show it.

use prism_proxy::{Config, Proxy};
use prism_proxy_suite::{Client, Context, Faults, config, within};

#[tokio::test]
async fn a_proxy_that_is_dropped_ends_its_calls() {
    let upstream = Context::in_process(Faults::default()).upstream("a").await;
    let text = config(&[("a", upstream.yaml())], &["prefix: '*', upstream: a"], "");
    let proxy = Proxy::start(Config::parse("test.yaml", &text).expect("good")).await.expect("a proxy");
    let client = Client::connect(proxy.address(), "a").await;
    let waiting = tokio::spawn(async move { client.call("Wait").await });
    upstream.seen.open_calls(1).await;
    drop(proxy);
    upstream.seen.open_calls(0).await;
    within("the call ends", waiting).await.expect("no panic").expect_err("the proxy is gone");
}

#[tokio::test]
async fn another_address_is_refused_and_named() {
    let upstream = Context::in_process(Faults::default()).upstream("a").await;
    let text = config(&[("a", upstream.yaml())], &["name: x, upstream: a"], "");
    let before = Config::parse("test.yaml", &text).expect("good");
    let proxy = Proxy::start(before.clone()).await.expect("a proxy");
    let mut other = before;
    other.listen.set_port(1);
    let refused = proxy.reload(other).expect_err("another address");
    assert!(
        refused.to_string().starts_with("`listen` cannot change from 127.0.0.1:0 to 127.0.0.1:1"),
        "{refused}"
    );
    assert_eq!(Client::connect(proxy.address(), "x").await.who().await.expect("the old rule"), "a");
}
