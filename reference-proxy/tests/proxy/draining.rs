use crate::support::{Client, PATIENCE, Upstream, eventually, in_front_of, next, told, within};
use futures::{StreamExt, stream};
use prism_proxy::Counts;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

#[tokio::test]
async fn two_hundred_calls_in_flight_finish_and_none_is_lost() {
    const CALLS: usize = 200;
    let upstream = Upstream::start("a").await;
    let proxy = in_front_of(&upstream, "").await;
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

    proxy.begin_drain();
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
    assert_eq!(proxy.in_flight(), CALLS);

    let draining = tokio::spawn(proxy.drain());
    upstream.seen.released.send_replace(true);
    for (number, call) in calls.into_iter().enumerate() {
        let answer =
            call.await.expect("no panic").unwrap_or_else(|status| panic!("call {number}: {status:?}"));
        assert_eq!(answer, if number % 2 == 0 { b"done".to_vec() } else { b"second".to_vec() });
    }
    let counts = within("the drain", draining).await.expect("no panic");
    assert_eq!(counts, Counts { finished: CALLS, cut_off: 0, refused: 2 });
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_off_with_a_status() {
    let upstream = Upstream::start("a").await;
    let proxy = in_front_of(&upstream, "drain_timeout: 200ms\n").await;
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
    let draining = tokio::spawn(proxy.drain());
    let waited = waiting.await.expect("no panic").expect_err("cut off");
    let opened = next(&mut open).await.expect_err("cut off");
    for status in [waited, opened] {
        assert_eq!(status.code(), Code::Unavailable);
        let (reason, outcome, hint) = told(&status);
        assert_eq!((reason.as_str(), outcome.as_str()), ("DRAINING", "unknown"));
        assert!(hint.is_some());
    }
    let counts = within("the drain", draining).await.expect("no panic");
    assert_eq!(counts, Counts { finished: 0, cut_off: 3, refused: 0 });
    upstream.seen.open_calls(0).await;
}

#[tokio::test]
async fn a_proxy_that_is_dropped_ends_its_calls() {
    let upstream = Upstream::start("a").await;
    let proxy = in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let waiting = tokio::spawn(async move { client.call("Wait").await });
    upstream.seen.open_calls(1).await;
    drop(proxy);
    upstream.seen.open_calls(0).await;
    within("the call ends", waiting).await.expect("no panic").expect_err("the proxy is gone");
}

#[tokio::test]
async fn an_idle_client_does_not_hold_up_the_end() {
    let upstream = Upstream::start("a").await;
    let proxy = in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    client.call("Echo").await.expect("a call");
    let silent = tokio::net::TcpStream::connect(proxy.address()).await.expect("a connection");
    let started = tokio::time::Instant::now();
    let counts = within("the drain", proxy.drain()).await;
    assert_eq!(counts, Counts { finished: 0, cut_off: 0, refused: 0 });
    assert!(started.elapsed() < PATIENCE / 3, "{:?}", started.elapsed());
    drop((client, silent));
    eventually("the upstream sees nothing open", async || *upstream.seen.open.borrow() == 0).await;
}
