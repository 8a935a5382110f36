//! What a case is, and when it is called for.

use crate::{Context, Failure, Verdict};
use futures::future::BoxFuture;
use prism_interfaces::traits::Declaration;
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

/// How a case finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A few calls with known answers.
    Example,
    /// Generated operations in lock-step with a model.
    Model,
    /// Concurrent clients whose history is judged afterwards.
    History,
    /// An interface that is not declared must be refused.
    Refusal,
}

impl Kind {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Example => "example",
            Self::Model => "model",
            Self::History => "history",
            Self::Refusal => "refusal",
        }
    }
}

/// Which instances of the driver a case works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instance {
    /// The one that all cases share.
    Shared,
    /// That one, and a second one on the same server.
    Second,
    /// One of its own that has not been started, on the same server.
    Fresh,
}

/// A value that a trait must have been declared with, one of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// The interface, or `guarantees`.
    pub interface: &'static str,
    /// The trait.
    pub name: &'static str,
    /// Any of these values calls for the case.
    pub any_of: &'static [&'static str],
}

type Run = Arc<dyn Fn(Context) -> BoxFuture<'static, Verdict> + Send + Sync>;

/// One case.
#[derive(Clone)]
pub struct Case {
    /// Such as `keyvalue_ttl/expires_not_early`.
    pub id: String,
    /// The clauses that it proves; the first one is named in a failure that names none.
    pub clauses: &'static [&'static str],
    /// What must hold, in one sentence; printed when it does not.
    pub sentence: &'static str,
    /// How it finds out.
    pub kind: Kind,
    /// Interfaces that must be declared beside its own.
    pub needs: &'static [&'static str],
    /// Traits that must have certain values.
    pub given: Vec<Given>,
    /// Which instances it works with.
    pub instance: Instance,
    /// Whether it needs `prism.testing.v1.Clock`.
    pub needs_clock: bool,
    /// Whether its calls must reach the driver without a namespace, by which a proxy could route them.
    pub without_namespace: bool,
    run: Run,
}

/// A case of the interface that its id starts with.
pub fn case<F, Fut>(
    id: impl Into<String>,
    clauses: &'static [&'static str],
    sentence: &'static str,
    run: F,
) -> Case
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Verdict> + Send + 'static,
{
    Case {
        id: id.into(),
        clauses,
        sentence,
        kind: Kind::Example,
        needs: &[],
        given: Vec::new(),
        instance: Instance::Shared,
        needs_clock: false,
        without_namespace: false,
        run: Arc::new(move |context| Box::pin(run(context))),
    }
}

impl Case {
    /// Says that it compares with a model.
    pub fn model(mut self) -> Self {
        self.kind = Kind::Model;
        self
    }

    /// Says that it judges a history.
    pub fn history(mut self) -> Self {
        self.kind = Kind::History;
        self
    }

    /// Says that it checks a refusal.
    pub fn refusal(mut self) -> Self {
        self.kind = Kind::Refusal;
        self
    }

    /// Asks for more interfaces.
    pub fn needs(mut self, interfaces: &'static [&'static str]) -> Self {
        self.needs = interfaces;
        self
    }

    /// Asks for a declared value.
    pub fn given(
        mut self,
        interface: &'static str,
        name: &'static str,
        any_of: &'static [&'static str],
    ) -> Self {
        self.given.push(Given { interface, name, any_of });
        self
    }

    /// Asks for a second instance of the driver on the same server.
    pub fn second_instance(mut self) -> Self {
        self.instance = Instance::Second;
        self
    }

    /// Asks for an instance of its own that has not been started.
    pub fn fresh_instance(mut self) -> Self {
        self.instance = Instance::Fresh;
        self
    }

    /// Asks for the clock of tests.
    pub fn with_clock(mut self) -> Self {
        self.needs_clock = true;
        self
    }

    /// Says that its calls must reach the driver without a namespace.
    pub fn without_namespace(mut self) -> Self {
        self.without_namespace = true;
        self
    }

    /// Has a failure looked at again, together with how long the case took.
    pub fn reconsidered(self, look: fn(&Context, Duration, Failure) -> Failure) -> Self {
        let inner = self.run;
        let run: Run = Arc::new(move |context| {
            let (began, running) = (Instant::now(), inner(context.clone()));
            Box::pin(async move { running.await.map_err(|failure| look(&context, began.elapsed(), failure)) })
        });
        Self { run, ..self }
    }

    /// The interface that it belongs to: the part of the id before the slash.
    pub fn interface(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }

    /// Whether a declaration calls for it. The clock is not declared but found, so it is not looked at here.
    pub fn called_for_by(&self, declaration: &Declaration) -> bool {
        let own = self.interface();
        if self.kind == Kind::Refusal {
            return !declaration.has(own);
        }
        let own_declared = prism_interfaces::catalogue::interface(own).is_none() || declaration.has(own);
        own_declared
            && self.needs.iter().all(|interface| declaration.has(interface))
            && self.given.iter().all(|given| {
                let traits = if given.interface == "guarantees" {
                    declaration.guarantees.clone()
                } else {
                    declaration.traits(given.interface)
                };
                traits
                    .iter()
                    .any(|(name, value)| name == given.name && given.any_of.contains(&value.as_str()))
            })
    }

    /// Carries it out.
    pub fn run(&self, context: Context) -> BoxFuture<'static, Verdict> {
        (self.run)(context)
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("id", &self.id).field("clauses", &self.clauses).finish_non_exhaustive()
    }
}
