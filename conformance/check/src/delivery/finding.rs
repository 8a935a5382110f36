//! What can be wrong with deliveries, as data and in words.

use std::fmt::{self, Display};

use super::{Delivery, Publish};
use crate::{history::Outcome, quote::quote};

/// Names a publish in a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Which {
    /// Who published it.
    pub publisher: u32,
    /// The publisher's own count.
    pub seq: u64,
}

impl From<&Publish> for Which {
    fn from(publish: &Publish) -> Self {
        Which { publisher: publish.publisher, seq: publish.seq }
    }
}

impl Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of publisher {}", self.seq, self.publisher)
    }
}

/// What came otherwise than it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The payload.
    Payload,
    /// The headers.
    Headers,
    /// The topic.
    Topic {
        /// The topic it was published to.
        published: String,
        /// The topic it came with.
        delivered: String,
    },
    /// The message id.
    Id {
        /// The id that the publisher was told.
        answered: String,
        /// The id it came with.
        delivered: String,
    },
}

impl Changed {
    /// Everything that differs.
    pub(super) fn between(publish: &Publish, delivery: &Delivery) -> Vec<Changed> {
        let mut changed = Vec::new();
        if publish.payload != delivery.payload {
            changed.push(Changed::Payload);
        }
        if publish.headers != delivery.headers {
            changed.push(Changed::Headers);
        }
        if publish.topic != delivery.topic {
            let (published, delivered) = (publish.topic.clone(), delivery.topic.clone());
            changed.push(Changed::Topic { published, delivered });
        }
        if let Outcome::Ok(id) = &publish.outcome
            && *id != delivery.id
        {
            changed.push(Changed::Id { answered: id.clone(), delivered: delivery.id.clone() });
        }
        changed
    }
}

impl Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Changed::Payload => f.write_str("another payload"),
            Changed::Headers => f.write_str("other headers"),
            Changed::Topic { published, delivered } => {
                write!(f, "the topic {} instead of {}", quote(delivered), quote(published))
            }
            Changed::Id { answered, delivered } => {
                write!(f, "the id {} instead of {}", quote(delivered), quote(answered))
            }
        }
    }
}

/// Something that the contract of pub/sub forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Something was delivered that nobody has published, or whose publish was refused.
    Phantom {
        /// The subscription that got it.
        subscription: String,
        /// Its message id.
        id: String,
        /// The refused publish, if it was one.
        refused: Option<Which>,
    },
    /// A message came changed (PSB-02, PSB-03).
    Corrupted {
        /// The subscription that got it.
        subscription: String,
        /// The message.
        publish: Which,
        /// What is different.
        what: Changed,
    },
    /// A message came again (PSB-09, PSW-06).
    Duplicate {
        /// The subscription that got it.
        subscription: String,
        /// The message.
        publish: Which,
    },
    /// A promised message did not come (PSB-01, PSW-05).
    Lost {
        /// The subscription that it was promised to.
        subscription: String,
        /// The message.
        publish: Which,
    },
    /// A message came after one that its publisher sent later (PSB-08).
    Inverted {
        /// The subscription that got them.
        subscription: String,
        /// The earlier message.
        publish: Which,
        /// The later one, which came first.
        after: Which,
    },
    /// A message of a topic that the subscription is not for (PSB-10, PSW-01 to PSW-03).
    WrongTopic {
        /// The subscription that got it.
        subscription: String,
        /// The message.
        publish: Which,
    },
    /// A message that was published before the subscription was asked for (PSB-11).
    TooEarly {
        /// The subscription that got it.
        subscription: String,
        /// The message.
        publish: Which,
    },
    /// A message that was published after the subscription was closed (PSB-15).
    TooLate {
        /// The subscription that got it.
        subscription: String,
        /// The message.
        publish: Which,
    },
    /// A publisher was told an empty message id (PSB-03).
    EmptyId {
        /// The message.
        publish: Which,
    },
    /// Two messages got the same id (PSB-03).
    IdReused {
        /// The id.
        id: String,
        /// The message that had it first.
        first: Which,
        /// The message that got it again.
        again: Which,
    },
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Phantom { subscription, id, refused: None } => {
                write!(f, "{subscription} got {}, which nobody published", quote(id))
            }
            Finding::Phantom { subscription, refused: Some(publish), .. } => {
                write!(f, "{subscription} got {publish}, which was refused")
            }
            Finding::Corrupted { subscription, publish, what } => {
                write!(f, "{subscription} got {publish} with {what}")
            }
            Finding::Duplicate { subscription, publish } => write!(f, "{subscription} got {publish} again"),
            Finding::Lost { subscription, publish } => write!(f, "{subscription} did not get {publish}"),
            Finding::Inverted { subscription, publish, after } => {
                write!(f, "{subscription} got {publish} after message {}", after.seq)
            }
            Finding::WrongTopic { subscription, publish } => {
                write!(f, "{subscription} got {publish}, whose topic it is not for")
            }
            Finding::TooEarly { subscription, publish } => {
                write!(f, "{subscription} got {publish}, which was published before it subscribed")
            }
            Finding::TooLate { subscription, publish } => {
                write!(f, "{subscription} got {publish}, which was published after it was closed")
            }
            Finding::EmptyId { publish } => write!(f, "{publish} got an empty message id"),
            Finding::IdReused { id, first, again } => {
                write!(f, "the id {} was given to {first} and to {again}", quote(id))
            }
        }
    }
}
