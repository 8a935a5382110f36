//! The life of the driver.

use crate::{
    client::Client,
    clocks,
    error::Failure,
    limits::INTERFACES,
    service::Service,
    settings::{ClockKind, Parsed, SETTINGS},
    transactions::Transactions,
};
use async_trait::async_trait;
use prism_driver_kit::{Clock, Driver, DriverInfo, MAX_MESSAGE_BYTES, Running, RunningDriver, Settings};
use prism_interfaces::{
    Fault, Namespace,
    keyvalue::v1::{
        key_value_basic_server::KeyValueBasicServer, key_value_batch_server::KeyValueBatchServer,
        key_value_cas_server::KeyValueCasServer, key_value_scan_server::KeyValueScanServer,
        key_value_transactional_server::KeyValueTransactionalServer, key_value_ttl_server::KeyValueTtlServer,
    },
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tempfile::TempDir;
use tonic::{Status, service::Routes};

/// The driver. What it keeps from one Start to the next are the temporary folder, where it was given no file, and the
/// virtual clock, which must not go back.
#[derive(Debug, Default)]
pub struct Sqlite {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    folder: Option<TempDir>,
    clock: Option<Arc<Clock>>,
}

impl Sqlite {
    /// A driver that is not started.
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of the driver's own.
    fn own_file(&self) -> Result<PathBuf, Failure> {
        let mut kept = self.kept();
        let folder = match kept.folder.take() {
            Some(folder) => folder,
            None => TempDir::with_prefix("prism-sqlite-").map_err(sqlx::Error::Io)?,
        };
        let file = folder.path().join("store.sqlite");
        kept.folder = Some(folder);
        Ok(file)
    }
}

#[async_trait]
impl Driver for Sqlite {
    fn info(&self) -> DriverInfo {
        DriverInfo {
            name: "sqlite",
            version: env!("CARGO_PKG_VERSION"),
            interfaces: INTERFACES.to_vec(),
            clock: true,
            settings: SETTINGS,
        }
    }

    fn check(&self, settings: &Settings) -> Result<(), Fault> {
        Parsed::new(settings).map(drop)
    }

    async fn start(&self, settings: &Settings) -> Result<RunningDriver, Status> {
        let Parsed { file, clock } = Parsed::new(settings)?;
        let file = match file {
            Some(file) => file,
            None => self.own_file()?,
        };
        let clock = match clock {
            ClockKind::System => Arc::new(Clock::System),
            ClockKind::Virtual => {
                let clock = clocks::of_file(&file);
                self.kept().clock = Some(Arc::clone(&clock));
                clock
            }
        };
        let client = Client::open(&file).await.map_err(Failure::from)?;
        let transactions = Transactions::new(Arc::clone(&clock));
        Ok(Box::new(Started(Arc::new(Service { client, clock, transactions }))))
    }
}

/// The driver between Start and Stop.
struct Started(Arc<Service>);

macro_rules! add {
    ($routes:expr, $service:expr, [$($server:ident),*]) => {$(
        $routes.add_service(
            $server::from_arc(Arc::clone($service))
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
    )*};
}

#[async_trait]
impl Running for Started {
    fn routes(&self) -> Routes {
        let mut routes = Routes::builder();
        add!(
            routes,
            &self.0,
            [
                KeyValueBasicServer,
                KeyValueScanServer,
                KeyValueTtlServer,
                KeyValueTransactionalServer,
                KeyValueBatchServer,
                KeyValueCasServer
            ]
        );
        if let Some(clock) = self.0.clock.service() {
            routes.add_service(clock);
        }
        routes.routes()
    }

    fn server_version(&self) -> String {
        self.0.client.version().to_owned()
    }

    async fn health(&self) -> Result<(), String> {
        self.0.client.ping().await.map_err(|failure| Status::from(failure).message().to_owned())
    }

    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), Status> {
        self.0.transactions.end_all(namespace).await;
        self.0.client.drop_namespace(namespace).await?;
        self.0.clock.forget(namespace);
        Ok(())
    }

    async fn stop(&self) {
        self.0.client.close().await;
    }
}
