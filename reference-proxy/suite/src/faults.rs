//! What can be wrong with a proxy: faults are put in front of the reference proxy and behind it, into its
//! configuration, and between it and its signals.

use crate::{End, Signal};
use futures::future::BoxFuture;
use http::{Request, Response};
use prism_proxy::{CallService, Config};
use std::{fmt, sync::Arc, time::Duration};
use tonic::body::Body;
use tower::{ServiceExt, service_fn};

/// Between the clients and the proxy's own layers.
pub type Front = Arc<dyn Fn(CallService) -> CallService + Send + Sync>;
/// Between the proxy and its upstreams: what arrives there.
pub type Behind = Arc<dyn Fn(&mut http::request::Parts) + Send + Sync>;
/// What becomes of a signal.
pub type OnSignal = Arc<dyn Fn(Signal) -> Reaction + Send + Sync>;

/// What a proxy does with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// What it should.
    Usual,
    /// Nothing.
    Ignored,
    /// What it should, but so much later.
    Late(Duration),
    /// It ends on the spot.
    Dies,
}

/// A listener before the proxy's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relay {
    /// A client that does not speak HTTP/2 is the end of everything.
    GarbageEndsAll,
    /// One client after the other is looked at.
    OneAfterTheOther,
}

/// Everything that is wrong; nothing by default.
#[derive(Clone, Default)]
pub struct Faults {
    /// In front of the proxy's layers.
    pub front: Option<Front>,
    /// Behind the proxy.
    pub behind: Option<Behind>,
    /// The configuration that it works by instead of the one that it was given.
    pub config: Option<fn(&mut Config)>,
    /// What becomes of signals.
    pub signal: Option<OnSignal>,
    /// What it says in the end instead.
    pub end: Option<fn(&mut End)>,
    /// What it says of a bad start instead.
    pub refusal: Option<fn(String) -> String>,
    /// Before its listener.
    pub relay: Option<Relay>,
}

impl Faults {
    /// In front of the proxy: gets a call and the proxy, and answers.
    pub fn front<F>(answer: F) -> Self
    where
        F: Fn(Request<Body>, CallService) -> BoxFuture<'static, Response<Body>>,
        F: Clone + Send + Sync + 'static,
    {
        let front: Front = Arc::new(move |way| {
            let answer = answer.clone();
            CallService::new(service_fn(move |request| {
                let answered = answer(request, way.clone());
                async move { Ok(answered.await) }
            }))
        });
        Self { front: Some(front), ..Self::default() }
    }

    /// In front of the proxy: changes requests.
    pub fn request(change: impl Fn(&mut Request<Body>) + Clone + Send + Sync + 'static) -> Self {
        Self::front(move |mut request, way| {
            change(&mut request);
            Box::pin(pass(way, request))
        })
    }

    /// In front of the proxy: changes answers.
    pub fn response(
        change: impl Fn(Response<Body>) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::front(move |request, way| {
            let change = change.clone();
            Box::pin(async move { change(pass(way, request).await) })
        })
    }

    /// Behind the proxy: changes what the upstreams see.
    pub fn behind(change: impl Fn(&mut http::request::Parts) + Send + Sync + 'static) -> Self {
        Self { behind: Some(Arc::new(change)), ..Self::default() }
    }

    /// Works by another configuration.
    pub fn config(change: fn(&mut Config)) -> Self {
        Self { config: Some(change), ..Self::default() }
    }

    /// Does something else with signals.
    pub fn signal(reaction: impl Fn(Signal) -> Reaction + Send + Sync + 'static) -> Self {
        Self { signal: Some(Arc::new(reaction)), ..Self::default() }
    }

    pub(crate) fn reaction(&self, signal: Signal) -> Reaction {
        self.signal.as_ref().map_or(Reaction::Usual, |reaction| reaction(signal))
    }

    pub(crate) fn read(&self, mut config: Config) -> Config {
        if let Some(change) = self.config {
            change(&mut config);
        }
        config
    }
}

/// What the proxy answers.
pub async fn pass(way: CallService, request: Request<Body>) -> Response<Body> {
    match way.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}
