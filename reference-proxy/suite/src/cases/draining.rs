//! The end of a proxy.

use crate::{Case, Client, Context, End, Signal, case, eventually, next, patience, told, within};
use futures::{StreamExt, stream};
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "draining/thousand_calls_finish_and_none_is_lost",
            &["PRX-33", "PRX-35", "PRX-11"],
            "1,000 calls in flight finish, new ones are refused, health flips at once, and the numbers are true",
            a_thousand_calls_in_flight_finish_and_none_is_lost,
        ),
        case(
            "draining/sigint_is_as_sigterm",
            &["PRX-33", "PRX-35"],
            "SIGINT drains as SIGTERM does",
            sigint_drains_as_sigterm_does,
        ),
        case(
            "draining/what_takes_too_long_is_cut_off",
            &["PRX-34", "PRX-35", "PRX-11"],
            "calls that do not finish in time end with a status, and are counted",
            what_does_not_finish_in_time_is_cut_off_with_a_status,
        ),
        case(
            "draining/idle_clients_do_not_hold_it_up",
            &["PRX-35"],
            "clients without a call do not hold up the end",
            an_idle_client_does_not_hold_up_the_end,
        ),
    ]
}

async fn a_thousand_calls_in_flight_finish_and_none_is_lost(context: Context) {
    const CALLS: usize = 1_000;
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let address = proxy.address();
    let clients: Vec<Client> = stream::iter(0..10).then(|_| Client::connect(address, "a")).collect().await;
    let calls: Vec<_> = (0..CALLS)
        .map(|number| {
            let client = clients[number % clients.len()].clone();
            tokio::spawn(async move {
                if number % 2 == 0 {
                    return client.call("Wait").await.map(tonic::Response::into_inner);
                }
                let mut open = client.open("Open").await;
                assert_eq!(next(&mut open).await?, Some(b"first".to_vec()));
                let second = next(&mut open).await?.expect("a second message");
                assert_eq!(next(&mut open).await?, None);
                Ok(second)
            })
        })
        .collect();
    upstream.seen.open_calls(CALLS).await;
    let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).expect("an address");
    let mut health = HealthClient::new(channel.connect().await.expect("a connection"));
    let mut watched = health.watch(HealthCheckRequest::default()).await.expect("a watch").into_inner();
    let serving = |response: Option<Result<tonic_health::pb::HealthCheckResponse, _>>| {
        response.expect("a status").map(|response| response.status())
    };
    assert_eq!(serving(watched.next().await).expect("a status"), ServingStatus::Serving);

    proxy.signal(Signal::Terminate);
    // Health flips at once, and new calls are refused, also on connections that are open.
    let flipped = within("the watch is told", watched.next()).await;
    assert_eq!(serving(flipped).expect("a status"), ServingStatus::NotServing);
    let now = health.check(HealthCheckRequest::default()).await.expect("health still answers").into_inner();
    assert_eq!(now.status(), ServingStatus::NotServing);
    let late = Client::connect(address, "a").await;
    for client in [&late, &clients[0]] {
        let status = client.call("Echo").await.expect_err("refused");
        assert_eq!(status.code(), Code::Unavailable);
        let (reason, outcome, hint) = told(&status);
        assert_eq!((reason.as_str(), outcome.as_str()), ("DRAINING", "not_applied"));
        assert!(hint.is_some());
    }
    assert_eq!(*upstream.seen.open.borrow(), CALLS);

    upstream.seen.released.send_replace(true);
    for (number, call) in calls.into_iter().enumerate() {
        let answer =
            call.await.expect("no panic").unwrap_or_else(|status| panic!("call {number}: {status:?}"));
        assert_eq!(answer, if number % 2 == 0 { b"done".to_vec() } else { b"second".to_vec() });
    }
    assert_eq!(proxy.end().await, End { code: Some(0), finished: CALLS, cut_off: 0, refused: 2 });
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

async fn what_does_not_finish_in_time_is_cut_off_with_a_status(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "drain_timeout: 200ms\n").await;
    let client = Client::connect(proxy.address(), "a").await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call("Wait").await }
    });
    let mut open = client.open("Open").await;
    assert!(next(&mut open).await.expect("a message").is_some());
    let mut flood = client.open("Flood").await;
    assert!(next(&mut flood).await.expect("a message").is_some());
    upstream.seen.open_calls(3).await;
    proxy.signal(Signal::Terminate);
    let waited = waiting.await.expect("no panic").expect_err("cut off");
    let opened = next(&mut open).await.expect_err("cut off");
    for status in [waited, opened] {
        assert_eq!(status.code(), Code::Unavailable);
        let (reason, outcome, hint) = told(&status);
        assert_eq!((reason.as_str(), outcome.as_str()), ("DRAINING", "unknown"));
        assert!(hint.is_some());
    }
    assert_eq!(proxy.end().await, End { code: Some(2), finished: 0, cut_off: 3, refused: 0 });
    upstream.seen.open_calls(0).await;
}

async fn an_idle_client_does_not_hold_up_the_end(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    client.call("Echo").await.expect("a call");
    let silent = tokio::net::TcpStream::connect(proxy.address()).await.expect("a connection");
    let started = tokio::time::Instant::now();
    proxy.signal(Signal::Terminate);
    assert_eq!(proxy.end().await, End { code: Some(0), finished: 0, cut_off: 0, refused: 0 });
    assert!(started.elapsed() < patience() / 3, "{:?}", started.elapsed());
    drop((client, silent));
    eventually("the upstream sees nothing open", async || *upstream.seen.open.borrow() == 0).await;
}

async fn sigint_drains_as_sigterm_does(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call("Wait").await }
    });
    upstream.seen.open_calls(1).await;
    proxy.signal(Signal::Interrupt);
    eventually("new calls are refused", async || client.call("Echo").await.is_err()).await;
    upstream.seen.released.send_replace(true);
    waiting.await.expect("no panic").expect("it was in flight");
    let end = proxy.end().await;
    assert_eq!((end.code, end.cut_off), (Some(0), 0));
    // The last of the calls that wondered whether it drains may have been in flight too.
    assert!(end.finished >= 1 && end.refused >= 1, "{end:?}");
}
