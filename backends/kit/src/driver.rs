//! The two traits that a driver implements.

use crate::{SettingSpec, Settings};
use async_trait::async_trait;
use prism_interfaces::{Fault, Namespace, catalogue, lifecycle::v1::InterfaceDescription};
use std::time::Duration;
use tonic::{Status, service::Routes};

/// What a driver says of itself in every state.
#[derive(Debug, Clone)]
pub struct DriverInfo {
    /// The name of the backend, as in backend.yaml.
    pub name: &'static str,
    /// The version of the driver.
    pub version: &'static str,
    /// What it serves.
    pub interfaces: Vec<InterfaceInfo>,
    /// Whether it serves `prism.testing.v1.Clock`.
    pub clock: bool,
    /// The settings that it knows.
    pub settings: &'static [SettingSpec],
}

/// An interface and its traits, in the notation of backend.yaml.
#[derive(Debug, Clone, Copy)]
pub struct InterfaceInfo {
    /// Such as `keyvalue_basic`.
    pub id: &'static str,
    /// Name and value of each trait.
    pub traits: &'static [(&'static str, &'static str)],
}

impl InterfaceInfo {
    /// As Describe tells it.
    pub fn description(&self) -> InterfaceDescription {
        InterfaceDescription {
            id: self.id.to_owned(),
            proto_hash: catalogue::interface(self.id)
                .map(|spec| spec.proto_hash.to_owned())
                .unwrap_or_default(),
            traits: self.traits.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        }
    }
}

/// A driver that can be started.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// Who it is.
    fn info(&self) -> DriverInfo;

    /// Its interfaces with their traits as Describe tells them: those of [`Driver::info`], unless what they are follows
    /// from something that is only known at run time.
    fn described(&self) -> Vec<InterfaceDescription> {
        let interfaces = self.info().interfaces;
        interfaces.iter().map(InterfaceInfo::description).collect()
    }

    /// Checks values that go beyond what [`SettingSpec`] can say; called by Initialize. Unknown names are refused
    /// before.
    fn check(&self, settings: &Settings) -> Result<(), Fault>;

    /// Connects; called by Start. The error becomes the answer to Start, and the driver can be started again.
    async fn start(&self, settings: &Settings) -> Result<RunningDriver, Status>;
}

/// A started driver, boxed.
pub type RunningDriver = Box<dyn Running>;

/// A started driver.
#[async_trait]
pub trait Running: Send + Sync + 'static {
    /// The services of its interfaces (and the clock's); their message limits are [`crate::MAX_MESSAGE_BYTES`].
    fn routes(&self) -> Routes;

    /// The version of the server behind it, as that server told it; empty where there is none.
    fn server_version(&self) -> String;

    /// Reaches out to the server; the error says what is wrong.
    async fn health(&self) -> Result<(), String>;

    /// Removes everything that the namespace holds.
    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), Status>;

    /// Ends work that goes on without a call, and begins none: how much came to its end within `timeout`, and how much
    /// had to be cut off. Called by Drain while calls in flight come to their end.
    async fn drain(&self, _timeout: Duration) -> (u64, u64) {
        (0, 0)
    }

    /// Gives back connections, ends tasks. Nothing is called afterwards.
    async fn stop(&self);
}
