//! An instance of a case's own, over the slots of the target or over others.

use crate::twist::looking;
use prism_interfaces::{Endpoint, NAMESPACE_HEADER};
use prism_suites::{BoundSlots, Context, Failure, Verdict, client::Lifecycle};
use std::collections::BTreeMap;
use tonic::Status;

/// A started instance. What it is called with goes to the namespace of the case and is counted.
#[derive(Debug, Clone)]
pub struct Instance {
    endpoint: Endpoint,
    lifecycle: Lifecycle,
}

/// Parameters as they are written here.
pub type Given<'a> = &'a [(&'a str, &'a str)];

/// Parameters as Initialize takes them.
pub fn settings(given: Given<'_>) -> BTreeMap<String, String> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Instance {
    /// Over the slots of the target.
    pub async fn start(context: &Context, given: Given<'_>) -> Result<Self, Failure> {
        Self::over(context, context.bench()?.slots(), given).await
    }

    /// Over these slots.
    pub async fn over(context: &Context, slots: BoundSlots, given: Given<'_>) -> Result<Self, Failure> {
        let instance = Self::created(context, slots).await?;
        instance.bring_up(given).await?;
        Ok(instance)
    }

    /// Over these slots, not initialized.
    pub async fn created(context: &Context, slots: BoundSlots) -> Result<Self, Failure> {
        let endpoint = context.over(&context.bench()?.launch(slots).await?);
        Ok(Self { lifecycle: Lifecycle::new(endpoint.clone()), endpoint })
    }

    /// Of an endpoint that is not initialized.
    pub fn of(context: &Context, endpoint: &Endpoint) -> Self {
        let endpoint = context.over(endpoint);
        Self { lifecycle: Lifecycle::new(endpoint.clone()), endpoint }
    }

    /// The endpoint of an instance for calls that it does not survive: they are not counted, and their broken connections
    /// are no trouble with the driver.
    pub fn doomed(context: &Context, endpoint: &Endpoint) -> Endpoint {
        endpoint.layer(prism_suites::Seam::namespace(context.namespace()))
    }

    /// Initialize and Start.
    pub async fn bring_up(&self, given: Given<'_>) -> Verdict {
        let begun = |what: &'static str| move |status| Failure::from(status).during(what);
        self.lifecycle.initialize(&settings(given)).await.map_err(begun("Initialize"))?;
        self.lifecycle.start().await.map_err(begun("Start"))
    }

    /// Initialize alone.
    pub async fn initialize(&self, given: Given<'_>) -> Result<(), Status> {
        self.lifecycle.initialize(&settings(given)).await
    }

    /// Where it answers.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// The same for calls in another namespace than that of the case.
    pub fn elsewhere(&self, context: &Context) -> Endpoint {
        let name = http::HeaderValue::from_str(context.elsewhere().namespace()).ok();
        looking(self.endpoint(), move |request| {
            if let Some(name) = &name {
                request.headers_mut().insert(NAMESPACE_HEADER, name.clone());
            }
        })
    }

    /// Its lifecycle.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// Stop.
    pub async fn stop(&self) -> Verdict {
        self.lifecycle.stop().await.map_err(|status| Failure::from(status).during("Stop"))
    }
}

/// What is bound to a slot of the target, called without the pattern, in the namespace of the case.
pub fn slot(context: &Context, name: &str) -> Result<Endpoint, Failure> {
    let slots = context.bench()?.slots();
    let endpoint = slots.get(name).ok_or_else(|| Failure::harness(format!("slot `{name}` is not bound")))?;
    Ok(endpoint.layer(prism_suites::Seam::namespace(context.namespace())))
}
