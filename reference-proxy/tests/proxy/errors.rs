use crate::support::{Client, Upstream, in_front_of, next, told};
use tonic::Code;

#[tokio::test]
async fn an_upstream_that_breaks_off_gives_the_client_a_status_and_not_a_reset() {
    let upstream = Upstream::start("a").await;
    let proxy = in_front_of(&upstream, "").await;
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

#[tokio::test]
async fn an_upstream_that_does_not_answer_in_grpc_is_told_apart() {
    let upstream = Upstream::start("a").await;
    let proxy = in_front_of(&upstream, "").await;
    let client = Client::connect(proxy.address(), "a").await;
    let status = client.call("Html").await.expect_err("HTTP 502");
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(told(&status), ("UPSTREAM_FAILED".into(), "unknown".into(), None));
}
