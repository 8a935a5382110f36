//! keyvalue: a key-value backend with the defaults of a namespace, a key prefix and a TTL, put in front of it.
//!
//! It serves the key-value interfaces that its backend has, so that the suites of those interfaces run through it
//! unchanged.

mod delegate;

use crate::{Pattern, Slots, Start, clock::PassedOnClock};
use async_trait::async_trait;
use delegate::Delegate;
use prism_driver_kit::{InterfaceInfo, MAX_MESSAGE_BYTES, Running, RunningDriver};
use prism_interfaces::{
    Fault, Namespace,
    contract::v1::Reason,
    keyvalue::v1::{
        key_value_basic_server::KeyValueBasicServer, key_value_batch_server::KeyValueBatchServer,
        key_value_cas_server::KeyValueCasServer, key_value_scan_server::KeyValueScanServer,
        key_value_transactional_server::KeyValueTransactionalServer, key_value_ttl_server::KeyValueTtlServer,
    },
    lifecycle::v1::InterfaceDescription,
    testing::v1::clock_server::ClockServer,
    traits::{Declaration, TraitValue, Traits, parse_bytes},
};
use prism_slots::Parameters;
use std::collections::BTreeMap;
use tonic::{Status, service::Routes};

/// What it passes on.
const INTERFACES: [&str; 6] = [
    "keyvalue_basic",
    "keyvalue_scan",
    "keyvalue_ttl",
    "keyvalue_transactional",
    "keyvalue_batch",
    "keyvalue_cas",
];

/// Where a process can be made to halt.
pub(crate) const STEPS: &[&str] = &[];

/// Its slot.
const STORE: &str = "store";

/// The limit that a prefix makes smaller.
const MAX_KEY_BYTES: &str = "max_key_bytes";

/// The longest prefix, as pattern.yaml bounds it.
const MAX_PREFIX_BYTES: u64 = 64;

/// The pattern.
pub struct KeyValue;

/// What it declares: what its backend does of key-value interfaces, with room for the prefix.
pub(crate) fn declares(slots: &BTreeMap<String, Declaration>, _: &Parameters) -> Declaration {
    let Some(store) = slots.get(STORE) else { return Declaration::default() };
    let mut declaration = store.clone();
    declaration.interfaces.retain(|id, _| INTERFACES.contains(&id.as_str()));
    if let Some(basic) = declaration.interfaces.get_mut("keyvalue_basic") {
        basic.set(MAX_KEY_BYTES, TraitValue::Bytes(room(basic.bytes(MAX_KEY_BYTES))));
    }
    for id in ["pattern_keyvalue", "pattern_slots"] {
        declaration.interfaces.insert(id.to_owned(), Traits::default());
    }
    declaration
}

/// The longest key where the backend's longest has so many bytes. The longest prefix is taken off, however long the one
/// is that is used, because what a driver describes is the same in every state.
fn room(max_key_bytes: u64) -> u64 {
    max_key_bytes.saturating_sub(MAX_PREFIX_BYTES)
}

#[async_trait]
impl Pattern for KeyValue {
    fn check(&self, slots: &Slots, parameters: &Parameters) -> Result<(), Fault> {
        let Some(store) = slots.get(STORE) else { return Ok(()) };
        if parameters.duration("default_ttl").is_some() && !store.has("keyvalue_ttl") {
            let message = format!(
                "the parameter `default_ttl` needs `keyvalue_ttl`, which `{}` in slot `{STORE}` does not serve",
                store.backend()
            );
            return Err(
                Fault::failed_precondition(Reason::BindingInvalid, message).field("settings.default_ttl")
            );
        }
        Ok(())
    }

    fn interfaces(&self, slots: &Slots) -> Vec<InterfaceDescription> {
        let described = slots.get(STORE).and_then(|store| store.described().ok()).unwrap_or_default();
        let passed_on = described.iter().filter(|interface| INTERFACES.contains(&interface.id.as_str()));
        let mut interfaces: Vec<InterfaceDescription> = passed_on.cloned().collect();
        for traits in interfaces.iter_mut().map(|interface| &mut interface.traits) {
            if let Some(limit) = traits.get_mut(MAX_KEY_BYTES)
                && let Some(bytes) = parse_bytes(limit)
            {
                *limit = TraitValue::Bytes(room(bytes)).to_string();
            }
        }
        let own = ["pattern_keyvalue", "pattern_slots"].map(|id| InterfaceInfo { id, traits: &[] });
        interfaces.extend(own.iter().map(InterfaceInfo::description));
        interfaces
    }

    fn has_clock(&self, slots: &Slots) -> bool {
        slots.get(STORE).is_some()
    }

    async fn start(&self, start: Start) -> Result<RunningDriver, Status> {
        let Some(store) = start.slots.get(STORE) else {
            return Err(Status::failed_precondition("the slot `store` is empty"));
        };
        let served = INTERFACES.into_iter().filter(|id| store.has(id)).collect();
        let delegate = Delegate::new(
            store.endpoint().clone(),
            start.parameters.text("key_prefix").to_owned(),
            room(store.declaration().traits("keyvalue_basic").bytes(MAX_KEY_BYTES)) as usize,
            start.parameters.duration("default_ttl"),
        );
        Ok(Box::new(Instance { slots: start.slots, delegate, served }))
    }
}

struct Instance {
    slots: Slots,
    delegate: Delegate,
    served: Vec<&'static str>,
}

#[async_trait]
impl Running for Instance {
    fn routes(&self) -> Routes {
        let mut routes = Routes::builder();
        macro_rules! serve {
            ($server:ident) => {
                routes.add_service(
                    $server::new(self.delegate.clone())
                        .max_decoding_message_size(MAX_MESSAGE_BYTES)
                        .max_encoding_message_size(MAX_MESSAGE_BYTES),
                )
            };
        }
        for interface in &self.served {
            match *interface {
                "keyvalue_basic" => serve!(KeyValueBasicServer),
                "keyvalue_scan" => serve!(KeyValueScanServer),
                "keyvalue_ttl" => serve!(KeyValueTtlServer),
                "keyvalue_transactional" => serve!(KeyValueTransactionalServer),
                "keyvalue_batch" => serve!(KeyValueBatchServer),
                "keyvalue_cas" => serve!(KeyValueCasServer),
                other => unreachable!("`{other}` is passed on and not served"),
            };
        }
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
        self.slots.drop_namespace(namespace).await
    }

    async fn stop(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::catalogue;

    #[test]
    fn every_interface_that_is_passed_on_exists() {
        for id in INTERFACES {
            assert!(catalogue::interface(id).is_some(), "{id}");
        }
    }
}
