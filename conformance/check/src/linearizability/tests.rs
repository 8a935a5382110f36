use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{DEFAULT_STEPS, SequentialModel, Verdict, check, check_by_key, explain, worst};
use crate::{
    history::{Entry, Keyed, Outcome},
    register::{Register, RegisterModel, RegisterOp as Op, RegisterRet as Ret},
};

type Event = Entry<Op, Ret>;

fn judge(entries: &[Event]) -> Verdict {
    check::<RegisterModel>(entries, DEFAULT_STEPS)
}

fn is_valid(entries: &[Event]) -> bool {
    match judge(entries) {
        Verdict::Valid => true,
        Verdict::Invalid { .. } => false,
        Verdict::Unknown => panic!("the budget is enough for these histories"),
    }
}

fn ok(call: u64, returned: u64, op: Op, ret: Ret) -> Event {
    Entry { process: 0, op, call, returned: Some(returned), outcome: Outcome::Ok(ret) }
}

fn info(call: u64, op: Op) -> Event {
    Entry { process: 0, op, call, returned: None, outcome: Outcome::Info }
}

fn set(value: u8) -> Op {
    Op::Set(vec![value])
}

fn cas(expected: Option<u8>, value: u8) -> Op {
    Op::Cas { expected: expected.map(|v| vec![v]), value: vec![value] }
}

fn got(value: Option<u8>) -> Ret {
    Ret::Value(value.map(|v| vec![v]))
}

/// The least budget with which the search comes to an end.
fn steps(entries: &[Event]) -> u64 {
    let (mut short, mut enough) = (0, DEFAULT_STEPS);
    while short < enough {
        let middle = short.midpoint(enough);
        if check::<RegisterModel>(entries, middle) == Verdict::Unknown {
            short = middle + 1;
        } else {
            enough = middle;
        }
    }
    enough
}

/// The definition itself: try every order that respects real time, with every choice of unknown operations.
fn brute_force(entries: &[Event], left: &BTreeSet<usize>, state: &Register) -> bool {
    if left.iter().all(|&i| entries[i].outcome == Outcome::Info) {
        return true;
    }
    left.iter().any(|&i| {
        let entry = &entries[i];
        let is_first = left.iter().all(|&j| entries[j].returned.is_none_or(|at| entry.call <= at));
        let ret = if let Outcome::Ok(ret) = &entry.outcome { Some(ret) } else { None };
        let Some(next) = RegisterModel::step(state, &entry.op, ret).filter(|_| is_first) else {
            return false;
        };
        let mut rest = left.clone();
        rest.remove(&i);
        brute_force(entries, &rest, &next)
    })
}

fn is_valid_by_definition(entries: &[Event]) -> bool {
    let left = (0..entries.len()).filter(|&i| entries[i].outcome != Outcome::Fail).collect();
    brute_force(entries, &left, &RegisterModel::initial())
}

fn random_op(rng: &mut ChaCha8Rng) -> Op {
    let value = |rng: &mut ChaCha8Rng| vec![b'0' + rng.random_range(0..3)];
    match rng.random_range(0..9) {
        0 | 1 => Op::Set(value(rng)),
        2..=4 => Op::Get,
        5 => Op::Delete,
        6 => Op::Exists,
        7 => {
            let expected = if rng.random_bool(0.5) { Some(value(rng)) } else { None };
            Op::Cas { expected, value: value(rng) }
        }
        _ if rng.random_bool(0.5) => Op::CompareAndDelete(value(rng)),
        _ => Op::Increment(rng.random_range(-1..3)),
    }
}

/// How a register may be broken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// A read is answered from before the last write.
    StaleRead,
    /// Increment is a read and a write.
    LostUpdate,
    /// A swap is done, and denied now and then.
    CasDenied,
    /// Overwriting removes the key for a moment.
    Hole,
}

/// What a client of the simulation is about to do.
enum Client {
    Idle,
    /// The entry, and how often it was worked on.
    Busy(usize, u32),
    Answered(usize, Ret),
}

/// Runs clients against one register, each operation taking effect at some moment between its call and its return.
fn simulate(
    rng: &mut ChaCha8Rng,
    clients: usize,
    ops: usize,
    unknown: f64,
    fault: Fault,
    mut next_op: impl FnMut(&mut ChaCha8Rng, usize) -> Op,
) -> Vec<Event> {
    let mut entries: Vec<Event> = Vec::new();
    let mut register = Register(None);
    let mut before = Register(None);
    let mut clock = 0;
    let mut running: Vec<Client> = (0..clients).map(|_| Client::Idle).collect();
    loop {
        let busy: Vec<usize> =
            (0..clients).filter(|&c| entries.len() < ops || !matches!(running[c], Client::Idle)).collect();
        if busy.is_empty() {
            return entries;
        }
        let c = busy[rng.random_range(0..busy.len())];
        clock += 1;
        running[c] = match std::mem::replace(&mut running[c], Client::Idle) {
            Client::Idle => {
                let op = next_op(rng, entries.len());
                entries.push(Entry {
                    process: c as u32,
                    op,
                    call: clock,
                    returned: None,
                    outcome: Outcome::Info,
                });
                Client::Busy(entries.len() - 1, 0)
            }
            Client::Busy(i, times) => {
                let op = entries[i].op.clone();
                let (ret, next) = register.apply(&op);
                match (fault, &op) {
                    (Fault::StaleRead, Op::Get) => Client::Answered(i, before.apply(&op).0),
                    (Fault::CasDenied, Op::Cas { .. }) if rng.random_bool(0.3) => {
                        register = next;
                        Client::Answered(i, Ret::Swapped(false))
                    }
                    (Fault::Hole, Op::Set(_)) if times == 0 => {
                        register = Register(None);
                        Client::Busy(i, 1)
                    }
                    (Fault::LostUpdate, Op::Increment(_)) => {
                        // What it is to write is found out now, and written when it answers.
                        Client::Answered(i, ret)
                    }
                    _ => {
                        if next != register {
                            before = std::mem::replace(&mut register, next);
                        }
                        Client::Answered(i, ret)
                    }
                }
            }
            Client::Answered(i, ret) => {
                if let (Fault::LostUpdate, Op::Increment(_), Ret::Sum(sum)) = (fault, &entries[i].op, &ret) {
                    register = Register(Some(sum.to_string().into_bytes()));
                }
                if !rng.random_bool(unknown) {
                    entries[i].returned = Some(clock);
                    entries[i].outcome = Outcome::Ok(ret);
                }
                Client::Idle
            }
        };
    }
}

#[test]
fn agrees_with_the_definition_on_thousands_of_small_histories() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut valid, mut invalid) = (0, 0);
    for round in 0..12_000 {
        let ops = rng.random_range(1..=6);
        let clients = rng.random_range(1..=4);
        let mut entries = simulate(&mut rng, clients, ops, 0.15, Fault::None, |rng, _| random_op(rng));
        // Three of four histories are spoilt: an answer of another operation, or another time.
        for _ in 0..round % 4 {
            let (i, j) = (rng.random_range(0..ops), rng.random_range(0..ops));
            if rng.random_bool(0.5) {
                if entries[i].returned.is_some() && entries[j].returned.is_some() {
                    entries[i].outcome = match rng.random_range(0..6) {
                        0 => Outcome::Fail,
                        3 => Outcome::Ok(got(Some(b'2'))),
                        4 => Outcome::Ok(Ret::Existed(true)),
                        1 => Outcome::Ok(Register(Some(b"1".to_vec())).apply(&entries[i].op).0),
                        2 => Outcome::Ok(Register(None).apply(&entries[i].op).0),
                        _ => entries[j].outcome.clone(),
                    };
                }
            } else if let Some(at) = entries[i].returned {
                let earlier = at.saturating_sub(rng.random_range(1..8));
                entries[i].returned = Some(earlier.max(entries[i].call));
            }
        }
        let expected = is_valid_by_definition(&entries);
        assert_eq!(is_valid(&entries), expected, "{entries:#?}");
        *(if expected { &mut valid } else { &mut invalid }) += 1;
    }
    assert!(valid > 3_000 && invalid > 2_000, "{valid} valid and {invalid} invalid histories were compared");
}

#[test]
fn correct_registers_pass_whatever_the_schedule() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for round in 0..300 {
        let clients = [1, 2, 3, 5, 8][round % 5];
        let entries = simulate(&mut rng, clients, 60, 0.03, Fault::None, |rng, _| random_op(rng));
        assert_eq!(judge(&entries), Verdict::Valid);
    }
}

#[test]
fn planted_faults_are_found() {
    let unique_set = |n: usize| Op::Set(format!("v{n}").into_bytes());
    let mut caught = Vec::new();
    for fault in [Fault::None, Fault::StaleRead, Fault::LostUpdate, Fault::CasDenied, Fault::Hole] {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let found = (0..50).filter(|_| {
            let entries = simulate(&mut rng, 4, 60, 0.0, fault, |rng, n| match fault {
                Fault::LostUpdate => Op::Increment(1),
                Fault::CasDenied if rng.random_bool(0.5) => {
                    Op::Cas { expected: None, value: format!("v{n}").into_bytes() }
                }
                Fault::CasDenied if rng.random_bool(0.5) => Op::Delete,
                Fault::Hole if rng.random_bool(0.5) => unique_set(n),
                _ if rng.random_bool(0.3) => unique_set(n),
                _ => Op::Get,
            });
            !is_valid(&entries)
        });
        caught.push((fault, found.count()));
    }
    assert_eq!(caught[0], (Fault::None, 0));
    for (fault, found) in &caught[1..] {
        assert!(*found >= 45, "{fault:?} was found in {found} of 50 histories");
    }
}

#[test]
fn a_thousand_operations_of_five_clients_are_decided_in_few_steps() {
    let unique = |rng: &mut ChaCha8Rng, n: usize| {
        if rng.random_bool(0.5) { Op::Set(n.to_string().into_bytes()) } else { Op::Get }
    };
    for seed in 0..5 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut entries = simulate(&mut rng, 5, 1_000, 0.0, Fault::None, unique);
        assert_eq!(check::<RegisterModel>(&entries, 30_000), Verdict::Valid, "seed {seed}");

        let late_read =
            entries.iter().rposition(|e| matches!(&e.outcome, Outcome::Ok(Ret::Value(_)))).unwrap();
        entries[late_read].outcome = Outcome::Ok(Ret::Value(Some(b"never written".to_vec())));
        let verdict = check::<RegisterModel>(&entries, 300_000);
        let Verdict::Invalid { longest_prefix, blocked } = verdict else {
            panic!("seed {seed}: {verdict:?}")
        };
        assert!(longest_prefix.len() > 900 && !longest_prefix.contains(&late_read));
        assert!(blocked.contains(&late_read));
    }
}

#[test]
fn unknown_operations_may_take_effect_late_or_never() {
    let write = info(1, set(1));
    let read = |call, value| ok(call, call + 1, Op::Get, got(value));
    assert!(is_valid(&[write.clone(), read(2, None), read(4, None)]));
    assert!(is_valid(&[write.clone(), read(2, None), read(4, Some(1))]));
    assert!(is_valid(&[write.clone(), read(2, Some(1)), read(4, Some(1))]));
    assert!(!is_valid(&[write.clone(), read(2, Some(1)), read(4, None)]));
    // Not before it was called, and once.
    assert!(!is_valid(&[read(1, Some(1)), info(5, set(1))]));
    assert!(!is_valid(&[info(1, Op::Increment(1)), ok(2, 3, Op::Get, Ret::Value(Some(b"2".to_vec())))]));
    // A stamp of an unknown operation's return has no meaning.
    let with_stamp = Entry { returned: Some(2), ..write };
    assert!(is_valid(&[with_stamp, read(3, None), read(5, Some(1))]));
}

#[test]
fn failed_operations_have_no_effect() {
    let failed = Entry { outcome: Outcome::Fail, ..ok(1, 2, set(1), Ret::Done) };
    assert!(is_valid(&[failed.clone(), ok(3, 4, Op::Get, got(None))]));
    assert!(!is_valid(&[failed, ok(3, 4, Op::Get, got(Some(1)))]));
}

#[test]
fn equal_stamps_overlap() {
    let read_none = |call, returned| ok(call, returned, Op::Get, got(None));
    assert!(is_valid(&[ok(1, 3, set(1), Ret::Done), read_none(3, 4)]));
    assert!(!is_valid(&[ok(1, 3, set(1), Ret::Done), read_none(4, 5)]));
}

#[test]
fn the_budget_counts_steps_and_nothing_is_unknown_at_the_last_one() {
    assert_eq!(check::<RegisterModel>(&[], 0), Verdict::Valid);
    assert_eq!(check::<RegisterModel>(&[info(1, set(1))], 0), Verdict::Valid);
    let chain: Vec<Event> = (0..100).map(|n| ok(2 * n, 2 * n + 1, set(n as u8), Ret::Done)).collect();
    assert_eq!(check::<RegisterModel>(&chain, 99), Verdict::Unknown);
    assert_eq!(check::<RegisterModel>(&chain, 100), Verdict::Valid);
}

#[test]
fn hopeless_choices_are_not_tried_again() {
    // Eight overlapping writes of distinct values: subsets and last writers are tried, not orders.
    let mut entries: Vec<Event> = (0..8).map(|n| ok(n, 20 + n, set(n as u8), Ret::Done)).collect();
    entries.push(ok(40, 41, Op::Get, got(Some(99))));
    let writes = steps(&entries);
    assert!(writes < 8 * 8 * 256, "{writes} steps");
    // Reads that change nothing are not reordered: each is tried once.
    let mut reads: Vec<Event> = (0..8).map(|n| ok(n, 20 + n, Op::Get, got(None))).collect();
    reads.push(ok(40, 41, Op::Get, got(Some(99))));
    assert_eq!(steps(&reads), 9);
    // Neither are unknown operations that change nothing.
    let mut unknown: Vec<Event> = (0..8).map(|n| info(n, Op::Get)).collect();
    unknown.push(ok(40, 41, Op::Get, got(Some(99))));
    assert_eq!(steps(&unknown), 9);
}

#[test]
fn a_violation_comes_with_what_led_to_it() {
    let entries = [
        ok(1, 2, set(b'a'), Ret::Done),
        ok(3, 8, set(b'b'), Ret::Done),
        ok(4, 9, cas(Some(b'z'), b'c'), Ret::Swapped(true)),
        ok(5, 7, Op::Get, got(Some(b'b'))),
        ok(10, 12, Op::Get, got(Some(b'a'))),
        ok(11, 13, Op::Get, got(Some(b'b'))),
    ];
    let verdict = judge(&entries);
    assert_eq!(verdict, Verdict::Invalid { longest_prefix: vec![0, 1, 3], blocked: vec![2] });
    let text = explain::<RegisterModel, Op>(&entries, &verdict, |op| op).unwrap();
    let expected = "\
no order explains the history; 3 operations fit, the last of them:
client  call  return  operation         answer
     0     1       2  set \"a\"           ok
     0     3       7  set \"b\"           ok
     0     5       6  get               \"b\"
which leaves \"b\"; none of these can come next:
client  call  return  operation         answer
     0     4       8  swap \"z\" for \"c\"  swapped = true
";
    let trimmed = |text: &str| {
        text.lines().map(str::split_whitespace).map(Vec::from_iter).map(|w| w.join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(trimmed(&text), trimmed(expected));
    assert_eq!(explain::<RegisterModel, Op>(&entries, &Verdict::Valid, |op| op), None);
    assert_eq!(explain::<RegisterModel, Op>(&entries, &Verdict::Unknown, |op| op), None);
}

#[test]
fn explanations_are_cut_to_the_last_operations() {
    let chain = |n: u64| {
        let mut entries: Vec<Event> =
            (0..n).map(|i| ok(2 * i, 2 * i + 1, set(b'a' + i as u8), Ret::Done)).collect();
        entries.push(ok(100, 101, Op::Get, got(Some(0))));
        let verdict = judge(&entries);
        explain::<RegisterModel, Op>(&entries, &verdict, |op| op).unwrap()
    };
    let first = chain(0);
    assert!(!first.contains("the last of them"), "{first}");
    assert!(chain(8).contains("set \"a\""));
    assert!(!chain(9).contains("set \"a\""));
    assert!(chain(9).contains("9 operations fit") && chain(9).contains("set \"b\""));
    let unknown = [info(1, set(1)), ok(2, 3, Op::Get, got(Some(1))), ok(4, 5, Op::Get, got(None))];
    let text = explain::<RegisterModel, Op>(&unknown, &judge(&unknown), |op| op).unwrap();
    assert!(text.contains("which leaves \"\\x01\""), "{text}");
}

#[test]
fn the_longest_prefix_is_the_first_of_its_length() {
    // Both writes fit in either order; the read that comes then fits neither.
    let entries = [ok(1, 4, set(1), Ret::Done), ok(2, 3, set(2), Ret::Done), ok(5, 6, Op::Get, got(Some(3)))];
    assert_eq!(judge(&entries), Verdict::Invalid { longest_prefix: vec![0, 1], blocked: vec![2] });
}

fn keyed(key: &str, entry: Event) -> Entry<Keyed<String, Op>, Ret> {
    let Entry { process, op, call, returned, outcome } = entry;
    Entry { process, op: Keyed { key: key.to_owned(), op }, call, returned, outcome }
}

#[test]
fn keys_are_judged_apart_and_indices_stay_those_of_the_whole() {
    let entries = [
        keyed("b", ok(1, 2, set(1), Ret::Done)),
        keyed("a", ok(3, 4, Op::Get, got(None))),
        keyed("b", ok(5, 6, Op::Get, got(None))),
        keyed("c", ok(7, 8, set(1), Ret::Done)),
        keyed("c", ok(9, 10, set(2), Ret::Done)),
    ];
    let invalid = Verdict::Invalid { longest_prefix: vec![0], blocked: vec![2] };
    let verdicts = check_by_key::<RegisterModel, String>(&entries, 2);
    let expected = [("a", Verdict::Valid), ("b", invalid.clone()), ("c", Verdict::Valid)]
        .map(|(k, v)| (k.to_owned(), v));
    assert_eq!(verdicts, expected);
    assert_eq!(worst(&verdicts), Some(&("b".to_owned(), invalid.clone())));
    let text = explain::<RegisterModel, _>(&entries, &invalid, |keyed| &keyed.op).unwrap();
    assert!(text.contains("b: get"), "{text}");

    let short = check_by_key::<RegisterModel, String>(&entries, 1);
    let unknown: Vec<_> = short.iter().map(|(_, verdict)| *verdict == Verdict::Unknown).collect();
    assert_eq!(unknown, [false, true, true]);
    assert_eq!(worst(&short).unwrap().0, "b");
}

#[test]
fn a_violation_outweighs_an_unknown_which_outweighs_a_pass() {
    let invalid = || Verdict::Invalid { longest_prefix: Vec::new(), blocked: Vec::new() };
    let all =
        [(1, Verdict::Valid), (2, Verdict::Unknown), (3, invalid()), (4, invalid()), (5, Verdict::Unknown)];
    assert_eq!(worst(&all).unwrap().0, 3);
    assert_eq!(worst(&all[..2]).unwrap().0, 2);
    assert_eq!(worst(&all[..1]).unwrap().0, 1);
    assert_eq!(worst::<u8>(&[]), None);
}

#[test]
fn keyed_histories_agree_with_the_definition_key_by_key() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut invalid = 0;
    for _ in 0..2_000 {
        let keys: Vec<Vec<Event>> = (0..2)
            .map(|_| {
                let ops = rng.random_range(1..=4);
                let mut entries = simulate(&mut rng, 2, ops, 0.1, Fault::None, |rng, _| random_op(rng));
                if rng.random_bool(0.3) && entries[0].returned.is_some() {
                    entries[0].outcome = Outcome::Ok(got(Some(b'1')));
                }
                entries
            })
            .collect();
        let mut whole = Vec::new();
        for (key, entries) in ["x", "y"].into_iter().zip(&keys) {
            whole.extend(entries.iter().cloned().map(|entry| keyed(key, entry)));
        }
        let verdicts = check_by_key::<RegisterModel, String>(&whole, DEFAULT_STEPS);
        let expected: Vec<bool> = keys.iter().map(|entries| is_valid_by_definition(entries)).collect();
        let judged: Vec<bool> = verdicts.iter().map(|(_, verdict)| *verdict == Verdict::Valid).collect();
        assert_eq!(judged, expected);
        invalid += usize::from(expected.contains(&false));
    }
    assert!(invalid > 200, "{invalid} histories were spoilt");
}
