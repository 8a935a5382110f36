//! Configurations, and taking another one while calls come in.

use crate::{Case, Client, Context, case, config, next};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tonic::Code;
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "configuration/bad_start_is_explained",
            &["PRX-30"],
            "every mistake is told at once with its line, an address in use by name, and the exit code is 1",
            a_bad_start_is_explained,
        ),
        case(
            "configuration/reload_under_load_loses_no_call",
            &["PRX-31"],
            "another configuration under load loses no call, and later calls follow it",
            a_reload_under_load_loses_no_call,
        ),
        case(
            "configuration/calls_in_flight_keep_their_upstream",
            &["PRX-31"],
            "a call in flight keeps the upstream that it began with",
            a_call_in_flight_keeps_the_upstream_that_it_began_with,
        ),
        case(
            "configuration/limits_count_across_a_reload",
            &["PRX-31", "PRX-22"],
            "calls in flight count against a limit that came later",
            limits_count_across_a_reload,
        ),
        case(
            "configuration/what_cannot_be_taken_changes_nothing",
            &["PRX-32"],
            "a configuration with a mistake or another address changes nothing",
            a_configuration_that_cannot_be_taken_changes_nothing,
        ),
    ]
}

async fn a_reload_under_load_loses_no_call(context: Context) {
    let (a, b) = (context.upstream("a").await, context.upstream("b").await);
    let to = |name: &str| {
        let yaml = if name == "a" { a.yaml() } else { b.yaml() };
        // The other upstream is gone from the configuration altogether.
        config(&[(name, yaml)], &[&format!("prefix: '*', upstream: {name}")], "")
    };
    let proxy = context.proxy(&to("a")).await;
    let client = Client::connect(proxy.address(), "x").await;
    let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..16)
        .map(|_| {
            let (client, stop, made) = (client.clone(), Arc::clone(&stop), Arc::clone(&made));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    client.who().await.expect("no call is lost");
                    made.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 0..20 {
        let name = if round % 2 == 0 { "b" } else { "a" };
        proxy.reload(&to(name)).await;
        let before = made.load(Ordering::SeqCst);
        // Whoever calls after the reload is at the new place.
        assert_eq!(client.who().await.expect("a call"), name);
        crate::eventually("the load goes on", async || made.load(Ordering::SeqCst) > before + 16).await;
    }
    stop.store(true, Ordering::SeqCst);
    for task in load {
        task.await.expect("no call was lost");
    }
}

async fn a_call_in_flight_keeps_the_upstream_that_it_began_with(context: Context) {
    let (a, b) = (context.upstream("a").await, context.upstream("b").await);
    let rule = |name: &str| format!("prefix: '*', upstream: {name}");
    let proxy = context.proxy(&config(&[("a", a.yaml())], &[&rule("a")], "")).await;
    let client = Client::connect(proxy.address(), "x").await;
    let mut open = client.open("Open").await;
    assert_eq!(next(&mut open).await.expect("a message"), Some(b"first".to_vec()));
    proxy.reload(&config(&[("b", b.yaml())], &[&rule("b")], "")).await;
    assert_eq!(client.who().await.expect("a new call"), "b");
    a.seen.released.send_replace(true);
    assert_eq!(next(&mut open).await.expect("a message"), Some(b"second".to_vec()));
    assert_eq!(next(&mut open).await.expect("the end"), None);
}

async fn limits_count_across_a_reload(context: Context) {
    let a = context.upstream("a").await;
    let limited = |most: u32| {
        let rule = format!("prefix: '*', upstream: a, limits: {{ max_concurrent: {most} }}");
        config(&[("a", a.yaml())], &[&rule], "")
    };
    let proxy = context.proxy(&limited(2)).await;
    let client = Client::connect(proxy.address(), "x").await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call("Wait").await }
    });
    a.seen.open_calls(1).await;
    proxy.reload(&limited(1)).await;
    let status = client.call("Echo").await.expect_err("the one in flight counts");
    assert_eq!(status.code(), Code::ResourceExhausted);
    a.seen.released.send_replace(true);
    waiting.await.expect("no panic").expect("an answer");
}

async fn a_configuration_that_cannot_be_taken_changes_nothing(context: Context) {
    let a = context.upstream("a").await;
    let before = config(&[("a", a.yaml())], &["name: x, upstream: a"], "");
    let proxy = context.proxy(&before).await;
    let client = Client::connect(proxy.address(), "x").await;
    assert_eq!(client.who().await.expect("the old rule"), "a");
    let other = config(&[("a", a.yaml())], &["name: y, upstream: a"], "");
    for bad in
        ["listen: [", "", &other.replace("upstream: a ", "upstream: b "), &other.replacen(":0", ":1", 1)]
    {
        proxy.reload(bad).await;
        assert_eq!(client.who().await.expect("the old rule"), "a", "{bad}");
        client.in_namespace("y").call("Echo").await.expect_err("the new rule");
    }
    proxy.reload(&other).await;
    assert_eq!(client.in_namespace("y").who().await.expect("the new rule"), "a");
    client.call("Echo").await.expect_err("the old rule");
}

async fn a_bad_start_is_explained(context: Context) {
    let mistakes = "\
listen: localhost
drain_timout: 5s
drain_timeout: 5
upstreams:
  redis: { endpoint: 'https://x:1', connections: 0 }
namespaces:
  - { name: Orders, upstream: redis }
  - { prefix: team-, upstream: redsi }
  - { upstream: redis, limits: { burst: 3, rate: -1 } }
";
    let (code, told) = context.refused(mistakes).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.starts_with("the configuration has 11 problems\n"), "{told}");
    for (line, part) in [
        (1, "`admin`"),
        (1, "`listen`"),
        (2, "write `drain_timeout`"),
        (3, "`drain_timeout`"),
        (5, "https://x:1"),
    ]
    .into_iter()
    .chain([
        (5, "`connections`"),
        (7, "`Orders`"),
        (8, "`team-`"),
        (8, "`redis`"),
        (9, "neither"),
        (9, "`rate`"),
    ]) {
        let place = format!("proxy.yaml:{line}:");
        let told = told.split("proxy.yaml:").map(|problem| format!("proxy.yaml:{problem}"));
        let found = told.into_iter().any(|problem| problem.starts_with(&place) && problem.contains(part));
        assert!(found, "nothing at line {line} names {part}");
    }

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let upstream = context.upstream("u").await;
    let config = config(&[("u", upstream.yaml())], &["name: a, upstream: u"], "");
    for what in ["listen", "admin"] {
        let in_use = config.replace(&format!("{what}: 127.0.0.1:0"), &format!("{what}: {address}"));
        let (code, told) = context.refused(&in_use).await;
        assert_eq!(code, Some(1), "{told}");
        assert!(told.starts_with(&format!("`{what}`: cannot listen on {address}: ")), "{told}");
    }
}
