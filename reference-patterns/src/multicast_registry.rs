//! multicast-registry: who is there, with what metadata, and one message to all of them that match.
//!
//! - `service`: the rpcs.
//! - `registry`: the identities in their slot; `time`: by which clock they expire.
//! - `listing`: order, pages, cursors.
//! - `fan_out`: a message to many targets.
//! - `filter`, `value`: what matches; `field_types`: what metadata may hold.

mod fan_out;
mod field_types;
mod filter;
mod listing;
mod registry;
mod service;
mod time;
mod value;

use crate::{Pattern, Slot, Slots, Start, clock::PassedOnClock};
use async_trait::async_trait;
use field_types::FieldTypes;
use prism_driver_kit::{InterfaceInfo, MAX_MESSAGE_BYTES, Running, RunningDriver};
use prism_interfaces::{
    Fault, Namespace,
    contract::v1::Reason,
    lifecycle::v1::InterfaceDescription,
    pattern::multicast_registry::v1::multicast_registry_server::MulticastRegistryServer,
    testing::v1::clock_server::ClockServer,
    traits::{Declaration, TraitValue, Traits},
};
use prism_slots::Parameters;
use service::Service;
use std::{collections::BTreeMap, time::Duration};
use tonic::{Status, service::Routes};

/// Its slots.
const REGISTRY: &str = "registry";
const MESSAGING: &str = "messaging";

/// What it serves.
const ID: &str = "pattern_multicast_registry";

/// The longest prefix, as pattern.yaml bounds it.
const MAX_PREFIX_BYTES: u64 = 64;

/// The longest TTL.
const MAX_TTL: Duration = Duration::from_secs(3650 * 86_400);

/// Where a process can be made to halt: in Register, in Unregister, in Multicast, each in the order in which it gets there.
pub(crate) const STEPS: &[&str] = &["looked", "stored", "registered", "removed", "targeted", "delivered"];

/// The pattern.
pub struct MulticastRegistry;

/// What a call may hold, as far as slots and parameters decide it.
#[derive(Debug, Clone)]
struct Rules {
    max_identity_bytes: usize,
    max_topic_bytes: usize,
    max_payload_bytes: usize,
    /// Of the slot `registry`.
    max_record_bytes: usize,
    max_metadata_bytes: usize,
    max_ttl: Duration,
    default_ttl: Option<Duration>,
    max_identities: u64,
    field_types: FieldTypes,
    filter: filter::Limits,
    fan_out: usize,
    target_timeout: Duration,
}

/// What it declares over backends that declare this.
pub(crate) fn declares(slots: &BTreeMap<String, Declaration>, _: &Parameters) -> Declaration {
    let own = traits(slots.get(REGISTRY), slots.get(MESSAGING));
    let interfaces = [(ID.to_owned(), own), ("pattern_slots".to_owned(), Traits::default())];
    let guarantees = slots.get(REGISTRY).map(|registry| registry.guarantees.clone()).unwrap_or_default();
    Declaration { interfaces: interfaces.into(), guarantees }
}

/// Its traits. The longest prefix is taken off what a key can be, however long the one is that is used, because what a
/// driver describes is the same in every state.
fn traits(registry: Option<&Declaration>, messaging: Option<&Declaration>) -> Traits {
    let of = |declaration: Option<&Declaration>, interface: &str| {
        declaration.map(|declaration| declaration.traits(interface)).unwrap_or_default()
    };
    let (stored, published) = (of(registry, "keyvalue_basic"), of(messaging, "pubsub_basic"));
    let atomic = registry.is_some_and(|registry| registry.has("keyvalue_cas"));
    let max_identity_bytes = stored.bytes("max_key_bytes").saturating_sub(MAX_PREFIX_BYTES);
    let mut traits = Traits::default();
    traits.set("atomic", TraitValue::Flag(atomic));
    traits.set("max_identity_bytes", TraitValue::Bytes(max_identity_bytes));
    for name in ["max_topic_bytes", "max_payload_bytes"] {
        traits.set(name, TraitValue::Bytes(published.bytes(name)));
    }
    traits
}

fn traits_of(slots: &Slots) -> Traits {
    traits(slots.get(REGISTRY).map(Slot::declaration), slots.get(MESSAGING).map(Slot::declaration))
}

impl Rules {
    fn new(slots: &Slots, registry: &Slot, parameters: &Parameters, field_types: FieldTypes) -> Self {
        let limits = traits_of(slots);
        let stored = registry.declaration();
        let max_ttl = if stored.has("keyvalue_ttl") {
            stored.traits("keyvalue_ttl").duration("max_ttl").min(MAX_TTL)
        } else {
            MAX_TTL
        };
        Self {
            max_identity_bytes: limits.bytes("max_identity_bytes") as usize,
            max_topic_bytes: limits.bytes("max_topic_bytes") as usize,
            max_payload_bytes: limits.bytes("max_payload_bytes") as usize,
            max_record_bytes: stored.traits("keyvalue_basic").bytes("max_value_bytes") as usize,
            max_metadata_bytes: parameters.count("max_metadata_bytes") as usize,
            max_ttl,
            default_ttl: parameters.duration("default_ttl"),
            max_identities: parameters.count("max_identities"),
            field_types,
            filter: filter::Limits {
                depth: parameters.count("max_filter_depth") as usize,
                clauses: parameters.count("max_filter_clauses") as usize,
            },
            fan_out: parameters.count("fan_out") as usize,
            target_timeout: parameters.duration("target_timeout").unwrap_or_default(),
        }
    }
}

fn field_types(parameters: &Parameters) -> Result<FieldTypes, Fault> {
    FieldTypes::parse(parameters.text("field_types")).map_err(|problem| {
        let message = format!("the parameter `field_types` {problem}");
        Fault::invalid_argument(Reason::SettingInvalid, message).field("settings.field_types")
    })
}

#[async_trait]
impl Pattern for MulticastRegistry {
    fn check(&self, _: &Slots, parameters: &Parameters) -> Result<(), Fault> {
        field_types(parameters).map(|_| ())
    }

    fn interfaces(&self, slots: &Slots) -> Vec<InterfaceDescription> {
        let mut interfaces =
            [ID, "pattern_slots"].map(|id| InterfaceInfo { id, traits: &[] }.description()).to_vec();
        interfaces[0].traits =
            traits_of(slots).iter().map(|(name, value)| (name.to_owned(), value)).collect();
        interfaces
    }

    fn has_clock(&self, slots: &Slots) -> bool {
        slots.get(REGISTRY).is_some()
    }

    async fn start(&self, start: Start) -> Result<RunningDriver, Status> {
        let Start { slots, parameters } = start;
        let (Some(registry), Some(messaging)) = (slots.get(REGISTRY), slots.get(MESSAGING)) else {
            return Err(Status::failed_precondition("a slot is empty"));
        };
        let service = Service::new(
            Rules::new(&slots, registry, &parameters, field_types(&parameters)?),
            registry::Registry::new(
                registry.clone(),
                parameters.text("key_prefix"),
                parameters.duration("slot_timeout").unwrap_or_default(),
            ),
            messaging.clone(),
        );
        Ok(Box::new(Instance { slots, service }))
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
            MulticastRegistryServer::new(self.service.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
        if let Some(registry) = self.slots.get(REGISTRY) {
            routes.add_service(ClockServer::new(PassedOnClock(registry.endpoint().clone())));
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
        self.slots.drop_namespace(namespace).await
    }

    async fn stop(&self) {}
}
