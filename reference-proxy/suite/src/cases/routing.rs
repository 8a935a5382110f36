//! Which upstream a call goes to.

use crate::{Case, Client, Context, case, config, told};
use std::sync::atomic::Ordering;
use tonic::{Code, metadata::MetadataValue};
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "routing/each_namespace_reaches_its_upstream",
            &["PRX-01"],
            "each namespace reaches the upstream of its rule and no other",
            each_namespace_reaches_its_upstream_and_no_other,
        ),
        case(
            "routing/unknown_and_bad_namespaces_are_refused",
            &["PRX-02", "PRX-03", "PRX-11"],
            "a namespace that nobody serves is NOT_FOUND and a bad one INVALID_ARGUMENT, and no upstream is asked",
            a_namespace_that_nobody_serves_is_not_found_and_a_bad_one_is_invalid,
        ),
        case(
            "routing/unserved_method_is_unimplemented",
            &["PRX-04"],
            "a method that the upstream does not serve is UNIMPLEMENTED",
            a_service_that_the_upstream_does_not_serve_is_unimplemented,
        ),
        case(
            "routing/services_reach_their_upstreams",
            &["PRX-41", "PRX-42", "PRX-11"],
            "a call goes by its service where a rule names services, and what no entry takes is UNIMPLEMENTED",
            each_service_reaches_its_upstream,
        ),
    ]
}

async fn each_namespace_reaches_its_upstream_and_no_other(context: Context) {
    let (a, b, rest) =
        (context.upstream("a").await, context.upstream("b").await, context.upstream("rest").await);
    let config = config(
        &[("a", a.yaml()), ("b", b.yaml()), ("rest", rest.yaml())],
        &[
            "name: orders, upstream: a",
            "prefix: 'orders-*', upstream: b",
            "prefix: 'orders-eu-*', upstream: a",
            "prefix: 'x*', upstream: rest",
            "name: x-own, upstream: a",
        ],
        "",
    );
    let proxy = context.proxy(&config).await;
    let client = Client::connect(proxy.address(), "orders").await;
    for (namespace, upstream) in [
        ("orders", "a"),
        ("orders-1", "b"),
        ("orders-eu", "b"),
        ("orders-eu-1", "a"),
        ("x", "rest"),
        ("xorders", "rest"),
        ("x-own", "a"),
        ("x-own1", "rest"),
    ] {
        let client = client.in_namespace(namespace);
        assert_eq!(client.who().await.expect(namespace), upstream, "{namespace}");
    }
    let calls = [&a, &b, &rest].map(|upstream| upstream.seen.calls.load(Ordering::SeqCst));
    assert_eq!(calls, [3, 2, 3]);
}

async fn a_namespace_that_nobody_serves_is_not_found_and_a_bad_one_is_invalid(context: Context) {
    let upstream = context.upstream("a").await;
    let config = config(&[("a", upstream.yaml())], &["name: a, upstream: a"], "");
    let proxy = context.proxy(&config).await;
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

async fn a_service_that_the_upstream_does_not_serve_is_unimplemented(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let status = client.call("Nothing").await.expect_err("not served");
    assert_eq!((status.code(), status.message()), (Code::Unimplemented, "unknown method"));
}

async fn each_service_reaches_its_upstream(context: Context) {
    let (a, b, rest) =
        (context.upstream("a").await, context.upstream("b").await, context.upstream("rest").await);
    let config = config(
        &[("a", a.yaml()), ("b", b.yaml()), ("rest", rest.yaml())],
        &[
            "name: all, upstream: rest",
            "name: all, services: [x.v1.*], upstream: b",
            "name: all, services: [x.v1.One, y.v1.*], upstream: a",
            "prefix: 'some-*', services: [x.v1.*], upstream: b",
        ],
        "",
    );
    let proxy = context.proxy(&config).await;
    let client = Client::connect(proxy.address(), "all").await;
    for (namespace, service, upstream) in [
        ("all", "x.v1.One", "a"),
        ("all", "y.v1.Two", "a"),
        ("all", "x.v1.Two", "b"),
        ("all", "x.v1.deeper.Two", "rest"),
        ("all", "z.v1.Two", "rest"),
        ("some-a", "x.v1.One", "b"),
    ] {
        let client = client.in_namespace(namespace).of_service(service);
        assert_eq!(client.who().await.expect(service), upstream, "{namespace} {service}");
    }
    for service in ["y.v1.Two", "x.v2.One", "x.v1", "One"] {
        let client = client.in_namespace("some-a").of_service(service);
        let refused = client.call("Echo").await.expect_err(service);
        assert_eq!(refused.code(), Code::Unimplemented, "{service}");
        assert_eq!(told(&refused), ("NOT_SERVED".into(), "not_applied".into(), None), "{service}");
    }
    let calls = [&a, &b, &rest].map(|upstream| upstream.seen.calls.load(Ordering::SeqCst));
    assert_eq!(calls, [2, 2, 2]);
}
