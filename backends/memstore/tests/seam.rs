//! The driver as clients see it: every interface once, two instances on one store, and a life after Stop.

use futures::StreamExt;
use prism_driver_kit::Host;
use prism_interfaces::{
    Endpoint, Namespace,
    fault::reason,
    keyvalue::v1::{
        BatchGetRequest, BatchSetRequest, BeginRequest, CommitRequest, GetRequest, GetTtlRequest,
        IncrementRequest, KeyValueEntry, ScanRequest, SetRequest, SetWithTtlRequest, TransactionSetRequest,
        TtlState, key_value_basic_client::KeyValueBasicClient, key_value_batch_client::KeyValueBatchClient,
        key_value_cas_client::KeyValueCasClient, key_value_scan_client::KeyValueScanClient,
        key_value_transactional_client::KeyValueTransactionalClient, key_value_ttl_client::KeyValueTtlClient,
    },
    lifecycle::v1::{
        DropNamespaceRequest, InitializeRequest, StartRequest, StopRequest, lifecycle_client::LifecycleClient,
    },
    pubsub::v1::{
        PublishRequest, SubscribePatternRequest, UnsubscribeRequest, pub_sub_basic_client::PubSubBasicClient,
        pub_sub_wildcards_client::PubSubWildcardsClient, subscribe_event::Event,
    },
    testing::v1::{AdvanceRequest, clock_client::ClockClient},
    time,
};
use prism_memstore::Memstore;
use std::time::Duration;
use tonic::{Code, Request, Status};

fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let namespace = Namespace::new("seam").unwrap();
    request.metadata_mut().insert("prism-namespace", namespace.as_str().parse().unwrap());
    request
}

async fn initialize(endpoint: &Endpoint, settings: &[(&str, &str)]) -> Result<(), Status> {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    LifecycleClient::new(endpoint.clone()).initialize(InitializeRequest { settings }).await.map(|_| ())
}

async fn start(endpoint: &Endpoint) -> Result<(), Status> {
    LifecycleClient::new(endpoint.clone()).start(StartRequest {}).await.map(|_| ())
}

async fn running(driver: Memstore, settings: &[(&str, &str)]) -> Endpoint {
    let endpoint = Host::new(driver).endpoint();
    initialize(&endpoint, settings).await.unwrap();
    start(&endpoint).await.unwrap();
    endpoint
}

async fn set(endpoint: &Endpoint, key: &str, value: &'static str) {
    let message = SetRequest { key: key.to_owned(), value: value.into() };
    KeyValueBasicClient::new(endpoint.clone()).set(request(message)).await.unwrap();
}

async fn get(endpoint: &Endpoint, key: &str) -> Option<String> {
    let message = GetRequest { key: key.to_owned() };
    let reply = KeyValueBasicClient::new(endpoint.clone()).get(request(message)).await.unwrap().into_inner();
    reply.found.then(|| String::from_utf8(reply.value.to_vec()).unwrap())
}

#[tokio::test]
async fn every_key_value_interface_works_on_the_same_keys() {
    let endpoint = running(Memstore::new(), &[("clock", "virtual")]).await;
    set(&endpoint, "a", "1").await;

    let entry = |key: &str| KeyValueEntry { key: key.to_owned(), value: "0".into() };
    let mut batch = KeyValueBatchClient::new(endpoint.clone());
    batch.batch_set(request(BatchSetRequest { entries: vec![entry("b"), entry("c")] })).await.unwrap();
    let keys = ["a", "missing", "a"].map(str::to_owned).to_vec();
    let results = batch.batch_get(request(BatchGetRequest { keys })).await.unwrap().into_inner().results;
    assert_eq!(results.iter().map(|result| result.found).collect::<Vec<_>>(), [true, false, true]);

    let mut cas = KeyValueCasClient::new(endpoint.clone());
    let add = IncrementRequest { key: "a".to_owned(), delta: i64::MAX };
    let status = cas.increment(request(add)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_deref()), (Code::OutOfRange, Some("NUMBER_OVERFLOW")));

    let mut scan = KeyValueScanClient::new(endpoint.clone());
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let message = ScanRequest { prefix: String::new(), limit: 1, cursor };
        let page = scan.scan(request(message)).await.unwrap().into_inner();
        seen.extend(page.entries.into_iter().map(|entry| entry.key));
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c"]);

    let mut transactions = KeyValueTransactionalClient::new(endpoint.clone());
    let transaction_id =
        transactions.begin(request(BeginRequest {})).await.unwrap().into_inner().transaction_id;
    let write = TransactionSetRequest {
        transaction_id: transaction_id.clone(),
        key: "d".to_owned(),
        value: "4".into(),
    };
    transactions.transaction_set(request(write)).await.unwrap();
    assert_eq!(get(&endpoint, "d").await, None);
    let commit = CommitRequest { transaction_id };
    transactions.commit(request(commit.clone())).await.unwrap();
    assert_eq!(get(&endpoint, "d").await.as_deref(), Some("4"));
    assert_eq!(transactions.commit(request(commit)).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_virtual_clock_makes_keys_expire_without_waiting() {
    let endpoint = running(Memstore::new(), &[("clock", "virtual")]).await;
    let (mut ttl, mut clock) = (KeyValueTtlClient::new(endpoint.clone()), ClockClient::new(endpoint.clone()));
    let hour = time::from_std(Duration::from_hours(1));
    let message = SetWithTtlRequest { key: "k".to_owned(), value: "v".into(), ttl: Some(hour) };
    ttl.set_with_ttl(request(message)).await.unwrap();
    for (by, state) in [
        (Duration::from_nanos(3_599_999_999_999), TtlState::Expiring),
        (Duration::from_nanos(1), TtlState::Missing),
    ] {
        clock.advance(request(AdvanceRequest { by: Some(time::from_std(by)) })).await.unwrap();
        let reply = ttl.get_ttl(request(GetTtlRequest { key: "k".to_owned() })).await.unwrap().into_inner();
        assert_eq!(reply.state(), state);
    }
    assert_eq!(get(&endpoint, "k").await, None);
}

#[tokio::test]
async fn a_subscription_delivers_until_it_is_ended() {
    let endpoint = running(Memstore::new(), &[]).await;
    let mut pubsub = PubSubBasicClient::new(endpoint.clone());
    let pattern = SubscribePatternRequest { pattern: "a.*".to_owned() };
    let subscribed = PubSubWildcardsClient::new(endpoint.clone()).subscribe_pattern(request(pattern)).await;
    let mut events = subscribed.unwrap().into_inner();
    let Some(Event::Ready(ready)) = events.next().await.unwrap().unwrap().event else { panic!("not ready") };

    let headers = [("h".to_owned(), "é".to_owned())].into();
    let message = PublishRequest { topic: "a.b".to_owned(), payload: "p".into(), headers };
    let message_id = pubsub.publish(request(message.clone())).await.unwrap().into_inner().message_id;
    let Some(Event::Message(heard)) = events.next().await.unwrap().unwrap().event else {
        panic!("no message")
    };
    assert_eq!(
        (heard.topic, heard.payload, heard.headers),
        (message.topic, message.payload, message.headers)
    );
    assert_eq!(heard.message_id, message_id);

    let end = UnsubscribeRequest { subscription_id: ready.subscription_id };
    assert!(pubsub.unsubscribe(request(end.clone())).await.unwrap().into_inner().existed);
    assert!(events.next().await.is_none(), "the stream ends with OK");
    assert!(!pubsub.unsubscribe(request(end)).await.unwrap().into_inner().existed);
}

#[tokio::test]
async fn what_was_stored_survives_stop_and_vanishes_with_its_namespace() {
    let endpoint = running(Memstore::new(), &[]).await;
    set(&endpoint, "k", "v").await;
    let mut lifecycle = LifecycleClient::new(endpoint.clone());
    lifecycle.stop(StopRequest {}).await.unwrap();
    initialize(&endpoint, &[("clock", "system")]).await.unwrap();
    start(&endpoint).await.unwrap();
    assert_eq!(get(&endpoint, "k").await.as_deref(), Some("v"));
    lifecycle.drop_namespace(request(DropNamespaceRequest {})).await.unwrap();
    assert_eq!(get(&endpoint, "k").await, None);
}

#[tokio::test]
async fn instances_share_a_store_by_name_and_must_agree_on_its_clock() {
    let shared = [("store", "seam-shared"), ("clock", "virtual")];
    let (first, second) = (running(Memstore::new(), &shared).await, running(Memstore::new(), &shared).await);
    let alone = running(Memstore::new(), &[]).await;
    set(&first, "k", "v").await;
    assert_eq!(get(&second, "k").await.as_deref(), Some("v"));
    assert_eq!(get(&alone, "k").await, None);

    let other_clock = Host::new(Memstore::new()).endpoint();
    initialize(&other_clock, &[("store", "seam-shared")]).await.unwrap();
    let status = start(&other_clock).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_deref()), (Code::InvalidArgument, Some("SETTING_INVALID")));
    let status =
        initialize(&Host::new(Memstore::new()).endpoint(), &[("clock", "sundial")]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_is_not_served_is_refused() {
    let endpoint = running(Memstore::serving(&["keyvalue_basic"]), &[]).await;
    set(&endpoint, "k", "1").await;
    let mut cas = KeyValueCasClient::new(endpoint.clone());
    let add = IncrementRequest { key: "k".to_owned(), delta: 1 };
    assert_eq!(cas.increment(request(add)).await.unwrap_err().code(), Code::Unimplemented);
    assert_eq!(get(&endpoint, "k").await.as_deref(), Some("1"));
}
