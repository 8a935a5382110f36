//! Starting, stopping, and what is served.

use crate::{
    declaration::INTERFACES,
    registry,
    settings::{Config, SETTINGS},
    space::Space,
    store::Store,
};
use prism_driver_kit::{
    Driver, DriverInfo, InterfaceInfo, MAX_MESSAGE_BYTES, Running, RunningDriver, Settings, namespace,
};
use prism_interfaces::{
    Fault, Namespace,
    keyvalue::v1::{
        key_value_basic_server::KeyValueBasicServer, key_value_batch_server::KeyValueBatchServer,
        key_value_cas_server::KeyValueCasServer, key_value_scan_server::KeyValueScanServer,
        key_value_transactional_server::KeyValueTransactionalServer, key_value_ttl_server::KeyValueTtlServer,
    },
    pubsub::v1::{pub_sub_basic_server::PubSubBasicServer, pub_sub_wildcards_server::PubSubWildcardsServer},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{task::AbortHandle, time::MissedTickBehavior};
use tonic::{Request, Status, service::Routes};

/// How often memory of what has expired or was abandoned is given back in namespaces that nobody calls. Nobody sees
/// the difference: every call looks at the time first.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The in-memory driver.
///
/// What it holds survives Stop, as long as the object lives and is started with the same settings again. Settings:
/// `clock` (`system` or `virtual`) and `store`, the name of a store to share with other instances in this process.
pub struct Memstore {
    interfaces: Vec<InterfaceInfo>,
    /// The store of the last start, and the settings that it was made with.
    kept: Mutex<Option<(Config, Arc<Store>)>>,
}

impl Memstore {
    /// A driver that serves every interface.
    pub fn new() -> Self {
        Self { interfaces: INTERFACES.to_vec(), kept: Mutex::new(None) }
    }

    /// A driver that serves these interfaces alone, to find out how the others are refused. Panics on an id that
    /// does not exist.
    pub fn serving(ids: &[&str]) -> Self {
        let find = |id: &&str| INTERFACES.iter().find(|interface| interface.id == *id);
        for id in ids {
            assert!(find(id).is_some(), "memstore has no interface `{id}`");
        }
        Self { interfaces: ids.iter().filter_map(find).copied().collect(), kept: Mutex::new(None) }
    }

    fn store(&self, config: Config) -> Result<Arc<Store>, Fault> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, store)) = &*kept
            && *before == config
        {
            return Ok(Arc::clone(store));
        }
        let store = registry::open(&config)?;
        *kept = Some((config, Arc::clone(&store)));
        Ok(store)
    }
}

impl Default for Memstore {
    fn default() -> Self {
        Self::new()
    }
}

#[tonic::async_trait]
impl Driver for Memstore {
    fn info(&self) -> DriverInfo {
        DriverInfo {
            name: "memstore",
            version: env!("CARGO_PKG_VERSION"),
            interfaces: self.interfaces.clone(),
            clock: true,
            settings: SETTINGS,
        }
    }

    fn check(&self, settings: &Settings) -> Result<(), Fault> {
        Config::parse(settings).map(|_| ())
    }

    async fn start(&self, settings: &Settings) -> Result<RunningDriver, Status> {
        let store = self.store(Config::parse(settings)?)?;
        let sweeper = tokio::spawn({
            let store = Arc::clone(&store);
            async move {
                let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    store.sweep();
                }
            }
        });
        Ok(Box::new(Instance {
            interfaces: self.interfaces.clone(),
            service: Service(store),
            sweeper: sweeper.abort_handle(),
        }))
    }
}

/// A started driver.
struct Instance {
    interfaces: Vec<InterfaceInfo>,
    service: Service,
    sweeper: AbortHandle,
}

/// Serves every interface from one store.
#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<Store>);

impl Service {
    /// What the namespace of a call holds.
    pub(crate) fn space<T>(&self, request: &Request<T>) -> Result<Arc<Space>, Status> {
        Ok(self.0.space(&namespace(request)?))
    }
}

#[tonic::async_trait]
impl Running for Instance {
    fn routes(&self) -> Routes {
        let mut routes = Routes::builder();
        macro_rules! serve {
            ($server:ident) => {
                routes.add_service(
                    $server::new(self.service.clone())
                        .max_decoding_message_size(MAX_MESSAGE_BYTES)
                        .max_encoding_message_size(MAX_MESSAGE_BYTES),
                )
            };
        }
        for interface in &self.interfaces {
            match interface.id {
                "keyvalue_basic" => serve!(KeyValueBasicServer),
                "keyvalue_scan" => serve!(KeyValueScanServer),
                "keyvalue_ttl" => serve!(KeyValueTtlServer),
                "keyvalue_transactional" => serve!(KeyValueTransactionalServer),
                "keyvalue_batch" => serve!(KeyValueBatchServer),
                "keyvalue_cas" => serve!(KeyValueCasServer),
                "pubsub_basic" => serve!(PubSubBasicServer),
                "pubsub_wildcards" => serve!(PubSubWildcardsServer),
                other => unreachable!("`{other}` is declared and not served"),
            };
        }
        if let Some(clock) = self.service.0.clock().service() {
            routes.add_service(clock);
        }
        routes.routes()
    }

    fn server_version(&self) -> String {
        String::new()
    }

    async fn health(&self) -> Result<(), String> {
        Ok(())
    }

    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), Status> {
        self.service.0.drop_namespace(namespace);
        Ok(())
    }

    async fn stop(&self) {
        self.sweeper.abort();
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}
