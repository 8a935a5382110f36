//! producer: publishes messages with retries, deduplication, order and batches.
//!
//! - `service`: the calls.
//! - `publishing`: one message on its way.
//! - `batches`: messages that are published together.
//! - `deduplication`: what was published before.
//! - `lanes`: who comes before whom.
//! - `metrics`: what happened, in numbers.

mod batches;
mod deduplication;
mod lanes;
mod metrics;
mod publishing;
mod service;

use crate::{
    Pattern, Slots, Start,
    clock::PassedOnClock,
    retry::{Backoff, Retry},
};
use async_trait::async_trait;
use batches::Batches;
use deduplication::Deduplication;
use lanes::Lanes;
use prism_driver_kit::{InterfaceInfo, MAX_MESSAGE_BYTES, Running, RunningDriver};
use prism_interfaces::{
    Fault, Namespace,
    contract::v1::Reason,
    lifecycle::v1::InterfaceDescription,
    pattern::producer::v1::producer_server::ProducerServer,
    testing::v1::clock_server::ClockServer,
    traits::{Declaration, TraitValue, Traits},
};
use prism_slots::Parameters;
use publishing::Publishing;
use service::Service;
use std::{collections::BTreeMap, time::Duration};
use tonic::{Status, service::Routes};

/// Its slots.
const MESSAGES: &str = "messages";
const STORE: &str = "store";

/// What it serves.
const OWN: &str = "pattern_producer";

/// The traits that are those of what is in the slot `messages`.
const LIMITS: [&str; 2] = ["max_topic_bytes", "max_payload_bytes"];

/// Its own trait, and the parameter that it is about.
const DEDUPLICATION: &str = "deduplication";

/// Where a process can be made to halt, in the order in which a message gets there.
pub(crate) const STEPS: &[&str] = &["accepted", "claimed", "published", "recorded"];

/// The pattern.
pub struct Producer;

/// Who is kept from publishing twice, by what its store serves.
fn deduplication(store: Option<&Declaration>) -> &'static str {
    match store {
        None => "none",
        Some(store) if store.has("keyvalue_cas") => "atomic",
        Some(_) => "per_instance",
    }
}

/// Its traits over backends that declare this.
fn traits(messages: Option<&Declaration>, store: Option<&Declaration>) -> Traits {
    let mut traits = Traits::default();
    traits.set(DEDUPLICATION, TraitValue::Choice(deduplication(store).to_owned()));
    let of_slot = messages.map(|messages| messages.traits("pubsub_basic")).unwrap_or_default();
    for limit in LIMITS {
        traits.set(limit, TraitValue::Bytes(of_slot.bytes(limit)));
    }
    traits
}

/// What it declares over backends that declare this.
pub(crate) fn declares(slots: &BTreeMap<String, Declaration>, _: &Parameters) -> Declaration {
    let mut declaration = Declaration::default();
    let own = traits(slots.get(MESSAGES), slots.get(STORE));
    declaration.interfaces.insert(OWN.to_owned(), own);
    declaration.interfaces.insert("pattern_slots".to_owned(), Traits::default());
    declaration
}

#[async_trait]
impl Pattern for Producer {
    fn check(&self, slots: &Slots, parameters: &Parameters) -> Result<(), Fault> {
        if parameters.text(DEDUPLICATION) != "none" && slots.get(STORE).is_none() {
            let message = format!("the parameter `{DEDUPLICATION}` needs a backend in the slot `{STORE}`");
            return Err(Fault::failed_precondition(Reason::BindingInvalid, message)
                .field(format!("settings.{DEDUPLICATION}")));
        }
        Ok(())
    }

    fn interfaces(&self, slots: &Slots) -> Vec<InterfaceDescription> {
        let of = |slot| slots.get(slot).map(crate::Slot::declaration);
        let mut own = InterfaceInfo { id: OWN, traits: &[] }.description();
        let traits = traits(of(MESSAGES), of(STORE));
        own.traits.extend(traits.iter().map(|(name, value)| (name.to_owned(), value)));
        vec![own, InterfaceInfo { id: "pattern_slots", traits: &[] }.description()]
    }

    fn has_clock(&self, slots: &Slots) -> bool {
        slots.get(STORE).is_some()
    }

    async fn start(&self, start: Start) -> Result<RunningDriver, Status> {
        let Start { slots, parameters } = start;
        let Some(messages) = slots.get(MESSAGES).cloned() else {
            return Err(Status::failed_precondition("the slot `messages` is empty"));
        };
        // Every duration has a default in pattern.yaml.
        let duration = |name| parameters.duration(name).unwrap_or(Duration::ZERO);
        let retry = Retry {
            max_retries: parameters.count("max_retries") as u32,
            backoff: Backoff { first: duration("retry_backoff"), longest: duration("max_backoff") },
            attempt_timeout: duration("attempt_timeout"),
        };
        let deduplication = match parameters.text(DEDUPLICATION) {
            "none" => None,
            by => slots.get(STORE).cloned().map(|store| {
                let (window, timeout) = (duration("deduplication_window"), duration("claim_timeout"));
                let retry = Retry { attempt_timeout: duration("store_timeout"), ..retry };
                Deduplication::new(store, by == "content", window, timeout, retry)
            }),
        };
        let publishing = Publishing { messages, retry, deduplication, lanes: Lanes::default() };
        let batches = Batches::new(
            publishing.clone(),
            parameters.count("batch_size") as usize,
            duration("batch_interval"),
        );
        Ok(Box::new(Instance { slots, service: Service::new(publishing, batches) }))
    }
}

struct Instance {
    slots: Slots,
    service: Service,
}

#[async_trait]
impl Running for Instance {
    fn routes(&self) -> Routes {
        let mut routes = Routes::builder();
        routes.add_service(
            ProducerServer::new(self.service.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
        if let Some(store) = self.slots.get(STORE) {
            routes.add_service(ClockServer::new(PassedOnClock(store.endpoint().clone())));
        }
        routes.routes()
    }

    fn server_version(&self) -> String {
        String::new()
    }

    async fn health(&self) -> Result<(), String> {
        self.slots.health().await
    }

    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), Status> {
        self.service.forget(namespace);
        self.slots.drop_namespace(namespace).await
    }

    async fn drain(&self, timeout: Duration) -> (u64, u64) {
        // What waits belongs to calls, which are counted already; where it takes longer, they are cut off.
        let _ = tokio::time::timeout(timeout, self.service.drain()).await;
        (0, 0)
    }

    async fn stop(&self) {}
}
