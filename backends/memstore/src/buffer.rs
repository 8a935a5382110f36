//! What a subscriber has not read yet.
//!
//! Publishers write without ever waiting. Once a subscriber is further behind than the buffer is long, it gets what
//! the buffer holds and then an end: never a gap.

use crate::sync::{Mutex, lock};
use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

/// A bounded queue with one reader, which ends in order or by overflow.
pub(crate) struct Buffer<T> {
    capacity: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    items: VecDeque<T>,
    end: End,
    /// Whom to wake; there only while the reader waits.
    reader: Option<Waker>,
}

/// Whether, and how, the queue ends after what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Closed,
    Overflowed,
}

/// The reader was further behind than the buffer is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow;

/// What became of an item.
pub(crate) struct Pushed {
    /// Whether the buffer takes more; once it does not, it never does.
    pub(crate) open: bool,
    /// Whom to wake, when no lock is held any more: waking runs code that is not ours.
    pub(crate) reader: Option<Waker>,
}

impl<T> Buffer<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { items: VecDeque::new(), end: End::Open, reader: None };
        Self { capacity, state: Mutex::new(state) }
    }

    /// Adds an item, unless the buffer has ended or ends now because it is full.
    pub(crate) fn push(&self, item: T) -> Pushed {
        let mut state = lock(&self.state);
        if state.end != End::Open {
            return Pushed { open: false, reader: None };
        }
        if state.items.len() < self.capacity {
            state.items.push_back(item);
        } else {
            state.end = End::Overflowed;
        }
        Pushed { open: state.end == End::Open, reader: state.reader.take() }
    }

    /// Ends the queue after what it holds; returns whom to wake.
    pub(crate) fn close(&self) -> Option<Waker> {
        let mut state = lock(&self.state);
        if state.end == End::Open {
            state.end = End::Closed;
        }
        state.reader.take()
    }

    /// The next item, or the end. An overflow is told once.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Result<T, Overflow>>> {
        let mut state = lock(&self.state);
        if let Some(item) = state.items.pop_front() {
            return Poll::Ready(Some(Ok(item)));
        }
        match state.end {
            End::Closed => Poll::Ready(None),
            End::Overflowed => {
                state.end = End::Closed;
                Poll::Ready(Some(Err(Overflow)))
            }
            End::Open => {
                // Noted under the lock that publishers take, so that none comes in between unheard.
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
