//! Starting, stopping, and what is served.

use crate::{
    client::Client,
    declaration::INTERFACES,
    error::Error,
    names::Names,
    scripts,
    settings::{self, SPECS},
    transactions::Transactions,
};
use prism_driver_kit::{Driver, DriverInfo, MAX_MESSAGE_BYTES, Running, RunningDriver, Settings};
use prism_interfaces::{
    Fault, Namespace,
    keyvalue::v1::{
        key_value_basic_server::KeyValueBasicServer, key_value_batch_server::KeyValueBatchServer,
        key_value_cas_server::KeyValueCasServer, key_value_scan_server::KeyValueScanServer,
        key_value_transactional_server::KeyValueTransactionalServer, key_value_ttl_server::KeyValueTtlServer,
    },
    pubsub::v1::{pub_sub_basic_server::PubSubBasicServer, pub_sub_wildcards_server::PubSubWildcardsServer},
};
use redis::InfoDict;
use std::{fmt, sync::Arc};
use tokio::sync::watch;
use tonic::{Status, service::Routes};

/// How many keys of a namespace are removed in one step.
const CLEAR_CHUNK: usize = 1000;

/// The driver.
#[derive(Debug, Default, Clone, Copy)]
pub struct Redis;

impl Redis {
    /// A driver that is not connected to anything yet.
    pub fn new() -> Self {
        Self
    }
}

#[tonic::async_trait]
impl Driver for Redis {
    fn info(&self) -> DriverInfo {
        DriverInfo {
            name: "redis",
            version: env!("CARGO_PKG_VERSION"),
            interfaces: INTERFACES.to_vec(),
            clock: false,
            settings: SPECS,
        }
    }

    fn check(&self, settings: &Settings) -> Result<(), Fault> {
        settings::connection(settings).map(drop)
    }

    async fn start(&self, settings: &Settings) -> Result<RunningDriver, Status> {
        let client = Client::new(settings::connection(settings)?)?;
        let info: InfoDict = client.read(redis::cmd("INFO").arg("server")).await?;
        let version: String = info.get("redis_version").unwrap_or_default();
        // Scripts that say whether they grow, and PEXPIRETIME.
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < 7) {
            return Err(Error::ServerTooOld.into());
        }
        let store = Store {
            client: Arc::new(client),
            transactions: Arc::new(Transactions::new()),
            stopping: Arc::new(watch::Sender::new(false)),
        };
        Ok(Box::new(RunningRedis { store, version }))
    }
}

/// What every service needs; it implements all of them.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) client: Arc<Client>,
    pub(crate) transactions: Arc<Transactions>,
    /// Becomes true when the driver stops.
    pub(crate) stopping: Arc<watch::Sender<bool>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

struct RunningRedis {
    store: Store,
    version: String,
}

/// The routes of the servers that are named, over clones of a store.
macro_rules! routes {
    ($store:expr, $($server:ident),+ $(,)?) => {
        Routes::default()$(.add_service(
            $server::new($store.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        ))+
    };
}

#[tonic::async_trait]
impl Running for RunningRedis {
    fn routes(&self) -> Routes {
        routes!(
            self.store,
            KeyValueBasicServer,
            KeyValueScanServer,
            KeyValueTtlServer,
            KeyValueTransactionalServer,
            KeyValueBatchServer,
            KeyValueCasServer,
            PubSubBasicServer,
            PubSubWildcardsServer,
        )
    }

    fn server_version(&self) -> String {
        self.version.clone()
    }

    async fn health(&self) -> Result<(), String> {
        let answer: Result<(), Error> = self.store.client.read(&redis::cmd("PING")).await;
        answer.map_err(|error| Status::from(error).message().to_owned())
    }

    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), Status> {
        self.store.transactions.drop_namespace(namespace);
        let (client, names) = (Arc::clone(&self.store.client), Names::new(namespace));
        // A task of its own, so that a caller who goes away does not leave half of the namespace behind.
        let clearing = tokio::spawn(async move {
            while client.run::<bool>(&scripts::CLEAR, &names, &[names.ended()], &[CLEAR_CHUNK]).await? {}
            Ok::<(), Error>(())
        });
        match clearing.await {
            Ok(cleared) => Ok(cleared?),
            // The runtime is shutting down.
            Err(_) => Err(Error::Interrupted.into()),
        }
    }

    async fn stop(&self) {
        self.store.stopping.send_replace(true);
        self.store.transactions.clear();
        self.store.client.close().await;
    }
}
