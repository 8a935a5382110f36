//! What the proxy says of itself, to clients and to operators.

use crate::{Case, Client, Context, End, case, config, eventually, within};
use futures::{StreamExt, stream};
use prism_proxy::pb::{self, admin_client::AdminClient};
use tokio::net::TcpListener;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "admin/rules_and_upstreams_are_told_and_a_drain_is_begun",
            &["PRX-39", "PRX-35"],
            "operators see rules and upstreams as they are and can drain, at the admin address alone",
            operators_see_rules_and_upstreams_and_can_drain,
        ),
        case(
            "admin/health_is_told_for_the_proxy_and_for_each_namespace",
            &["PRX-37"],
            "health is told for the proxy and for each namespace, as it changes",
            health_is_told_for_the_proxy_and_for_each_namespace,
        ),
        case(
            "admin/reflection_shows_what_is_served",
            &["PRX-38"],
            "reflection shows the services that can be called at an address",
            reflection_shows_what_is_served,
        ),
        case(
            "admin/metrics_count_calls",
            &["PRX-40"],
            "metrics count calls by rule, method and code, and tell what is in flight",
            metrics_count_calls_by_rule_method_and_code,
        ),
    ]
}

async fn channel(address: std::net::SocketAddr) -> Channel {
    let channel = Channel::from_shared(format!("http://{address}")).expect("an address");
    within("a connection", channel.connect()).await.expect("a connection")
}

async fn operators_see_rules_and_upstreams_and_can_drain(context: Context) {
    let up = context.upstream("up").await;
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone_address = gone.local_addr().expect("an address");
    drop(gone);
    let upstreams = [("up", up.yaml()), ("gone", format!("endpoint: 'http://{gone_address}'"))];
    let rules =
        ["prefix: 'a*', upstream: gone", "name: a, upstream: up, limits: { rate: 5, max_concurrent: 3 }"];
    let proxy = context.proxy(&config(&upstreams, &rules, "")).await;
    let mut admin = AdminClient::new(channel(proxy.admin_address()).await);

    let listed = admin.list_namespaces(pb::ListNamespacesRequest {}).await.expect("rules").into_inner();
    let [exact, prefix] = listed.namespaces.as_slice() else { panic!("{listed:?}") };
    assert_eq!((exact.rule.as_str(), exact.upstream.as_str()), ("a", "up"));
    assert_eq!(
        (exact.rate, exact.burst, exact.max_concurrent, exact.max_message_bytes),
        (Some(5.0), Some(5), Some(3), None)
    );
    assert_eq!((prefix.rule.as_str(), prefix.upstream.as_str()), ("a*", "gone"));

    eventually("both upstreams are known", async || {
        let listed = admin.list_upstreams(pb::ListUpstreamsRequest {}).await.expect("upstreams").into_inner();
        let [gone, up] = listed.upstreams.as_slice() else { panic!("{listed:?}") };
        assert_eq!(gone.endpoint, format!("http://{gone_address}"));
        up.state() == pb::UpstreamState::Up
            && up.connections == 2
            && gone.state() == pb::UpstreamState::Down
            && gone.failures > 0
            && gone.last_error.contains("refused")
            && gone.next_attempt.is_some()
    })
    .await;

    let client = Client::connect(proxy.address(), "a").await;
    let waiting = tokio::spawn(async move { client.call("Wait").await });
    up.seen.open_calls(1).await;
    let mut outside = AdminClient::new(channel(proxy.address()).await);
    let refused = outside.drain(pb::DrainRequest {}).await.expect_err("not where clients call");
    assert_eq!(refused.code(), Code::Unimplemented);
    let answer = admin.drain(pb::DrainRequest {}).await.expect("an answer").into_inner();
    assert_eq!(answer.in_flight, 1);
    let health = HealthCheckRequest::default();
    let mut outside = HealthClient::new(channel(proxy.address()).await);
    let now = outside.check(health).await.expect("health answers").into_inner();
    assert_eq!(now.status(), ServingStatus::NotServing, "draining has begun");
    up.seen.released.send_replace(true);
    waiting.await.expect("no panic").expect("it finishes");
    assert_eq!(proxy.end().await, End { code: Some(0), finished: 1, cut_off: 0, refused: 0 });
}

async fn health_is_told_for_the_proxy_and_for_each_namespace(context: Context) {
    let upstream = context.upstream("up").await;
    let rules = ["name: a, upstream: up", "prefix: 'x-*', upstream: up"];
    let proxy = context.proxy(&config(&[("up", upstream.yaml())], &rules, "")).await;
    let mut health = HealthClient::new(channel(proxy.address()).await);
    let request = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in ["", "a", "x-1"] {
        eventually(service, async || {
            let answer = health.check(request(service)).await.expect("known").into_inner();
            answer.status() == ServingStatus::Serving
        })
        .await;
    }
    for service in ["b", "A", "x"] {
        assert_eq!(health.check(request(service)).await.expect_err(service).code(), Code::NotFound);
    }
    let mut watched = health.watch(request("a")).await.expect("a watch").into_inner();
    let mut status =
        async || within("a status", watched.next()).await.expect("one").expect("a status").status();
    assert_eq!(status().await, ServingStatus::Serving);
    let address = upstream.kill().await;
    assert_eq!(status().await, ServingStatus::NotServing);
    let whole = health.check(request("")).await.expect("the proxy itself").into_inner();
    assert_eq!(whole.status(), ServingStatus::Serving);
    let _back = context.upstream_at("back", address).await;
    assert_eq!(status().await, ServingStatus::Serving);
}

async fn reflection_shows_what_is_served(context: Context) {
    let upstream = context.upstream("up").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let list = async |address| {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(channel(address).await);
        let mut answers =
            client.server_reflection_info(stream::iter([request])).await.expect("reflection").into_inner();
        let answer = within("an answer", answers.next()).await.expect("one").expect("an answer");
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("{answer:?}")
        };
        list.service.into_iter().map(|service| service.name).collect::<Vec<String>>()
    };
    let served = list(proxy.address()).await;
    for name in ["prism.keyvalue.v1.KeyValueBasic", "prism.lifecycle.v1.Lifecycle", "grpc.health.v1.Health"] {
        assert!(served.iter().any(|service| service == name), "{name}: {served:?}");
    }
    for name in ["prism.pubsub.v1.PubSubBasic", "prism.proxy.v1.Admin"] {
        assert!(!served.iter().any(|service| service == name), "{name}: {served:?}");
    }
    let admin = list(proxy.admin_address()).await;
    assert!(admin.iter().any(|service| service == "prism.proxy.v1.Admin"), "{admin:?}");
}

async fn metrics_count_calls_by_rule_method_and_code(context: Context) {
    let upstream = context.upstream("up").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    for _ in 0..3 {
        client.call("Echo").await.expect("an answer");
    }
    client.call("Fail").await.expect_err("an error");
    let open = client.open("Open").await;
    upstream.seen.open_calls(1).await;
    let mut found = String::new();
    eventually("the counts", async || {
        found = proxy.metrics().await;
        [
            "prism_proxy_calls_total{rule=\"*\",method=\"other\",code=\"OK\"} 3\n",
            "prism_proxy_calls_total{rule=\"*\",method=\"other\",code=\"ABORTED\"} 1\n",
            "prism_proxy_call_duration_seconds_count{rule=\"*\",method=\"other\"} 4\n",
            "prism_proxy_calls_in_flight 1\n",
            "prism_proxy_client_connections 1\n",
            "prism_proxy_draining 0\n",
            "prism_proxy_upstream_state{upstream=\"u\",state=\"up\"} 1\n",
            "prism_proxy_upstream_state{upstream=\"u\",state=\"down\"} 0\n",
            "prism_proxy_upstream_in_flight{upstream=\"u\"} 1\n",
        ]
        .iter()
        .all(|line| found.contains(line))
    })
    .await;
    assert!(found.starts_with("HTTP/1.1 200"), "{found}");
    assert!(found.ends_with("# EOF\n"), "{found}");
    drop(open);
}
