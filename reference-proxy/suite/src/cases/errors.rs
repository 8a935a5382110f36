//! Upstreams that do not answer as they should.

use crate::{Case, Client, Context, case, next, told};
use tonic::Code;
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "errors/call_that_breaks_off_ends_with_a_status",
            &["PRX-12", "PRX-11"],
            "an upstream that breaks off a call gives the client a status and not a reset",
            an_upstream_that_breaks_off_gives_the_client_a_status_and_not_a_reset,
        ),
        case(
            "errors/answer_that_is_not_grpc_becomes_a_status",
            &["PRX-12", "PRX-11"],
            "an answer that is not gRPC becomes a status that says so",
            an_upstream_that_does_not_answer_in_grpc_is_told_apart,
        ),
        case(
            "errors/failed_call_is_not_made_again",
            &["PRX-13"],
            "a call that the upstream has seen and failed is not sent a second time",
            a_call_that_failed_is_not_made_again,
        ),
    ]
}

async fn an_upstream_that_breaks_off_gives_the_client_a_status_and_not_a_reset(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let request = client.request(futures::stream::iter([b"go".to_vec()]));
    // How much of what came before the reset is still delivered is the affair of the upstream's HTTP/2.
    let status = match client.stream("Break", request).await {
        Err(status) => status,
        Ok(response) => {
            let mut broken = response.into_inner();
            loop {
                match next(&mut broken).await {
                    Ok(Some(message)) => assert_eq!(message, b"first"),
                    Ok(None) => panic!("it broke off"),
                    Err(status) => break status,
                }
            }
        }
    };
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(told(&status), ("UPSTREAM_FAILED".into(), "unknown".into(), None));
    assert_eq!(client.who().await.expect("the connection lives"), "a");
}

async fn an_upstream_that_does_not_answer_in_grpc_is_told_apart(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let status = client.call("Html").await.expect_err("HTTP 502");
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(told(&status), ("UPSTREAM_FAILED".into(), "unknown".into(), None));
}

async fn a_call_that_failed_is_not_made_again(context: Context) {
    let upstream = context.upstream("a").await;
    let proxy = context.in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    for (number, method) in ["Fail", "Html", "Break", "Busy"].into_iter().enumerate() {
        client.call(method).await.expect_err(method);
        assert_eq!(upstream.seen.calls.load(std::sync::atomic::Ordering::SeqCst), number + 1, "{method}");
    }
}
