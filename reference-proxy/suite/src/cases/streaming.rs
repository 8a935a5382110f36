//! Streams of every kind, slow readers, and very many at a time.

use crate::{Case, Client, Context, case, eventually, next, patience, within};
use futures::{SinkExt, StreamExt, channel::mpsc, stream};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "streaming/all_four_kinds_pass",
            &["PRX-14"],
            "unary calls and all three kinds of streams pass, in order, trailers at the end",
            all_four_kinds_of_calls_pass,
        ),
        case(
            "streaming/message_by_message",
            &["PRX-15"],
            "a message is passed on before the next one is sent",
            a_message_is_passed_on_before_the_next_one_is_sent,
        ),
        case(
            "streaming/large_message_passes",
            &["PRX-14"],
            "a large message passes byte for byte",
            a_large_message_passes,
        ),
        case(
            "streaming/slow_reader_stops_the_upstream",
            &["PRX-16"],
            "a client that does not read stops the upstream, and nobody else",
            a_reader_that_stands_still_stops_the_upstream_and_nobody_else,
        ),
        case(
            "streaming/slow_upstream_stops_the_client",
            &["PRX-16"],
            "an upstream that does not read stops the client, and nobody else",
            an_upstream_that_stands_still_stops_the_client,
        ),
        case(
            "streaming/ten_thousand_idle_streams",
            &["PRX-17"],
            "10,000 streams stand open beside each other, and further calls are served",
            ten_thousand_streams_stand_open_beside_each_other,
        ),
    ]
}

async fn all_four_kinds_of_calls_pass(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;

    let unary = client.unary("Echo", client.request(b"one".to_vec())).await.expect("unary");
    assert_eq!(unary.get_ref(), b"one");

    let parts: Vec<Vec<u8>> = (0..100_u8).map(|byte| vec![byte; 1000]).collect();
    let mut counted = client
        .stream("Count", client.request(stream::iter(parts.clone())))
        .await
        .expect("client streaming")
        .into_inner();
    // Each message has five bytes of gRPC header, and three of its own field.
    assert_eq!(next(&mut counted).await.expect("a message"), Some(b"100800".to_vec()));
    assert_eq!(next(&mut counted).await.expect("the end"), None);

    let mut server = client.open("Open").await;
    assert_eq!(next(&mut server).await.expect("a message"), Some(b"first".to_vec()));
    upstream.seen.released.send_replace(true);
    assert_eq!(next(&mut server).await.expect("a message"), Some(b"second".to_vec()));
    assert_eq!(next(&mut server).await.expect("the end"), None);
    let trailers = within("trailers", server.trailers()).await.expect("trailers").expect("some");
    assert_eq!(trailers.get("x-trailer").expect("a trailer"), "t");

    let both = client.stream("Echo", client.request(stream::iter(parts.clone()))).await.expect("both");
    let echoed: Vec<Vec<u8>> = both.into_inner().map(|message| message.expect("a message")).collect().await;
    assert_eq!(echoed, parts, "in order");
}

async fn a_message_is_passed_on_before_the_next_one_is_sent(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let (mut send, receive) = mpsc::channel(1);
    send.send(b"0".to_vec()).await.expect("room");
    let mut answers = client.stream("Echo", client.request(receive)).await.expect("a stream").into_inner();
    for number in 1..50 {
        let got = next(&mut answers).await.expect("a message");
        assert_eq!(got, Some((number - 1).to_string().into_bytes()));
        send.send(number.to_string().into_bytes()).await.expect("room");
    }
    drop(send);
    assert_eq!(next(&mut answers).await.expect("a message"), Some(b"49".to_vec()));
    assert_eq!(next(&mut answers).await.expect("the end"), None);
}

async fn a_large_message_passes(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    // A length that no window and no frame divides.
    let large = (0..=250_u8).collect::<Vec<u8>>().repeat(80_000);
    let echoed = client.unary("Echo", client.request(large.clone())).await.expect("an echo");
    assert!(*echoed.get_ref() == large);
}

async fn a_reader_that_stands_still_stops_the_upstream_and_nobody_else(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let mut slow = client.open("Flood").await;
    assert!(next(&mut slow).await.expect("a message").is_some());
    // Standing still is the absence of something, so it takes a while to see.
    let started = Instant::now();
    let mut last = (0, Instant::now());
    eventually("the upstream stands still", async || {
        let now = upstream.seen.flooded.load(Ordering::SeqCst);
        assert!(now < 16 << 20, "the proxy took {now} bytes that nobody reads");
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(300)
    })
    .await;
    assert!(started.elapsed() < patience());
    let other = Client::connect(proxy.address(), "b").await;
    assert_eq!(other.who().await.expect("another call"), "a");
    let before = upstream.seen.flooded.load(Ordering::SeqCst);
    eventually("reading sets it going again", async || {
        assert!(next(&mut slow).await.expect("a message").is_some());
        upstream.seen.flooded.load(Ordering::SeqCst) > before
    })
    .await;
}

async fn ten_thousand_streams_stand_open_beside_each_other(context: Context) {
    const STREAMS: usize = 10_000;
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let opened: Vec<_> = stream::iter(0..STREAMS)
        .map(|_| async {
            let mut open = client.open("Open").await;
            assert_eq!(next(&mut open).await.expect("a message"), Some(b"first".to_vec()));
            open
        })
        .buffer_unordered(100)
        .collect()
        .await;
    assert_eq!(proxy.in_flight().await, STREAMS);
    upstream.seen.released.send_replace(true);
    for mut open in opened {
        assert_eq!(next(&mut open).await.expect("a message"), Some(b"second".to_vec()));
        assert_eq!(next(&mut open).await.expect("the end"), None);
    }
    eventually("nothing in flight", async || proxy.in_flight().await == 0).await;
}

async fn an_upstream_that_stands_still_stops_the_client(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let messages = stream::repeat_with(move || {
        counted.fetch_add(16 << 10, Ordering::SeqCst);
        vec![7; 16 << 10]
    });
    // It answers when it is released, and does not read until then.
    let uploading = tokio::spawn({
        let client = client.clone();
        async move { client.stream("Wait", client.request(messages)).await.map(drop) }
    });
    upstream.seen.open_calls(1).await;
    let mut last = (0, Instant::now());
    eventually("the client stands still", async || {
        let now = sent.load(Ordering::SeqCst);
        assert!(now < 16 << 20, "the proxy took {now} bytes that nobody reads");
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(300)
    })
    .await;
    let other = Client::connect(proxy.address(), "b").await;
    assert_eq!(other.who().await.expect("another call"), "a");
    uploading.abort();
    upstream.seen.open_calls(0).await;
}
