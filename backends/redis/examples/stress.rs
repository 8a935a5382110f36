//! x
use prism_driver_kit::Host;
use prism_interfaces::{Endpoint, keyvalue::v1::*, lifecycle::v1::*};
use prism_interfaces::keyvalue::v1::{key_value_basic_client::*, key_value_transactional_client::*};
use prism_interfaces::lifecycle::v1::lifecycle_client::*;
use std::{collections::*, time::*};
use tonic::{Code, Request};
fn rq<T>(t: T) -> Request<T> { let mut r = Request::new(t); r.metadata_mut().insert("prism-namespace", "stress".parse().unwrap()); r }
async fn start(url: &str) -> Endpoint { let e = Host::new(prism_redis::Redis::new()).endpoint(); let mut l = LifecycleClient::new(e.clone()); l.initialize(InitializeRequest { settings: HashMap::from([("url".into(), url.into())]) }).await.unwrap(); l.start(StartRequest {}).await.unwrap(); e }
#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    let es = [start(&url).await, start(&url).await];
    LifecycleClient::new(es[0].clone()).drop_namespace(rq(DropNamespaceRequest {})).await.unwrap();
    let tasks = (0..16u64).map(|i| { let e = es[(i % 2) as usize].clone(); tokio::spawn(async move {
        let (mut ok, mut aborted, mut unknown, mut cancelled) = (0i64, 0, 0, 0); let end = Instant::now() + Duration::from_secs(8); let mut n = i * 7919 + 1;
        while Instant::now() < end { n = n.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let mut x = KeyValueTransactionalClient::new(e.clone());
            let id = x.begin(rq(BeginRequest {})).await.unwrap().into_inner().transaction_id;
            let mut committing = false;
            let work = async {
                let r = x.transaction_get(rq(TransactionGetRequest { transaction_id: id.clone(), key: "n".into() })).await?.into_inner();
                let v: i64 = if r.found { String::from_utf8(r.value.to_vec()).unwrap().parse().unwrap() } else { 0 };
                x.transaction_set(rq(TransactionSetRequest { transaction_id: id.clone(), key: "n".into(), value: (v + 1).to_string().into() })).await?;
                committing = true;
                x.commit(rq(CommitRequest { transaction_id: id.clone() })).await.map(drop)
            };
            let limit = if n >> 62 == 0 { Duration::from_micros((n >> 40) % 6000) } else { Duration::from_secs(9) };
            let r = tokio::time::timeout(limit, work).await;
            match r { Ok(Ok(())) => ok += 1, Ok(Err(s)) if s.code() == Code::Aborted => aborted += 1, Ok(Err(s)) => panic!("{s:?}"),
                Err(_) => { cancelled += 1; if committing { unknown += 1 } else if n & (1 << 45) == 0 { x.rollback(rq(RollbackRequest { transaction_id: id })).await.unwrap(); } else { x.commit(rq(CommitRequest { transaction_id: id })).await.map_err(|s| s.code()).ok(); } } }
        } (ok, aborted, unknown, cancelled) }) }).collect::<Vec<_>>();
    let mut sum = (0, 0, 0, 0); for t in tasks { let r = t.await.unwrap(); sum = (sum.0 + r.0, sum.1 + r.1, sum.2 + r.2, sum.3 + r.3); }
    let v = KeyValueBasicClient::new(es[0].clone()).get(rq(GetRequest { key: "n".into() })).await.unwrap().into_inner().value;
    println!("ok {} aborted {} unknown {} cancelled {} value {:?}", sum.0, sum.1, sum.2, sum.3, v);
}
