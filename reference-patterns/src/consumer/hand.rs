//! The messages in hand, each from the attempt to handle it to its end.

use super::{
    CUT_OFF, DEAD_LETTERS, EXHAUSTED, REJECTED, STATE,
    behaviour::Behaviour,
    book::{Book, End},
    state::State,
};
use crate::{slots::within, steps};
use prism_interfaces::{
    Endpoint, MESSAGE_ID_HEADER, ORDERING_KEY_HEADER,
    pattern::consumer::v1::{HandleRequest, Loss, handle_response::Verdict, handler_client::HandlerClient},
    pubsub::v1::{Message, PublishRequest, pub_sub_basic_client::PubSubBasicClient},
    time,
};
use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

/// How many messages are written down at once.
const WRITES: usize = 32;

/// What is said of a message that is given up before it is written down.
const NOT_WRITTEN: &str = "it may not be written down";

/// Everything that works on messages.
pub(super) struct Hand {
    pub(super) behaviour: Behaviour,
    pub(super) book: Book,
    pub(super) state: Option<State>,
    handler: Endpoint,
    dead_letters: Option<Endpoint>,
    /// One for each attempt that may be made now.
    attempts: Semaphore,
    /// One for each message that may be written down now.
    writes: Semaphore,
    /// One for each message that may be in hand.
    room: Arc<Semaphore>,
    /// What waits for the message before it, by ordering key.
    lanes: Mutex<HashMap<String, VecDeque<Item>>>,
    /// What is in hand is given up.
    pub(super) cut: CancellationToken,
}

/// A message in hand.
#[derive(Debug)]
pub(super) struct Item {
    message: Message,
    /// What it is told from others by, where that is asked for.
    name: Option<String>,
    /// The key of its record.
    record: Option<String>,
    /// Becomes that.
    writing: Option<JoinHandle<Result<Written, Cut>>>,
    redelivered: bool,
    /// Held until then.
    room: Option<OwnedSemaphorePermit>,
}

/// Everything is given up.
#[derive(Debug)]
struct Cut;

/// What came of writing a message down.
#[derive(Debug)]
enum Written {
    /// Under this key, or not at all where it was refused.
    Down(Option<String>),
    /// It was handled before.
    Duplicate,
}

/// What became of an attempt.
enum Attempt {
    Handled,
    Rejected(String),
    Failed { reason: String, after: Duration },
}

impl Hand {
    pub(super) fn new(
        behaviour: Behaviour,
        book: Book,
        state: Option<State>,
        handler: Endpoint,
        dead_letters: Option<Endpoint>,
    ) -> Arc<Self> {
        Arc::new(Self {
            attempts: Semaphore::new(behaviour.concurrency),
            writes: Semaphore::new(WRITES),
            room: Arc::new(Semaphore::new(behaviour.max_in_hand)),
            lanes: Mutex::default(),
            cut: CancellationToken::new(),
            behaviour,
            book,
            state,
            handler,
            dead_letters,
        })
    }

    /// Ends early where everything is given up.
    async fn unless_cut<T>(&self, work: impl Future<Output = T>) -> Result<T, Cut> {
        tokio::select! {
            // What is done counts.
            biased;
            done = work => Ok(done),
            () = self.cut.cancelled() => Err(Cut),
        }
    }

    /// Calls a slot until it answers OK; what it refuses for good is the caller's.
    async fn insist<T, F>(&self, slot: &'static str, call: impl Fn() -> F) -> Result<Result<T, Status>, Cut>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut failures = 0;
        loop {
            match self.unless_cut(call()).await? {
                Err(status) if status.code() != Code::InvalidArgument => {
                    self.book.trouble(slot, format!("{:?}: {}", status.code(), status.message()));
                    failures += 1;
                    self.unless_cut(tokio::time::sleep(self.behaviour.pause(failures))).await?;
                }
                answer => {
                    self.book.no_trouble(slot);
                    return Ok(answer);
                }
            }
        }
    }

    /// A message that an earlier life has left; it counts as in hand already.
    pub(super) async fn take_again(self: &Arc<Self>, message: Message, record: String) {
        let name = self.name(&message);
        if let Some(name) = &name {
            self.book.change(|page| page.names.insert(name.clone()));
        }
        self.admit(Item {
            message,
            name,
            record: Some(record),
            writing: None,
            redelivered: true,
            room: None,
        })
        .await;
    }

    /// A message that was delivered.
    pub(super) async fn take(self: &Arc<Self>, message: Message) {
        let name = self.name(&message);
        if self.book.take(name.as_deref()) {
            self.admit(Item { message, name, record: None, writing: None, redelivered: false, room: None })
                .await;
        }
    }

    /// Waits for room, then has the message written down, and worked on when that is done. Records are numbered here, in
    /// the order in which messages come; several are written at once.
    async fn admit(self: &Arc<Self>, mut item: Item) {
        match self.unless_cut(Arc::clone(&self.room).acquire_owned()).await {
            // It is never closed.
            Ok(room) => item.room = room.ok(),
            Err(Cut) => return self.give_up(&item, 0, NOT_WRITTEN.to_owned()),
        }
        if let Some(state) = &self.state {
            let hand = Arc::clone(self);
            let (message, name) = (item.message.clone(), item.name.clone());
            let left = item.record.clone();
            let record = left.clone().unwrap_or_else(|| state.record());
            item.writing =
                Some(tokio::spawn(
                    async move { hand.write_down(message, name, record, left.is_some()).await },
                ));
        }
        self.begin(item);
    }

    /// `left` says that an earlier life has written it down.
    async fn write_down(
        &self,
        message: Message,
        name: Option<String>,
        record: String,
        left: bool,
    ) -> Result<Written, Cut> {
        let Some(state) = &self.state else { return Ok(Written::Down(None)) };
        let _turn = self.unless_cut(self.writes.acquire()).await?;
        if let Some(name) = &name
            && self.insist(STATE, || state.remembers(name)).await?.unwrap_or_default()
        {
            if left {
                // The earlier life did not come to remove it.
                self.forget(Some(&record)).await?;
            }
            return Ok(Written::Duplicate);
        }
        if left {
            return Ok(Written::Down(Some(record)));
        }
        steps::reached("received").await;
        match self.insist(STATE, || state.put(&record, &message)).await? {
            Ok(()) => {
                steps::reached("written").await;
                Ok(Written::Down(Some(record)))
            }
            Err(status) => {
                let (message, why) = (&message.message_id, status.message());
                tracing::warn!(message, why, "the message cannot be written down");
                self.book.change(|page| page.counts.unrecorded += 1);
                Ok(Written::Down(None))
            }
        }
    }

    /// What the message is told from others by, where that is asked for.
    fn name(&self, message: &Message) -> Option<String> {
        self.behaviour.dedup_window?;
        let named = message.headers.get(MESSAGE_ID_HEADER).filter(|name| !name.is_empty());
        Some(named.unwrap_or(&message.message_id).clone())
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Item>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the message when those before it with the same key are at their ends.
    fn begin(self: &Arc<Self>, item: Item) {
        let hand = Arc::clone(self);
        let Some(key) = item.message.headers.get(ORDERING_KEY_HEADER).cloned() else {
            tokio::spawn(async move { hand.work(item).await });
            return;
        };
        if let Some(waiting) = self.lanes().get_mut(&key) {
            waiting.push_back(item);
            return;
        }
        self.lanes().insert(key.clone(), VecDeque::new());
        tokio::spawn(async move {
            let mut next = Some(item);
            while let Some(item) = next {
                hand.work(item).await;
                let mut lanes = hand.lanes();
                next = lanes.get_mut(&key).and_then(VecDeque::pop_front);
                if next.is_none() {
                    lanes.remove(&key);
                }
            }
        });
    }

    /// One message, to its end.
    async fn work(&self, mut item: Item) {
        if let Some(writing) = item.writing.take() {
            match writing.await {
                Ok(Ok(Written::Down(record))) => item.record = record,
                Ok(Ok(Written::Duplicate)) => return self.book.end(item.name.as_deref(), End::Duplicate),
                Ok(Err(Cut)) | Err(_) => return self.give_up(&item, 0, NOT_WRITTEN.to_owned()),
            }
        }
        let mut last = (0, String::new());
        let end = self.attempts(&item, &mut last).await;
        match end {
            Ok(end) => self.book.end(item.name.as_deref(), end),
            Err(Cut) => self.give_up(&item, last.0, last.1),
        }
    }

    async fn attempts(&self, item: &Item, last: &mut (u32, String)) -> Result<End, Cut> {
        let most = self.behaviour.max_attempts;
        for attempt in 1..=most {
            let outcome = {
                let _permit = self.unless_cut(self.attempts.acquire()).await?;
                if attempt > 1 {
                    self.book.change(|page| page.counts.retried += 1);
                }
                self.unless_cut(self.attempt(item, attempt)).await?
            };
            last.0 = attempt;
            match outcome {
                Attempt::Handled => {
                    steps::reached("handled").await;
                    self.remember(item).await?;
                    steps::reached("remembered").await;
                    self.forget(item.record.as_deref()).await?;
                    steps::reached("removed").await;
                    return Ok(End::Handled { message_id: item.message.message_id.clone() });
                }
                Attempt::Rejected(reason) => {
                    last.1.clone_from(&reason);
                    return self.bury(item, REJECTED, attempt, reason).await;
                }
                Attempt::Failed { reason, after } => {
                    last.1 = reason;
                    if attempt < most {
                        let pause = self.behaviour.pause(attempt).max(after);
                        self.unless_cut(tokio::time::sleep(pause)).await?;
                    }
                }
            }
        }
        self.bury(item, EXHAUSTED, most, last.1.clone()).await
    }

    /// One call of the handler.
    async fn attempt(&self, item: &Item, attempt: u32) -> Attempt {
        let mut request = Request::new(HandleRequest {
            message: Some(item.message.clone()),
            attempt,
            max_attempts: self.behaviour.max_attempts,
            redelivered: item.redelivered,
        });
        let limit = self.behaviour.handler_timeout;
        request.set_timeout(limit);
        let mut client = HandlerClient::new(self.handler.clone()).max_encoding_message_size(usize::MAX);
        let failed = |reason: String| Attempt::Failed { reason, after: Duration::ZERO };
        match within(limit, client.handle(request)).await {
            Err(status) => failed(format!("{:?}: {}", status.code(), status.message())),
            Ok(answer) => match answer.into_inner().verdict {
                Some(Verdict::Handled(_)) => Attempt::Handled,
                Some(Verdict::Reject(reject)) => Attempt::Rejected(reject.reason),
                Some(Verdict::Retry(retry)) => Attempt::Failed {
                    reason: retry.reason,
                    after: retry.after.as_ref().and_then(time::to_std).unwrap_or_default(),
                },
                None => failed("the answer had no verdict".to_owned()),
            },
        }
    }

    async fn remember(&self, item: &Item) -> Result<(), Cut> {
        if let (Some(name), Some(state), Some(window)) =
            (&item.name, &self.state, self.behaviour.dedup_window)
            && let Err(status) = self.insist(STATE, || state.remember(name, window)).await?
        {
            tracing::error!(name, %status, "the name of a message cannot be remembered");
        }
        Ok(())
    }

    /// Removes what was written down.
    async fn forget(&self, record: Option<&str>) -> Result<(), Cut> {
        if let (Some(record), Some(state)) = (record, &self.state)
            && let Err(status) = self.insist(STATE, || state.remove(record)).await?
        {
            tracing::error!(record, %status, "a record cannot be removed");
        }
        Ok(())
    }

    /// What cannot be handled becomes a dead letter, or is lost and told so.
    async fn bury(&self, item: &Item, cause: &str, attempts: u32, reason: String) -> Result<End, Cut> {
        let Some(slot) = &self.dead_letters else {
            self.forget(item.record.as_deref()).await?;
            return Ok(End::Lost(lost(item, cause, attempts, reason)));
        };
        let topic = self.behaviour.dead_letter_topic.as_str();
        let request = dead_letter(&item.message, topic, cause, attempts, &reason);
        let limit = self.behaviour.slot_timeout;
        let published = self
            .insist(DEAD_LETTERS, || {
                let mut request = Request::new(request.clone());
                request.set_timeout(limit);
                let mut client = PubSubBasicClient::new(slot.clone()).max_encoding_message_size(usize::MAX);
                async move { within(limit, client.publish(request)).await }
            })
            .await?;
        self.forget(item.record.as_deref()).await?;
        Ok(match published {
            Ok(_) => End::DeadLettered,
            Err(status) => {
                let reason = format!("the dead letter was refused: {}", status.message());
                End::Lost(lost(item, cause, attempts, reason))
            }
        })
    }

    /// A message whose work was cut off: what is written down is there for the next life.
    fn give_up(&self, item: &Item, attempts: u32, reason: String) {
        let end = match &item.record {
            Some(_) => End::Kept,
            None => End::Lost(lost(item, CUT_OFF, attempts, reason)),
        };
        self.book.end(item.name.as_deref(), end);
    }
}

/// A message that is given up; nobody should have to find that out by counting.
fn lost(item: &Item, cause: &str, attempts: u32, reason: String) -> Loss {
    let (message, topic) = (&item.message.message_id, &item.message.topic);
    tracing::error!(message, topic, cause, attempts, reason, "a message is lost");
    Loss { message_id: message.clone(), attempts, cause: cause.to_owned(), reason }
}

fn dead_letter(message: &Message, topic: &str, cause: &str, attempts: u32, reason: &str) -> PublishRequest {
    let mut headers = message.headers.clone();
    let of_death = [
        ("cause", cause.to_owned()),
        ("attempts", attempts.to_string()),
        ("reason", reason.to_owned()),
        ("topic", message.topic.clone()),
        ("message-id", message.message_id.clone()),
    ];
    headers.extend(of_death.map(|(name, value)| (format!("prism-dead-letter-{name}"), value)));
    PublishRequest { topic: topic.to_owned(), payload: message.payload.clone(), headers }
}
