//! Clients that send too much, garbage, or nothing.

use crate::{Case, Client, Context, case, told, within};
use std::sync::atomic::Ordering;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, metadata::MetadataValue};
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "bad_clients/large_headers_are_refused_and_the_connection_lives",
            &["PRX-26", "PRX-11"],
            "headers above the limit are refused, and the connection goes on",
            headers_that_are_too_large_are_refused_and_the_connection_lives,
        ),
        case(
            "bad_clients/garbage_closes_its_connection_alone",
            &["PRX-36"],
            "a client that sends garbage loses its connection, and no other client anything",
            garbage_is_answered_by_closing_the_connection,
        ),
        case(
            "bad_clients/silence_disturbs_nobody",
            &["PRX-36"],
            "clients that say nothing, or stop in the middle, disturb nobody",
            clients_that_say_nothing_or_stop_in_the_middle_disturb_nobody,
        ),
    ]
}

async fn headers_that_are_too_large_are_refused_and_the_connection_lives(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "max_header_bytes: 4096\n").await;
    let client = Client::connect(proxy.address(), "a").await;
    let with = |bytes: usize| {
        let mut request = client.request(Vec::new());
        let value: MetadataValue<_> = "x".repeat(bytes).parse().expect("a value");
        request.metadata_mut().insert("x-large", value);
        request
    };
    client.unary("Echo", with(3_000)).await.expect("within the limit");
    for bytes in [4_096, 100_000] {
        let status = client.unary("Echo", with(bytes)).await.expect_err("too large");
        assert_eq!(status.code(), Code::ResourceExhausted, "{bytes}: {status:?}");
        assert_eq!(told(&status), ("HEADERS_TOO_LARGE".into(), "not_applied".into(), None));
    }
    // So much that HTTP/2 itself refuses it.
    assert!(client.unary("Echo", with(4 << 20)).await.is_err());
    assert_eq!(upstream.seen.calls.load(Ordering::SeqCst), 1);
    let other = Client::connect(proxy.address(), "a").await;
    assert_eq!(other.who().await.expect("the proxy lives"), "a");
}

async fn garbage_is_answered_by_closing_the_connection(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let garbage: Vec<u8> = (0..4_096_u32).map(|number| (number * 31 % 251) as u8).collect();
    let http1 = b"GET /metrics HTTP/1.1\r\nhost: proxy\r\n\r\n".to_vec();
    let half = [preface.as_slice(), &http1].concat();
    let huge_frame = [preface.as_slice(), &[0xff; 64]].concat();
    for sent in [garbage, http1, half, huge_frame] {
        let mut stream = TcpStream::connect(proxy.address()).await.expect("a connection");
        stream.write_all(&sent).await.expect("sent");
        let mut answer = Vec::new();
        // The end may come as a reset, because not everything was read.
        let _ = within("the end of the connection", stream.read_to_end(&mut answer)).await;
        assert_eq!(client.who().await.expect("others are served"), "a");
    }
    assert_eq!(upstream.seen.calls.load(Ordering::SeqCst), 4);
}

async fn clients_that_say_nothing_or_stop_in_the_middle_disturb_nobody(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let mut silent = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(proxy.address()).await.expect("a connection");
        let part = &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04"[..number % 29];
        stream.write_all(part).await.expect("sent");
        silent.push(stream);
    }
    let client = Client::connect(proxy.address(), "a").await;
    assert_eq!(client.who().await.expect("others are served"), "a");
    drop(silent);
    assert_eq!(client.who().await.expect("others are served"), "a");
}
