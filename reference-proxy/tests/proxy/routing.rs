use crate::support::{Client, Upstream, config, told};
use prism_proxy::Proxy;
use std::sync::atomic::Ordering;
use tonic::{Code, metadata::MetadataValue};

#[tokio::test]
async fn each_namespace_reaches_its_upstream_and_no_other() {
    let (a, b, rest) =
        (Upstream::start("a").await, Upstream::start("b").await, Upstream::start("rest").await);
    let config = config(
        &[("a", a.yaml()), ("b", b.yaml()), ("rest", rest.yaml())],
        &[
            "name: orders, upstream: a",
            "prefix: 'orders-*', upstream: b",
            "prefix: 'orders-eu-*', upstream: a",
            "prefix: 'x*', upstream: rest",
        ],
        "",
    );
    let proxy = Proxy::start(config).await.expect("a proxy");
    let client = Client::connect(proxy.address(), "orders").await;
    for (namespace, upstream) in [
        ("orders", "a"),
        ("orders-1", "b"),
        ("orders-eu", "b"),
        ("orders-eu-1", "a"),
        ("x", "rest"),
        ("xorders", "rest"),
    ] {
        let client = client.in_namespace(namespace);
        assert_eq!(client.who().await.expect(namespace), upstream, "{namespace}");
    }
    let calls = [&a, &b, &rest].map(|upstream| upstream.seen.calls.load(Ordering::SeqCst));
    assert_eq!(calls, [2, 2, 2]);
}

#[tokio::test]
async fn a_namespace_that_nobody_serves_is_not_found_and_a_bad_one_is_invalid() {
    let upstream = Upstream::start("a").await;
    let config = config(&[("a", upstream.yaml())], &["name: a, upstream: a"], "");
    let proxy = Proxy::start(config).await.expect("a proxy");
    let client = Client::connect(proxy.address(), "a").await;

    let unknown = client.in_namespace("ab").call("Echo").await.expect_err("unknown");
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(told(&unknown), ("NAMESPACE_UNKNOWN".into(), "not_applied".into(), None));

    let missing = client.unary("Echo", tonic::Request::new(Vec::new())).await.expect_err("missing");
    assert_eq!((missing.code(), told(&missing).0.as_str()), (Code::InvalidArgument, "NAMESPACE_MISSING"));

    for bad in ["", "-a", "A", "a_b", "a a"] {
        let mut request = tonic::Request::new(Vec::new());
        request.metadata_mut().insert("prism-namespace", MetadataValue::from_static(bad));
        let status = client.unary("Echo", request).await.expect_err(bad);
        assert_eq!(
            (status.code(), told(&status).0.as_str()),
            (Code::InvalidArgument, "NAMESPACE_MALFORMED"),
            "{bad}"
        );
    }

    let mut twice = client.request(Vec::new());
    twice.metadata_mut().append("prism-namespace", MetadataValue::from_static("b"));
    let twice = client.unary("Echo", twice).await.expect_err("two namespaces");
    assert_eq!((twice.code(), told(&twice).0.as_str()), (Code::InvalidArgument, "NAMESPACE_MALFORMED"));

    assert_eq!(upstream.seen.calls.load(Ordering::SeqCst), 0, "no upstream was asked");
    assert_eq!(client.who().await.expect("the good one"), "a");
}

#[tokio::test]
async fn a_service_that_the_upstream_does_not_serve_is_unimplemented() {
    let upstream = Upstream::start("a").await;
    let proxy = crate::support::in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let status = client.call("Nothing").await.expect_err("not served");
    assert_eq!((status.code(), status.message()), (Code::Unimplemented, "unknown method"));
}
