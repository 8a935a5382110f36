use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Anomaly, Edge, Kind, Level, holds, judge};
use crate::{
    history::Outcome,
    serializability::{Contents, serialize},
    transaction::{Action, Transaction},
};

/// `r x 1` reads 1 from x, `r x 0` finds x absent, `w x 1` writes 1.
fn actions(text: &str) -> Vec<Action> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .chunks(3)
        .map(|word| {
            let (key, value) = (word[1].to_owned(), word[2].parse().unwrap());
            match word[0] {
                "r" => Action::Read { key, value: (value > 0).then_some(value) },
                "w" => Action::Write { key, value },
                other => panic!("no action: {other}"),
            }
        })
        .collect()
}

fn txn(id: u32, outcome: Outcome<()>, text: &str) -> Transaction {
    Transaction { id, actions: actions(text), outcome }
}

/// Committed transactions, numbered from 1.
fn committed(texts: &[&str]) -> Vec<Transaction> {
    (1..).zip(texts).map(|(id, text)| txn(id, Outcome::Ok(()), text)).collect()
}

fn edge(from: u32, kind: Kind, to: u32, key: &str) -> Edge {
    Edge { from, to, kind, key: key.to_owned() }
}

const WW: Kind = Kind::WriteWrite;
const WR: Kind = Kind::WriteRead;
const RW: Kind = Kind::ReadWrite;

#[test]
fn serial_histories_show_nothing() {
    assert_eq!(judge(&[]), []);
    let serial = committed(&[
        "r x 0 w x 1",
        "r x 1 w x 2 r x 2 r y 0",
        "r x 2 r y 0 w y 3",
        "r x 2 r y 3",
        "w z 9",
        "r z 9",
    ]);
    assert_eq!(judge(&serial), []);
}

#[test]
fn reads_of_what_was_never_committed() {
    let mut history = committed(&["w x 1 w x 2", "r x 2"]);
    assert_eq!(judge(&history), []);
    history[1] = txn(2, Outcome::Ok(()), "r x 1");
    let intermediate = Anomaly::IntermediateRead { reader: 2, writer: 1, key: "x".into(), value: 1 };
    assert_eq!(judge(&history), [intermediate]);
    history[1] = txn(2, Outcome::Ok(()), "r x 7");
    assert_eq!(judge(&history), [Anomaly::Unwritten { reader: 2, key: "x".into(), value: 7 }]);
    let aborted = [txn(1, Outcome::Fail, "w x 1 w x 2"), txn(2, Outcome::Ok(()), "r x 1")];
    assert_eq!(judge(&aborted), [Anomaly::AbortedRead { reader: 2, writer: 1, key: "x".into(), value: 1 }]);
    // What an aborted transaction has read proves nothing.
    assert_eq!(judge(&[txn(1, Outcome::Ok(()), "w x 1 w x 2"), txn(2, Outcome::Fail, "r x 1 r y 9")]), []);
}

#[test]
fn three_writes_of_one_transaction_leave_the_last() {
    let readers = |value| committed(&["w x 1 w x 2 w x 3", &format!("r x {value}")]);
    assert_eq!(judge(&readers(3)), []);
    for value in [1, 2] {
        let intermediate = Anomaly::IntermediateRead { reader: 2, writer: 1, key: "x".into(), value };
        assert_eq!(judge(&readers(value)), [intermediate]);
    }
}

#[test]
fn reads_within_a_transaction_fit_together() {
    let internal = |got| Anomaly::Internal { id: 1, key: "x".into(), expected: 2, got };
    assert_eq!(judge(&committed(&["w x 1 w x 2 r x 1"])), [internal(Some(1))]);
    assert_eq!(judge(&committed(&["w x 2 r x 0"])), [internal(None)]);
    assert_eq!(judge(&committed(&["w x 1 r x 1 w x 2 r x 2"])), []);
    let fuzzy = |second| Anomaly::FuzzyRead { id: 2, key: "x".into(), first: None, second };
    let found = judge(&committed(&["r x 0 w x 1", "r x 0 r x 1"]));
    assert_eq!(found, [fuzzy(Some(1))]);
    assert_eq!(judge(&committed(&["r x 0 w x 1", "r x 0 r x 0"])), []);
}

#[test]
fn lost_updates_are_named() {
    let found = judge(&committed(&["w x 1", "r x 1 w x 2", "r x 1 w x 3"]));
    let lost = Anomaly::LostUpdate { key: "x".into(), version: Some(1), writers: (2, 3) };
    let cycle = Anomaly::WriteSkew(vec![edge(2, RW, 3, "x"), edge(3, RW, 2, "x")]);
    assert_eq!(found, [lost, cycle]);
    let found = judge(&committed(&["r x 0 w x 2", "r x 0 w x 3"]));
    assert_eq!(found[0], Anomaly::LostUpdate { key: "x".into(), version: None, writers: (1, 2) });
    // One that aborted has lost nothing.
    let history = [
        txn(1, Outcome::Ok(()), "w x 1"),
        txn(2, Outcome::Ok(()), "r x 1 w x 2"),
        txn(3, Outcome::Fail, "r x 1 w x 3"),
    ];
    assert_eq!(judge(&history), []);
}

#[test]
fn cycles_of_each_class() {
    // x goes from 1 to 2 and y from 2 to 1, by reads that show it.
    let write_cycle = committed(&["w x 1 r y 2 w y 3", "w y 2 r x 1 w x 4"]);
    let found = judge(&write_cycle);
    assert_eq!(found[0], Anomaly::WriteCycle(vec![edge(1, WW, 2, "x"), edge(2, WW, 1, "y")]));

    let circular = committed(&["w x 1 r y 2", "w y 2 r x 1"]);
    assert_eq!(judge(&circular), [Anomaly::CircularFlow(vec![edge(1, WR, 2, "x"), edge(2, WR, 1, "y")])]);

    let skewed_read = committed(&["r x 0 w x 1 r y 0 w y 2", "r x 0 r y 2"]);
    assert_eq!(judge(&skewed_read), [Anomaly::ReadSkew(vec![edge(2, RW, 1, "x"), edge(1, WR, 2, "y")])]);

    let skewed_write = committed(&["r x 0 r y 0 w x 1", "r x 0 r y 0 w y 2"]);
    assert_eq!(judge(&skewed_write), [Anomaly::WriteSkew(vec![edge(1, RW, 2, "y"), edge(2, RW, 1, "x")])]);

    let long_fork = committed(&["w x 1", "w y 2", "r x 1 r y 0", "r x 0 r y 2"]);
    let cycle = [edge(3, RW, 2, "y"), edge(2, WR, 4, "y"), edge(4, RW, 1, "x"), edge(1, WR, 3, "x")];
    assert_eq!(judge(&long_fork), [Anomaly::WriteSkew(cycle.to_vec())]);

    // A read-skew that closes over a write that was overwritten.
    let over = committed(&["r x 0 w x 1 w y 5", "r x 1 w x 2 w z 3", "r z 3 r y 0"]);
    let found = judge(&over);
    assert_eq!(found.len(), 1);
    let Anomaly::ReadSkew(cycle) = &found[0] else { panic!("{found:?}") };
    assert_eq!(cycle[0], edge(3, RW, 1, "y"));

    // A blind write comes after the absence that somebody has read.
    let blind = committed(&["r x 0 r y 2", "w x 1 w y 2"]);
    assert_eq!(judge(&blind), [Anomaly::ReadSkew(vec![edge(1, RW, 2, "x"), edge(2, WR, 1, "y")])]);
    // It is in no order with other writes.
    assert_eq!(judge(&committed(&["r x 0 w x 1", "w x 2 r y 0", "r x 2 r y 0", "r x 1"])), []);
}

#[test]
fn cycles_are_as_short_as_they_can_be() {
    // From the overwritten read of T5 there is a long way back (T2, T3, T4) and a short one.
    let history = committed(&[
        "r a 0 w a 1 w b 1 w e 1",
        "r b 1 w c 1",
        "r c 1 w d 1",
        "r d 1 w f 1",
        "r a 0 r f 1 r e 1",
    ]);
    let found = judge(&history);
    assert_eq!(found, [Anomaly::ReadSkew(vec![edge(5, RW, 1, "a"), edge(1, WR, 5, "e")])]);
}

#[test]
fn unknown_transactions_count_once_they_are_read_from() {
    let unread = [txn(1, Outcome::Info, "r x 7 w x 1"), txn(2, Outcome::Ok(()), "r x 0")];
    assert_eq!(judge(&unread), []);
    let read = [txn(1, Outcome::Info, "r y 7 w x 1"), txn(2, Outcome::Ok(()), "r x 1")];
    assert_eq!(judge(&read), [Anomaly::Unwritten { reader: 1, key: "y".into(), value: 7 }]);
    // Through another one of unknown outcome, too.
    let chain = [
        txn(1, Outcome::Info, "r y 7 w x 1"),
        txn(2, Outcome::Info, "r x 1 w z 1"),
        txn(3, Outcome::Ok(()), "r z 1"),
    ];
    assert_eq!(judge(&chain), [Anomaly::Unwritten { reader: 1, key: "y".into(), value: 7 }]);
    let lost = [txn(1, Outcome::Info, "r x 0 w x 1"), txn(2, Outcome::Ok(()), "r x 0 w x 2")];
    assert_eq!(judge(&lost), []);
    // Aborted ones are not revived by being read.
    let aborted = [txn(1, Outcome::Fail, "r y 7 w x 1"), txn(2, Outcome::Ok(()), "r x 1")];
    assert_eq!(judge(&aborted).len(), 1);
}

#[test]
fn each_anomaly_breaks_its_level() {
    let break_of =
        |texts: &[&str]| -> Vec<Level> { judge(&committed(texts)).iter().map(Anomaly::breaks).collect() };
    assert_eq!(break_of(&["r x 7"]), [Level::ReadCommitted]);
    assert_eq!(break_of(&["w x 1 w x 2", "r x 1"]), [Level::ReadCommitted]);
    assert_eq!(break_of(&["w x 1 r x 0"]), [Level::ReadCommitted]);
    assert_eq!(break_of(&["w x 1 r y 2", "w y 2 r x 1"]), [Level::ReadCommitted]);
    assert_eq!(break_of(&["w x 1 r y 2 w y 3", "w y 2 r x 1 w x 4"])[0], Level::ReadCommitted);
    assert_eq!(break_of(&["r x 0 w x 1", "r x 0 r x 1"]), [Level::Snapshot]);
    assert_eq!(break_of(&["r x 0 w x 2", "r x 0 w x 3"]), [Level::Snapshot, Level::Serializable]);
    assert_eq!(break_of(&["r x 0 w x 1 r y 0 w y 2", "r x 0 r y 2"]), [Level::Snapshot]);
    assert_eq!(break_of(&["r x 0 r y 0 w x 1", "r x 0 r y 0 w y 2"]), [Level::Serializable]);
    let aborted = [txn(1, Outcome::Fail, "w x 1"), txn(2, Outcome::Ok(()), "r x 1")];
    assert_eq!(judge(&aborted)[0].breaks(), Level::ReadCommitted);

    let skew = judge(&committed(&["r x 0 r y 0 w x 1", "r x 0 r y 0 w y 2"]));
    let levels = [Level::ReadCommitted, Level::Snapshot, Level::Serializable];
    assert_eq!(levels.map(|level| holds(level, &skew)), [true, true, false]);
    assert_eq!(levels.map(|level| holds(level, &judge(&aborted))), [false, false, false]);
    assert_eq!(levels.map(|level| holds(level, &[])), [true, true, true]);
}

#[test]
#[should_panic(expected = "written to \"x\" twice")]
fn values_are_unique() {
    judge(&committed(&["w x 1", "w x 1"]));
}

/// How a small database of the tests keeps transactions apart.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Engine {
    /// One after the other.
    Serial,
    /// Each reads a snapshot, the first committer of a key wins.
    Snapshot,
    /// Each reads what is committed now, and everybody commits.
    ReadCommitted,
    /// Each reads what is there now, committed or not.
    Dirty,
}

/// Runs transactions on a database; each reads one to three keys of three and writes some of them afterwards.
fn run(rng: &mut ChaCha8Rng, engine: Engine, transactions: u32, clients: usize) -> Vec<Transaction> {
    struct Running {
        transaction: Transaction,
        keys: Vec<String>,
        snapshot: Contents,
        own: Contents,
    }
    let mut committed = Contents::new();
    let mut dirty = Contents::new();
    let mut done = Vec::new();
    let mut running: Vec<Running> = Vec::new();
    let mut next = 0;
    let mut value = 0;
    while next < transactions || !running.is_empty() {
        let clients = if engine == Engine::Serial { 1 } else { clients };
        if next < transactions && running.len() < clients && rng.random_bool(0.5) {
            next += 1;
            let mut keys: Vec<String> = ["x", "y", "z"].map(String::from).to_vec();
            keys.remove(rng.random_range(0..3));
            if rng.random_bool(0.5) {
                keys.pop();
            }
            let transaction = Transaction { id: next, actions: Vec::new(), outcome: Outcome::Ok(()) };
            running.push(Running { transaction, keys, snapshot: committed.clone(), own: Contents::new() });
            continue;
        }
        if running.is_empty() {
            continue;
        }
        let i = rng.random_range(0..running.len());
        let now = &mut running[i];
        if let Some(key) = now.keys.pop() {
            let read = match engine {
                Engine::Serial | Engine::ReadCommitted => committed.get(&key),
                Engine::Snapshot => now.snapshot.get(&key),
                Engine::Dirty => dirty.get(&key).or(committed.get(&key)),
            };
            let read = read.copied();
            now.transaction.actions.push(Action::Read { key: key.clone(), value: read });
            if rng.random_bool(0.6) {
                value += 1;
                now.transaction.actions.push(Action::Write { key: key.clone(), value });
                now.own.insert(key.clone(), value);
                if engine == Engine::Dirty {
                    dirty.insert(key, value);
                }
            }
            continue;
        }
        let Running { mut transaction, own, snapshot, .. } = running.remove(i);
        let conflict =
            engine == Engine::Snapshot && own.keys().any(|key| snapshot.get(key) != committed.get(key));
        if conflict || rng.random_bool(0.1) {
            transaction.outcome = Outcome::Fail;
        } else {
            committed.extend(own);
        }
        done.push(transaction);
    }
    done
}

#[test]
fn agrees_with_trying_every_order_where_every_write_follows_a_read() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut counts: BTreeMap<(String, bool), u32> = BTreeMap::new();
    for round in 0..6_000 {
        let engine = [Engine::Serial, Engine::Snapshot, Engine::ReadCommitted, Engine::Dirty][round % 4];
        let transactions = rng.random_range(2..=7);
        let history = run(&mut rng, engine, transactions, 3);
        let serializable = serialize(&Contents::new(), &history, None).is_some();
        let anomalies = judge(&history);
        assert_eq!(holds(Level::Serializable, &anomalies), serializable, "{history:#?} {anomalies:?}");
        if matches!(engine, Engine::Serial | Engine::Snapshot) {
            assert!(holds(Level::Snapshot, &anomalies), "{engine:?}: {anomalies:?}");
        }
        *counts.entry((format!("{engine:?}"), serializable)).or_default() += 1;
    }
    assert_eq!(counts.get(&("Serial".into(), false)), None);
    for engine in ["Snapshot", "ReadCommitted", "Dirty"] {
        assert!(counts[&(engine.to_owned(), false)] > 40, "{counts:?}");
        assert!(counts[&(engine.to_owned(), true)] > 40, "{counts:?}");
    }
}

#[test]
fn thousands_of_transactions_are_judged() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let serial = run(&mut rng, Engine::Serial, 3_000, 1);
    assert_eq!(judge(&serial), []);
    let snapshot = judge(&run(&mut rng, Engine::Snapshot, 3_000, 4));
    assert!(holds(Level::Snapshot, &snapshot) && !holds(Level::Serializable, &snapshot));
    let dirty = judge(&run(&mut rng, Engine::Dirty, 1_000, 4));
    assert!(!holds(Level::ReadCommitted, &dirty));
}

#[test]
fn anomalies_read_well() {
    let key = || "x".to_owned();
    let cycle = || vec![edge(1, WW, 2, "x"), edge(2, WR, 3, "y"), edge(3, RW, 1, "z")];
    let words = "each came before the next: T2 overwrote \"x\" of T1; T3 read \"y\" of T2; T1 overwrote \"z\" that T3 had read";
    let table = [
        (
            Anomaly::Unwritten { reader: 1, key: key(), value: 2 },
            "T1 read \"x\" = 2, which nobody wrote".to_owned(),
        ),
        (
            Anomaly::AbortedRead { reader: 1, writer: 3, key: key(), value: 2 },
            "T1 read \"x\" = 2 of T3, which did not commit".to_owned(),
        ),
        (
            Anomaly::IntermediateRead { reader: 1, writer: 3, key: key(), value: 2 },
            "T1 read \"x\" = 2, which T3 overwrote itself".to_owned(),
        ),
        (
            Anomaly::Internal { id: 1, key: key(), expected: 2, got: None },
            "T1 wrote \"x\" = 2 and read absent".to_owned(),
        ),
        (
            Anomaly::FuzzyRead { id: 1, key: key(), first: Some(2), second: None },
            "T1 read \"x\" = 2 and then absent".to_owned(),
        ),
        (
            Anomaly::LostUpdate { key: key(), version: Some(4), writers: (1, 2) },
            "T1 and T2 both read \"x\" = 4, wrote it and committed".to_owned(),
        ),
        (Anomaly::WriteCycle(cycle()), format!("G0, {words}")),
        (Anomaly::CircularFlow(cycle()), format!("G1c, {words}")),
        (Anomaly::ReadSkew(cycle()), format!("G-single, {words}")),
        (Anomaly::WriteSkew(cycle()), format!("G2, {words}")),
    ];
    for (anomaly, text) in table {
        assert_eq!(anomaly.to_string(), text);
    }
}
