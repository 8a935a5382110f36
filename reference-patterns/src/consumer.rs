//! consumer: hands the messages of a topic to a handler, again where it fails, and loses none that it can keep.
//!
//! - `source`: the subscription; every message goes to the hand.
//! - `hand`: the messages in hand, each from the attempt to handle it to its end.
//! - `state`: what is kept for the next life.
//! - `book`: what is in hand and what became of everything else.

mod behaviour;
mod book;
mod hand;
mod source;
mod state;

use crate::{Pattern, Slots, Start};
use async_trait::async_trait;
use behaviour::Behaviour;
use book::Book;
use hand::Hand;
use prism_driver_kit::{InterfaceInfo, Running, RunningDriver};
use prism_interfaces::{
    Fault, Namespace,
    contract::v1::Reason,
    lifecycle::v1::InterfaceDescription,
    pattern::consumer::v1::{
        Counts, GetStatusRequest, GetStatusResponse,
        consumer_server::{Consumer as ConsumerService, ConsumerServer},
    },
    traits::{Declaration, TraitValue, Traits},
};
use prism_slots::Parameters;
use source::Source;
use state::State;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, service::Routes};

/// Its slots.
const MESSAGES: &str = "messages";
const HANDLER: &str = "handler";
const STATE: &str = "state";
const DEAD_LETTERS: &str = "dead_letters";

/// Why a message is no longer in hand.
const REJECTED: &str = "rejected";
const EXHAUSTED: &str = "exhausted";
const CUT_OFF: &str = "cut_off";

/// How long what is given up may take to come to its end.
const CUT_WITHIN: Duration = Duration::from_secs(1);

/// Where a process can be made to halt, in the order in which a message gets there.
pub(crate) const STEPS: &[&str] = &["received", "written", "handled", "remembered", "removed"];

/// The pattern.
pub struct Consumer;

const SERVED: &str = "pattern_consumer";

/// Its traits, by what is bound.
fn traits(is_bound: impl Fn(&str) -> bool) -> [(&'static str, bool); 2] {
    [("resumes", is_bound(STATE)), ("dead_letters", is_bound(DEAD_LETTERS))]
}

/// What it declares.
pub(crate) fn declares(slots: &BTreeMap<String, Declaration>, _: &Parameters) -> Declaration {
    let mut own = Traits::default();
    for (name, value) in traits(|slot| slots.contains_key(slot)) {
        own.set(name, TraitValue::Flag(value));
    }
    let interfaces = [(SERVED.to_owned(), own), ("pattern_slots".to_owned(), Traits::default())];
    Declaration { interfaces: interfaces.into(), guarantees: Traits::default() }
}

#[async_trait]
impl Pattern for Consumer {
    fn check(&self, slots: &Slots, parameters: &Parameters) -> Result<(), Fault> {
        let namespace = parameters.text("namespace");
        if let Err(error) = Namespace::new(namespace) {
            let message = format!("the parameter `namespace` is `{namespace}`: {error}");
            return Err(Fault::invalid_argument(Reason::SettingInvalid, message).field("settings.namespace"));
        }
        if parameters.text("topic").is_empty() {
            return Err(Fault::invalid_argument(Reason::SettingInvalid, "the parameter `topic` is empty")
                .field("settings.topic"));
        }
        if parameters.duration("dedup_window").is_none() {
            return Ok(());
        }
        let lacks = match slots.get(STATE) {
            None => format!("is empty; bind a backend with `keyvalue_ttl` to slot `{STATE}`"),
            Some(state) if !state.has("keyvalue_ttl") => {
                format!("has `{}`, which does not serve `keyvalue_ttl`", state.backend())
            }
            Some(_) => return Ok(()),
        };
        let message = format!("the parameter `dedup_window` needs slot `{STATE}`, which {lacks}");
        Err(Fault::failed_precondition(Reason::BindingInvalid, message).field("settings.dedup_window"))
    }

    fn interfaces(&self, slots: &Slots) -> Vec<InterfaceDescription> {
        let mut own = InterfaceInfo { id: SERVED, traits: &[] }.description();
        for (name, value) in traits(|slot| slots.get(slot).is_some()) {
            own.traits.insert(name.to_owned(), value.to_string());
        }
        vec![own, InterfaceInfo { id: "pattern_slots", traits: &[] }.description()]
    }

    async fn start(&self, start: Start) -> Result<RunningDriver, Status> {
        let Start { slots, parameters } = start;
        let behaviour = Behaviour::new(&parameters);
        // It was checked.
        let namespace = Namespace::new(parameters.text("namespace"))
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let bound = |name: &'static str| {
            let slot = slots.get(name).map(|slot| (slot, slot.at(&namespace)));
            slot.ok_or_else(|| Status::failed_precondition(format!("the slot `{name}` is empty")))
        };
        let (messages, topic) = bound(MESSAGES)?;
        let (_, handler) = bound(HANDLER)?;
        let dead_letters = bound(DEAD_LETTERS).ok().map(|(_, endpoint)| endpoint);

        let mut left = Vec::new();
        let mut counts = Counts::default();
        let mut state = None;
        if let Ok((slot, endpoint)) = bound(STATE) {
            let kept = State::new(endpoint, &behaviour.name, &behaviour.topic, behaviour.slot_timeout);
            let failed = |status: Status| slot.failed(&status);
            counts = kept.counts().await.map_err(failed)?;
            left = kept.left().await.map_err(failed)?;
            state = Some(kept);
        }
        let source = Source::new(topic, &behaviour);
        let subscription = source.subscribe().await.map_err(|status| messages.failed(&status))?;

        let book = Book::new(counts, left.len() as u64);
        book.change(|page| page.subscribed = true);
        let hand = Hand::new(behaviour, book, state, handler, dead_letters);
        let ending = CancellationToken::new();
        let receiving = tokio::spawn({
            let (hand, ending) = (Arc::clone(&hand), ending.clone());
            async move {
                for left in left {
                    hand.take_again(left.message, left.record).await;
                }
                source.run(subscription, hand, ending).await;
            }
        });
        let keeping = tokio::spawn(keep(Arc::clone(&hand)));
        let tasks = Mutex::new(Some((receiving, keeping)));
        Ok(Box::new(Instance { slots, namespace, hand, ending, tasks }))
    }
}

/// Keeps the counts from time to time.
async fn keep(hand: Arc<Hand>) {
    let Some(state) = &hand.state else { return };
    loop {
        tokio::time::sleep(hand.behaviour.checkpoint_interval).await;
        hand.book.when(|page| page.changed).await;
        keep_now(&hand, state).await;
    }
}

async fn keep_now(hand: &Hand, state: &State) {
    let counts = hand.book.change(|page| {
        page.changed = false;
        page.counts.clone()
    });
    if let Err(status) = state.keep(&counts).await {
        tracing::warn!(%status, "the counts are not kept");
        hand.book.change(|page| page.changed = true);
    }
}

struct Instance {
    slots: Slots,
    namespace: Namespace,
    hand: Arc<Hand>,
    /// No more messages are asked for.
    ending: CancellationToken,
    tasks: Mutex<Option<(JoinHandle<()>, JoinHandle<()>)>>,
}

impl Instance {
    /// Ends the subscription, waits for what is in hand, and gives up what is left after `limit`.
    async fn end(&self, limit: Duration) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((mut receiving, keeping)) = tasks else { return };
        self.ending.cancel();
        let hand = &self.hand;
        let ended = async {
            let _ = (&mut receiving).await;
            hand.book.when(|page| page.in_hand == 0).await;
        };
        if tokio::time::timeout(limit, ended).await.is_err() {
            hand.cut.cancel();
            let given_up = async {
                if !receiving.is_finished() {
                    let _ = receiving.await;
                }
                hand.book.when(|page| page.in_hand == 0).await;
            };
            if tokio::time::timeout(CUT_WITHIN, given_up).await.is_err() {
                tracing::error!(in_hand = hand.book.look(|page| page.in_hand), "work does not end");
            }
        }
        keeping.abort();
        if let Some(state) = &hand.state {
            keep_now(hand, state).await;
        }
    }
}

/// An instance that nobody stops ends with whoever had it: what is in hand is given up.
impl Drop for Instance {
    fn drop(&mut self) {
        self.ending.cancel();
        self.hand.cut.cancel();
        if let Some((_, keeping)) = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner) {
            keeping.abort();
        }
    }
}

#[async_trait]
impl Running for Instance {
    fn routes(&self) -> Routes {
        let service = Service { namespace: self.namespace.clone(), hand: Arc::clone(&self.hand) };
        Routes::new(ConsumerServer::new(service))
    }

    fn server_version(&self) -> String {
        String::new()
    }

    async fn health(&self) -> Result<(), String> {
        let trouble = self
            .hand
            .book
            .look(|page| page.troubles.iter().next().map(|(slot, why)| format!("slot `{slot}`: {why}")));
        match trouble {
            Some(trouble) => Err(trouble),
            None => self.slots.health().await,
        }
    }

    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), Status> {
        self.slots.drop_namespace(namespace).await
    }

    async fn drain(&self, timeout: Duration) -> (u64, u64) {
        let before = self.hand.book.look(|page| page.ended);
        self.end(timeout).await;
        self.hand.book.look(|page| (page.ended - before, page.cut_off))
    }

    async fn stop(&self) {
        self.end(self.hand.behaviour.stop_timeout).await;
    }
}

struct Service {
    namespace: Namespace,
    hand: Arc<Hand>,
}

#[tonic::async_trait]
impl ConsumerService for Service {
    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let asked = prism_driver_kit::namespace(&request)?;
        if asked != self.namespace {
            let message = format!("the consumer works in the namespace `{}`", self.namespace);
            return Err(Fault::new(Code::NotFound, Reason::NamespaceOther, message).into());
        }
        let answer = self.hand.book.look(|page| GetStatusResponse {
            subscribed: page.subscribed,
            in_hand: page.in_hand,
            counts: Some(page.counts.clone()),
            troubles: page.troubles.iter().map(|(slot, why)| ((*slot).to_owned(), why.clone())).collect(),
        });
        Ok(Response::new(answer))
    }
}
