//! An instance of the case's own, and the states that it can be in.

use crate::{Context, Failure, Verdict, client, sample, verdict::describe};
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use prism_interfaces::{Endpoint, RpcSpec, catalogue, lifecycle::v1::Health};
use std::{
    collections::BTreeMap,
    future::Future,
    time::{Duration, Instant},
};
use tonic::{Code, Status, metadata::MetadataMap};

/// How long a call may take that is refused, or that asks for little.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long Drain may take where nothing holds it up.
pub(super) const DRAIN: Duration = Duration::from_secs(5);

/// An instance of the case's own.
#[derive(Clone)]
pub(super) struct Fresh {
    pub(super) endpoint: Endpoint,
    pub(super) lifecycle: client::Lifecycle,
    pub(super) settings: BTreeMap<String, String>,
}

/// The states that last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Created,
    Initialized,
    Running,
    Drained,
    Stopped,
}

/// The calls that lead from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Initialize,
    Start,
    Drain,
    Stop,
}

/// Every state, in an order in which an instance can be led through them by [`State::onwards`].
pub(super) const STATES: [State; 5] =
    [State::Created, State::Initialized, State::Running, State::Drained, State::Stopped];

/// Every call.
pub(super) const CALLS: [Call; 4] = [Call::Initialize, Call::Start, Call::Drain, Call::Stop];

impl State {
    /// Where a call leads to; `None` where it is refused (LIF-02).
    pub(super) fn after(self, call: Call) -> Option<Self> {
        match (self, call) {
            (Self::Created | Self::Stopped, Call::Initialize) => Some(Self::Initialized),
            (Self::Initialized, Call::Start) => Some(Self::Running),
            (Self::Running, Call::Drain) => Some(Self::Drained),
            (Self::Initialized | Self::Running | Self::Drained, Call::Stop) => Some(Self::Stopped),
            _ => None,
        }
    }

    /// The call that leads to the next of [`STATES`]; `None` from the last.
    pub(super) fn onwards(self) -> Option<Call> {
        match self {
            Self::Created => Some(Call::Initialize),
            Self::Initialized => Some(Call::Start),
            Self::Running => Some(Call::Drain),
            Self::Drained => Some(Call::Stop),
            Self::Stopped => None,
        }
    }

    /// What HealthCheck answers, given that the server can be reached (LIF-09).
    pub(super) fn health(self) -> Health {
        if self == Self::Running { Health::Healthy } else { Health::NotRunning }
    }

    /// What a call to a declared interface is refused with; `None` where it is not (LIF-04, LIF-05).
    pub(super) fn refuses(self) -> Option<Code> {
        match self {
            Self::Running => None,
            Self::Drained => Some(Code::Unavailable),
            Self::Created | Self::Initialized | Self::Stopped => Some(Code::FailedPrecondition),
        }
    }
}

/// Runs a case on an instance of its own, and stops the instance whatever comes of it.
pub(super) async fn on_fresh<F, Fut>(context: Context, run: F) -> Verdict
where
    F: FnOnce(Context, Fresh) -> Fut,
    Fut: Future<Output = Verdict>,
{
    let fresh = Fresh::new(&context).await?;
    let verdict = run(context, fresh.clone()).await;
    // It may be stopped already, which is no less good.
    let _ = fresh.lifecycle.stop().await;
    verdict
}

/// The same on an instance that runs.
pub(super) async fn on_running<F, Fut>(context: Context, run: F) -> Verdict
where
    F: FnOnce(Context, Fresh) -> Fut,
    Fut: Future<Output = Verdict>,
{
    on_fresh(context, |context, fresh| async move {
        fresh.call(Call::Initialize).await?;
        fresh.call(Call::Start).await?;
        run(context, fresh).await
    })
    .await
}

impl Fresh {
    pub(super) async fn new(context: &Context) -> Result<Self, Failure> {
        let fresh = context.fresh_instance().await?;
        let lifecycle = client::Lifecycle::new(fresh.endpoint.clone());
        Ok(Self { endpoint: fresh.endpoint, lifecycle, settings: fresh.settings })
    }

    pub(super) fn pubsub(&self) -> client::PubSub {
        client::PubSub::new(self.endpoint.clone())
    }

    /// Makes a lifecycle call.
    pub(super) fn attempt(&self, call: Call) -> BoxFuture<'_, Result<(), Status>> {
        match call {
            Call::Initialize => self.lifecycle.initialize(&self.settings).boxed(),
            Call::Start => self.lifecycle.start().boxed(),
            Call::Drain => self.lifecycle.drain(DRAIN).map(|answer| answer.map(|_| ())).boxed(),
            Call::Stop => self.lifecycle.stop().boxed(),
        }
    }

    /// Makes a lifecycle call that must be accepted.
    pub(super) async fn call(&self, call: Call) -> Verdict {
        self.attempt(call).await.map_err(|status| Failure::from(status).during(format!("{call:?}")))
    }

    /// Makes a call to an interface with a request that makes sense.
    pub(super) async fn data_call(&self, rpc: &RpcSpec) -> Result<Option<Bytes>, Status> {
        let body = sample::request(rpc, "key", b"value");
        sample::call(&self.endpoint, rpc, body, MetadataMap::new(), PATIENCE).await
    }

    /// Demands that every call to a declared interface is refused with a code.
    pub(super) async fn refuses_everything(&self, context: &Context, when: &str, code: Code) -> Verdict {
        for rpc in declared(context) {
            expect_code(&format!("{} {when}", rpc.path), self.data_call(rpc).await, code)?;
        }
        Ok(())
    }
}

/// That what was published has had the time to get from a server to the driver. Until then nobody can say whether it
/// was sent to a stream before Drain.
pub(super) struct Settled {
    context: Context,
    began: Instant,
}

impl Settled {
    /// How long that may take.
    const TIME: Duration = Duration::from_millis(100);

    pub(super) async fn wait(context: &Context) -> Result<Self, Failure> {
        let began = Instant::now();
        context.pass(Self::TIME).await?;
        Ok(Self { context: context.clone(), began })
    }

    /// Says nothing against the driver where the machine gave it no time.
    pub(super) fn judge<T>(&self, verdict: Result<T, Failure>) -> Result<T, Failure> {
        if verdict.is_err() && !self.context.is_time_virtual() {
            self.context.demand_awake(self.began, Self::TIME)?;
        }
        verdict
    }
}

/// Every rpc of every declared interface.
pub(super) fn declared(context: &Context) -> impl Iterator<Item = &'static RpcSpec> {
    let interfaces = context.declaration().interfaces.keys();
    interfaces.filter_map(|id| catalogue::interface(id)).flat_map(|interface| interface.rpcs)
}

/// Demands that a call is refused with this code. No other code will do: a driver that is not running has no server
/// that could be out of reach.
pub(super) fn expect_code<T>(what: &str, result: Result<T, Status>, code: Code) -> Verdict {
    let got = match result {
        Err(status) if status.code() == code => return Ok(()),
        Err(status) => describe(&status),
        Ok(_) => "OK".to_owned(),
    };
    Err(Failure::violation(format!("{what} was not refused as it should be"))
        .expected(format!("{code:?}"))
        .got(got))
}
