//! Upstreams that die, never answer, or are full.

use crate::{Case, Client, Context, case, config, eventually, next, patience, told};
use std::time::Duration;
use tokio::{net::TcpListener, time::Instant};
use tonic::Code;
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "outages/upstream_dies_and_is_back",
            &["PRX-27", "PRX-11"],
            "an upstream that dies is UNAVAILABLE with a hint until it is back",
            an_upstream_that_dies_is_unavailable_until_it_is_back,
        ),
        case(
            "outages/upstream_that_never_answers_is_down",
            &["PRX-28"],
            "an upstream that accepts and never answers is down",
            an_upstream_that_accepts_and_never_answers_is_down,
        ),
        case(
            "outages/deadline_holds_while_connecting",
            &["PRX-18"],
            "a call waits for the first connection only as long as its deadline",
            a_call_waits_for_an_upstream_only_as_long_as_its_deadline,
        ),
        case(
            "outages/one_down_does_not_touch_the_others",
            &["PRX-29"],
            "one upstream that is down does not touch the calls to others",
            one_upstream_down_does_not_touch_the_others,
        ),
        case(
            "outages/full_upstream_is_not_waited_for",
            &["PRX-29", "PRX-11"],
            "an upstream that allows no further streams is told and not waited for",
            an_upstream_that_allows_no_further_streams_is_not_waited_for,
        ),
    ]
}

async fn an_upstream_that_dies_is_unavailable_until_it_is_back(context: Context) {
    let upstream = context.upstream("first").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call("Wait").await }
    });
    let mut open = client.open("Open").await;
    assert!(next(&mut open).await.expect("a message").is_some());
    upstream.seen.open_calls(2).await;
    let address = upstream.kill().await;

    let lost = waiting.await.expect("no panic").expect_err("its upstream died");
    assert_eq!(lost.code(), Code::Unavailable);
    let (reason, outcome, hint) = told(&lost);
    assert_eq!((reason.as_str(), outcome.as_str()), ("UPSTREAM_UNAVAILABLE", "unknown"));
    assert!(hint.is_some());
    let lost = next(&mut open).await.expect_err("its upstream died");
    assert_eq!((lost.code(), told(&lost).1.as_str()), (Code::Unavailable, "unknown"));

    eventually("the proxy knows", async || {
        let refused = client.call("Echo").await.expect_err("no upstream");
        assert_eq!(refused.code(), Code::Unavailable);
        let (reason, outcome, hint) = told(&refused);
        assert_eq!(reason, "UPSTREAM_UNAVAILABLE");
        assert!(hint.is_some_and(|hint| hint <= Duration::from_secs(1)), "{hint:?}");
        outcome == "not_applied"
    })
    .await;

    let back = context.upstream_at("second", address).await;
    eventually("it is back", async || client.who().await.is_ok_and(|name| name == "second")).await;
    drop(back);
}

async fn an_upstream_that_accepts_and_never_answers_is_down(context: Context) {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    let yaml = format!("endpoint: 'http://{address}', connect_timeout: 200ms");
    let config = config(&[("u", yaml)], &["prefix: '*', upstream: u"], "");
    let proxy = context.proxy(&config).await;
    let client = Client::connect(proxy.address(), "a").await;
    let started = Instant::now();
    let status = client.call("Echo").await.expect_err("nobody answers");
    assert_eq!(status.code(), Code::Unavailable);
    let (reason, outcome, hint) = told(&status);
    assert_eq!((reason.as_str(), outcome.as_str()), ("UPSTREAM_UNAVAILABLE", "not_applied"));
    assert!(hint.is_some());
    assert!(status.message().contains("did not answer within 200 ms"), "{}", status.message());
    assert!(started.elapsed() < patience());
}

async fn a_call_waits_for_an_upstream_only_as_long_as_its_deadline(context: Context) {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    let yaml = format!("endpoint: 'http://{address}', connect_timeout: 60s");
    let config = config(&[("u", yaml)], &["prefix: '*', upstream: u"], "");
    let proxy = context.proxy(&config).await;
    let client = Client::connect(proxy.address(), "a").await;
    let mut request = client.request(Vec::new());
    request.metadata_mut().insert("grpc-timeout", "100m".parse().expect("a timeout"));
    let status = client.unary("Echo", request).await.expect_err("nobody answers");
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(told(&status), ("DEADLINE_EXCEEDED".into(), "not_applied".into(), None));
}

async fn one_upstream_down_does_not_touch_the_others(context: Context) {
    let alive = context.upstream("alive").await;
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let yaml = format!("endpoint: 'http://{}'", gone.local_addr().expect("an address"));
    drop(gone);
    let upstreams = [("alive", alive.yaml()), ("gone", yaml)];
    let config = config(&upstreams, &["name: a, upstream: alive", "name: b, upstream: gone"], "");
    let proxy = context.proxy(&config).await;
    let client = Client::connect(proxy.address(), "a").await;
    let status = client.in_namespace("b").call("Echo").await.expect_err("down");
    assert_eq!((status.code(), told(&status).1.as_str()), (Code::Unavailable, "not_applied"));
    assert_eq!(client.who().await.expect("the other one"), "alive");
}

async fn an_upstream_that_allows_no_further_streams_is_not_waited_for(context: Context) {
    let upstream = context.upstream_with_streams("a", 5).await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    // Both connections, and what the upstream allows on each, are known once this holds.
    let mut held = Vec::new();
    eventually("the upstream is full", async || {
        let request = client.request(futures::stream::iter([b"go".to_vec()]));
        match client.stream("Open", request).await {
            Ok(open) => {
                held.push(open.into_inner());
                false
            }
            Err(status) => {
                let (reason, outcome, hint) = told(&status);
                assert_eq!(status.code(), Code::ResourceExhausted);
                assert_eq!((reason.as_str(), outcome.as_str()), ("UPSTREAM_SATURATED", "not_applied"));
                assert!(hint.is_some());
                held.len() == 10
            }
        }
    })
    .await;
    upstream.seen.released.send_replace(true);
    drop(held);
    eventually("there is room again", async || client.call("Echo").await.is_ok()).await;
}
