use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Page, Scan, ScanFault, Write, judge, judge_page_count};
use crate::history::Outcome;

fn put(key: &str, value: u8, call: u64, returned: u64) -> Write {
    Write { key: key.into(), value: Some(vec![value]), call, returned, outcome: Outcome::Ok(()) }
}

fn removal(key: &str, call: u64, returned: u64) -> Write {
    Write { value: None, ..put(key, 0, call, returned) }
}

fn unknown(write: Write) -> Write {
    Write { outcome: Outcome::Info, returned: 0, ..write }
}

fn failed(write: Write) -> Write {
    Write { outcome: Outcome::Fail, ..write }
}

/// A scan from 100 to 200 with one page of these keys, all with the value 1.
fn scan(keys: &[&str]) -> Scan {
    let entries = keys.iter().map(|key| ((*key).to_owned(), Some(vec![1]))).collect();
    let pages = vec![Page { limit: 0, entries }];
    Scan { prefix: String::new(), ordered: true, call: 100, returned: 200, pages }
}

fn missing(key: &str) -> Vec<ScanFault> {
    vec![ScanFault::Missing { key: key.into() }]
}

fn not_there(key: &str) -> Vec<ScanFault> {
    vec![ScanFault::NotThere { key: key.into() }]
}

/// What is wrong with a listing that shows `k`, and with one that does not.
fn both(writes: &[Write]) -> (Vec<ScanFault>, Vec<ScanFault>) {
    (judge(writes, &scan(&["k"])), judge(writes, &scan(&[])))
}

#[test]
fn what_must_may_and_must_not_appear() {
    let must = || (vec![], missing("k"));
    let may = || (vec![], vec![]);
    let must_not = || (not_there("k"), vec![]);
    let k = |call, returned| put("k", 1, call, returned);
    let gone = |call, returned| removal("k", call, returned);
    let table = [
        ("never put", vec![], must_not()),
        ("put before", vec![k(1, 99)], must()),
        ("put until the scan began", vec![k(1, 100)], may()),
        ("put during", vec![k(120, 130)], may()),
        ("put as the scan ended", vec![k(200, 201)], may()),
        ("put after", vec![k(201, 202)], must_not()),
        ("removed before", vec![k(1, 2), gone(3, 99)], must_not()),
        ("removed until the scan began", vec![k(1, 2), gone(3, 100)], may()),
        ("removed during", vec![k(1, 2), gone(150, 160)], may()),
        ("removed as the scan ended", vec![k(1, 2), gone(200, 201)], may()),
        ("removed after", vec![k(1, 2), gone(201, 202)], must()),
        ("put again", vec![k(1, 2), gone(3, 4), k(5, 6)], must()),
        ("put again during", vec![k(1, 2), gone(3, 4), k(150, 151)], may()),
        ("put and removed at once", vec![k(1, 5), gone(2, 6)], may()),
        ("put when the removal returned", vec![gone(1, 5), k(5, 7)], may()),
        ("put after the removal", vec![gone(1, 4), k(5, 7)], must()),
        ("put twice and removed at once", vec![k(1, 2), k(10, 20), gone(15, 25)], may()),
        ("put, perhaps", vec![unknown(k(1, 0))], may()),
        ("put, perhaps, too late", vec![unknown(k(201, 0))], must_not()),
        ("put, perhaps, and removed", vec![unknown(k(1, 0)), gone(50, 60)], may()),
        ("removed, perhaps", vec![k(1, 2), unknown(gone(3, 0))], may()),
        ("removed, perhaps, long ago", vec![unknown(gone(1, 0)), k(5, 6)], may()),
        ("removed, perhaps, too late", vec![k(1, 2), unknown(gone(201, 0))], must()),
        ("put in vain", vec![failed(k(1, 2))], must_not()),
        ("removed in vain", vec![k(1, 2), failed(gone(3, 4))], must()),
        ("overwritten", vec![k(1, 2), k(3, 4)], must()),
        ("overwritten during", vec![k(1, 2), k(150, 160)], must()),
    ];
    for (what, writes, expected) in table {
        assert_eq!(both(&writes), expected, "{what}");
    }
}

#[test]
fn values_must_have_been_current_during_the_scan() {
    let wrong = || vec![ScanFault::WrongValue { key: "k".into(), value: vec![1] }];
    let k = |value, call, returned| put("k", value, call, returned);
    let table = [
        ("the one value", vec![k(1, 1, 2)], vec![]),
        ("another value", vec![k(2, 1, 2)], wrong()),
        ("an old value", vec![k(1, 1, 2), k(2, 3, 99)], wrong()),
        ("a value until the scan began", vec![k(1, 1, 2), k(2, 3, 100)], vec![]),
        ("an overwritten value, perhaps", vec![k(1, 1, 2), unknown(k(2, 3, 0))], vec![]),
        ("either of two at once", vec![k(1, 1, 3), k(2, 2, 4)], vec![]),
        ("either of two that touch", vec![k(1, 1, 3), k(2, 3, 4)], vec![]),
        ("the value before a removal", vec![k(1, 1, 2), removal("k", 3, 4), k(2, 5, 6)], wrong()),
        ("a value put during", vec![k(2, 1, 2), k(1, 150, 160)], vec![]),
        ("a value put after", vec![k(2, 1, 2), k(1, 201, 202)], wrong()),
        ("a value put in vain", vec![k(2, 1, 2), failed(k(1, 3, 4))], wrong()),
        ("the same value again", vec![k(1, 1, 2), k(2, 3, 4), k(1, 5, 6)], vec![]),
    ];
    for (what, writes, expected) in table {
        assert_eq!(judge(&writes, &scan(&["k"])), expected, "{what}");
        let mut keys_alone = scan(&["k"]);
        keys_alone.pages[0].entries[0].1 = None;
        assert_eq!(judge(&writes, &keys_alone), [], "{what}, keys alone");
    }
}

#[test]
fn pages_are_judged_as_pages() {
    let writes: Vec<Write> = ["a", "b", "c", "x"].into_iter().map(|key| put(key, 1, 1, 2)).collect();
    let page = |limit, keys: &[&str]| Page { limit, ..scan(keys).pages.remove(0) };
    let over = |pages| Scan { pages, ..scan(&[]) };
    assert_eq!(judge(&writes, &over(vec![page(2, &["a", "b"]), page(2, &["c", "x"]), page(2, &[])])), []);
    assert_eq!(
        judge(&writes, &over(vec![page(2, &["a", "b", "c"]), page(3, &["x"])])),
        [ScanFault::PageTooLong { page: 0, len: 3, limit: 2 }]
    );
    assert_eq!(
        judge(&writes, &over(vec![page(9, &["a", "b"]), page(9, &["b", "c", "x", "a"])])),
        [
            ScanFault::Duplicate { key: "b".into(), pages: (0, 1) },
            ScanFault::Duplicate { key: "a".into(), pages: (0, 1) }
        ]
    );
    let shuffled = over(vec![page(9, &["b", "a"]), page(9, &["x", "c"])]);
    assert_eq!(
        judge(&writes, &shuffled),
        [
            ScanFault::OutOfOrder { key: "a".into(), after: "b".into() },
            ScanFault::OutOfOrder { key: "c".into(), after: "x".into() }
        ]
    );
    assert_eq!(judge(&writes, &Scan { ordered: false, ..shuffled }), []);
}

#[test]
fn a_prefix_bounds_what_is_expected_and_what_may_come() {
    let writes: Vec<Write> = ["a", "ab", "b"].into_iter().map(|key| put(key, 1, 1, 2)).collect();
    let prefixed = |keys: &[&str]| Scan { prefix: "a".into(), ..scan(keys) };
    assert_eq!(judge(&writes, &prefixed(&["a", "ab"])), []);
    assert_eq!(judge(&writes, &prefixed(&["a", "ab", "b"])), [ScanFault::OutsidePrefix { key: "b".into() }]);
    assert_eq!(judge(&writes, &prefixed(&["ab"])), missing("a"));
}

#[test]
fn pages_are_counted() {
    let bound = |keys, limit| (0..50).rev().find(|&pages| judge_page_count(keys, limit, pages).is_ok());
    assert_eq!((bound(0, 5), bound(1, 5), bound(5, 5), bound(6, 5)), (Some(2), Some(3), Some(3), Some(4)));
    assert_eq!(bound(7, 0), Some(9));
    let fault = ScanFault::TooManyPages { pages: 4, at_most: 3 };
    assert_eq!(judge_page_count(5, 5, 4), Err(fault));
}

/// A store in which writers come and go while a scan reads a page at a time, from the key after the last one.
fn concurrent_scan(rng: &mut ChaCha8Rng, by_offset: bool) -> (Vec<Write>, Scan) {
    let keys: Vec<String> = (0..12).map(|n| format!("k{n:02}")).collect();
    let mut store: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut writes = Vec::new();
    let mut clock = 0;
    let mut write = |rng: &mut ChaCha8Rng, store: &mut BTreeMap<String, Vec<u8>>, clock: &mut u64| {
        let key = &keys[rng.random_range(0..keys.len())];
        let value = rng.random_bool(0.6).then(|| clock.to_le_bytes().to_vec());
        *clock += 2;
        match &value {
            Some(value) => _ = store.insert(key.clone(), value.clone()),
            None => _ = store.remove(key),
        }
        let outcome = if rng.random_bool(0.1) { Outcome::Info } else { Outcome::Ok(()) };
        writes.push(Write { key: key.clone(), value, call: *clock - 1, returned: *clock, outcome });
    };
    for _ in 0..20 {
        write(rng, &mut store, &mut clock);
    }
    let call = clock + 1;
    clock += 1;
    let mut pages = Vec::new();
    let (mut after, mut offset) = (String::new(), 0);
    loop {
        let all = store.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        let entries: Vec<_> = if by_offset {
            all.skip(offset).take(3).collect()
        } else {
            all.filter(|(key, _)| *key > after).take(3).collect()
        };
        offset += entries.len();
        let Some((last, _)) = entries.last() else { break };
        after.clone_from(last);
        pages.push(Page { limit: 3, entries });
        for _ in 0..rng.random_range(0..3) {
            write(rng, &mut store, &mut clock);
        }
    }
    clock += 1;
    (writes, Scan { prefix: "k".into(), ordered: true, call, returned: clock, pages })
}

#[test]
fn correct_scans_pass_and_paging_by_offset_does_not() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for _ in 0..500 {
        let (writes, scan) = concurrent_scan(&mut rng, false);
        assert_eq!(judge(&writes, &scan), [], "{writes:#?} {scan:#?}");
    }
    let caught = (0..500)
        .filter(|_| {
            let (writes, scan) = concurrent_scan(&mut rng, true);
            !judge(&writes, &scan).is_empty()
        })
        .count();
    assert!(caught > 100, "{caught} of 500 scans by offset were caught");
}

#[test]
fn faults_read_well() {
    let key = || "k".to_owned();
    let faults = [
        (ScanFault::Missing { key: key() }, "\"k\" was there throughout and is missing"),
        (ScanFault::NotThere { key: key() }, "\"k\" appears and was not there at any time"),
        (ScanFault::Duplicate { key: key(), pages: (0, 2) }, "\"k\" appears on page 0 and again on page 2"),
        (ScanFault::OutsidePrefix { key: key() }, "\"k\" does not start with the prefix"),
        (ScanFault::OutOfOrder { key: key(), after: "z".into() }, "\"k\" comes after \"z\""),
        (ScanFault::PageTooLong { page: 1, len: 3, limit: 2 }, "page 1 holds 3 entries, the limit was 2"),
        (
            ScanFault::WrongValue { key: key(), value: b"v".to_vec() },
            "\"k\" appears with \"v\", which it did not hold at any time",
        ),
        (ScanFault::TooManyPages { pages: 5, at_most: 4 }, "5 pages, 4 should have been enough"),
    ];
    for (fault, text) in faults {
        assert_eq!(fault.to_string(), text);
    }
}
