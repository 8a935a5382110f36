//! Deadlines, and clients that go away.

use crate::{Case, Client, Context, case, eventually, next, told};
use futures::{SinkExt, channel::mpsc};
use std::time::Duration;
use tokio::time::Instant;
use tonic::Code;
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "deadlines/call_ends_at_its_deadline",
            &["PRX-18", "PRX-19"],
            "a call ends at its deadline, and so does its part at the upstream, which was told of it",
            a_call_ends_at_its_deadline_and_so_does_the_upstreams_part,
        ),
        case(
            "deadlines/stream_ends_at_its_deadline",
            &["PRX-18"],
            "a deadline ends a stream that has begun",
            a_deadline_ends_a_stream_that_has_begun,
        ),
        case(
            "deadlines/passed_or_malformed_reaches_nobody",
            &["PRX-20"],
            "a deadline that has passed or is malformed is refused before any upstream sees the call",
            a_deadline_that_has_passed_or_is_none_reaches_nobody,
        ),
        case(
            "deadlines/cancelled_call_ends_at_the_upstream",
            &["PRX-21"],
            "a client that cancels a call ends it at the upstream, whatever is under way",
            a_client_that_goes_away_ends_the_call_at_the_upstream,
        ),
        case(
            "deadlines/lost_connection_ends_its_calls",
            &["PRX-21"],
            "a client that goes away ends all its calls at the upstream",
            a_connection_that_is_lost_ends_all_its_calls,
        ),
    ]
}

async fn a_call_ends_at_its_deadline_and_so_does_the_upstreams_part(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    client.call("Echo").await.expect("the connection is there");
    let started = Instant::now();
    let mut request = client.request(Vec::new());
    // By hand, so that the client's own timer has no part in it.
    request.metadata_mut().insert("grpc-timeout", "300m".parse().expect("a timeout"));
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.unary("Wait", request).await }
    });
    upstream.seen.open_calls(1).await;
    let status = waiting.await.expect("no panic").expect_err("a deadline");
    let took = started.elapsed();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(told(&status), ("DEADLINE_EXCEEDED".into(), "unknown".into(), None));
    assert!(took >= Duration::from_millis(295), "{took:?}");
    upstream.seen.open_calls(0).await;

    let passed_on = upstream.seen.last_headers().get("grpc-timeout").expect("a deadline").clone();
    let text = passed_on.to_str().expect("text");
    let (digits, unit) = text.split_at(text.len() - 1);
    let number: u64 = digits.parse().expect("digits");
    let left = match unit {
        "n" => Duration::from_nanos(number),
        "u" => Duration::from_micros(number),
        "m" => Duration::from_millis(number),
        _ => panic!("{text}"),
    };
    assert!(left < Duration::from_millis(300), "less what has passed already: {left:?}");
    assert!(left > Duration::from_millis(1), "{left:?}");
}

async fn a_deadline_ends_a_stream_that_has_begun(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let mut request = client.request(futures::stream::pending());
    request.metadata_mut().insert("grpc-timeout", "400m".parse().expect("a timeout"));
    let mut open = client.stream("Open", request).await.expect("a stream").into_inner();
    assert_eq!(next(&mut open).await.expect("a message"), Some(b"first".to_vec()));
    let status = next(&mut open).await.expect_err("a deadline");
    assert_eq!((status.code(), told(&status).0.as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    // Though the client's half of the call is still open.
    upstream.seen.open_calls(0).await;
}

async fn a_deadline_that_has_passed_or_is_none_reaches_nobody(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    for (timeout, code, reason) in [
        ("0m", Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        ("5x", Code::InvalidArgument, "ARGUMENT_INVALID"),
        ("123456789n", Code::InvalidArgument, "ARGUMENT_INVALID"),
    ] {
        let mut request = client.request(Vec::new());
        request.metadata_mut().insert("grpc-timeout", timeout.parse().expect("a header"));
        let status = client.unary("Echo", request).await.expect_err(timeout);
        assert_eq!(status.code(), code, "{timeout}");
        assert_eq!(told(&status), (reason.into(), "not_applied".into(), None), "{timeout}");
    }
    assert_eq!(upstream.seen.calls.load(std::sync::atomic::Ordering::SeqCst), 0);
}

async fn a_client_that_goes_away_ends_the_call_at_the_upstream(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;

    // Before the answer begins.
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call("Wait").await }
    });
    upstream.seen.open_calls(1).await;
    waiting.abort();
    upstream.seen.open_calls(0).await;

    // While it streams, though nothing comes.
    let mut open = client.open("Open").await;
    assert!(next(&mut open).await.expect("a message").is_some());
    upstream.seen.open_calls(1).await;
    drop(open);
    upstream.seen.open_calls(0).await;

    // While it streams more than the client reads.
    let mut flood = client.open("Flood").await;
    assert!(next(&mut flood).await.expect("a message").is_some());
    drop(flood);
    upstream.seen.open_calls(0).await;

    eventually("nothing in flight", async || proxy.in_flight().await == 0).await;
    assert_eq!(client.who().await.expect("the connection lives"), "a");
}

async fn a_connection_that_is_lost_ends_all_its_calls(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call("Wait").await })
        })
        .collect();
    // One whose own half is open too.
    let (mut send, receive) = mpsc::channel(1);
    send.send(b"x".to_vec()).await.expect("room");
    let mut both = client.stream("Open", client.request(receive)).await.expect("a stream").into_inner();
    assert!(next(&mut both).await.expect("a message").is_some());
    upstream.seen.open_calls(21).await;
    client.lose_connection();
    upstream.seen.open_calls(0).await;
    for call in calls {
        call.await.expect("no panic").expect_err("the connection is lost");
    }
    eventually("nothing in flight", async || proxy.in_flight().await == 0).await;
}
