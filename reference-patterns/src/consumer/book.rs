//! What is in hand and what became of everything else, counted in one place so that the counts always agree.

use super::CUT_OFF;
use prism_interfaces::pattern::consumer::v1::{Counts, Loss};
use std::collections::{BTreeMap, HashSet};
use tokio::sync::watch;

/// The counts, and whoever waits for them to change.
#[derive(Debug)]
pub(super) struct Book(watch::Sender<Page>);

/// What is in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    pub(super) counts: Counts,
    pub(super) in_hand: u64,
    /// The names of messages in hand, where equal ones are looked for.
    pub(super) names: HashSet<String>,
    pub(super) subscribed: bool,
    /// What is in the way, by slot.
    pub(super) troubles: BTreeMap<&'static str, String>,
    /// What was in hand in this life and came to its end by itself.
    pub(super) ended: u64,
    /// What had to be cut off.
    pub(super) cut_off: u64,
    /// Whether the counts were changed since they were kept.
    pub(super) changed: bool,
}

/// What became of a message in hand.
#[derive(Debug, Clone)]
pub(super) enum End {
    Handled {
        message_id: String,
    },
    /// It was handled before.
    Duplicate,
    DeadLettered,
    Lost(Loss),
    /// It stays in the store for the next life.
    Kept,
}

impl Book {
    /// Goes on from what was kept, with so many messages in hand.
    pub(super) fn new(mut counts: Counts, in_hand: u64) -> Self {
        // A life that was killed has counted less than it had received.
        counts.received = counts.handled + counts.dead_lettered + counts.lost + counts.duplicates + in_hand;
        Self(watch::Sender::new(Page { counts, in_hand, ..Page::default() }))
    }

    /// Looks at it as it is now.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Page) -> T) -> T {
        look(&self.0.borrow())
    }

    /// Changes it, all at once for everybody who looks.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Page) -> T) -> T {
        let mut result = None;
        self.0.send_modify(|page| {
            page.changed = true;
            result = Some(change(page));
        });
        // `send_modify` calls what it is given once.
        result.unwrap_or_else(|| unreachable!("the page was not changed"))
    }

    /// Waits until it is so.
    pub(super) async fn when(&self, holds: impl FnMut(&Page) -> bool) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(holds).await;
    }

    /// What is in the way at a slot, told once.
    pub(super) fn trouble(&self, slot: &'static str, why: String) {
        self.0.send_if_modified(|page| {
            let news = page.troubles.get(slot) != Some(&why);
            if news {
                tracing::warn!(slot, why, "the consumer waits for a slot");
                page.troubles.insert(slot, why);
            }
            news
        });
    }

    /// The slot works.
    pub(super) fn no_trouble(&self, slot: &'static str) {
        if self.look(|page| page.troubles.contains_key(slot)) {
            self.0.send_if_modified(|page| page.troubles.remove(slot).is_some());
        }
    }

    /// A message came in; `false` where one with this name is in hand.
    pub(super) fn take(&self, name: Option<&str>) -> bool {
        self.change(|page| {
            page.counts.received += 1;
            let new = name.is_none_or(|name| page.names.insert(name.to_owned()));
            if new {
                page.in_hand += 1;
            } else {
                page.counts.duplicates += 1;
            }
            new
        })
    }

    /// A message has come to its end.
    pub(super) fn end(&self, name: Option<&str>, end: End) {
        self.change(|page| {
            page.in_hand -= 1;
            if let Some(name) = name {
                page.names.remove(name);
            }
            match end {
                End::Kept => return page.cut_off += 1,
                End::Lost(loss) if loss.cause == CUT_OFF => {
                    page.counts.lost += 1;
                    page.counts.last_loss = Some(loss);
                    return page.cut_off += 1;
                }
                End::Lost(loss) => {
                    page.counts.lost += 1;
                    page.counts.last_loss = Some(loss);
                }
                End::Handled { message_id } => {
                    page.counts.handled += 1;
                    page.counts.last_handled = message_id;
                }
                End::Duplicate => page.counts.duplicates += 1,
                End::DeadLettered => page.counts.dead_lettered += 1,
            }
            page.ended += 1;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn received_is_always_the_sum_of_the_rest() {
        let book = Book::new(Counts { handled: 3, received: 9, ..Counts::default() }, 2);
        let sum = |book: &Book| {
            let page = book.look(Page::clone);
            let Counts { received, handled, duplicates, dead_lettered, lost, .. } = page.counts;
            assert_eq!(received, handled + duplicates + dead_lettered + lost + page.in_hand);
            received
        };
        assert_eq!(sum(&book), 5);
        assert!(book.take(Some("a")));
        assert!(!book.take(Some("a")), "it is in hand");
        assert_eq!(sum(&book), 7);
        book.end(Some("a"), End::Handled { message_id: "1".into() });
        assert!(book.take(Some("a")), "it no longer is");
        book.end(Some("a"), End::Duplicate);
        book.end(None, End::DeadLettered);
        book.end(None, End::Lost(Loss::default()));
        assert_eq!((sum(&book), book.look(|page| (page.in_hand, page.ended))), (8, (0, 4)));
    }
}
