//! Metadata, and the errors of upstreams, as they come through.

use crate::{Case, Client, Context, case};
use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::{Code, metadata::MetadataValue};
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "metadata/comes_through_in_both_directions",
            &["PRX-05", "PRX-07"],
            "metadata comes through unchanged in both directions, headers and trailers",
            metadata_comes_through_in_both_directions,
        ),
        case(
            "metadata/nothing_is_added",
            &["PRX-06", "PRX-19"],
            "the upstream sees the headers that the client sent and no others",
            nothing_is_added,
        ),
        case(
            "metadata/request_id_is_made",
            &["PRX-07"],
            "a call without a request id gets one, which the upstream sees and the client gets back",
            a_call_without_an_id_gets_one_that_the_upstream_sees_too,
        ),
        case(
            "metadata/error_in_headers_alone_stays_one",
            &["PRX-08"],
            "an error in headers alone stays one, with code, message, details and metadata",
            an_error_in_headers_alone_stays_one_with_all_its_details,
        ),
        case(
            "metadata/compressed_messages_are_not_touched",
            &["PRX-09"],
            "compressed messages are not touched",
            compressed_messages_are_not_touched,
        ),
        case(
            "metadata/what_is_not_grpc_is_refused",
            &["PRX-10"],
            "what is not gRPC is refused in the words of HTTP",
            what_is_not_grpc_is_refused_in_the_words_of_http,
        ),
    ]
}

async fn metadata_comes_through_in_both_directions(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut request = client.request(b"x".to_vec());
    let metadata = request.metadata_mut();
    metadata.insert_bin("x-echo-bin", MetadataValue::from_bytes(&every_byte));
    metadata.append("x-many", MetadataValue::from_static("one"));
    metadata.append("x-many", MetadataValue::from_static("two, three"));
    metadata.insert("x-request-id", MetadataValue::from_static("my-id"));
    metadata.insert("user-agent", MetadataValue::from_static("test/1"));
    let response = client.unary("Echo", request).await.expect("an answer");

    let seen = upstream.seen.last_headers();
    let many: Vec<&HeaderValue> = seen.get_all("x-many").iter().collect();
    assert_eq!(many, ["one", "two, three"]);
    assert_eq!(seen.get("te").expect("te"), "trailers");
    assert_eq!(seen.get("prism-namespace").expect("the namespace"), "a");
    assert_eq!(seen.get("x-request-id").expect("an id"), "my-id");
    assert_eq!(seen.get("user-agent").expect("an agent"), "test/1");
    assert!(!seen.contains_key("grpc-timeout"), "the client waits for ever");

    let metadata = response.metadata();
    assert_eq!(metadata.get("x-request-id").expect("an id"), "my-id");
    let echoed = metadata.get_bin("x-echo-bin").expect("binary metadata").to_bytes().expect("bytes");
    assert_eq!(echoed, every_byte);
    let trailer = metadata.get_bin("x-trailer-bin").expect("a binary trailer").to_bytes().expect("bytes");
    assert_eq!(trailer.as_ref(), [0, 1, 2, 255]);
    assert_eq!(metadata.get("x-trailer").expect("a trailer"), "t");
}

async fn a_call_without_an_id_gets_one_that_the_upstream_sees_too(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let response = client.call("Echo").await.expect("an answer");
    let returned = response.metadata().get("x-request-id").expect("an id").to_str().expect("text");
    assert_eq!(upstream.seen.last_headers().get("x-request-id").expect("an id"), returned);
    let refused = client.unary("Echo", tonic::Request::new(Vec::new())).await.expect_err("no namespace");
    assert!(refused.metadata().contains_key("x-request-id"));
}

async fn an_error_in_headers_alone_stays_one_with_all_its_details(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let status = client.call("Fail").await.expect_err("an error");
    assert_eq!(
        (status.code(), status.message(), status.details()),
        (Code::Aborted, "näh", &b"\x00\xffdetails"[..])
    );
    let more = status.metadata().get_bin("x-more-bin").expect("metadata").to_bytes().expect("bytes");
    assert_eq!(more.as_ref(), [0xfe, 0]);

    let response = raw(proxy.address(), "/test.Echo/Fail", &[], Bytes::new()).await;
    assert_eq!(response.headers().get("grpc-status").expect("a status"), "10");
    assert!(response.body().is_end_stream(), "nothing follows the headers");
}

async fn compressed_messages_are_not_touched(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    // What claims to be compressed is not even valid; whoever looked into it would fail.
    let body = Bytes::from_static(b"\x01\x00\x00\x00\x05\xff\x00\xff\x00\xff");
    let headers = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "zstd,gzip")];
    let response = raw(proxy.address(), "/test.Echo/Echo", &headers, body.clone()).await;
    let echoed = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(echoed, body);
    let seen = upstream.seen.last_headers();
    assert_eq!(seen.get("grpc-encoding").expect("an encoding"), "gzip");
    assert_eq!(seen.get("grpc-accept-encoding").expect("encodings"), "zstd,gzip");
}

async fn what_is_not_grpc_is_refused_in_the_words_of_http(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let json = [("content-type", "application/json")];
    let response = raw(proxy.address(), "/test.Echo/Echo", &json, Bytes::from_static(b"{}")).await;
    assert_eq!(response.status(), http::StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

/// A call made by hand.
async fn raw(
    address: std::net::SocketAddr,
    path: &str,
    headers: &[(&'static str, &'static str)],
    body: Bytes,
) -> http::Response<hyper::body::Incoming> {
    let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    let mut request =
        Request::post(format!("http://{address}{path}")).body(Full::new(body)).expect("a request");
    let all = request.headers_mut();
    all.insert("content-type", HeaderValue::from_static("application/grpc"));
    all.insert("prism-namespace", HeaderValue::from_static("a"));
    for (name, value) in headers {
        all.insert(*name, HeaderValue::from_static(value));
    }
    crate::within("an answer", sender.send_request(request)).await.expect("an answer")
}

async fn nothing_is_added(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let response = raw(proxy.address(), "/test.Echo/Echo", &[("x-request-id", "my-id")], Bytes::new()).await;
    assert_eq!(response.status(), http::StatusCode::OK);
    let seen = upstream.seen.last_headers();
    let mut names: Vec<&str> = seen.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    // The length was announced by the client's HTTP/2.
    assert_eq!(names, ["content-length", "content-type", "prism-namespace", "te", "x-request-id"]);
}
