//! The driver behind a host, through the generated clients: what is particular to a file that several can open.

use prism_driver_kit::Host;
use prism_interfaces::{
    Endpoint, NAMESPACE_HEADER,
    fault::{WriteOutcome, reason, write_outcome},
    keyvalue::v1::{
        Absent, BatchDeleteRequest, BatchGetRequest, BatchSetRequest, BeginRequest, CommitRequest,
        CompareAndDeleteRequest, CompareAndSwapRequest, CountRequest, DeleteRequest, ExistsRequest,
        ExpireRequest, GetRequest, GetTtlRequest, IncrementRequest, KeyValueEntry, PersistRequest,
        RollbackRequest, ScanKeysRequest, ScanRequest, SetRequest, SetWithTtlRequest,
        TransactionDeleteRequest, TransactionGetRequest, TransactionSetRequest, TtlState,
        compare_and_swap_request::Expected, key_value_basic_client::KeyValueBasicClient,
        key_value_batch_client::KeyValueBatchClient, key_value_cas_client::KeyValueCasClient,
        key_value_scan_client::KeyValueScanClient,
        key_value_transactional_client::KeyValueTransactionalClient, key_value_ttl_client::KeyValueTtlClient,
    },
    lifecycle::v1::{
        DescribeRequest, DropNamespaceRequest, Health, HealthCheckRequest, InitializeRequest, StartRequest,
        StopRequest, lifecycle_client::LifecycleClient,
    },
    testing::v1::{AdvanceRequest, clock_client::ClockClient},
};
use prism_sqlite::Sqlite;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use std::{
    future::{Future, poll_fn},
    path::Path,
    pin::pin,
    task::Poll,
    time::Duration,
};
use tonic::{Code, Request};

fn call<T>(message: T) -> Request<T> {
    call_in("n", message)
}

fn call_in<T>(namespace: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(NAMESPACE_HEADER, namespace.parse().unwrap());
    request
}

async fn start(endpoint: &Endpoint, settings: &[(&str, &str)]) {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut lifecycle = LifecycleClient::new(endpoint.clone());
    lifecycle.initialize(InitializeRequest { settings }).await.unwrap();
    lifecycle.start(StartRequest {}).await.unwrap();
}

async fn on_file(file: &Path, clock: &str) -> Endpoint {
    let endpoint = Host::new(Sqlite::new()).endpoint();
    start(&endpoint, &[("path", file.to_str().unwrap()), ("clock", clock)]).await;
    endpoint
}

async fn virtual_instance() -> Endpoint {
    let endpoint = Host::new(Sqlite::new()).endpoint();
    start(&endpoint, &[("clock", "virtual")]).await;
    endpoint
}

async fn set(endpoint: &Endpoint, key: &str, value: &str) {
    let message = SetRequest { key: key.to_owned(), value: value.to_owned().into() };
    KeyValueBasicClient::new(endpoint.clone()).set(call(message)).await.unwrap();
}

async fn get(endpoint: &Endpoint, key: &str) -> Option<String> {
    let message = GetRequest { key: key.to_owned() };
    let got = KeyValueBasicClient::new(endpoint.clone()).get(call(message)).await.unwrap().into_inner();
    got.found.then(|| String::from_utf8(got.value.into()).unwrap())
}

async fn advance(endpoint: &Endpoint, by: Duration) {
    let by = Some(prism_interfaces::time::from_std(by));
    ClockClient::new(endpoint.clone()).advance(call(AdvanceRequest { by })).await.unwrap();
}

async fn set_with_ttl(endpoint: &Endpoint, key: &str, millis: u64) {
    let ttl = Some(prism_interfaces::time::from_std(Duration::from_millis(millis)));
    let message = SetWithTtlRequest { key: key.to_owned(), value: "ttl".into(), ttl };
    KeyValueTtlClient::new(endpoint.clone()).set_with_ttl(call(message)).await.unwrap();
}

#[tokio::test]
async fn single_keys_and_scans() {
    let endpoint = virtual_instance().await;
    let mut basic = KeyValueBasicClient::new(endpoint.clone());
    let keys = ["a", "a\0", "a\0b", "a%", "a_b", "aé", "b", "\u{10ffff}"];
    for key in keys {
        set(&endpoint, key, key).await;
    }
    set(&endpoint, "a", "").await;
    assert_eq!(get(&endpoint, "a").await.as_deref(), Some(""));
    assert_eq!(get(&endpoint, "a\0").await.as_deref(), Some("a\0"));

    let mut scan = KeyValueScanClient::new(endpoint.clone());
    for limit in [1, 2, 3, 1000, 0] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let request = ScanRequest { prefix: "a".to_owned(), limit, cursor };
            let page = scan.scan(call(request)).await.unwrap().into_inner();
            found.extend(page.entries.into_iter().map(|entry| entry.key));
            cursor = page.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        assert_eq!(found, keys[..6], "{limit}");
    }
    let page = ScanKeysRequest { limit: 7, ..ScanKeysRequest::default() };
    let page = scan.scan_keys(call(page)).await.unwrap().into_inner();
    assert_eq!(page.keys, keys[..7]);
    let foreign = ScanRequest { prefix: "a".to_owned(), limit: 1, cursor: page.next_cursor };
    assert_eq!(scan.scan(call(foreign)).await.unwrap_err().code(), Code::InvalidArgument);
    let count = CountRequest { prefix: "a\0".to_owned() };
    assert_eq!(scan.count(call(count)).await.unwrap().into_inner().count, 2);

    for existed in [true, false] {
        let deleted = basic.delete(call(DeleteRequest { key: "a".to_owned() })).await.unwrap();
        assert_eq!(deleted.into_inner().existed, existed);
        let exists = basic.exists(call(ExistsRequest { key: "a".to_owned() })).await.unwrap();
        assert!(!exists.into_inner().exists);
    }
}

#[tokio::test]
async fn a_page_of_large_values_is_cut_short_and_goes_on() {
    let endpoint = virtual_instance().await;
    let mut basic = KeyValueBasicClient::new(endpoint.clone());
    let value = vec![7; 1 << 20];
    for key in ["a", "b", "c", "d", "e"] {
        let message = SetRequest { key: key.to_owned(), value: value.clone().into() };
        basic.set(call(message)).await.unwrap();
    }
    let mut scan = KeyValueScanClient::new(endpoint);
    let (mut pages, mut found, mut cursor) = (0, String::new(), String::new());
    loop {
        let page = scan.scan(call(ScanRequest { cursor, ..ScanRequest::default() })).await.unwrap();
        let page = page.into_inner();
        assert!(page.entries.iter().all(|entry| entry.value == value));
        found.extend(page.entries.into_iter().map(|entry| entry.key));
        pages += 1;
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!((pages, found.as_str()), (3, "abcde"));
}

#[tokio::test]
async fn keys_expire_for_every_interface_and_are_removed_in_passing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    let endpoint = on_file(&file, "virtual").await;
    let mut ttl = KeyValueTtlClient::new(endpoint.clone());
    set_with_ttl(&endpoint, "k", 5).await;
    set_with_ttl(&endpoint, "other", 5).await;
    advance(&endpoint, Duration::from_nanos(4_999_999)).await;
    assert_eq!(get(&endpoint, "k").await.as_deref(), Some("ttl"));
    let state = ttl.get_ttl(call(GetTtlRequest { key: "k".to_owned() })).await.unwrap().into_inner();
    assert_eq!(state.state(), TtlState::Expiring);
    assert_eq!(state.remaining.unwrap().nanos, 1);
    advance(&endpoint, Duration::from_nanos(1)).await;

    assert_eq!(get(&endpoint, "k").await, None);
    let state = ttl.get_ttl(call(GetTtlRequest { key: "k".to_owned() })).await.unwrap().into_inner();
    assert_eq!((state.state(), state.remaining), (TtlState::Missing, None));
    let long = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let expire = |key: &str| ExpireRequest { key: key.to_owned(), ttl: long };
    assert!(!ttl.expire(call(expire("k"))).await.unwrap().into_inner().existed);
    let persist = |key: &str| PersistRequest { key: key.to_owned() };
    assert!(!ttl.persist(call(persist("k"))).await.unwrap().into_inner().removed);
    let count = KeyValueScanClient::new(endpoint.clone()).count(call(CountRequest::default())).await.unwrap();
    assert_eq!(count.into_inner().count, 0);
    let delete = BatchDeleteRequest { keys: vec!["k".to_owned()] };
    let deleted = KeyValueBatchClient::new(endpoint.clone()).batch_delete(call(delete)).await.unwrap();
    assert_eq!(deleted.into_inner().existed, [false]);

    set(&endpoint, "k", "fresh").await;
    set_with_ttl(&endpoint, "third", 5).await;
    let mut connection = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT key FROM prism_keyvalue ORDER BY key")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(rows, [&b"k"[..], b"third"]);
    assert_eq!(get(&endpoint, "k").await.as_deref(), Some("fresh"));
    assert!(ttl.expire(call(expire("k"))).await.unwrap().into_inner().existed);
    for removed in [true, false] {
        assert_eq!(ttl.persist(call(persist("k"))).await.unwrap().into_inner().removed, removed);
    }
    let state = ttl.get_ttl(call(GetTtlRequest { key: "k".to_owned() })).await.unwrap().into_inner();
    assert_eq!((state.state(), state.remaining), (TtlState::Persistent, None));
}

#[tokio::test]
async fn changes_depend_on_what_is_there_and_keep_its_ttl() {
    let endpoint = virtual_instance().await;
    let mut cas = KeyValueCasClient::new(endpoint.clone());
    let mut swap = async |expected: Option<&str>, value: &str| {
        let expected = match expected {
            None => Expected::Absent(Absent {}),
            Some(expected) => Expected::ExpectedValue(expected.to_owned().into()),
        };
        let value = value.to_owned().into();
        let message = CompareAndSwapRequest { key: "k".to_owned(), expected: Some(expected), value };
        cas.compare_and_swap(call(message)).await.unwrap().into_inner().swapped
    };
    assert!(!swap(Some(""), "x").await);
    assert!(swap(None, "").await);
    assert!(!swap(None, "x").await);
    assert!(swap(Some(""), "ab").await);
    assert!(!swap(Some("a"), "x").await);
    set_with_ttl(&endpoint, "k", 5).await;
    assert!(swap(Some("ttl"), "7").await);
    let increment = async |delta| {
        let message = IncrementRequest { key: "k".to_owned(), delta };
        cas_client(&endpoint).increment(call(message)).await.map(|sum| sum.into_inner().value)
    };
    assert_eq!(increment(-10).await.unwrap(), -3);
    advance(&endpoint, Duration::from_millis(5)).await;
    assert_eq!(increment(i64::MAX).await.unwrap(), i64::MAX);
    let overflow = increment(1).await.unwrap_err();
    assert_eq!(overflow.code(), Code::OutOfRange);
    assert_eq!(write_outcome(&overflow), Some(WriteOutcome::NotApplied));
    assert_eq!(get(&endpoint, "k").await, Some(i64::MAX.to_string()));
    set(&endpoint, "k", "007").await;
    assert_eq!(reason(&increment(1).await.unwrap_err()).as_deref(), Some("VALUE_NOT_A_NUMBER"));
    for (expected, deleted) in [("7", false), ("007", true), ("007", false)] {
        let message =
            CompareAndDeleteRequest { key: "k".to_owned(), expected_value: expected.to_owned().into() };
        let answer = cas_client(&endpoint).compare_and_delete(call(message)).await.unwrap();
        assert_eq!(answer.into_inner().deleted, deleted);
    }
}

fn cas_client(endpoint: &Endpoint) -> KeyValueCasClient<Endpoint> {
    KeyValueCasClient::new(endpoint.clone())
}

#[tokio::test]
async fn batches_of_the_largest_size_answer_position_by_position() {
    let endpoint = virtual_instance().await;
    let mut batch = KeyValueBatchClient::new(endpoint);
    let entry = |number: usize| KeyValueEntry { key: format!("k{number}"), value: number.to_string().into() };
    let mut entries: Vec<_> = (0..999).map(entry).collect();
    entries.push(KeyValueEntry { key: "k0".to_owned(), value: "last".into() });
    batch.batch_set(call(BatchSetRequest { entries })).await.unwrap();
    let keys: Vec<String> = ["k998", "missing", "k0", "k998"].map(str::to_owned).into();
    let got = batch.batch_get(call(BatchGetRequest { keys: keys.clone() })).await.unwrap().into_inner();
    let got: Vec<_> = got.results.iter().map(|result| result.found.then_some(&result.value[..])).collect();
    assert_eq!(got, [Some(&b"998"[..]), None, Some(b"last"), Some(b"998")]);
    let deleted = batch.batch_delete(call(BatchDeleteRequest { keys })).await.unwrap().into_inner();
    assert_eq!(deleted.existed, [true, false, true, false]);

    let mut entries: Vec<_> = (0..1000).map(entry).collect();
    entries[999].key.clear();
    let refused = batch.batch_set(call(BatchSetRequest { entries })).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let got = batch.batch_get(call(BatchGetRequest { keys: vec!["k0".to_owned()] })).await.unwrap();
    assert!(!got.into_inner().results[0].found);
}

#[tokio::test]
async fn two_instances_on_one_file_agree_even_on_transactions_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    let (one, two) = tokio::join!(on_file(&file, "virtual"), on_file(&file, "virtual"));
    set(&one, "k", "v").await;
    assert_eq!(get(&two, "k").await.as_deref(), Some("v"));

    let mut transactions = KeyValueTransactionalClient::new(one.clone());
    let begin = async |transactions: &mut KeyValueTransactionalClient<Endpoint>| {
        transactions.begin(call(BeginRequest {})).await.unwrap().into_inner().transaction_id
    };
    // Writing the same value again is seen: only a version tells it from the one before.
    for (steal, committed) in [(true, false), (false, true)] {
        let id = begin(&mut transactions).await;
        let read = TransactionGetRequest { transaction_id: id.clone(), key: "k".to_owned() };
        assert_eq!(transactions.transaction_get(call(read)).await.unwrap().into_inner().value, "v");
        let absent = TransactionDeleteRequest { transaction_id: id.clone(), key: "nothing".to_owned() };
        assert!(!transactions.transaction_delete(call(absent)).await.unwrap().into_inner().existed);
        let write =
            TransactionSetRequest { transaction_id: id.clone(), key: "k".to_owned(), value: "mine".into() };
        transactions.transaction_set(call(write)).await.unwrap();
        assert_eq!(get(&two, "k").await.as_deref(), Some("v"));
        if steal {
            set(&two, "k", "v").await;
        }
        let outcome = transactions.commit(call(CommitRequest { transaction_id: id.clone() })).await;
        assert_eq!(outcome.as_ref().err().map(tonic::Status::code), (!committed).then_some(Code::Aborted));
        let gone = transactions.rollback(call(RollbackRequest { transaction_id: id })).await.unwrap_err();
        assert_eq!(reason(&gone).as_deref(), Some("TRANSACTION_NOT_FOUND"));
    }
    assert_eq!(get(&two, "k").await.as_deref(), Some("mine"));

    // A read that comes after a change of something read before does not answer.
    let id = begin(&mut transactions).await;
    let read = |key: &str| TransactionGetRequest { transaction_id: id.clone(), key: key.to_owned() };
    transactions.transaction_get(call(read("absent"))).await.unwrap();
    set(&two, "absent", "no longer").await;
    let torn = transactions.transaction_get(call(read("k"))).await.unwrap_err();
    assert_eq!((torn.code(), write_outcome(&torn)), (Code::Aborted, Some(WriteOutcome::NotApplied)));

    set_with_ttl(&one, "short", 5).await;
    advance(&two, Duration::from_millis(5)).await;
    assert_eq!((get(&one, "short").await, get(&two, "short").await), (None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_write_at_once_lose_nothing() {
    const ADDITIONS: i64 = 100;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    let (one, two) = tokio::join!(on_file(&file, "system"), on_file(&file, "system"));
    let writers = [one.clone(), one.clone(), two.clone(), two].map(|endpoint| {
        tokio::spawn(async move {
            for _ in 0..ADDITIONS {
                let message = IncrementRequest { key: "n".to_owned(), delta: 1 };
                cas_client(&endpoint).increment(call(message)).await.unwrap();
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(get(&one, "n").await, Some((4 * ADDITIONS).to_string()));
}

/// Drops a call when it has had to wait this often.
async fn dropped_after<F: Future>(waits: usize, call: F) -> Option<F::Output> {
    let (mut call, mut left) = (pin!(call), waits);
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_while_it_waits_leaves_nothing_half_done() {
    let endpoint = virtual_instance().await;
    let keys: Vec<String> = (0..5).map(|n| format!("k{n}")).collect();
    let entries = |value: String| {
        let entry = |key: &String| KeyValueEntry { key: key.clone(), value: value.clone().into() };
        keys.iter().map(entry).collect::<Vec<_>>()
    };
    let mut batch = KeyValueBatchClient::new(endpoint.clone());
    let mut transactions = KeyValueTransactionalClient::new(endpoint.clone());
    let (mut cut_off, mut finished) = (0, 0);
    for round in 0..100 {
        // Early and late. How often a call has to wait differs, because an answer can be there at once.
        let waits = round % 25 * (round % 3 + 1) / 3;
        let before = format!("before {round}");
        batch.batch_set(call(BatchSetRequest { entries: entries(before.clone()) })).await.unwrap();
        let after = entries(format!("after {round}"));
        let answer = if round % 2 == 0 {
            let write = batch.batch_set(call(BatchSetRequest { entries: after }));
            dropped_after(waits, write).await.map(|answer| answer.map(drop))
        } else {
            let begun = transactions.begin(call(BeginRequest {})).await.unwrap().into_inner();
            for KeyValueEntry { key, value } in after {
                let message =
                    TransactionSetRequest { transaction_id: begun.transaction_id.clone(), key, value };
                transactions.transaction_set(call(message)).await.unwrap();
            }
            let commit = transactions.commit(call(CommitRequest { transaction_id: begun.transaction_id }));
            dropped_after(waits, commit).await.map(|answer| answer.map(drop))
        };
        // The connection is free again, and what was begun on it is over.
        set(&endpoint, "other", "written").await;
        let got = batch.batch_get(call(BatchGetRequest { keys: keys.clone() })).await.unwrap().into_inner();
        let mut values: Vec<_> = got.results.into_iter().map(|result| result.value).collect();
        values.dedup();
        assert_eq!(values.len(), 1, "a part was applied: {values:?}");
        match answer {
            Some(answer) => {
                answer.unwrap();
                assert_ne!(values[0], before);
                finished += 1;
            }
            None => cut_off += 1,
        }
    }
    assert!(cut_off > 0 && finished > 0, "{cut_off} {finished}");
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart_and_namespaces_are_apart() {
    let endpoint = Host::new(Sqlite::new()).endpoint();
    let mut lifecycle = LifecycleClient::new(endpoint.clone());
    start(&endpoint, &[("clock", "virtual")]).await;
    let described = lifecycle.describe(DescribeRequest {}).await.unwrap().into_inner();
    assert!(described.server_version.starts_with("3."), "{}", described.server_version);
    set(&endpoint, "k", "v").await;
    set_with_ttl(&endpoint, "short", 1000).await;
    advance(&endpoint, Duration::from_secs(1)).await;
    lifecycle.stop(StopRequest {}).await.unwrap();

    start(&endpoint, &[("clock", "virtual")]).await;
    let health = lifecycle.health_check(HealthCheckRequest {}).await.unwrap().into_inner();
    assert_eq!((health.health(), health.message.as_str()), (Health::Healthy, ""));
    assert_eq!(get(&endpoint, "k").await.as_deref(), Some("v"));
    assert_eq!(get(&endpoint, "short").await, None);

    let mut basic = KeyValueBasicClient::new(endpoint.clone());
    let message = SetRequest { key: "k".to_owned(), value: "theirs".into() };
    basic.set(call_in("other", message)).await.unwrap();
    lifecycle.drop_namespace(call(DropNamespaceRequest {})).await.unwrap();
    assert_eq!(get(&endpoint, "k").await, None);
    let theirs = basic.get(call_in("other", GetRequest { key: "k".to_owned() })).await.unwrap();
    assert_eq!(theirs.into_inner().value, "theirs");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter.txt");
    std::fs::write(
        &file,
        "Dear reader, this is no database, and it is long enough to be looked at. ".repeat(20),
    )
    .unwrap();
    let endpoint = Host::new(Sqlite::new()).endpoint();
    let mut lifecycle = LifecycleClient::new(endpoint);
    let settings = [("path".to_owned(), file.to_str().unwrap().to_owned())].into();
    lifecycle.initialize(InitializeRequest { settings }).await.unwrap();
    let refused = lifecycle.start(StartRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::DataLoss, "{refused}");
    assert!(!refused.message().contains("letter"), "{refused}");
}
