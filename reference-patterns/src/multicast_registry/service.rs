//! The rpcs.

use super::{
    Rules,
    fan_out::{FanOut, before_deadline, count},
    filter,
    listing::Listing,
    registry::{Records, Registry},
};
use crate::{Slot, steps};
use prism_driver_kit::{check, namespace};
use prism_interfaces::{
    Fault, Namespace,
    contract::v1::Reason,
    pattern::multicast_registry::v1::{
        DeliveryStatus, EnumerateRequest, EnumerateResponse, Filter, Identity, MulticastRequest,
        MulticastResponse, RegisterRequest, RegisterResponse, UnregisterRequest, UnregisterResponse,
        multicast_registry_server::MulticastRegistry,
    },
    time,
};
use prost::Message;
use std::{sync::Arc, time::Duration};
use tonic::{Code, Request, Response, Status};

/// How often a registration is tried that loses against others which are gone again by then.
const TRIES: usize = 5;

/// The service; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Service {
    rules: Arc<Rules>,
    registry: Registry,
    messaging: Slot,
}

impl Service {
    pub(super) fn new(rules: Rules, registry: Registry, messaging: Slot) -> Self {
        Self { rules: Arc::new(rules), registry, messaging }
    }

    fn check_identity(&self, identity: &str) -> Result<(), Fault> {
        check::name("identity", identity, self.rules.max_identity_bytes)
    }

    async fn matching(
        &self,
        namespace: &Namespace,
        filter: Option<&Filter>,
    ) -> Result<Vec<Identity>, Status> {
        let mut identities = self.registry.records(namespace).await?.live().await?;
        identities.retain(|identity| filter::matches(filter, &identity.metadata));
        Ok(identities)
    }

    /// Stores a record; whether it has replaced another one.
    async fn store(
        &self,
        records: &Records<'_>,
        record: &Identity,
        ttl: Option<Duration>,
        replace: bool,
    ) -> Result<bool, Status> {
        for _ in 0..TRIES {
            let stored = records.get(&record.identity).await?;
            steps::reached("looked").await;
            let registered = records.is_registered(stored.as_ref());
            if registered && !replace {
                let message = format!("the identity {:?} is registered already", record.identity);
                let fault = Fault::new(Code::AlreadyExists, Reason::IdentityExists, message);
                return Err(fault.field("identity").into());
            }
            if registered {
                records.put(record, ttl).await?;
                return Ok(true);
            }
            let most = self.rules.max_identities;
            if records.exceeds(most - 1).await? {
                return Err(full(most));
            }
            if !records.insert(record, ttl, stored).await? {
                continue;
            }
            // Others may have come at the same time; then whoever sees too many goes back.
            if records.exceeds(most).await? && records.take_back(record).await? {
                return Err(full(most));
            }
            return Ok(false);
        }
        let message = format!("the identity {:?} comes and goes; try again", record.identity);
        Err(Fault::aborted(Reason::TransactionConflict, message).into())
    }
}

fn full(most: u64) -> Status {
    let message = format!("{most} identities are registered, which is the most");
    Fault::new(Code::ResourceExhausted, Reason::RegistryFull, message).into()
}

#[tonic::async_trait]
impl MulticastRegistry for Service {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let namespace = namespace(&request)?;
        let RegisterRequest { identity, topic, metadata, ttl, replace } = request.into_inner();
        self.check_identity(&identity)?;
        check::name("topic", &topic, self.rules.max_topic_bytes)?;
        self.rules.field_types.check(&metadata, self.rules.max_metadata_bytes)?;
        let ttl = match ttl {
            Some(ttl) => Some(check::ttl("ttl", Some(&ttl), self.rules.max_ttl)?),
            None => self.rules.default_ttl,
        };
        let records = self.registry.records(&namespace).await?;
        let record = Identity {
            identity,
            topic,
            metadata,
            registered_at: Some(time::timestamp(records.now)),
            expires_at: ttl.map(|ttl| time::timestamp(records.now.saturating_add(ttl))),
        };
        check::value("metadata", &record.encode_to_vec(), self.rules.max_record_bytes)?;
        let replaced = self.store(&records, &record, ttl, replace).await?;
        steps::reached("registered").await;
        tracing::debug!(%namespace, identity = record.identity, replaced, "registered");
        let Identity { registered_at, expires_at, .. } = record;
        Ok(Response::new(RegisterResponse { registered_at, expires_at, replaced }))
    }

    async fn unregister(
        &self,
        request: Request<UnregisterRequest>,
    ) -> Result<Response<UnregisterResponse>, Status> {
        let namespace = namespace(&request)?;
        let UnregisterRequest { identity } = request.into_inner();
        self.check_identity(&identity)?;
        let records = self.registry.records(&namespace).await?;
        let stored = records.get(&identity).await?;
        let removed = records.remove(&identity).await?;
        steps::reached("removed").await;
        let existed = removed && records.is_registered(stored.as_ref());
        tracing::debug!(%namespace, identity, existed, "unregistered");
        Ok(Response::new(UnregisterResponse { existed }))
    }

    async fn enumerate(
        &self,
        request: Request<EnumerateRequest>,
    ) -> Result<Response<EnumerateResponse>, Status> {
        let namespace = namespace(&request)?;
        let request = request.into_inner();
        filter::check(request.filter.as_ref(), self.rules.filter)?;
        let listing = Listing::new(&request, &namespace)?;
        let matching = self.matching(&namespace, request.filter.as_ref()).await?;
        Ok(Response::new(listing.page(matching)))
    }

    async fn multicast(
        &self,
        request: Request<MulticastRequest>,
    ) -> Result<Response<MulticastResponse>, Status> {
        let (namespace, deadline) = (namespace(&request)?, before_deadline(&request));
        let MulticastRequest { filter, payload, headers } = request.into_inner();
        filter::check(filter.as_ref(), self.rules.filter)?;
        check::value("payload", &payload, self.rules.max_payload_bytes)?;
        let targets = self.matching(&namespace, filter.as_ref()).await?;
        steps::reached("targeted").await;
        let fan_out = FanOut {
            messaging: self.messaging.at(&namespace),
            payload,
            headers,
            width: self.rules.fan_out,
            patience: self.rules.target_timeout,
            deadline,
        };
        let deliveries = fan_out.to(targets).await;
        let delivered = count(&deliveries, DeliveryStatus::Delivered);
        let (failed, timed_out) =
            (count(&deliveries, DeliveryStatus::Failed), count(&deliveries, DeliveryStatus::TimedOut));
        let targets = deliveries.len();
        if delivered == targets {
            tracing::info!(%namespace, targets, delivered, "multicast");
        } else {
            tracing::warn!(%namespace, targets, delivered, failed, timed_out, "multicast");
        }
        Ok(Response::new(MulticastResponse {
            deliveries,
            targets: targets as u32,
            delivered: delivered as u32,
        }))
    }
}
