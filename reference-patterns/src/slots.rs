//! What is bound to a pattern.

use http::HeaderValue;
use prism_interfaces::{
    Endpoint, EndpointError, Fault, NAMESPACE_HEADER, Namespace,
    contract::v1::Reason,
    fault,
    lifecycle::v1::{
        DescribeRequest, DropNamespaceRequest, Health, HealthCheckRequest, InterfaceDescription,
        lifecycle_client::LifecycleClient,
    },
    traits::{Declaration, Traits, specs},
};
use std::{collections::BTreeMap, future::Future, time::Duration};
use tonic::{Code, Status, body::Body};
use tower::{ServiceExt, service_fn};

/// How long a slot may take to say what it is, and how it is.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// One slot with what is bound to it.
#[derive(Debug, Clone)]
pub struct Slot {
    /// As in pattern.yaml.
    pub name: String,
    endpoint: Endpoint,
    /// Whether the application fills it, which serves no lifecycle.
    application: bool,
    described: Result<Vec<InterfaceDescription>, String>,
    backend: String,
    declaration: Declaration,
}

/// Everything that is bound to a pattern, by slot.
#[derive(Debug, Clone, Default)]
pub struct Slots(BTreeMap<String, Slot>);

impl Slots {
    /// Asks everything that is bound what it is. What does not answer is bound all the same; Initialize says so.
    /// Slots that the application fills are not asked.
    pub async fn bind(endpoints: BTreeMap<String, Endpoint>, of_application: impl Fn(&str) -> bool) -> Self {
        let asked = endpoints.into_iter().map(|(name, endpoint)| {
            let application = of_application(&name);
            async move { (name.clone(), Slot::describe(name, endpoint, application).await) }
        });
        Self(futures::future::join_all(asked).await.into_iter().collect())
    }

    /// The slot with this name, where something is bound to it.
    pub fn get(&self, name: &str) -> Option<&Slot> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.0.values()
    }

    /// The same with something between the pattern and every slot, told by its name.
    pub(crate) fn through(mut self, between: impl Fn(&str, Endpoint) -> Endpoint) -> Self {
        for slot in self.0.values_mut() {
            slot.endpoint = between(&slot.name, slot.endpoint.clone());
        }
        self
    }

    /// Removes what a namespace holds from every slot that is a backend.
    pub async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), Status> {
        for slot in self.iter().filter(|slot| !slot.application) {
            let mut client = LifecycleClient::new(slot.at(namespace));
            within(ANSWER_WITHIN, client.drop_namespace(DropNamespaceRequest {}))
                .await
                .map_err(|status| slot.failed(&status))?;
        }
        Ok(())
    }

    /// The first slot whose backend is not healthy, and what is wrong with it.
    pub async fn health(&self) -> Result<(), String> {
        for slot in self.iter().filter(|slot| !slot.application) {
            slot.health().await.map_err(|why| format!("slot `{}` ({}): {why}", slot.name, slot.backend))?;
        }
        Ok(())
    }
}

impl Slot {
    async fn describe(name: String, endpoint: Endpoint, application: bool) -> Self {
        let (backend, described) = if application {
            ("the application".to_owned(), Ok(Vec::new()))
        } else {
            let mut client = LifecycleClient::new(endpoint.clone());
            match within(ANSWER_WITHIN, client.describe(DescribeRequest {})).await {
                Ok(described) => {
                    let described = described.into_inner();
                    (described.name, Ok(described.interfaces))
                }
                Err(status) => (
                    "what is bound to it".to_owned(),
                    Err(format!("does not say what it is: {}", explain(&status))),
                ),
            }
        };
        let interfaces = described.iter().flatten().map(|interface| {
            let raw = interface.traits.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            (interface.id.clone(), Traits::parse(specs(&interface.id), raw).unwrap_or_default())
        });
        let declaration = Declaration { interfaces: interfaces.collect(), guarantees: Traits::default() };
        Self { name, endpoint, application, described, backend, declaration }
    }

    /// What the backend calls itself.
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// What the backend says that it serves; the error says why it does not say so.
    pub fn described(&self) -> Result<&[InterfaceDescription], &str> {
        self.described.as_deref().map_err(String::as_str)
    }

    /// What the backend serves, as declarations go. Guarantees are not described, so they are empty.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// Whether the backend serves an interface.
    pub fn has(&self, interface: &str) -> bool {
        self.declaration.has(interface)
    }

    /// The backend as it is, for calls that bring their headers with them.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The backend, for calls in a namespace.
    pub fn at(&self, namespace: &Namespace) -> Endpoint {
        let namespace = HeaderValue::from_str(namespace.as_str()).map_err(EndpointError::new);
        let endpoint = self.endpoint.clone();
        Endpoint::new(service_fn(move |mut request: http::Request<Body>| {
            let (endpoint, namespace) = (endpoint.clone(), namespace.clone());
            async move {
                request.headers_mut().insert(NAMESPACE_HEADER, namespace?);
                endpoint.oneshot(request).await
            }
        }))
    }

    async fn health(&self) -> Result<(), String> {
        let mut client = LifecycleClient::new(self.endpoint.clone());
        let answer = within(ANSWER_WITHIN, client.health_check(HealthCheckRequest {}))
            .await
            .map_err(|status| format!("{:?}: {}", status.code(), status.message()))?
            .into_inner();
        match answer.health() {
            Health::Healthy => Ok(()),
            other => Err(if answer.message.is_empty() { format!("{other:?}") } else { answer.message }),
        }
    }

    /// The failure of a call to this slot, for whoever called the pattern.
    pub fn failed(&self, status: &Status) -> Status {
        self.fault(status).unknown_outcome().into()
    }

    /// The same where nothing of what the caller wanted was begun.
    pub fn failed_before(&self, status: &Status) -> Status {
        self.fault(status).into()
    }

    fn fault(&self, status: &Status) -> Fault {
        let code = match status.code() {
            code @ (Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Aborted) => {
                code
            }
            _ => Code::Unavailable,
        };
        let message = format!("slot `{}`: {:?}: {}", self.name, status.code(), status.message());
        Fault::new(code, Reason::BackendUnavailable, message)
    }
}

/// A status with what is behind it, such as a connection that was refused.
fn explain(status: &Status) -> String {
    fault::with_sources(format!("{:?}: {}", status.code(), status.message()), status)
}

/// A call that ends after `limit` at the latest, also where what is called never answers.
pub async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} ms", limit.as_millis());
        Err(Fault::new(Code::DeadlineExceeded, Reason::DeadlineExceeded, message).unknown_outcome().into())
    })
}
