//! What time it is in a registry.

use crate::{Slot, slots::within};
use prism_interfaces::{
    Namespace,
    testing::v1::{NowRequest, clock_client::ClockClient},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tonic::{Code, Status};

/// What time it is for what is bound to a slot: by its clock of tests where it has one, else by this machine.
#[derive(Debug, Clone, Default)]
pub(super) struct SlotTime {
    /// Set once the slot has said that it has no clock of tests.
    real: Arc<AtomicBool>,
}

impl SlotTime {
    /// Since the Unix epoch.
    pub(super) async fn now(
        &self,
        slot: &Slot,
        namespace: &Namespace,
        limit: Duration,
    ) -> Result<Duration, Status> {
        if !self.real.load(Ordering::Relaxed) {
            let mut client = ClockClient::new(slot.at(namespace));
            match within(limit, client.now(NowRequest {})).await {
                Ok(answer) => {
                    let now = answer.into_inner().now.unwrap_or_default();
                    return Ok(Duration::new(now.seconds.max(0) as u64, now.nanos.max(0) as u32));
                }
                Err(status) if status.code() == Code::Unimplemented => {
                    self.real.store(true, Ordering::Relaxed);
                }
                Err(status) => return Err(slot.failed(&status)),
            }
        }
        Ok(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}
