//! Histories of publish and subscribe: concurrent publishers, subscribers that come and go, and an accounting of every
//! message afterwards.

use crate::{
    Context, Failure, Verdict,
    client::{Event, PATIENCE, PubSub},
    concurrent::{joined, outcome, setting},
    messages::{buffer, show_event},
};
use futures::future::join_all;
use prism_check::{
    Outcome,
    delivery::{self, Delivery, Filter, Finding, Publish, judge},
    digest, digest_headers,
    payload::{self, Stamp},
    stamp,
    wildcard::Pattern,
};
use prism_interfaces::pubsub::v1::Message;
use rand::RngExt;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::sync::watch;

/// How many messages are published in a history, sentinels not counted.
const MESSAGES: usize = 48;

/// How many subscribers there are. The first is there from the beginning to the end; the others come and go.
const SUBSCRIBERS: usize = 4;

/// The sequence numbers from here on are those of sentinels.
const LAST: u64 = 1 << 32;

/// Runs and judges histories; with `patterns`, every second subscriber subscribes to a pattern.
pub(crate) async fn run(context: Context, patterns: bool) -> Verdict {
    let mut promised = 0;
    for number in 0..context.effort().histories() {
        promised += history(&context.elsewhere(), number, patterns)
            .await
            .map_err(|failure| failure.during(format!("history {number}")))?;
    }
    if promised == 0 {
        return Err(Failure::harness("no message was promised to anybody, so nothing was proven"));
    }
    Ok(())
}

/// What the clients of one history share.
struct Plan {
    pubsub: PubSub,
    context: Context,
    number: usize,
    topics: Vec<String>,
    publishers: usize,
    /// How many messages each publishes.
    each: usize,
    /// How many subscribers have got `ready`: sentinels wait for them.
    ready: watch::Sender<usize>,
    patterns: bool,
}

async fn history(context: &Context, number: usize, patterns: bool) -> Result<u64, Failure> {
    let (publishers, topics) = setting(number);
    let plan = Arc::new(Plan {
        pubsub: context.pubsub(),
        context: context.clone(),
        number,
        topics: (0..topics).map(|n| format!("topic.{n}")).collect(),
        publishers,
        each: MESSAGES.min(buffer(context) / 2).div_ceil(publishers),
        ready: watch::Sender::new(0),
        patterns,
    });
    let subscribers = (0..SUBSCRIBERS).map(|n| tokio::spawn(subscriber(Arc::clone(&plan), n)));
    let subscribers: Vec<_> = subscribers.collect();
    let publishers = (0..publishers).map(|n| tokio::spawn(publisher(Arc::clone(&plan), n as u32)));
    let mut published = Vec::new();
    for publishes in join_all(publishers).await {
        published.extend(joined(publishes)?);
    }
    let mut subscriptions = Vec::new();
    for subscription in join_all(subscribers).await {
        subscriptions.push(joined(subscription)?);
    }
    let accounts = judge(&published, &subscriptions);
    let Some(first) = accounts.findings.first() else { return Ok(accounts.promised) };
    let more = accounts.findings.iter().map(ToString::to_string).take(20).collect::<Vec<_>>().join("\n");
    Err(Failure::violation(first.to_string()).clause(clause(first)).detail(format!(
        "{} of {} deliveries came; everything that is wrong:\n{more}",
        accounts.delivered, accounts.promised
    )))
}

/// The clause that a finding is about.
fn clause(finding: &Finding) -> &'static str {
    match finding {
        Finding::Corrupted { what: delivery::Changed::Id { .. }, .. }
        | Finding::EmptyId { .. }
        | Finding::IdReused { .. } => "PSB-03",
        Finding::Corrupted { .. } => "PSB-02",
        Finding::Phantom { .. } | Finding::WrongTopic { .. } => "PSB-10",
        Finding::Duplicate { .. } => "PSB-09",
        Finding::Lost { .. } => "PSB-01",
        Finding::Inverted { .. } => "PSB-08",
        Finding::TooEarly { .. } => "PSB-11",
        Finding::TooLate { .. } => "PSB-15",
    }
}

/// Publishes one message after the other, and a sentinel to each topic when everybody listens.
async fn publisher(plan: Arc<Plan>, publisher: u32) -> Result<Vec<Publish>, Failure> {
    let mut rng = plan.context.rng((plan.number as u64) << 16 | u64::from(publisher) | 1 << 8);
    let mut publishes = Vec::new();
    for seq in 0..plan.each as u64 {
        let topic = &plan.topics[rng.random_range(0..plan.topics.len())];
        let length = payload::MIN_LEN + rng.random_range(0..200_usize);
        let headers = (0..rng.random_range(0..3_usize)).map(|n| (format!("header {n}"), format!("{seq} ä")));
        publishes.push(publish(&plan, publisher, seq, topic, length, headers.collect()).await?);
        if rng.random_bool(0.3) {
            tokio::task::yield_now().await;
        }
    }
    let mut ready = plan.ready.subscribe();
    // The sender is a part of the plan and cannot be gone.
    let all = ready.wait_for(|ready| *ready == SUBSCRIBERS);
    if tokio::time::timeout(PATIENCE * 2, all).await.is_err() {
        return Err(Failure::harness("not every subscriber came to be ready"));
    }
    for (n, topic) in plan.topics.iter().enumerate() {
        let seq = LAST + n as u64;
        publishes.push(publish(&plan, publisher, seq, topic, payload::MIN_LEN, HashMap::new()).await?);
    }
    Ok(publishes)
}

async fn publish(
    plan: &Plan,
    publisher: u32,
    seq: u64,
    topic: &str,
    length: usize,
    headers: HashMap<String, String>,
) -> Result<Publish, Failure> {
    let payload = Stamp { run: plan.number as u64, client: publisher, seq }.payload(length);
    let (payload_digest, headers_digest) = (digest(&payload), digest_headers(&headers));
    let call = stamp();
    let answer = plan.pubsub.publish_with(topic, payload, headers).await;
    let returned = stamp();
    let outcome = outcome(answer.as_ref().cloned());
    if let (Outcome::Fail, Err(status)) = (&outcome, answer) {
        return Err(Failure::from(status).during("Publish"));
    }
    Ok(Publish {
        publisher,
        seq,
        topic: topic.to_owned(),
        payload: payload_digest,
        headers: headers_digest,
        call,
        returned,
        outcome,
    })
}

/// Subscribes at some time, reads, and unsubscribes after some messages or stays to the end.
async fn subscriber(plan: Arc<Plan>, n: usize) -> Result<delivery::Subscription, Failure> {
    let mut rng = plan.context.rng((plan.number as u64) << 16 | n as u64);
    for _ in 0..n * rng.random_range(0..10_usize) {
        tokio::task::yield_now().await;
    }
    let topic = plan.topics[rng.random_range(0..plan.topics.len())].clone();
    let pattern = ["topic.*", "topic.>", "*.0", ">"][rng.random_range(0..4_usize)];
    let pattern = (plan.patterns && n % 2 == 1).then_some(pattern);
    let filter = match pattern.map(Pattern::parse) {
        Some(Ok(pattern)) => Filter::Pattern(pattern),
        _ => Filter::Topic(topic.clone()),
    };
    let called = stamp();
    let opened = match pattern {
        Some(pattern) => plan.pubsub.subscribe_pattern(pattern).await,
        None => plan.pubsub.subscribe(&topic).await,
    };
    let ready = stamp();
    plan.ready.send_modify(|ready| *ready += 1);
    let mut open = opened?;
    let name = format!("subscriber {n} ({})", pattern.unwrap_or(&topic));
    let mut subscription = delivery::Subscription {
        name,
        filter,
        called,
        ready,
        closing: None,
        closed: None,
        deliveries: Vec::new(),
    };

    let leaves_after = (n > 0 && rng.random_bool(0.5)).then(|| rng.random_range(0..MESSAGES / 2));
    let mut sentinels: HashSet<(u32, u64)> = HashSet::new();
    let topics = plan.topics.iter().filter(|topic| subscription.filter.matches(topic)).count();
    // Each publisher's last message to each topic, behind which nothing is to come.
    while sentinels.len() < topics * plan.publishers {
        if leaves_after == Some(subscription.deliveries.len()) {
            subscription.closing = Some(stamp());
            let existed = plan.pubsub.unsubscribe(&open.id).await?;
            subscription.closed = Some(stamp());
            if !existed {
                return Err(Failure::violation(format!(
                    "{} was not known to Unsubscribe",
                    subscription.name
                ))
                .clause("PSB-15"));
            }
        }
        let closed = subscription.closed.is_some();
        match open.next(PATIENCE).await {
            Event::Message(message) => {
                let delivery = delivered(&plan, message);
                sentinels.extend(delivery.stamp.filter(|(_, seq)| *seq >= LAST));
                subscription.deliveries.push(delivery);
            }
            Event::End if closed => return Ok(subscription),
            // What is missing is the judge's to say.
            Event::Silence if !closed => return Ok(subscription),
            other => {
                let message = format!("{} got something else than a message", subscription.name);
                let clause = if closed { "PSB-15" } else { "PSB-01" };
                let expected = if closed { "a message, or an end with OK" } else { "a message" };
                return Err(Failure::violation(message)
                    .clause(clause)
                    .expected(expected)
                    .got(show_event(&other)));
            }
        }
    }
    Ok(subscription)
}

fn delivered(plan: &Plan, message: Message) -> Delivery {
    let stamped = payload::verify(&message.payload).ok().filter(|stamp| stamp.run == plan.number as u64);
    Delivery {
        stamp: stamped.map(|stamp| (stamp.client, stamp.seq)),
        payload: digest(&message.payload),
        headers: digest_headers(&message.headers),
        id: message.message_id,
        topic: message.topic,
    }
}
