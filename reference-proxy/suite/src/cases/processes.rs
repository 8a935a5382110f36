//! Upstreams that are processes of the proxy's.

use crate::{Case, Client, Context, End, Signal, case, config, driver, eventually, told};
use rustix::process::{Pid, test_kill_process};
use std::time::Duration;
use tonic::Code;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "processes/process_is_started_and_ended",
            &["PRX-43"],
            "a process is started, told its address and settings, and ended with what it started",
            a_process_is_started_and_ended,
        ),
        case(
            "processes/what_ends_is_started_again",
            &["PRX-44", "PRX-11"],
            "a process that ends is started again, and until then and where there is none, calls say why",
            a_process_that_ends_is_started_again,
        ),
    ]
}

/// As it stands in a configuration.
fn own(more: &str) -> String {
    let executable = std::env::current_exe().expect("this executable");
    format!(
        "command: ['{}'], env: {{ {}: '1'{more} }}, settings: {{ name: mine }}, {QUICK}",
        executable.display(),
        driver::VARIABLE
    )
}

const QUICK: &str =
    "connect_timeout: 20s, health_interval: 100ms, backoff: { first: 20ms, max: 100ms }, connections: 1";

async fn number(client: &Client, method: &'static str) -> Result<Pid, tonic::Status> {
    let response = client.call(method).await?;
    assert_eq!(response.metadata().get("x-upstream").expect("a name"), "mine", "it has its settings");
    let text = String::from_utf8(response.into_inner()).expect("text");
    Ok(Pid::from_raw(text.parse().expect("a number")).expect("an id"))
}

async fn a_process_is_started_and_ended(context: Context) {
    // Where it listens at an address, and where a `{socket}` asks for a Unix socket.
    for more in ["", ", SOCKET: '{socket}'"] {
        let config = config(&[("mine", own(more))], &["prefix: '*', upstream: mine"], "");
        let proxy = context.proxy(&config).await;
        let client = Client::connect(proxy.address(), "a").await;
        let process = number(&client, "Pid").await.expect("it serves");
        let child = number(&client, "Child").await.expect("it serves");
        for id in [process, child] {
            test_kill_process(id).expect("it runs");
        }
        proxy.signal(Signal::Terminate);
        assert_eq!(proxy.end().await, End { code: Some(0), finished: 0, cut_off: 0, refused: 0 });
        // Who has no parent any more is waited for by somebody else, which may take a moment.
        let gone = || [process, child].iter().all(|id| test_kill_process(*id).is_err());
        eventually("both are gone", async || gone()).await;
    }
}

async fn a_process_that_ends_is_started_again(context: Context) {
    let says = |command: &str| format!("command: {command}, {QUICK}");
    let upstreams = [
        ("mine", own("")),
        ("none", says("[prism-no-such-program]")),
        ("bad", says("[sh, -c, 'echo these are my last words >&2; exit 3']")),
    ];
    let rules = ["name: a, upstream: mine", "name: none, upstream: none", "name: bad, upstream: bad"];
    let proxy = context.proxy(&config(&upstreams, &rules, "")).await;
    let client = Client::connect(proxy.address(), "a").await;
    let first = number(&client, "Pid").await.expect("it serves");
    let died = client.call("Die").await.expect_err("it dies");
    assert_eq!((died.code(), told(&died).1.as_str()), (Code::Unavailable, "unknown"));
    let mut second = first;
    eventually("it is started again", async || match number(&client, "Pid").await {
        Ok(id) => {
            second = id;
            true
        }
        Err(status) => {
            assert_eq!(status.code(), Code::Unavailable, "{status:?}");
            false
        }
    })
    .await;
    assert_ne!(first, second);

    for (namespace, parts) in [("none", ["not on PATH", ""]), ("bad", ["code 3", "these are my last words"])]
    {
        let status = client.in_namespace(namespace).call("Pid").await.expect_err(namespace);
        assert_eq!(status.code(), Code::Unavailable, "{namespace}");
        let (reason, outcome, hint) = told(&status);
        assert_eq!((reason.as_str(), outcome.as_str()), ("UPSTREAM_UNAVAILABLE", "not_applied"));
        assert!(hint.is_some_and(|hint| hint > Duration::ZERO));
        for part in parts {
            assert!(status.message().contains(part), "{namespace}: {}", status.message());
        }
    }
}
