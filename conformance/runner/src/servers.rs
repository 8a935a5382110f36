//! The servers of a run: one for each set-up of a backend, whoever needs it.

use crate::{
    plan::setup_name,
    provision::{self, Mode, NotProvisioned, NotStopped, Server, provision},
    registry::{Backend, BoundBackend, Setup},
};
use futures::future::join_all;
use prism_reports::event::ServerImage;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::OnceCell;

type Provisioned = Result<Arc<Server>, NotProvisioned>;

/// Servers by the name of the backend in its set-up, each got when it is first needed.
#[derive(Default)]
pub(crate) struct Servers(Mutex<BTreeMap<String, Arc<OnceCell<Provisioned>>>>);

/// What a target stands on: its own server, and those of what is bound to its slots.
pub(crate) struct TargetServers {
    pub(crate) own: Arc<Server>,
    pub(crate) slots: Vec<Arc<Server>>,
}

impl Servers {
    /// The server of a backend, got once. What needs no server has its own settings and folder for each target.
    pub(crate) async fn get(
        &self,
        backend: &Backend,
        setup: &Setup,
        mode: Mode,
        context: &provision::Context,
    ) -> Provisioned {
        let provision = async || provision(backend, setup, mode, context).await.map(Arc::new);
        if !setup.needs_server() {
            return provision().await;
        }
        let cell = {
            let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(servers.entry(setup_name(backend, setup)).or_default())
        };
        cell.get_or_init(provision).await.clone()
    }

    /// Everything that what is bound to slots stands on, in their order.
    pub(crate) async fn of_slots(
        &self,
        slots: &[BoundBackend],
        mode: Mode,
        context: &provision::Context,
    ) -> Result<Vec<Arc<Server>>, NotProvisioned> {
        let got = slots.iter().map(|bound| async {
            self.get(&bound.backend, &bound.setup, mode, context).await.map_err(|error| {
                let reason = format!("{} in slot `{}`: {error}", bound.name, bound.slot);
                match error {
                    NotProvisioned::NotMeasured { remedy, .. } => {
                        NotProvisioned::NotMeasured { reason, remedy }
                    }
                    NotProvisioned::Failed { .. } => NotProvisioned::Failed { reason },
                }
            })
        });
        join_all(got).await.into_iter().collect()
    }

    /// Takes all of them away, when nobody needs them any more; those that could not be, by name.
    pub(crate) async fn stop(self) -> Vec<(String, NotStopped)> {
        let servers = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let stopped = servers.into_iter().map(|(name, cell)| async move {
            match cell.get() {
                Some(Ok(server)) => {
                    let server = Arc::clone(server);
                    drop(cell);
                    stop(server).await.err().map(|error| (name, error))
                }
                _ => None,
            }
        });
        join_all(stopped).await.into_iter().flatten().collect()
    }
}

/// Takes a server away, unless somebody still holds it; dropping it does so as well, without a word.
pub(crate) async fn stop(server: Arc<Server>) -> Result<(), NotStopped> {
    match Arc::into_inner(server) {
        Some(server) => server.stop().await,
        None => Ok(()),
    }
}

impl TargetServers {
    fn all(&self) -> impl Iterator<Item = &Arc<Server>> {
        std::iter::once(&self.own).chain(&self.slots)
    }

    /// Whether all of them still run, as far as can be told.
    pub(crate) async fn alive(&self) -> bool {
        join_all(self.all().map(|server| server.alive())).await.into_iter().all(|alive| alive)
    }

    /// The images of those that run in containers of ours.
    pub(crate) fn images(&self) -> Vec<ServerImage> {
        self.all().filter_map(|server| server.image.clone()).collect()
    }

    /// How the first that has ended did.
    pub(crate) async fn exit_status(&self) -> Option<String> {
        join_all(self.all().map(|server| server.exit_status())).await.into_iter().flatten().next()
    }

    /// The last lines that they wrote.
    pub(crate) async fn logs(&self) -> Vec<String> {
        join_all(self.all().map(|server| server.logs())).await.concat()
    }
}
