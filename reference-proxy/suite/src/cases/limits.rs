//! What one namespace may do.

use crate::{Case, Client, Context, Subject, Upstream, case, config, eventually, next, told};
use futures::stream;
use std::{sync::atomic::Ordering, time::Duration};
use tonic::Code;
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "limits/calls_in_flight",
            &["PRX-22", "PRX-25", "PRX-11"],
            "a namespace has so many calls in flight and not one more, each for itself",
            a_namespace_has_only_so_many_calls_in_flight,
        ),
        case(
            "limits/rate_of_calls",
            &["PRX-23", "PRX-25", "PRX-11"],
            "a namespace makes a burst of calls and not one more, and is told when the next one passes",
            a_namespace_calls_only_so_fast,
        ),
        case(
            "limits/size_of_messages",
            &["PRX-24", "PRX-11"],
            "a message of the limit passes and one byte more does not, in both directions",
            a_message_has_only_so_many_bytes,
        ),
    ]
}

async fn limited(context: &Context, upstream: &Upstream, limits: &str) -> Subject {
    let rules = [
        format!("prefix: 'limited-*', upstream: u, limits: {{ {limits} }}"),
        "name: free, upstream: u".to_owned(),
    ];
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    context.proxy(&config(&[("u", upstream.yaml())], &rules, "")).await
}

async fn a_namespace_has_only_so_many_calls_in_flight(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = limited(&context, &upstream, "max_concurrent: 2").await;
    let client = Client::connect(proxy.address(), "limited-a").await;
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call("Wait").await })
        })
        .collect();
    upstream.seen.open_calls(2).await;
    let status = client.call("Echo").await.expect_err("one too many");
    assert_eq!(status.code(), Code::ResourceExhausted);
    let (reason, outcome, hint) = told(&status);
    assert_eq!((reason.as_str(), outcome.as_str()), ("CONCURRENCY_LIMIT", "not_applied"));
    assert!(hint.expect("a hint") > Duration::ZERO);
    assert_eq!(client.in_namespace("limited-b").who().await.expect("another namespace"), "a");
    assert_eq!(client.in_namespace("free").who().await.expect("no limit"), "a");
    upstream.seen.released.send_replace(true);
    for call in waiting {
        call.await.expect("no panic").expect("an answer");
    }
    eventually("a place is free again", async || client.call("Echo").await.is_ok()).await;
}

async fn a_namespace_calls_only_so_fast(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = limited(&context, &upstream, "rate: 0.01, burst: 3").await;
    let client = Client::connect(proxy.address(), "limited-a").await;
    for _ in 0..3 {
        client.call("Echo").await.expect("within the burst");
    }
    let status = client.call("Echo").await.expect_err("too fast");
    assert_eq!(status.code(), Code::ResourceExhausted);
    let (reason, outcome, hint) = told(&status);
    assert_eq!((reason.as_str(), outcome.as_str()), ("RATE_LIMIT", "not_applied"));
    let hint = hint.expect("a hint");
    assert!(hint > Duration::from_mins(1) && hint <= Duration::from_secs(100), "{hint:?}");
    assert_eq!(upstream.seen.calls.load(Ordering::SeqCst), 3);
    for _ in 0..10 {
        client.in_namespace("free").call("Echo").await.expect("no limit");
    }
}

async fn a_message_has_only_so_many_bytes(context: Context) {
    let upstream = context.upstream("a").await;
    // A message of 997 bytes has a field header of three.
    let proxy = limited(&context, &upstream, "max_message_bytes: 1000").await;
    let client = Client::connect(proxy.address(), "limited-a").await;
    let send = async |bytes: usize| client.unary("Count", client.request(vec![1; bytes])).await;
    send(997).await.expect("exactly the limit");
    for bytes in [998, 100_000, 3_000_000] {
        let status = send(bytes).await.expect_err("too large");
        assert_eq!(status.code(), Code::ResourceExhausted, "{bytes}: {status:?}");
        assert_eq!(told(&status), ("MESSAGE_TOO_LARGE".into(), "not_applied".into(), None), "{bytes}");
    }
    let free = client.in_namespace("free");
    free.unary("Count", free.request(vec![1; 3_000_000])).await.expect("no limit");
    send(1).await.expect("the connection lives");

    // In a stream, what came before passes, and what was done with it nobody knows.
    let parts = stream::iter([vec![1; 10], vec![2; 5000]]);
    let answer = client.stream("Echo", client.request(parts)).await;
    let status = match answer {
        Err(status) => status,
        Ok(response) => {
            let mut echoed = response.into_inner();
            loop {
                match next(&mut echoed).await {
                    Ok(Some(message)) => assert_eq!(message, vec![1; 10]),
                    Ok(None) => panic!("it was too large"),
                    Err(status) => break status,
                }
            }
        }
    };
    assert_eq!((status.code(), told(&status).1.as_str()), (Code::ResourceExhausted, "unknown"));

    // The other direction.
    let mut flood = client.open("Flood").await;
    let status = next(&mut flood).await.expect_err("too large");
    assert_eq!((status.code(), told(&status).0.as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
    upstream.seen.open_calls(0).await;
}
