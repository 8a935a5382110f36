//! What the driver says of itself, how it starts and stops.

use crate::store::Store;
use prism_driver_kit::{
    Driver, DriverInfo, InterfaceInfo, MAX_MESSAGE_BYTES, Running, RunningDriver, Settings,
};
use prism_interfaces::{
    Fault, Namespace, keyvalue::v1::key_value_basic_server::KeyValueBasicServer,
};
use tonic::{Status, service::Routes};

/// The longest key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 4 << 10;
/// The largest value, in bytes.
pub(crate) const MAX_VALUE_BYTES: usize = 1 << 20;

/// Every interface with its traits, as in backend.yaml.
const INTERFACES: &[InterfaceInfo] = &[InterfaceInfo {
    id: "keyvalue_basic",
    traits: &[("max_key_bytes", "4KiB"), ("max_value_bytes", "1MiB")],
}];

/// The driver before it is started; a [`prism_driver_kit::Host`] puts the lifecycle around it.
#[derive(Debug, Clone, Default)]
pub struct Backend {
    store: Store,
}

impl Backend {
    /// A driver of this store. A driver of a server would know the server from its settings instead.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

#[tonic::async_trait]
impl Driver for Backend {
    fn info(&self) -> DriverInfo {
        DriverInfo {
            name: "my-backend",
            version: env!("CARGO_PKG_VERSION"),
            interfaces: INTERFACES.to_vec(),
            clock: false,
            // What Initialize accepts: an address, a password. Whatever is not listed is refused.
            settings: &[],
        }
    }

    fn check(&self, _settings: &Settings) -> Result<(), Fault> {
        Ok(())
    }

    async fn start(&self, _settings: &Settings) -> Result<RunningDriver, Status> {
        // This is where to connect.
        Ok(Box::new(Service {
            store: self.store.clone(),
        }))
    }
}

/// A started driver, which serves every interface.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) store: Store,
}

#[tonic::async_trait]
impl Running for Service {
    fn routes(&self) -> Routes {
        Routes::new(
            KeyValueBasicServer::new(self.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        )
    }

    fn server_version(&self) -> String {
        // There is no server behind this one.
        String::new()
    }

    async fn health(&self) -> Result<(), String> {
        // This is where to reach out to the server.
        Ok(())
    }

    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), Status> {
        self.store.drop(namespace).await
    }

    async fn stop(&self) {}
}
