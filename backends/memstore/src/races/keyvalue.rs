//! Races for keys.

use super::{
    Service, advance, block_on, call, namespace, request, service, side_by_side, thread, try_interleavings,
};
use crate::table::Lifetime;
use bytes::Bytes;
use prism_interfaces::{
    keyvalue::v1::{
        Absent, BatchDeleteRequest, BatchGetRequest, BatchSetRequest, BeginRequest, CommitRequest,
        CompareAndSwapRequest, ExpireRequest, GetRequest, IncrementRequest, KeyValueEntry, SetRequest,
        SetWithTtlRequest, TransactionGetRequest, TransactionSetRequest, compare_and_swap_request::Expected,
        key_value_basic_server::KeyValueBasic, key_value_batch_server::KeyValueBatch,
        key_value_cas_server::KeyValueCas, key_value_transactional_server::KeyValueTransactional,
        key_value_ttl_server::KeyValueTtl,
    },
    time,
};
use shuttle::sync::atomic::{AtomicI64, Ordering};
use std::{sync::Arc, time::Duration};
use tonic::{Code, Status};

fn set(service: &Service, key: &str, value: &str) {
    call!(service.set, SetRequest { key: key.to_owned(), value: value.to_owned().into() }).unwrap();
}

fn set_with_ttl(service: &Service, key: &str, value: &str, millis: u64) {
    let ttl = Some(time::from_std(Duration::from_millis(millis)));
    let value = value.to_owned().into();
    call!(service.set_with_ttl, SetWithTtlRequest { key: key.to_owned(), value, ttl }).unwrap();
}

fn get(service: &Service, key: &str) -> Option<Bytes> {
    let reply = call!(service.get, GetRequest { key: key.to_owned() }).unwrap();
    reply.found.then_some(reply.value)
}

fn increment(service: &Service, key: &str) {
    call!(service.increment, IncrementRequest { key: key.to_owned(), delta: 1 }).unwrap();
}

/// Value and lifetime at one time.
fn look(service: &Service, key: &str) -> (Option<Bytes>, Lifetime) {
    let space = service.0.space(&namespace());
    let keys = space.keys();
    keys.assert_consistent();
    (keys.get(key).map(crate::value::Value::to_bytes), keys.lifetime(key))
}

const fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[test]
fn the_expiry_of_an_old_value_never_removes_a_fresh_one() {
    try_interleavings(|| {
        let service = service();
        set_with_ttl(&service, "k", "old", 10);
        side_by_side([
            thread!(service => {
                advance(&service, 10);
                assert_ne!(get(&service, "k"), Some(bytes("old")), "expired and still there");
            }),
            thread!(service => set(&service, "k", "fresh")),
            thread!(service => service.0.sweep()),
        ]);
        assert_eq!(look(&service, "k"), (Some(bytes("fresh")), Lifetime::Persistent));
    });
}

#[test]
fn a_value_and_its_expiry_change_together() {
    try_interleavings(|| {
        let service = service();
        set_with_ttl(&service, "k", "old", 10);
        let (short, long) = (Duration::from_millis(10), Duration::from_millis(20));
        side_by_side([
            thread!(service => set(&service, "k", "new")),
            thread!(service => {
                let ttl = Some(time::from_std(long));
                let reply = call!(service.expire, ExpireRequest { key: "k".to_owned(), ttl }).unwrap();
                assert!(reply.existed);
            }),
            thread!(service => {
                let seen = look(&service, "k");
                let possible = [
                    (Some(bytes("old")), Lifetime::Expiring(short)),
                    (Some(bytes("old")), Lifetime::Expiring(long)),
                    (Some(bytes("new")), Lifetime::Persistent),
                    (Some(bytes("new")), Lifetime::Expiring(long)),
                ];
                assert!(possible.contains(&seen), "{seen:?}");
            }),
        ]);
        let seen = look(&service, "k");
        let possible =
            [(Some(bytes("new")), Lifetime::Persistent), (Some(bytes("new")), Lifetime::Expiring(long))];
        assert!(possible.contains(&seen), "{seen:?}");
        advance(&service, 20);
        assert_eq!(get(&service, "k").is_some(), seen.1 == Lifetime::Persistent);
    });
}

#[test]
fn one_compare_and_swap_wins() {
    try_interleavings(|| {
        let service = service();
        let winner = Arc::new(AtomicI64::new(-1));
        side_by_side([0_i64, 1, 2].map(|mine| {
            let winner = Arc::clone(&winner);
            thread!(service => {
                let swap = CompareAndSwapRequest {
                    key: "k".to_owned(),
                    expected: Some(Expected::Absent(Absent {})),
                    value: mine.to_string().into(),
                };
                if call!(service.compare_and_swap, swap).unwrap().swapped {
                    assert_eq!(winner.swap(mine, Ordering::SeqCst), -1, "two winners");
                }
            })
        }));
        let winner = winner.load(Ordering::SeqCst);
        assert_eq!(get(&service, "k"), Some(winner.to_string().into()));
    });
}

#[test]
fn every_increment_counts_and_the_expiry_stays() {
    try_interleavings(|| {
        let service = service();
        set_with_ttl(&service, "n", "0", 10);
        side_by_side([0, 1, 2].map(|_| {
            thread!(service => {
                increment(&service, "n");
                increment(&service, "n");
            })
        }));
        assert_eq!(look(&service, "n"), (Some(bytes("6")), Lifetime::Expiring(Duration::from_millis(10))));
    });
}

fn keys() -> Vec<String> {
    ["a", "b", "c"].map(str::to_owned).to_vec()
}

#[test]
fn nobody_sees_a_part_of_a_batch() {
    try_interleavings(|| {
        let service = service();
        let write = |value: &'static str| {
            thread!(service => {
                let entries = keys().into_iter().map(|key| KeyValueEntry { key, value: value.into() }).collect();
                call!(service.batch_set, BatchSetRequest { entries }).unwrap();
            })
        };
        side_by_side([
            write("1"),
            write("2"),
            thread!(service => {
                let results = call!(service.batch_get, BatchGetRequest { keys: keys() }).unwrap().results;
                assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
            }),
        ]);
        let gone = Arc::new(AtomicI64::new(0));
        side_by_side([0, 1].map(|_| {
            let gone = Arc::clone(&gone);
            thread!(service => {
                let existed = call!(service.batch_delete, BatchDeleteRequest { keys: keys() }).unwrap().existed;
                let count = existed.iter().filter(|existed| **existed).count() as i64;
                assert!(count == 0 || count == 3, "a batch was interrupted: {existed:?}");
                gone.fetch_add(count, Ordering::SeqCst);
            })
        }));
        assert_eq!(gone.load(Ordering::SeqCst), 3);
    });
}

struct Transaction<'a>(&'a Service, String);

impl<'a> Transaction<'a> {
    fn begin(service: &'a Service) -> Self {
        Self(service, call!(service.begin, BeginRequest {}).unwrap().transaction_id)
    }

    fn get(&self, key: &str) -> Result<i64, Status> {
        let (service, transaction_id) = (self.0, self.1.clone());
        let reply =
            call!(service.transaction_get, TransactionGetRequest { transaction_id, key: key.to_owned() })?;
        Ok(std::str::from_utf8(&reply.value).unwrap().parse().unwrap_or(0))
    }

    fn set(&self, key: &str, value: i64) -> Result<(), Status> {
        let (service, transaction_id) = (self.0, self.1.clone());
        let (key, value) = (key.to_owned(), value.to_string().into());
        call!(service.transaction_set, TransactionSetRequest { transaction_id, key, value }).map(|_| ())
    }

    fn commit(self) -> Result<(), Status> {
        let (service, transaction_id) = (self.0, self.1);
        call!(service.commit, CommitRequest { transaction_id }).map(|_| ())
    }
}

/// Whether a transaction made it; anything but a conflict is a failure.
fn committed(result: Result<(), Status>) -> bool {
    match result {
        Ok(()) => true,
        Err(status) => {
            assert_eq!(status.code(), Code::Aborted, "{status}");
            false
        }
    }
}

#[test]
fn no_update_is_lost_between_transactions_and_plain_writes() {
    try_interleavings(|| {
        let service = service();
        let updates = Arc::new(AtomicI64::new(0));
        let transact = || {
            let updates = Arc::clone(&updates);
            thread!(service => {
                let transaction = Transaction::begin(&service);
                let update = || {
                    transaction.set("n", transaction.get("n")? + 1)?;
                    transaction.commit()
                };
                if committed(update()) {
                    updates.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        side_by_side([transact(), transact(), thread!(service => increment(&service, "n"))]);
        let expected = updates.load(Ordering::SeqCst) + 1;
        assert_eq!(get(&service, "n"), Some(expected.to_string().into()));
    });
}

#[test]
fn there_is_no_write_skew() {
    try_interleavings(|| {
        let service = service();
        set(&service, "x", "1");
        set(&service, "y", "1");
        let transact = |mine: &'static str| {
            thread!(service => {
                let transaction = Transaction::begin(&service);
                let take = || {
                    if transaction.get("x")? + transaction.get("y")? >= 2 {
                        transaction.set(mine, 0)?;
                    }
                    transaction.commit()
                };
                committed(take());
            })
        };
        side_by_side([transact("x"), transact("y")]);
        let left = [get(&service, "x"), get(&service, "y")];
        assert!(
            left.contains(&Some(bytes("1"))),
            "each transaction took what the other had counted on: {left:?}"
        );
    });
}

#[test]
fn a_transaction_sees_one_state_and_a_reader_sees_whole_transactions() {
    try_interleavings(|| {
        let service = service();
        side_by_side([
            thread!(service => {
                let transaction = Transaction::begin(&service);
                transaction.set("a", 1).unwrap();
                transaction.set("b", 1).unwrap();
                transaction.commit().unwrap();
            }),
            thread!(service => {
                let keys = vec!["a".to_owned(), "b".to_owned()];
                let results = call!(service.batch_get, BatchGetRequest { keys }).unwrap().results;
                assert_eq!(results[0], results[1], "a part of a transaction");
            }),
            thread!(service => {
                let transaction = Transaction::begin(&service);
                let look = || Ok((transaction.get("a")?, transaction.get("b")?));
                match look() {
                    Ok((a, b)) => assert_eq!(a, b, "two states in one transaction"),
                    Err(status) => assert!(!committed(Err(status))),
                }
            }),
        ]);
    });
}
