use std::{collections::BTreeSet, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    Answer, BatchOp, Declared, Isolation, KeyValueModel, Mismatch, Op, ScanOp, TransactionOp, TtlOp, TtlRet,
};
use crate::{
    register::{RegisterOp, RegisterRet},
    ttl::{Presence, Slack, Span},
};

mod toy;

use toy::{Fault, Style, Toy};

const DECLARED: Declared = Declared {
    slack: Slack { granularity: Duration::from_millis(4), sweep: Duration::from_millis(3) },
    ordered: true,
    isolation: Isolation::Snapshot,
    timeout: Duration::from_mins(1),
};

const NANOSECOND: Duration = Duration::from_nanos(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn random_op(rng: &mut ChaCha8Rng) -> Op {
    const KEYS: [&str; 6] = ["a", "A", "a%", "ab", "b", "a%b"];
    const VALUES: [&str; 8] = ["", "1", "7", "007", "ab", "abc", "9223372036854775807", "-3"];
    let key = |rng: &mut ChaCha8Rng| KEYS[rng.random_range(0..KEYS.len())].to_owned();
    let value = |rng: &mut ChaCha8Rng| VALUES[rng.random_range(0..VALUES.len())].as_bytes().to_vec();
    let keys = |rng: &mut ChaCha8Rng| (0..rng.random_range(0..4)).map(|_| key(rng)).collect::<Vec<_>>();
    let ttl = |rng: &mut ChaCha8Rng| Duration::from_micros(rng.random_range(1..60_000));
    let prefix = |rng: &mut ChaCha8Rng| ["", "a", "a%", "b", "A"][rng.random_range(0..5)].to_owned();
    match rng.random_range(0..20) {
        0..=6 => {
            let op = match rng.random_range(0..9) {
                0 | 1 => RegisterOp::Set(value(rng)),
                2 | 3 => RegisterOp::Get,
                4 => RegisterOp::Delete,
                5 => RegisterOp::Exists,
                6 => {
                    let expected = rng.random_bool(0.6).then(|| value(rng));
                    RegisterOp::Cas { expected, value: value(rng) }
                }
                7 => RegisterOp::CompareAndDelete(value(rng)),
                _ => RegisterOp::Increment(rng.random_range(-1..3)),
            };
            Op::Key { key: key(rng), op }
        }
        7..=11 => {
            let op = match rng.random_range(0..6) {
                0 | 1 => TtlOp::Set { value: value(rng), ttl: ttl(rng) },
                2 => TtlOp::Expire(ttl(rng)),
                3 | 4 => TtlOp::Get,
                _ => TtlOp::Persist,
            };
            Op::Ttl { key: key(rng), op }
        }
        12 => Op::Scan(ScanOp::Scan { prefix: prefix(rng) }),
        13 if rng.random_bool(0.5) => Op::Scan(ScanOp::Keys { prefix: prefix(rng) }),
        13 => Op::Scan(ScanOp::Count { prefix: prefix(rng) }),
        14 => Op::Batch(match rng.random_range(0..3) {
            0 => BatchOp::Set(keys(rng).into_iter().map(|key| (key, value(rng))).collect()),
            1 => BatchOp::Get(keys(rng)),
            _ => BatchOp::Delete(keys(rng)),
        }),
        _ => {
            let op = match rng.random_range(0..12) {
                0 | 1 => TransactionOp::Begin,
                2..=4 => TransactionOp::Set { key: key(rng), value: value(rng) },
                5..=7 => TransactionOp::Get { key: key(rng) },
                8 => TransactionOp::Delete { key: key(rng) },
                9 | 10 => TransactionOp::Commit,
                _ => TransactionOp::Rollback,
            };
            Op::Transaction { txn: rng.random_range(0..3), op }
        }
    }
}

/// Runs a driver against the model; after how many operations the model objects, and to what.
fn run(
    style: Style,
    isolation: Isolation,
    seed: u64,
    ops: usize,
    blur: u64,
) -> Result<(), (usize, Mismatch)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut toy = Toy::new(style);
    let mut model = KeyValueModel::new(Declared { isolation, ..DECLARED });
    for n in 0..ops {
        let before = if rng.random_bool(0.5) { rng.random_range(0..9_000) } else { 0 };
        let from = toy.now;
        toy.now += Duration::from_micros(before.max(blur));
        let op = random_op(&mut rng);
        let answer = toy.perform(&op);
        let span = if blur > 0 {
            let span =
                Span::new(from.max(toy.now.saturating_sub(ms(5))), toy.now + Duration::from_micros(blur));
            toy.now = span.to;
            span
        } else {
            Span::at(toy.now)
        };
        model.judge(span, &op, &answer).map_err(|mismatch| (n, mismatch))?;
    }
    Ok(())
}

fn styles() -> impl Iterator<Item = Style> {
    let window = DECLARED.slack.granularity + DECLARED.slack.sweep;
    let late = [Duration::ZERO, ms(2), window.saturating_sub(NANOSECOND), window];
    late.into_iter().flat_map(|late| {
        [(false, false), (false, true), (true, false), (true, true)].map(|(snapshot, strict)| Style {
            late,
            snapshot,
            strict,
            fault: None,
        })
    })
}

#[test]
fn correct_drivers_are_believed_whatever_freedom_they_use() {
    for (seed, style) in styles().enumerate() {
        for isolation in [Isolation::ReadCommitted, Isolation::Snapshot, Isolation::Serializable] {
            assert_eq!(run(style, isolation, seed as u64, 3_000, 0), Ok(()), "{style:?}, {isolation:?}");
            assert_eq!(
                run(style, isolation, seed as u64, 3_000, 700),
                Ok(()),
                "{style:?}, {isolation:?}, blurred"
            );
        }
    }
}

#[test]
fn drivers_that_are_late_or_early_are_not() {
    let window = DECLARED.slack.granularity + DECLARED.slack.sweep;
    let style = Style { late: window + ms(1), snapshot: false, strict: true, fault: None };
    assert!(run(style, Isolation::Snapshot, 1, 4_000, 0).is_err());
}

#[test]
fn every_fault_is_found() {
    use Fault::*;
    let faults = [
        SetKeepsTtl,
        CasDropsTtl,
        IncrementDropsTtl,
        DeleteAlwaysExisted,
        EmptyIsAbsent,
        CasAbsentAlways,
        CasComparesPrefix,
        CasDeniedButApplied,
        CompareAndDeleteAlways,
        IncrementResets,
        IncrementWraps,
        ExistsIgnoresExpiry,
        GetProlongs,
        TtlIgnored,
        TtlTooShort,
        TtlTooLong,
        DeleteKeepsTtl,
        ExpireCreates,
        ExpireOnlyProlongs,
        ExpireClearsValue,
        PersistAlwaysTrue,
        PersistDoesNothing,
        MissingIsPersistent,
        RemainingZero,
        RemainingTooMuch,
        ScanLeavesOutPrefix,
        ScanIgnoresCase,
        ScanWildcard,
        ScanUnordered,
        ScanTwice,
        ScanShowsExpired,
        ScanCapped,
        ScanStaleValue,
        KeysLeavesOutPrefix,
        CountShowsExpired,
        CountWithoutPrefix,
        BatchSetFirstWins,
        BatchSetKeepsTtl,
        BatchSetForgets,
        BatchGetSorted,
        BatchGetCompact,
        BatchDeleteRepeats,
        BatchDeleteForgets,
        DirtyWrites,
        OwnWritesUnseen,
        OwnDeletesUnseen,
        RollbackApplies,
        CommitForgetsDeletes,
        CommitForgetsSets,
        CommitLosesUpdates,
        CommitRefusesUnprovoked,
        AbortApplies,
        IdsStayOpen,
        TransactionDeleteAlwaysExisted,
    ];
    let mut missed = Vec::new();
    for fault in faults {
        for (snapshot, seed) in [(false, 1), (true, 2), (false, 3)] {
            let style = Style { late: ms(1), snapshot, strict: false, fault: Some(fault) };
            if run(style, Isolation::Serializable, seed, 20_000, 0).is_ok() {
                missed.push((fault, snapshot, seed));
            }
        }
    }
    assert_eq!(missed, [], "of {} faults", faults.len());
}

/// A model on a clock that stands still but for [`Steps::wait`].
struct Steps {
    model: KeyValueModel,
    now: Duration,
}

impl Steps {
    fn new(isolation: Isolation) -> Self {
        Steps { model: KeyValueModel::new(Declared { isolation, ..DECLARED }), now: ms(1_000) }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    fn judge(&mut self, op: &Op, answer: &Answer) -> Result<(), Mismatch> {
        self.model.judge(Span::at(self.now), op, answer)
    }

    /// Whether the model, as it is now, allows an answer.
    fn allows(&self, op: &Op, answer: &Answer) -> bool {
        self.model.clone().judge(Span::at(self.now), op, answer).is_ok()
    }

    fn key(&mut self, key: &str, op: RegisterOp, ret: RegisterRet) -> Result<(), Mismatch> {
        self.judge(&Op::Key { key: key.into(), op }, &Answer::Register(ret))
    }

    fn set(&mut self, key: &str, value: &str) {
        self.key(key, RegisterOp::Set(value.into()), RegisterRet::Done).unwrap();
    }

    fn set_for(&mut self, key: &str, value: &str, ttl: Duration) {
        let op = TtlOp::Set { value: value.into(), ttl };
        self.judge(&Op::Ttl { key: key.into(), op }, &Answer::Ttl(TtlRet::Done)).unwrap();
    }

    fn txn(&mut self, txn: u32, op: TransactionOp, answer: &Answer) {
        self.judge(&Op::Transaction { txn, op }, answer).unwrap();
    }

    /// Which ends of a Commit are allowed: OK, ABORTED, NOT_FOUND.
    fn ends(&self, txn: u32) -> [bool; 3] {
        let commit = Op::Transaction { txn, op: TransactionOp::Commit };
        [Answer::Done, Answer::Aborted, Answer::NotFound].map(|answer| self.allows(&commit, &answer))
    }
}

fn value(value: &str) -> Answer {
    Answer::Register(RegisterRet::Value(Some(value.into())))
}

fn get(key: &str) -> Op {
    Op::Key { key: key.into(), op: RegisterOp::Get }
}

fn get_in(key: &str) -> TransactionOp {
    TransactionOp::Get { key: key.into() }
}

fn set_in(key: &str, value: &str) -> TransactionOp {
    TransactionOp::Set { key: key.into(), value: value.into() }
}

const ABSENT: Answer = Answer::Register(RegisterRet::Value(None));

#[test]
fn between_its_time_and_the_slack_a_key_may_be_there_or_not() {
    let mut steps = Steps::new(Isolation::Snapshot);
    steps.set_for("k", "v", ms(10));
    let presence = |steps: &Steps| steps.model.presence(Span::at(steps.now), "k");
    let answers = |steps: &Steps| (steps.allows(&get("k"), &value("v")), steps.allows(&get("k"), &ABSENT));
    steps.wait(ms(10).saturating_sub(NANOSECOND));
    assert_eq!((presence(&steps), answers(&steps)), (Presence::Present, (true, false)));
    steps.wait(Duration::from_nanos(1));
    assert_eq!((presence(&steps), answers(&steps)), (Presence::Either, (true, true)));
    steps.wait(ms(7).saturating_sub(NANOSECOND));
    assert_eq!((presence(&steps), answers(&steps)), (Presence::Either, (true, true)));
    // What was once seen to be gone stays gone.
    let mut gone = Steps { model: steps.model.clone(), now: steps.now };
    gone.judge(&get("k"), &ABSENT).unwrap();
    assert_eq!((presence(&gone), answers(&gone)), (Presence::Absent, (false, true)));
    // What was once seen to be there may still go.
    steps.judge(&get("k"), &value("v")).unwrap();
    assert_eq!(answers(&steps), (true, true));
    steps.wait(Duration::from_nanos(1));
    assert_eq!((presence(&steps), answers(&steps)), (Presence::Absent, (false, true)));
    assert_eq!(steps.model.presence(Span::at(steps.now), "other"), Presence::Absent);
}

#[test]
fn an_answer_that_fits_two_contents_leaves_both_open() {
    let mut steps = Steps::new(Isolation::Snapshot);
    steps.set_for("n", "0", ms(10));
    steps.wait(ms(12));
    // 5 is the sum whether the 0 was still there or not; only the former leaves a TTL.
    steps.key("n", RegisterOp::Increment(5), RegisterRet::Sum(5)).unwrap();
    let ttl = Op::Ttl { key: "n".into(), op: TtlOp::Get };
    let expiring = Answer::Ttl(TtlRet::Expiring(Duration::from_nanos(1)));
    let persistent = Answer::Ttl(TtlRet::Persistent);
    assert!(steps.allows(&ttl, &expiring) && steps.allows(&ttl, &persistent));
    assert!(steps.allows(&ttl, &Answer::Ttl(TtlRet::Missing)));
    assert_eq!(steps.model.presence(Span::at(steps.now), "n"), Presence::Either);
    let mismatch =
        steps.model.clone().judge(Span::at(steps.now), &ttl, &Answer::Ttl(TtlRet::Done)).unwrap_err();
    let expected = "expiring (10ms given 12ms ago at most, granularity 4ms) or missing or persistent";
    assert_eq!(mismatch.expected, expected);
    steps.judge(&ttl, &persistent).unwrap();
    steps.wait(ms(100));
    assert!(!steps.allows(&get("n"), &ABSENT) && steps.allows(&get("n"), &value("5")));
    assert_eq!(steps.model.presence(Span::at(steps.now), "n"), Presence::Present);
}

#[test]
fn counts_are_open_by_what_may_have_expired() {
    let mut steps = Steps::new(Isolation::Snapshot);
    steps.set("a", "1");
    steps.set_for("ab", "1", ms(10));
    steps.set_for("b", "1", ms(10));
    let count = |prefix: &str| Op::Scan(ScanOp::Count { prefix: prefix.into() });
    let allowed = |steps: &Steps, prefix: &str| -> Vec<u64> {
        (0..5).filter(|n| steps.allows(&count(prefix), &Answer::Count(*n))).collect()
    };
    assert_eq!(
        (allowed(&steps, ""), allowed(&steps, "a"), allowed(&steps, "x")),
        (vec![3], vec![2], vec![0])
    );
    steps.wait(ms(10));
    assert_eq!((allowed(&steps, ""), allowed(&steps, "a")), (vec![1, 2, 3], vec![1, 2]));
    let mismatch = steps.judge(&count(""), &Answer::Count(4)).unwrap_err();
    assert_eq!(mismatch.to_string(), "count \"\": expected 1 to 3, got 4");
    steps.wait(ms(10));
    assert_eq!((allowed(&steps, ""), allowed(&steps, "b")), (vec![1], vec![0]));
    let mismatch = steps.judge(&count(""), &Answer::Count(2)).unwrap_err();
    assert_eq!(mismatch.to_string(), "count \"\": expected 1, got 2");
}

#[test]
fn mismatches_say_what_was_expected() {
    let mut steps = Steps::new(Isolation::Snapshot);
    steps.set("ka", "1");
    steps.set("kb", "2");
    let key = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
    let scan = || Op::Scan(ScanOp::Scan { prefix: "k".into() });
    let entries =
        |entries: &[(&str, &str)]| Answer::Entries(entries.iter().map(|(k, v)| key(k, v)).collect());
    let table = [
        (get("ka"), ABSENT, "\"ka\": get: expected \"1\", got absent"),
        (get("ka"), Answer::Done, "\"ka\": get: expected \"1\", got ok"),
        (
            scan(),
            entries(&[("ka", "1")]),
            "scan \"k\": expected exists = true for \"kb\", got a listing that says exists = false",
        ),
        (
            scan(),
            entries(&[("ka", "1"), ("kb", "2"), ("kc", "3")]),
            "scan \"k\": expected absent for \"kc\", got a listing that says \"3\"",
        ),
        (
            scan(),
            entries(&[("ka", "1"), ("kb", "3")]),
            "scan \"k\": expected \"2\" for \"kb\", got a listing that says \"3\"",
        ),
        (
            scan(),
            entries(&[("kb", "2"), ("ka", "1")]),
            "scan \"k\": expected keys in the order of their bytes, got \"kb\" before \"ka\"",
        ),
        (
            scan(),
            entries(&[("ka", "1"), ("ka", "1"), ("kb", "2")]),
            "scan \"k\": expected every key once, got \"ka\" twice",
        ),
        (scan(), entries(&[("x", "1")]), "scan \"k\": expected keys that start with \"k\", got \"x\""),
        (scan(), Answer::Done, "scan \"k\": expected entries, got ok"),
        (
            Op::Scan(ScanOp::Keys { prefix: "k".into() }),
            Answer::Keys(vec!["kb".into()]),
            "scan keys \"k\": expected exists = true for \"ka\", got a listing that says exists = false",
        ),
        (
            Op::Scan(ScanOp::Keys { prefix: "k".into() }),
            Answer::Count(2),
            "scan keys \"k\": expected keys, got 2",
        ),
        (
            Op::Scan(ScanOp::Count { prefix: "k".into() }),
            Answer::Done,
            "count \"k\": expected a count, got ok",
        ),
        (Op::Batch(BatchOp::Set(Vec::new())), Answer::Aborted, "batch set []: expected ok, got aborted"),
        (
            Op::Batch(BatchOp::Get(vec!["ka".into(), "kb".into()])),
            Answer::Values(vec![Some(b"1".to_vec())]),
            "batch get [\"ka\", \"kb\"]: expected 2 answers, position by position, got [\"1\"]",
        ),
        (
            Op::Batch(BatchOp::Get(vec!["ka".into(), "kb".into()])),
            Answer::Values(vec![Some(b"1".to_vec()), None]),
            "batch get [\"ka\", \"kb\"]: expected \"2\" at position 1 (\"kb\"), got absent",
        ),
        (
            Op::Batch(BatchOp::Delete(vec!["ka".into(), "ka".into()])),
            Answer::Existed(vec![true, true]),
            "batch delete [\"ka\", \"ka\"]: expected existed = false at position 1 (\"ka\"), got existed = true",
        ),
        (
            Op::Batch(BatchOp::Delete(vec!["ka".into()])),
            Answer::Existed(vec![true, true]),
            "batch delete [\"ka\"]: expected 1 answers, position by position, got existed = [true, true]",
        ),
        (
            Op::Transaction { txn: 9, op: TransactionOp::Commit },
            Answer::Done,
            "transaction 9: commit: expected not found, got ok",
        ),
    ];
    for (op, answer, text) in table {
        let mismatch = steps.model.clone().judge(Span::at(steps.now), &op, &answer).unwrap_err();
        assert_eq!(mismatch.to_string(), text);
    }
    let begin = Op::Transaction { txn: 1, op: TransactionOp::Begin };
    assert!(!steps.allows(&begin, &Answer::NotFound));
}

#[test]
fn without_an_order_listings_come_as_they_like() {
    let mut model = KeyValueModel::new(Declared { ordered: false, ..DECLARED });
    let span = Span::at(ms(1));
    for key in ["a", "b"] {
        let op = Op::Key { key: key.into(), op: RegisterOp::Set(Vec::new()) };
        model.judge(span, &op, &Answer::Register(RegisterRet::Done)).unwrap();
    }
    let keys = |keys: &[&str]| Answer::Keys(keys.iter().map(|key| (*key).to_owned()).collect());
    let op = Op::Scan(ScanOp::Keys { prefix: String::new() });
    assert_eq!(model.judge(span, &op, &keys(&["b", "a"])), Ok(()));
    assert!(model.clone().judge(span, &op, &keys(&["b", "a", "b"])).is_err());
}

/// A transaction that has read `k` and written it, after which somebody has done `between`.
fn read_then_written(isolation: Isolation, between: impl Fn(&mut Steps)) -> [bool; 3] {
    let mut steps = Steps::new(isolation);
    steps.set("k", "1");
    steps.txn(1, TransactionOp::Begin, &Answer::Done);
    steps.txn(1, get_in("k"), &value("1"));
    steps.txn(1, set_in("k", "2"), &Answer::Done);
    between(&mut steps);
    steps.ends(1)
}

/// What somebody else does meanwhile.
type Between = fn(&mut Steps);

#[test]
fn a_commit_must_or_must_not_or_may_succeed() {
    let free = [true, false, false];
    let open = [true, true, false];
    let lost = [false, true, false];
    let levels = [Isolation::ReadCommitted, Isolation::Snapshot, Isolation::Serializable];
    let table: [(&str, Between, [bool; 3], [bool; 3]); 9] = [
        ("nothing", |_| (), free, free),
        ("another key", |s| s.set("other", "5"), free, free),
        ("another value", |s| s.set("k", "5"), open, lost),
        ("the same value", |s| s.set("k", "1"), open, open),
        ("there and back", |s| [s.set("k", "5"), s.set("k", "1")].into_iter().collect(), open, open),
        ("a removal", |s| s.key("k", RegisterOp::Delete, RegisterRet::Existed(true)).unwrap(), open, lost),
        (
            "a denied swap",
            |s| {
                let cas = RegisterOp::Cas { expected: None, value: Vec::new() };
                s.key("k", cas, RegisterRet::Swapped(false)).unwrap();
            },
            free,
            free,
        ),
        (
            "a TTL that has run out",
            |s| {
                let op = Op::Ttl { key: "k".into(), op: TtlOp::Expire(ms(1)) };
                s.judge(&op, &Answer::Ttl(TtlRet::Existed(true))).unwrap();
                s.wait(ms(50));
            },
            open,
            open,
        ),
        (
            "another transaction",
            |s| {
                s.txn(2, TransactionOp::Begin, &Answer::Done);
                s.txn(2, set_in("k", "5"), &Answer::Done);
                s.txn(2, TransactionOp::Commit, &Answer::Done);
            },
            open,
            lost,
        ),
    ];
    for (what, between, committed, strict) in table {
        for (isolation, expected) in levels.into_iter().zip([committed, strict, strict]) {
            assert_eq!(read_then_written(isolation, between), expected, "{what}, {isolation:?}");
        }
    }
}

#[test]
fn blind_writes_and_reads_alone_may_conflict_but_need_not() {
    for op in [get_in("k"), set_in("k", "2"), TransactionOp::Delete { key: "k".into() }] {
        let mut steps = Steps::new(Isolation::Serializable);
        steps.set("k", "1");
        steps.txn(1, TransactionOp::Begin, &Answer::Done);
        let answer = match &op {
            TransactionOp::Get { .. } => value("1"),
            TransactionOp::Delete { .. } => Answer::Register(RegisterRet::Existed(true)),
            _ => Answer::Done,
        };
        steps.txn(1, op.clone(), &answer);
        assert_eq!(steps.ends(1), [true, false, false], "{op}");
        steps.set("k", "5");
        assert_eq!(steps.ends(1), [true, true, false], "{op}");
    }
    // What was written before Begin is no conflict, and neither is what the transaction has not touched.
    let mut steps = Steps::new(Isolation::Serializable);
    steps.set("k", "1");
    steps.txn(1, TransactionOp::Begin, &Answer::Done);
    steps.set("other", "1");
    steps.txn(1, set_in("k", "2"), &Answer::Done);
    assert_eq!(steps.ends(1), [true, false, false]);
}

#[test]
fn a_key_that_expires_in_a_transaction_may_be_a_conflict() {
    let mut steps = Steps::new(Isolation::Serializable);
    steps.set_for("k", "1", ms(10));
    steps.txn(1, TransactionOp::Begin, &Answer::Done);
    steps.txn(1, get_in("k"), &value("1"));
    steps.txn(1, set_in("k", "2"), &Answer::Done);
    assert_eq!(steps.ends(1), [true, false, false]);
    steps.wait(ms(10));
    assert_eq!(steps.ends(1), [true, true, false]);
    steps.wait(ms(10));
    assert_eq!(steps.ends(1), [true, true, false]);
    // Also once somebody has seen that it is gone.
    steps.judge(&get("k"), &ABSENT).unwrap();
    assert_eq!(steps.ends(1), [true, true, false]);
    // And where it was written again while it had a TTL, nobody can tell what was lost.
    let mut steps = Steps::new(Isolation::Serializable);
    steps.set_for("k", "1", ms(10));
    steps.txn(1, TransactionOp::Begin, &Answer::Done);
    steps.txn(1, get_in("k"), &value("1"));
    steps.txn(1, set_in("k", "2"), &Answer::Done);
    steps.set("k", "3");
    assert_eq!(steps.ends(1), [true, true, false]);
}

#[test]
fn transactions_see_their_own_writes_and_what_was_there_since_begin() {
    let mut steps = Steps::new(Isolation::Snapshot);
    steps.set("k", "0");
    steps.set("k", "1");
    steps.txn(1, TransactionOp::Begin, &Answer::Done);
    let sees = |steps: &Steps| -> Vec<&str> {
        let op = Op::Transaction { txn: 1, op: get_in("k") };
        ["0", "1", "2", "3", "own"].into_iter().filter(|v| steps.allows(&op, &value(v))).collect()
    };
    let existed = |steps: &Steps| {
        let op = Op::Transaction { txn: 1, op: TransactionOp::Delete { key: "k".into() } };
        [true, false].map(|existed| steps.allows(&op, &Answer::Register(RegisterRet::Existed(existed))))
    };
    assert_eq!((sees(&steps), existed(&steps)), (vec!["1"], [true, false]));
    steps.set("k", "2");
    assert_eq!((sees(&steps), existed(&steps)), (vec!["1", "2"], [true, false]));
    steps.set_for("k", "3", ms(10));
    assert_eq!(sees(&steps), ["1", "2", "3"]);
    steps.key("k", RegisterOp::Delete, RegisterRet::Existed(true)).unwrap();
    assert_eq!((sees(&steps), existed(&steps)), (vec!["1", "2", "3"], [true, true]));
    // A snapshot does not keep what has expired.
    steps.wait(ms(17));
    assert_eq!(sees(&steps), ["1", "2"]);
    steps.txn(1, set_in("k", "own"), &Answer::Done);
    assert_eq!((sees(&steps), existed(&steps)), (vec!["own"], [true, false]));
    steps.txn(1, TransactionOp::Delete { key: "k".into() }, &Answer::Register(RegisterRet::Existed(true)));
    assert_eq!((sees(&steps), existed(&steps)), (vec![], [false, true]));
}

#[test]
fn only_the_first_foreign_read_counts_and_own_reads_do_not() {
    // Own write first: the read that follows is of it, and the commit is blind.
    let mut steps = Steps::new(Isolation::Serializable);
    steps.set("k", "1");
    steps.txn(1, TransactionOp::Begin, &Answer::Done);
    steps.txn(1, set_in("k", "2"), &Answer::Done);
    steps.txn(1, get_in("k"), &value("2"));
    steps.set("k", "5");
    assert_eq!(steps.ends(1), [true, true, false]);
    // Two reads with another's write between: the first one dooms the transaction.
    let mut steps = Steps::new(Isolation::Serializable);
    steps.set("k", "1");
    steps.txn(1, TransactionOp::Begin, &Answer::Done);
    steps.txn(1, get_in("k"), &value("1"));
    steps.set("k", "5");
    steps.txn(1, get_in("k"), &value("5"));
    steps.txn(1, set_in("k", "6"), &Answer::Done);
    assert_eq!(steps.ends(1), [false, true, false]);
    // A read after the other's write does not.
    let mut steps = Steps::new(Isolation::Serializable);
    steps.set("k", "1");
    steps.txn(1, TransactionOp::Begin, &Answer::Done);
    steps.set("k", "5");
    steps.txn(1, get_in("k"), &value("5"));
    steps.txn(1, set_in("k", "6"), &Answer::Done);
    assert_eq!(steps.ends(1), [true, true, false]);
}

#[test]
fn commits_write_and_aborts_and_rollbacks_do_not() {
    for (op, answer, left) in [
        (TransactionOp::Commit, Answer::Done, ["2", "gone"]),
        (TransactionOp::Commit, Answer::Aborted, ["7", "1"]),
        (TransactionOp::Rollback, Answer::Done, ["7", "1"]),
    ] {
        let mut steps = Steps::new(Isolation::Snapshot);
        steps.set("j", "1");
        steps.txn(1, TransactionOp::Begin, &Answer::Done);
        steps.txn(1, set_in("k", "2"), &Answer::Done);
        let existed = Answer::Register(RegisterRet::Existed(true));
        steps.txn(1, TransactionOp::Delete { key: "j".into() }, &existed);
        steps.set_for("k", "7", ms(500));
        steps.txn(1, op.clone(), &answer);
        let expected = |v: &str| if v == "gone" { ABSENT } else { value(v) };
        assert!(steps.allows(&get("k"), &expected(left[0])), "{op}: {answer}");
        assert!(steps.allows(&get("j"), &expected(left[1])), "{op}: {answer}");
        // A committed write has no TTL.
        let ttl = Op::Ttl { key: "k".into(), op: TtlOp::Get };
        assert_eq!(steps.allows(&ttl, &Answer::Ttl(TtlRet::Persistent)), left[0] == "2");
        // The id is no more.
        for op in [TransactionOp::Commit, TransactionOp::Rollback, get_in("k"), set_in("k", "3")] {
            let op = Op::Transaction { txn: 1, op };
            assert!(steps.allows(&op, &Answer::NotFound) && !steps.allows(&op, &Answer::Done), "{op}");
        }
    }
}

#[test]
fn a_transaction_may_end_once_it_was_idle_for_longer_than_the_timeout() {
    let mut steps = Steps::new(Isolation::Snapshot);
    steps.txn(1, TransactionOp::Begin, &Answer::Done);
    steps.wait(DECLARED.timeout);
    assert_eq!(steps.ends(1), [true, false, false]);
    steps.txn(1, set_in("k", "1"), &Answer::Done);
    steps.wait(DECLARED.timeout + Duration::from_nanos(1));
    assert_eq!(steps.ends(1), [true, false, true]);
    let idle = Op::Transaction { txn: 1, op: get_in("k") };
    steps.judge(&idle, &Answer::NotFound).unwrap();
    assert!(!steps.allows(&idle, &value("1")));
    assert!(steps.allows(&get("k"), &ABSENT));
}

#[test]
fn the_levels_are_ordered() {
    let levels = BTreeSet::from([Isolation::Serializable, Isolation::ReadCommitted, Isolation::Snapshot]);
    assert_eq!(
        Vec::from_iter(levels),
        [Isolation::ReadCommitted, Isolation::Snapshot, Isolation::Serializable]
    );
}
