//! The registry's client with less to type.

use bytes::Bytes;
use prism_interfaces::{
    Endpoint,
    pattern::multicast_registry::v1::{
        Choice, Comparison, EnumerateRequest, EnumerateResponse, Filter, Filters, Identity, List,
        MulticastRequest, MulticastResponse, Null, RegisterRequest, RegisterResponse, TextMatch,
        UnregisterRequest, Value, filter::Condition, multicast_registry_client::MulticastRegistryClient,
        value::Kind,
    },
    time,
};
use prism_suites::Failure;
use std::{collections::HashMap, time::Duration};
use tonic::{Request, Status};

/// The registry behind an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    client: MulticastRegistryClient<Endpoint>,
}

impl Registry {
    /// A client of this endpoint.
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        let client = MulticastRegistryClient::new(endpoint)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        Self { client }
    }

    /// `Register`.
    pub(crate) async fn register(&self, request: RegisterRequest) -> Result<RegisterResponse, Status> {
        Ok(self.client.clone().register(request).await?.into_inner())
    }

    /// `Register` of several, one after the other.
    pub(crate) async fn register_all(
        &self,
        requests: impl IntoIterator<Item = RegisterRequest>,
    ) -> Result<(), Failure> {
        for request in requests {
            let what = format!("Register({:?})", request.identity);
            self.register(request).await.map_err(|status| Failure::from(status).during(what))?;
        }
        Ok(())
    }

    /// `Unregister`; whether it was registered.
    pub(crate) async fn unregister(&self, identity: &str) -> Result<bool, Status> {
        let request = UnregisterRequest { identity: identity.to_owned() };
        Ok(self.client.clone().unregister(request).await?.into_inner().existed)
    }

    /// `Enumerate`: one page.
    pub(crate) async fn enumerate(&self, request: EnumerateRequest) -> Result<EnumerateResponse, Status> {
        Ok(self.client.clone().enumerate(request).await?.into_inner())
    }

    /// `Enumerate`: a page of at most 1000.
    pub(crate) async fn list(&self, filter: Option<Filter>) -> Result<Vec<Identity>, Status> {
        let request = EnumerateRequest { filter, limit: 1000, ..EnumerateRequest::default() };
        Ok(self.enumerate(request).await?.identities)
    }

    /// The names of those that match.
    pub(crate) async fn names(&self, filter: Option<Filter>) -> Result<Vec<String>, Status> {
        Ok(self.list(filter).await?.into_iter().map(|identity| identity.identity).collect())
    }

    /// The pages of a listing, as names, until there are `most`.
    pub(crate) async fn pages(
        &self,
        mut request: EnumerateRequest,
        most: usize,
    ) -> Result<Vec<Vec<String>>, Failure> {
        let mut pages = Vec::new();
        loop {
            let page = self.enumerate(request.clone()).await?;
            pages.push(page.identities.into_iter().map(|identity| identity.identity).collect());
            if page.next_cursor.is_empty() {
                return Ok(pages);
            }
            if pages.len() == most {
                return Err(Failure::violation(format!("there are more than {most} pages")).clause("MCR-17"));
            }
            request.cursor = page.next_cursor;
        }
    }

    /// `Multicast`, with a deadline of its own where one is given.
    pub(crate) async fn multicast(
        &self,
        request: MulticastRequest,
        deadline: Option<Duration>,
    ) -> Result<MulticastResponse, Status> {
        let mut request = Request::new(request);
        if let Some(deadline) = deadline {
            request.set_timeout(deadline);
        }
        Ok(self.client.clone().multicast(request).await?.into_inner())
    }

    /// `Multicast` of a payload alone.
    pub(crate) async fn send(
        &self,
        filter: Option<Filter>,
        payload: &'static str,
    ) -> Result<MulticastResponse, Status> {
        let payload = Bytes::from_static(payload.as_bytes());
        self.multicast(MulticastRequest { filter, payload, headers: HashMap::new() }, None).await
    }
}

/// A registration that listens to the topic `to.NAME`.
pub(crate) fn identity(name: &str) -> RegisterRequest {
    RegisterRequest { identity: name.to_owned(), topic: format!("to.{name}"), ..RegisterRequest::default() }
}

/// Adds to a registration.
pub(crate) trait Build: Sized {
    fn with(self, field: &str, value: Value) -> Self;
    fn ttl(self, ttl: Duration) -> Self;
    fn replacing(self) -> Self;
}

impl Build for RegisterRequest {
    fn with(mut self, field: &str, value: Value) -> Self {
        self.metadata.insert(field.to_owned(), value);
        self
    }

    fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(time::from_std(ttl));
        self
    }

    fn replacing(mut self) -> Self {
        self.replace = true;
        self
    }
}

pub(crate) fn of(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

pub(crate) fn text(text: &str) -> Value {
    of(Kind::Text(text.to_owned()))
}

pub(crate) fn integer(integer: i64) -> Value {
    of(Kind::Integer(integer))
}

pub(crate) fn number(number: f64) -> Value {
    of(Kind::Number(number))
}

pub(crate) fn flag(flag: bool) -> Value {
    of(Kind::Flag(flag))
}

pub(crate) fn data(data: &'static [u8]) -> Value {
    of(Kind::Data(Bytes::from_static(data)))
}

pub(crate) fn list(values: impl IntoIterator<Item = Value>) -> Value {
    of(Kind::List(List { values: values.into_iter().collect() }))
}

pub(crate) fn null() -> Value {
    of(Kind::Null(Null {}))
}

fn filter(condition: Condition) -> Filter {
    Filter { condition: Some(condition) }
}

fn comparison(field: &str, value: Value) -> Comparison {
    Comparison { field: field.to_owned(), value: Some(value) }
}

macro_rules! comparisons {
    ($($name:ident $condition:ident;)*) => {
        $(
            pub(crate) fn $name(field: &str, value: Value) -> Filter {
                filter(Condition::$condition(comparison(field, value)))
            }
        )*
    };
}

comparisons! {
    equals Equals;
    not_equals NotEquals;
    less Less;
    less_or_equal LessOrEqual;
    greater Greater;
    greater_or_equal GreaterOrEqual;
    contains Contains;
}

pub(crate) fn one_of(field: &str, values: impl IntoIterator<Item = Value>) -> Filter {
    let choice = Choice { field: field.to_owned(), values: values.into_iter().collect() };
    filter(Condition::OneOf(choice))
}

pub(crate) fn starts_with(field: &str, text: &str) -> Filter {
    filter(Condition::StartsWith(TextMatch { field: field.to_owned(), text: text.to_owned() }))
}

pub(crate) fn ends_with(field: &str, text: &str) -> Filter {
    filter(Condition::EndsWith(TextMatch { field: field.to_owned(), text: text.to_owned() }))
}

pub(crate) fn exists(field: &str) -> Filter {
    filter(Condition::Exists(field.to_owned()))
}

pub(crate) fn all(filters: impl IntoIterator<Item = Filter>) -> Filter {
    filter(Condition::All(Filters { filters: filters.into_iter().collect() }))
}

pub(crate) fn any(filters: impl IntoIterator<Item = Filter>) -> Filter {
    filter(Condition::Any(Filters { filters: filters.into_iter().collect() }))
}

pub(crate) fn not(inner: Filter) -> Filter {
    filter(Condition::Not(Box::new(inner)))
}
