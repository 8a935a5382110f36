//! Messages that are published together: collected by size and interval, or sent as one.

use super::{
    metrics::Metrics,
    publishing::{Accepted, Publishing, dropped},
};
use futures::future::join_all;
use prism_interfaces::{Namespace, pattern::producer::v1::PublishResponse};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{oneshot, watch};
use tonic::Status;

type Answer = Result<PublishResponse, Status>;

/// A message and who waits for its answer.
struct Waiting {
    accepted: Accepted,
    answer: oneshot::Sender<Answer>,
}

/// What a namespace has at the moment.
#[derive(Default)]
struct Collected {
    waiting: Vec<Waiting>,
    /// Counts batches, so that a timer knows whether its batch is still waiting.
    number: u64,
    /// Batches on their way; each ends when its sender is dropped.
    running: Vec<watch::Receiver<()>>,
}

impl Collected {
    /// How many messages wait whose callers do.
    fn waiting(&self) -> u64 {
        self.waiting.iter().filter(|waiting| !waiting.answer.is_closed()).count() as u64
    }
}

/// Collects the messages of namespaces.
#[derive(Clone)]
pub(super) struct Batches {
    publishing: Publishing,
    size: usize,
    interval: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    namespaces: HashMap<Namespace, Collected>,
    /// Whether messages do not wait any more.
    draining: bool,
}

impl Batches {
    /// A `size` of 0 or 1 publishes each message at once.
    pub(super) fn new(publishing: Publishing, size: usize, interval: Duration) -> Self {
        Self { publishing, size, interval, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes one message, alone or with others.
    pub(super) async fn publish(
        &self,
        namespace: &Namespace,
        accepted: Accepted,
        metrics: &Arc<Metrics>,
    ) -> Answer {
        if self.size <= 1 {
            let place = self.publishing.place(namespace, &accepted.message);
            if let Some(place) = &place {
                place.turn().await;
            }
            return self.publishing.publish(namespace, &accepted, metrics).await;
        }
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.state();
            let draining = state.draining;
            let collected = state.namespaces.entry(namespace.clone()).or_default();
            collected.waiting.push(Waiting { accepted, answer });
            if draining || collected.waiting.len() >= self.size {
                self.launch(namespace, collected, metrics);
            } else if collected.waiting.len() == 1 {
                self.launch_later(namespace, collected.number, metrics);
            }
        }
        answered.await.unwrap_or_else(|_| Err(dropped()))
    }

    /// Publishes several messages now.
    pub(super) async fn publish_all(
        &self,
        namespace: &Namespace,
        messages: Vec<Accepted>,
        metrics: &Metrics,
    ) -> Vec<Answer> {
        let (waiting, answers): (Vec<Waiting>, Vec<_>) = messages
            .into_iter()
            .map(|accepted| {
                let (answer, answered) = oneshot::channel();
                (Waiting { accepted, answer }, answered)
            })
            .unzip();
        self.publishing.together(namespace, waiting, metrics).await;
        let answers =
            answers.into_iter().map(|answer| async move { answer.await.unwrap_or_else(|_| Err(dropped())) });
        join_all(answers).await
    }

    /// Publishes what is waiting, and returns when everything that came before has come to its end.
    pub(super) async fn flush(&self, namespace: &Namespace, metrics: &Arc<Metrics>) -> u64 {
        let (waited, running) = {
            let mut state = self.state();
            let Some(collected) = state.namespaces.get_mut(namespace) else { return 0 };
            let waited = collected.waiting();
            self.launch(namespace, collected, metrics);
            (waited, collected.running.clone())
        };
        join_all(running.into_iter().map(ended)).await;
        waited
    }

    /// Publishes what is waiting anywhere; from now on nothing waits.
    pub(super) async fn drain(&self, metrics: impl Fn(&Namespace) -> Arc<Metrics>) {
        let running: Vec<watch::Receiver<()>> = {
            let mut state = self.state();
            state.draining = true;
            state
                .namespaces
                .iter_mut()
                .flat_map(|(namespace, collected)| {
                    self.launch(namespace, collected, &metrics(namespace));
                    collected.running.clone()
                })
                .collect()
        };
        join_all(running.into_iter().map(ended)).await;
    }

    /// How many messages wait in a namespace.
    pub(super) fn waiting(&self, namespace: &Namespace) -> u64 {
        self.state().namespaces.get(namespace).map_or(0, Collected::waiting)
    }

    /// Forgets what is waiting in a namespace.
    pub(super) fn forget(&self, namespace: &Namespace) {
        self.state().namespaces.remove(namespace);
    }

    /// Sends a batch on its way. It has its places in all lanes when this returns.
    fn launch(&self, namespace: &Namespace, collected: &mut Collected, metrics: &Arc<Metrics>) {
        if collected.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut collected.waiting);
        collected.number += 1;
        let (running, until) = watch::channel(());
        collected.running.retain(|running| running.has_changed().is_ok());
        collected.running.push(until);
        metrics.batch();
        let (batches, namespace, metrics) = (self.publishing.clone(), namespace.clone(), Arc::clone(metrics));
        let batch = batches.lined_up(&namespace, waiting);
        tokio::spawn(async move {
            batches.go(&namespace, batch, &metrics).await;
            drop(running);
        });
    }

    fn launch_later(&self, namespace: &Namespace, number: u64, metrics: &Arc<Metrics>) {
        let (batches, namespace, metrics) = (self.clone(), namespace.clone(), Arc::clone(metrics));
        tokio::spawn(async move {
            tokio::time::sleep(batches.interval).await;
            let mut state = batches.state();
            if let Some(collected) = state.namespaces.get_mut(&namespace)
                && collected.number == number
            {
                batches.launch(&namespace, collected, &metrics);
            }
        });
    }
}

async fn ended(mut running: watch::Receiver<()>) {
    // Nothing is ever sent: the sender is dropped at the end.
    let _ = running.changed().await;
}

/// Messages with the same topic and ordering key, and their place behind earlier ones.
struct Line {
    place: Option<super::lanes::Place<super::publishing::Lane>>,
    messages: Vec<Waiting>,
}

impl Publishing {
    async fn together(&self, namespace: &Namespace, waiting: Vec<Waiting>, metrics: &Metrics) {
        let batch = self.lined_up(namespace, waiting);
        self.go(namespace, batch, metrics).await;
    }

    /// Takes the places of a batch.
    fn lined_up(&self, namespace: &Namespace, waiting: Vec<Waiting>) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        let mut known: HashMap<(String, String), usize> = HashMap::new();
        for message in waiting {
            let of = &message.accepted.message;
            let index = *known.entry((of.topic.clone(), of.ordering_key.clone())).or_insert_with(|| {
                lines.push(Line { place: self.place(namespace, of), messages: Vec::new() });
                lines.len() - 1
            });
            lines[index].messages.push(message);
        }
        lines
    }

    /// Publishes the lines of a batch side by side, and the messages of each one after the other.
    async fn go(&self, namespace: &Namespace, batch: Vec<Line>, metrics: &Metrics) {
        let lines = batch.into_iter().map(|line| async move {
            if let Some(place) = &line.place {
                place.turn().await;
            }
            for Waiting { accepted, answer } in line.messages {
                // Its caller has gone, so it is as if it had not come.
                if answer.is_closed() {
                    continue;
                }
                let _ = answer.send(self.publish(namespace, &accepted, metrics).await);
            }
        });
        join_all(lines).await;
    }
}
