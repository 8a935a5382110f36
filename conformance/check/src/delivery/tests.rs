use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    Changed, Delivery, Filter, Finding, OverflowFault, Publish, Subscription, Which, judge, judge_overflow,
};
use crate::{history::Outcome, wildcard::Pattern};

/// Message `seq` of a publisher that publishes one after the other: called at `10 * seq`, returned five later.
fn publish(publisher: u32, seq: u64) -> Publish {
    Publish {
        publisher,
        seq,
        topic: "t".into(),
        payload: 1_000 * u64::from(publisher) + seq,
        headers: 7,
        call: 10 * seq,
        returned: 10 * seq + 5,
        outcome: Outcome::Ok(format!("id-{publisher}-{seq}")),
    }
}

fn delivery(publish: &Publish) -> Delivery {
    let id = if let Outcome::Ok(id) = &publish.outcome { id.clone() } else { "?".to_owned() };
    Delivery {
        stamp: Some((publish.publisher, publish.seq)),
        id,
        topic: publish.topic.clone(),
        payload: publish.payload,
        headers: publish.headers,
    }
}

fn which(publisher: u32, seq: u64) -> Which {
    Which { publisher, seq }
}

/// A subscription to `t`, called at 1, ready at 2 and never closed.
fn subscription(deliveries: Vec<Delivery>) -> Subscription {
    Subscription {
        name: "S".into(),
        filter: Filter::Topic("t".into()),
        called: 1,
        ready: 2,
        closing: None,
        closed: None,
        deliveries,
    }
}

fn findings(publishes: &[Publish], subscription: &Subscription) -> Vec<Finding> {
    judge(publishes, std::slice::from_ref(subscription)).findings
}

/// Ten publishes of one publisher and a subscription that got them all.
fn good() -> (Vec<Publish>, Subscription) {
    let publishes: Vec<Publish> = (1..=10).map(|seq| publish(1, seq)).collect();
    let deliveries = publishes.iter().map(delivery).collect();
    (publishes, subscription(deliveries))
}

#[test]
fn what_came_as_promised_is_fine_and_counted() {
    let (mut publishes, one) = good();
    publishes.extend((1..=5).map(|seq| publish(2, seq)));
    let mut two = one.clone();
    two.deliveries.splice(4..4, publishes[10..].iter().map(delivery));
    let mut one = one;
    one.deliveries.splice(0..0, publishes[10..].iter().map(delivery));
    let accounts = judge(&publishes, &[one, two]);
    assert_eq!((accounts.findings, accounts.promised, accounts.delivered), (vec![], 30, 30));
    let nothing = judge(&[], &[subscription(vec![])]);
    assert_eq!((nothing.findings, nothing.promised, nothing.delivered), (vec![], 0, 0));
}

#[test]
fn phantoms_are_found() {
    let (mut publishes, mut got) = good();
    let mut strange = delivery(&publish(9, 9));
    got.deliveries.push(strange.clone());
    let phantom = |id: &str, refused| Finding::Phantom { subscription: "S".into(), id: id.into(), refused };
    assert_eq!(findings(&publishes, &got), [phantom("id-9-9", None)]);
    // A payload that is nobody's with the id of a message that was published is that message, changed.
    strange.id = "id-1-10".into();
    got.deliveries.pop();
    got.deliveries[9] = Delivery { payload: publishes[9].payload, ..strange.clone() };
    assert_eq!(findings(&publishes, &got), []);
    got.deliveries[9] = Delivery { stamp: None, ..strange };
    let what = Changed::Payload;
    let corrupted = Finding::Corrupted { subscription: "S".into(), publish: which(1, 10), what };
    assert_eq!(findings(&publishes, &got), [corrupted]);
    // Refused is not published.
    let (_, got) = good();
    publishes[3].outcome = Outcome::Fail;
    assert_eq!(findings(&publishes, &got), [phantom("id-1-4", Some(which(1, 4)))]);
}

#[test]
fn every_kind_of_change_is_found() {
    type Change = fn(&mut Delivery);
    let changes: [(Change, Changed); 4] = [
        (|d| d.payload += 1, Changed::Payload),
        (|d| d.headers += 1, Changed::Headers),
        (|d| d.topic = "u".into(), Changed::Topic { published: "t".into(), delivered: "u".into() }),
        (|d| d.id = "x".into(), Changed::Id { answered: "id-1-4".into(), delivered: "x".into() }),
    ];
    for (change, what) in changes {
        let (publishes, mut got) = good();
        change(&mut got.deliveries[3]);
        let corrupted = Finding::Corrupted { subscription: "S".into(), publish: which(1, 4), what };
        assert_eq!(findings(&publishes, &got), [corrupted]);
    }
}

#[test]
fn duplicates_and_losses_are_found() {
    let (publishes, mut got) = good();
    got.deliveries.insert(7, got.deliveries[2].clone());
    assert_eq!(
        findings(&publishes, &got),
        [Finding::Duplicate { subscription: "S".into(), publish: which(1, 3) }]
    );
    let (publishes, mut got) = good();
    got.deliveries.remove(9);
    got.deliveries.remove(0);
    let lost = |seq| Finding::Lost { subscription: "S".into(), publish: which(1, seq) };
    assert_eq!(findings(&publishes, &got), [lost(1), lost(10)]);
    // Each of two subscriptions is promised everything.
    let (_, whole) = good();
    let accounts = judge(&publishes, &[whole, got]);
    assert_eq!((accounts.findings, accounts.promised, accounts.delivered), (vec![lost(1), lost(10)], 20, 18));
}

#[test]
fn unknown_publishes_may_come_or_not() {
    let (mut publishes, mut got) = good();
    publishes[4].outcome = Outcome::Info;
    publishes[4].returned = 0;
    assert_eq!(findings(&publishes, &got), []);
    let late = got.deliveries.remove(4);
    assert_eq!(findings(&publishes, &got), []);
    got.deliveries.push(late);
    assert_eq!(findings(&publishes, &got), []);
    // Its call still has an order: what returned before it comes before it.
    let first = got.deliveries.remove(0);
    let unknown = got.deliveries.pop().unwrap();
    got.deliveries.splice(0..0, [unknown, first]);
    let inverted = Finding::Inverted { subscription: "S".into(), publish: which(1, 1), after: which(1, 5) };
    assert_eq!(findings(&publishes, &got)[0], inverted);
}

#[test]
fn order_is_judged_per_publisher_and_only_where_there_is_one() {
    let inverted = |publish, after| Finding::Inverted { subscription: "S".into(), publish, after };
    let (publishes, mut got) = good();
    got.deliveries.swap(3, 5);
    assert_eq!(
        findings(&publishes, &got),
        [inverted(which(1, 5), which(1, 6)), inverted(which(1, 4), which(1, 6))]
    );
    // Overlapping publishes come in any order, those that touch included.
    for (returned, expected) in [(59, vec![inverted(which(1, 5), which(1, 6))]), (60, vec![]), (61, vec![])] {
        let (mut publishes, mut got) = good();
        publishes[4].returned = returned;
        got.deliveries.swap(4, 5);
        assert_eq!(findings(&publishes, &got), expected, "returned at {returned}");
    }
    // The latest that came counts, not the last.
    let (publishes, mut got) = good();
    let tenth = got.deliveries.pop().unwrap();
    got.deliveries.insert(0, tenth);
    let expected: Vec<_> = (1..=9).map(|seq| inverted(which(1, seq), which(1, 10))).collect();
    assert_eq!(findings(&publishes, &got), expected);
    // Of two publishers any order is fine.
    let publishes = [publish(1, 1), publish(2, 5)];
    let got = subscription(vec![delivery(&publishes[1]), delivery(&publishes[0])]);
    assert_eq!(findings(&publishes, &got), []);
}

#[test]
fn topics_and_patterns_bound_what_comes() {
    let (mut publishes, mut got) = good();
    publishes[2].topic = "t.u".into();
    got.deliveries[2].topic = "t.u".into();
    let wrong = Finding::WrongTopic { subscription: "S".into(), publish: which(1, 3) };
    assert_eq!(findings(&publishes, &got), [wrong]);
    let third = got.deliveries.remove(2);
    assert_eq!(findings(&publishes, &got), []);

    got.filter = Filter::Pattern(Pattern::parse("t.>").unwrap());
    got.deliveries = vec![third];
    let accounts = judge(&publishes, &[got]);
    assert_eq!((accounts.findings, accounts.promised), (vec![], 1));
}

#[test]
fn what_is_promised_depends_on_when_it_was_published() {
    // Message 5 is called at 50 and returned at 55.
    type Change = fn(&mut Subscription);
    let with = |change: Change| {
        let (publishes, mut got) = good();
        got.closing = Some(1_000);
        change(&mut got);
        let with = findings(&publishes, &got).into_iter().filter(|f| f.to_string().contains("message 5 "));
        let with: Vec<_> = with.collect();
        got.deliveries.remove(4);
        let without = findings(&publishes, &got).into_iter().filter(|f| f.to_string().contains("message 5 "));
        (with, without.collect::<Vec<_>>())
    };
    let promised = || (vec![], vec![Finding::Lost { subscription: "S".into(), publish: which(1, 5) }]);
    let open = || (vec![], vec![]);
    let early = || (vec![Finding::TooEarly { subscription: "S".into(), publish: which(1, 5) }], vec![]);
    let late = || (vec![Finding::TooLate { subscription: "S".into(), publish: which(1, 5) }], vec![]);
    let table: [(&str, Change, _); 8] = [
        ("published after ready", |s| s.ready = 49, promised()),
        ("published at ready", |s| s.ready = 50, open()),
        ("returned as it was subscribed", |s| (s.called, s.ready) = (55, 56), open()),
        ("returned before it was subscribed", |s| (s.called, s.ready) = (56, 57), early()),
        ("returned before it closed", |s| s.closing = Some(56), promised()),
        ("returned as it closed", |s| s.closing = Some(55), open()),
        ("called as it was closed", |s| (s.closing, s.closed) = (Some(40), Some(50)), open()),
        ("called after it was closed", |s| (s.closing, s.closed) = (Some(40), Some(49)), late()),
    ];
    for (what, change, expected) in table {
        assert_eq!(with(change), expected, "{what}");
    }
}

#[test]
fn an_unknown_publish_is_never_too_early() {
    let (mut publishes, mut got) = good();
    publishes[4].outcome = Outcome::Info;
    publishes[4].returned = 0;
    (got.called, got.ready) = (30, 31);
    let early: Vec<_> =
        (1..=2).map(|seq| Finding::TooEarly { subscription: "S".into(), publish: which(1, seq) }).collect();
    assert_eq!(findings(&publishes, &got), early);
}

#[test]
fn ids_are_unique_and_not_empty() {
    let (mut publishes, mut got) = good();
    publishes[4].outcome = Outcome::Ok("id-1-2".into());
    got.deliveries[4].id = "id-1-2".into();
    let reused = Finding::IdReused { id: "id-1-2".into(), first: which(1, 2), again: which(1, 5) };
    assert_eq!(findings(&publishes, &got), [reused]);

    let (mut publishes, mut got) = good();
    for seq in [1, 2] {
        publishes[seq].outcome = Outcome::Ok(String::new());
        got.deliveries[seq].id = String::new();
    }
    let empty = |seq| Finding::EmptyId { publish: which(1, seq) };
    assert_eq!(findings(&publishes, &got), [empty(2), empty(3)]);
}

#[test]
fn overflow_leaves_a_beginning_without_a_gap() {
    let publishes: Vec<Publish> = (1..=6).flat_map(|seq| [publish(1, seq), publish(2, seq)]).collect();
    let got = |seqs: &[(u32, u64)]| {
        subscription(seqs.iter().map(|&(publisher, seq)| delivery(&publish(publisher, seq))).collect())
    };
    let judge = |seqs: &[(u32, u64)], buffer| judge_overflow(&publishes, &got(seqs), buffer);
    assert_eq!(judge(&[(1, 1), (2, 1), (2, 2), (1, 2)], 4), Ok(()));
    assert_eq!(
        judge(&[(1, 1), (2, 1), (2, 2), (1, 2)], 5),
        Err(OverflowFault::TooFew { delivered: 4, at_least: 5 })
    );
    let all: Vec<(u32, u64)> = publishes.iter().map(|p| (p.publisher, p.seq)).collect();
    assert_eq!(judge(&all, 1_000), Ok(()));
    assert_eq!(judge(&all[..11], 1_000), Err(OverflowFault::TooFew { delivered: 11, at_least: 12 }));
    assert_eq!(judge(&[], 0), Ok(()));
    let gap = OverflowFault::Gap { missing: which(1, 2), got: which(1, 3) };
    assert_eq!(judge(&[(1, 1), (2, 1), (1, 3)], 1), Err(gap));
    let unexpected = |id: &str| Err(OverflowFault::Unexpected { id: id.into() });
    assert_eq!(judge(&[(1, 1), (1, 1)], 1), unexpected("id-1-1"));
    assert_eq!(judge(&[(1, 7)], 1), unexpected("id-1-7"));
    assert_eq!(judge(&[(3, 1)], 1), unexpected("id-3-1"));
    assert_eq!(judge(&[&all[..], &[(1, 6)]].concat(), 1), unexpected("id-1-6"));
    let mut nobodys = got(&[(1, 1)]);
    nobodys.deliveries[0].stamp = None;
    assert_eq!(judge_overflow(&publishes, &nobodys, 1), unexpected("id-1-1"));
    // What was published before ready is not part of it.
    let late = Subscription { ready: 25, ..got(&[(1, 3), (2, 3)]) };
    assert_eq!(judge_overflow(&publishes, &late, 2), Ok(()));
}

/// How a broker may be broken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Drop,
    Repeat,
    Swap,
    Leak,
    Mix,
    Late,
}

#[test]
fn generated_runs_are_judged_rightly() {
    for fault in [Fault::None, Fault::Drop, Fault::Repeat, Fault::Swap, Fault::Leak, Fault::Mix, Fault::Late]
    {
        for seed in 0..20 {
            let accounts = generated_run(seed, fault);
            assert!(accounts.promised > 100, "{accounts:?}");
            assert_eq!(
                accounts.findings.is_empty(),
                fault == Fault::None,
                "{fault:?}, {:?}",
                accounts.findings
            );
        }
    }
}

/// Three publishers and four subscribers on two topics, through a broker that may be broken once.
fn generated_run(seed: u64, fault: Fault) -> super::Accounts {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut publishes: Vec<Publish> = Vec::new();
    let mut clock = 0;
    let mut seqs = [0; 3];
    for _ in 0..200 {
        let publisher = rng.random_range(0..3);
        seqs[publisher] += 1;
        clock += 2;
        let topic = ["t", "t.u"][rng.random_range(0..2)].to_owned();
        let unknown = rng.random_bool(0.05);
        let mut publish =
            Publish { topic, call: clock, returned: clock + 1, ..publish(publisher as u32, seqs[publisher]) };
        if unknown {
            publish.outcome = Outcome::Info;
        }
        publishes.push(publish);
    }
    let filters = ["t", "t.u", "*", ">"];
    let mut subscriptions: Vec<Subscription> = (0..4)
        .map(|n| {
            let filter = match filters[n] {
                topic if n < 2 => Filter::Topic(topic.into()),
                pattern => Filter::Pattern(Pattern::parse(pattern).unwrap()),
            };
            let ready = rng.random_range(1..100);
            let closed = rng.random_range(300..400);
            let deliveries = publishes
                .iter()
                .filter(|p| filter.matches(&p.topic) && p.call > ready && p.call < closed)
                .map(delivery)
                .collect();
            let (name, closing) = (format!("S{n}"), Some(closed - 1));
            Subscription { name, filter, called: ready - 1, ready, closing, closed: Some(closed), deliveries }
        })
        .collect();
    let promised: Vec<usize> = (5..40).collect();
    let at = promised[rng.random_range(0..promised.len())];
    let deliveries = &mut subscriptions[rng.random_range(0..4)].deliveries;
    let known = |d: &Delivery| d.id != "?";
    let at = (at..deliveries.len()).find(|&i| known(&deliveries[i])).unwrap();
    match fault {
        Fault::None => {}
        Fault::Drop => _ = deliveries.remove(at),
        Fault::Repeat => deliveries.insert(at + 3, deliveries[at].clone()),
        Fault::Swap => {
            let publisher = deliveries[at].stamp.unwrap().0;
            let later =
                (at + 1..deliveries.len()).find(|&i| deliveries[i].stamp.unwrap().0 == publisher).unwrap();
            deliveries.swap(at, later);
        }
        Fault::Leak => deliveries.insert(at, delivery(&Publish { seq: 999, ..publish(1, 1) })),
        Fault::Mix => deliveries[at].payload ^= 1,
        Fault::Late => {
            let last = publishes.last().unwrap();
            subscriptions[3].deliveries.push(Delivery { id: "?".into(), ..delivery(last) });
            if let Outcome::Ok(id) = &last.outcome {
                subscriptions[3].deliveries.last_mut().unwrap().id.clone_from(id);
            }
        }
    }
    judge(&publishes, &subscriptions)
}

#[test]
fn findings_read_well() {
    let subscription = || "S".to_owned();
    let publish = which(1, 2);
    let corrupted = |what| Finding::Corrupted { subscription: subscription(), publish, what };
    let id = || "i".to_owned();
    let table = [
        (
            Finding::Phantom { subscription: subscription(), id: id(), refused: None },
            "S got \"i\", which nobody published",
        ),
        (
            Finding::Phantom { subscription: subscription(), id: id(), refused: Some(publish) },
            "S got message 2 of publisher 1, which was refused",
        ),
        (corrupted(Changed::Payload), "S got message 2 of publisher 1 with another payload"),
        (corrupted(Changed::Headers), "S got message 2 of publisher 1 with other headers"),
        (
            corrupted(Changed::Topic { published: "t".into(), delivered: "u".into() }),
            "S got message 2 of publisher 1 with the topic \"u\" instead of \"t\"",
        ),
        (
            corrupted(Changed::Id { answered: "i".into(), delivered: "j".into() }),
            "S got message 2 of publisher 1 with the id \"j\" instead of \"i\"",
        ),
        (
            Finding::Duplicate { subscription: subscription(), publish },
            "S got message 2 of publisher 1 again",
        ),
        (Finding::Lost { subscription: subscription(), publish }, "S did not get message 2 of publisher 1"),
        (
            Finding::Inverted { subscription: subscription(), publish, after: which(1, 3) },
            "S got message 2 of publisher 1 after message 3",
        ),
        (
            Finding::WrongTopic { subscription: subscription(), publish },
            "S got message 2 of publisher 1, whose topic it is not for",
        ),
        (
            Finding::TooEarly { subscription: subscription(), publish },
            "S got message 2 of publisher 1, which was published before it subscribed",
        ),
        (
            Finding::TooLate { subscription: subscription(), publish },
            "S got message 2 of publisher 1, which was published after it was closed",
        ),
        (Finding::EmptyId { publish }, "message 2 of publisher 1 got an empty message id"),
        (
            Finding::IdReused { id: id(), first: publish, again: which(3, 4) },
            "the id \"i\" was given to message 2 of publisher 1 and to message 4 of publisher 3",
        ),
    ];
    for (finding, text) in table {
        assert_eq!(finding.to_string(), text);
    }
    let overflow = [
        OverflowFault::Gap { missing: publish, got: which(1, 3) },
        OverflowFault::Unexpected { id: id() },
        OverflowFault::TooFew { delivered: 1, at_least: 2 },
    ];
    assert_eq!(
        overflow.map(|fault| fault.to_string()),
        [
            "message 3 of publisher 1 came, message 2 of publisher 1 before it did not",
            "\"i\" came out of place",
            "1 messages came, at least 2 must"
        ]
    );
}
