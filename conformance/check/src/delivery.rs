//! The accounting of pub/sub: every delivery must be one that was published, unchanged, once, in order, at its time; and
//! everything that a subscription was promised must be there.
//!
//! Deliveries are matched with publishes by the publisher and sequence number in their payload (see
//! [`payload`](crate::payload)), and by message id where the payload does not say. Cost: linear in the deliveries, plus
//! one look at every publish for every subscription.

use std::collections::{HashMap, HashSet};

use crate::{history::Outcome, wildcard::Pattern};

mod finding;
mod overflow;

pub use finding::{Changed, Finding, Which};
pub use overflow::{OverflowFault, judge_overflow};

/// A message that somebody published, or tried to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Who.
    pub publisher: u32,
    /// The publisher's own count of its messages.
    pub seq: u64,
    /// The topic.
    pub topic: String,
    /// The [`digest`](crate::digest()) of the payload.
    pub payload: u64,
    /// The [`digest_headers`](crate::digest_headers) of the headers.
    pub headers: u64,
    /// The stamp of the call.
    pub call: u64,
    /// The stamp of the return; of no meaning where the outcome is unknown.
    pub returned: u64,
    /// How it ended, with the message id that was answered. Of unknown outcome: it may be delivered or not.
    pub outcome: Outcome<String>,
}

/// A message that a subscription got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Publisher and sequence number from the payload, where it verifies.
    pub stamp: Option<(u32, u64)>,
    /// The message id.
    pub id: String,
    /// The topic.
    pub topic: String,
    /// The [`digest`](crate::digest()) of the payload.
    pub payload: u64,
    /// The [`digest_headers`](crate::digest_headers) of the headers.
    pub headers: u64,
}

/// What a subscription is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Exactly this topic.
    Topic(String),
    /// The topics that match.
    Pattern(Pattern),
}

impl Filter {
    /// Whether the subscription is for this topic.
    pub fn matches(&self, topic: &str) -> bool {
        match self {
            Filter::Topic(own) => own == topic,
            Filter::Pattern(pattern) => pattern.matches(topic),
        }
    }
}

/// A subscription and all that it got. The four stamps say what it was promised:
///
/// ```text
///   called ──► ready ─────────────────────► closing ──► closed
///   nothing    everything called after this             nothing called
///   returned   and returned before closing              after this
///   before
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// How reports call it.
    pub name: String,
    /// What it is for.
    pub filter: Filter,
    /// The stamp of the call of Subscribe.
    pub called: u64,
    /// The stamp of the arrival of `ready`.
    pub ready: u64,
    /// What returned before this must have come: the call of Unsubscribe, or the time at which a sentinel, published
    /// last, had arrived. `None` for everything.
    pub closing: Option<u64>,
    /// What was called after this must not come: the return of Unsubscribe. `None` where it was never closed.
    pub closed: Option<u64>,
    /// What came, in its order.
    pub deliveries: Vec<Delivery>,
}

impl Subscription {
    /// Whether the subscription was promised this message.
    fn must_get(&self, publish: &Publish) -> bool {
        matches!(publish.outcome, Outcome::Ok(_))
            && publish.call > self.ready
            && self.closing.is_none_or(|closing| publish.returned < closing)
            && self.filter.matches(&publish.topic)
    }
}

/// What an accounting came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// What is wrong, in the order of subscriptions and deliveries.
    pub findings: Vec<Finding>,
    /// How many deliveries were promised, over all subscriptions. Zero means that nothing was proven.
    pub promised: u64,
    /// How many came.
    pub delivered: u64,
}

/// Judges what subscriptions got.
///
/// `publishes` holds everything that was published in the namespace during the run, to whatever topic: what is not there
/// is a phantom when it is delivered.
pub fn judge(publishes: &[Publish], subscriptions: &[Subscription]) -> Accounts {
    let mut accounts = Accounts::default();
    let mut by_stamp: HashMap<(u32, u64), usize> = HashMap::new();
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    for (i, publish) in publishes.iter().enumerate() {
        by_stamp.insert((publish.publisher, publish.seq), i);
        let Outcome::Ok(id) = &publish.outcome else { continue };
        if id.is_empty() {
            accounts.findings.push(Finding::EmptyId { publish: publish.into() });
        } else if let Some(first) = by_id.insert(id, i) {
            let first = (&publishes[first]).into();
            accounts.findings.push(Finding::IdReused { id: id.clone(), first, again: publish.into() });
        }
    }
    for subscription in subscriptions {
        let mut reader = Reader { subscription, seen: HashSet::new(), latest: HashMap::new() };
        for delivery in &subscription.deliveries {
            let stamped = delivery.stamp.and_then(|stamp| by_stamp.get(&stamp));
            let found = stamped.or_else(|| by_id.get(delivery.id.as_str())).copied();
            reader.read(publishes, found, delivery, &mut accounts.findings);
        }
        let promised = publishes.iter().enumerate().filter(|(_, p)| subscription.must_get(p));
        for (i, publish) in promised {
            accounts.promised += 1;
            if !reader.seen.contains(&i) {
                accounts
                    .findings
                    .push(Finding::Lost { subscription: subscription.name.clone(), publish: publish.into() });
            }
        }
        accounts.delivered += subscription.deliveries.len() as u64;
    }
    accounts
}

/// Reads one subscription's deliveries in their order.
struct Reader<'a> {
    subscription: &'a Subscription,
    seen: HashSet<usize>,
    /// For each publisher, the publish with the latest call of those that came.
    latest: HashMap<u32, usize>,
}

impl Reader<'_> {
    fn read(
        &mut self,
        publishes: &[Publish],
        found: Option<usize>,
        delivery: &Delivery,
        findings: &mut Vec<Finding>,
    ) {
        let name = || self.subscription.name.clone();
        let Some(i) = found.filter(|&i| publishes[i].outcome != Outcome::Fail) else {
            let refused = found.map(|i| (&publishes[i]).into());
            findings.push(Finding::Phantom { subscription: name(), id: delivery.id.clone(), refused });
            return;
        };
        let publish = &publishes[i];
        if !self.seen.insert(i) {
            findings.push(Finding::Duplicate { subscription: name(), publish: publish.into() });
            return;
        }
        for what in Changed::between(publish, delivery) {
            findings.push(Finding::Corrupted { subscription: name(), publish: publish.into(), what });
        }
        if !self.subscription.filter.matches(&publish.topic) {
            findings.push(Finding::WrongTopic { subscription: name(), publish: publish.into() });
        }
        if matches!(publish.outcome, Outcome::Ok(_)) && publish.returned < self.subscription.called {
            findings.push(Finding::TooEarly { subscription: name(), publish: publish.into() });
        }
        if self.subscription.closed.is_some_and(|closed| publish.call > closed) {
            findings.push(Finding::TooLate { subscription: name(), publish: publish.into() });
        }
        let latest = self.latest.entry(publish.publisher).or_insert(i);
        // Only what was published one after the other has an order.
        if matches!(publish.outcome, Outcome::Ok(_)) && publish.returned < publishes[*latest].call {
            let after = (&publishes[*latest]).into();
            findings.push(Finding::Inverted { subscription: name(), publish: publish.into(), after });
        }
        if publish.call > publishes[*latest].call {
            *latest = i;
        }
    }
}

#[cfg(test)]
mod tests;
