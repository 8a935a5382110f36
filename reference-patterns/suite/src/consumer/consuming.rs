//! A consumer in the hands of a case, with its handler, its topic and its status.

use super::{DEAD_LETTERS, HANDLER, Handler, MESSAGES, QUIET, STATE, handler::summary};
use crate::instance::{Given, Instance};
use prism_interfaces::{
    Endpoint, ORDERING_KEY_HEADER,
    pattern::consumer::v1::{Counts, GetStatusRequest, GetStatusResponse, consumer_client::ConsumerClient},
};
use prism_suites::{
    BoundSlots, Context, Failure, PatternProcess, Verdict,
    client::{KeyValue, PubSub, Subscription},
    expect::expect_eq,
};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tonic::Status;

/// The topic that cases listen to.
pub const TOPIC: &str = "orders";

/// How a consumer is put together for a case.
#[derive(Clone)]
pub struct Setup {
    context: Context,
    handler: Handler,
    slots: BoundSlots,
    given: Vec<(String, String)>,
}

/// A started consumer.
pub struct Consuming {
    /// The instance.
    pub instance: Instance,
    /// What it hands messages to.
    pub handler: Handler,
    /// Its topic, called without the consumer.
    pub messages: PubSub,
    process: Option<Box<dyn PatternProcess>>,
}

impl Setup {
    /// Over the slots of the target, in the namespace of the case, with short pauses between attempts.
    pub fn new(context: &Context, handler: Handler) -> Result<Self, Failure> {
        let mut slots = context.bench()?.slots();
        slots.insert(HANDLER.to_owned(), handler.endpoint());
        let given = [
            ("namespace", context.namespace()),
            ("topic", TOPIC),
            ("backoff_min", "1ms"),
            ("backoff_max", "20ms"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Ok(Self { context: context.clone(), handler, slots, given })
    }

    /// With these parameters as well.
    pub fn given(mut self, given: Given<'_>) -> Self {
        for (name, value) in given {
            self.given.retain(|(other, _)| other != name);
            self.given.push(((*name).to_owned(), (*value).to_owned()));
        }
        self
    }

    /// With another handler.
    pub fn handler(mut self, handler: Handler) -> Self {
        self.slots.insert(HANDLER.to_owned(), handler.endpoint());
        self.handler = handler;
        self
    }

    /// With nothing in this slot.
    pub fn without(mut self, slot: &str) -> Self {
        self.slots.remove(slot);
        self
    }

    /// With something between the consumer and this slot.
    pub fn twist(mut self, slot: &str, twist: impl FnOnce(Endpoint) -> Endpoint) -> Self {
        if let Some(bound) = self.slots.get_mut(slot) {
            *bound = twist(bound.clone());
        }
        self
    }

    fn messages(&self) -> Result<PubSub, Failure> {
        Ok(PubSub::new(crate::instance::slot(&self.context, MESSAGES)?))
    }

    fn parameters(&self) -> Vec<(&str, &str)> {
        self.given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// An instance in this process, not initialized.
    pub async fn created(&self) -> Result<Instance, Failure> {
        Instance::created(&self.context, self.slots.clone()).await
    }

    /// What Initialize says to the parameters.
    pub async fn initialize(&self, instance: &Instance) -> Result<(), Status> {
        instance.initialize(&self.parameters()).await
    }

    /// In this process.
    pub async fn start(&self) -> Result<Consuming, Failure> {
        let instance = self.created().await?;
        self.bring_up(instance, None).await
    }

    /// In a process of its own that halts for good at a step, to be killed there.
    pub async fn start_halting(&self, step: &str) -> Result<Consuming, Failure> {
        let process = self.context.bench()?.launch_halting(self.slots.clone(), step).await?;
        let instance = Instance::of(&self.context, &process.endpoint());
        self.bring_up(instance, Some(process)).await
    }

    /// In a process of its own, to be killed.
    pub async fn start_process(&self) -> Result<Consuming, Failure> {
        let process = self.context.bench()?.launch_process(self.slots.clone()).await?;
        let instance = Instance::of(&self.context, &process.endpoint());
        self.bring_up(instance, Some(process)).await
    }

    async fn bring_up(
        &self,
        instance: Instance,
        process: Option<Box<dyn PatternProcess>>,
    ) -> Result<Consuming, Failure> {
        instance.bring_up(&self.parameters()).await?;
        Ok(Consuming { instance, handler: self.handler.clone(), messages: self.messages()?, process })
    }

    /// The backend in `state`, called without the consumer.
    pub fn state(&self) -> Result<KeyValue, Failure> {
        Ok(KeyValue::new(crate::instance::slot(&self.context, STATE)?))
    }

    /// Listens to a topic of dead letters.
    pub async fn dead_letters(&self, topic: &str) -> Result<Subscription, Failure> {
        PubSub::new(crate::instance::slot(&self.context, DEAD_LETTERS)?).subscribe(topic).await
    }
}

impl Consuming {
    /// Publishes these payloads one after the other; their ids.
    pub async fn publish(&self, payloads: &[&str]) -> Result<Vec<String>, Failure> {
        let mut ids = Vec::new();
        for payload in payloads {
            ids.push(self.messages.publish(TOPIC, (*payload).to_owned()).await?);
        }
        Ok(ids)
    }

    /// Publishes a payload with headers; its id.
    pub async fn publish_with(&self, payload: &str, headers: &[(&str, &str)]) -> Result<String, Failure> {
        let headers: HashMap<String, String> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(self.messages.publish_with(TOPIC, payload.to_owned(), headers).await?)
    }

    /// Publishes a payload that keeps its place among those with the same key.
    pub async fn publish_in_order(&self, key: &str, payload: &str) -> Result<String, Failure> {
        self.publish_with(payload, &[(ORDERING_KEY_HEADER, key)]).await
    }

    /// `Consumer.GetStatus`.
    pub async fn status(&self) -> Result<GetStatusResponse, Status> {
        status(self.instance.endpoint()).await
    }

    /// The counts.
    pub async fn counts(&self) -> Result<Counts, Status> {
        Ok(self.status().await?.counts.unwrap_or_default())
    }

    /// Waits until the status is like this; `what` completes the sentence "… did not happen".
    pub async fn when(
        &self,
        what: &str,
        holds: impl Fn(&GetStatusResponse, &Counts) -> bool,
    ) -> Result<GetStatusResponse, Failure> {
        let mut pause = Duration::from_millis(1);
        let mut progress = (GetStatusResponse::default(), 0, Instant::now());
        loop {
            let status = self.status().await?;
            if holds(&status, status.counts.as_ref().unwrap_or(&Counts::default())) {
                return Ok(status);
            }
            // As long as something happens it is only slow.
            let attempts = self.handler.seen().len();
            if (&progress.0, progress.1) != (&status, attempts) {
                progress = (status.clone(), attempts, Instant::now());
            }
            if progress.2.elapsed() > QUIET {
                let message = format!("{what} did not happen, nor anything else for {} s", QUIET.as_secs());
                return Err(Failure::violation(message)
                    .got(format!("{status:?}"))
                    .detail(summary(&self.handler.seen())));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Waits until so many messages were received and none is in hand.
    pub async fn at_rest(&self, received: u64) -> Result<Counts, Failure> {
        let what = format!("the end of {received} messages");
        let status =
            self.when(&what, |status, counts| counts.received >= received && status.in_hand == 0).await?;
        let counts = status.counts.unwrap_or_default();
        expect_eq("the number of messages received", counts.received, received)?;
        Ok(counts)
    }

    /// Waits until the process has halted at its step.
    pub async fn halted(&self) -> Verdict {
        match &self.process {
            Some(process) => process.halted().await,
            None => Err(Failure::harness("it is no process")),
        }
    }

    /// Kills the process.
    pub async fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill().await;
        }
    }

    /// The last lines that the process has logged.
    pub fn log(&self) -> Vec<String> {
        self.process.iter().flat_map(|process| process.log()).collect()
    }

    /// Stop.
    pub async fn stop(&self) -> Verdict {
        self.instance.stop().await
    }
}

/// `Consumer.GetStatus` of an endpoint.
pub async fn status(endpoint: Endpoint) -> Result<GetStatusResponse, Status> {
    Ok(ConsumerClient::new(endpoint).get_status(GetStatusRequest {}).await?.into_inner())
}
