//! A subscriber that fell behind: where `overflow: disconnect` is declared, what it got is a beginning without a gap.

use std::{
    collections::HashMap,
    fmt::{self, Display},
};

use super::{Publish, Subscription, finding::Which};

/// What is wrong with what a subscriber got that fell behind (PSB-13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverflowFault {
    /// A message is missing before one that came.
    Gap {
        /// The message that should have come next.
        missing: Which,
        /// The one of the same publisher that came instead.
        got: Which,
    },
    /// Something came that the subscription was not promised, or came twice.
    Unexpected {
        /// The message id.
        id: String,
    },
    /// Fewer messages than the declared buffer keeps.
    TooFew {
        /// How many came.
        delivered: usize,
        /// How many must.
        at_least: usize,
    },
}

impl Display for OverflowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OverflowFault::Gap { missing, got } => write!(f, "{got} came, {missing} before it did not"),
            OverflowFault::Unexpected { id } => write!(f, "{} came out of place", crate::quote(id)),
            OverflowFault::TooFew { delivered, at_least } => {
                write!(f, "{delivered} messages came, at least {at_least} must")
            }
        }
    }
}

/// Judges what a subscription got that did not read for a while and was then read to its end: of each publisher a
/// beginning of what was promised (see [`Subscription`]), without a gap, and at least `buffer` messages in all, or all if
/// there were fewer. Publishers publish one message after the other, in the order of their sequence numbers; deliveries
/// carry stamps.
pub fn judge_overflow(
    publishes: &[Publish],
    subscription: &Subscription,
    buffer: usize,
) -> Result<(), OverflowFault> {
    let mut promised: HashMap<u32, Vec<u64>> = HashMap::new();
    for publish in publishes.iter().filter(|p| subscription.must_get(p)) {
        promised.entry(publish.publisher).or_default().push(publish.seq);
    }
    let total: usize = promised.values().map(Vec::len).sum();
    for seqs in promised.values_mut() {
        seqs.sort_unstable_by(|a, b| b.cmp(a));
    }

    for delivery in &subscription.deliveries {
        let unexpected = || OverflowFault::Unexpected { id: delivery.id.clone() };
        let (publisher, seq) = delivery.stamp.ok_or_else(unexpected)?;
        let left = promised.get_mut(&publisher).ok_or_else(unexpected)?;
        let next = left.pop().ok_or_else(unexpected)?;
        if next != seq {
            return Err(if left.contains(&seq) {
                let [missing, got] = [next, seq].map(|seq| Which { publisher, seq });
                OverflowFault::Gap { missing, got }
            } else {
                unexpected()
            });
        }
    }
    let (delivered, at_least) = (subscription.deliveries.len(), buffer.min(total));
    if delivered < at_least { Err(OverflowFault::TooFew { delivered, at_least }) } else { Ok(()) }
}
