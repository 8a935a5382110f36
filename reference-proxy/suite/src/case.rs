//! What a case is, and how it is carried out.

use crate::{
    Context,
    patience::{self, patience},
};
use futures::future::LocalBoxFuture;
use std::{
    any::Any,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

type Run = Box<dyn Fn(Context) -> LocalBoxFuture<'static, ()> + Send + Sync>;

/// One case.
pub struct Case {
    /// Such as `routing/unknown_namespace_is_not_found`.
    pub id: &'static str,
    /// The clauses that it proves.
    pub clauses: &'static [&'static str],
    /// What must hold, in one sentence.
    pub sentence: &'static str,
    run: Run,
}

/// A case that panics with what it found where something does not hold.
pub fn case<F, Fut>(
    id: &'static str,
    clauses: &'static [&'static str],
    sentence: &'static str,
    run: F,
) -> Case
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    Case { id, clauses, sentence, run: Box::new(move |context| Box::pin(run(context))) }
}

impl Case {
    /// Carries it out on this thread, in a runtime of its own that ends with it.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub fn run(&self, context: Context) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let watch = context.clone();
        patience::set_patience(context.patience());
        // Single steps are waited for with patience; this is for what was not thought of.
        let whole = patience() * 8;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async { tokio::time::timeout(whole, (self.run)(context)).await })
        }));
        // What a process or a task still does is not waited for.
        runtime.shutdown_background();
        match outcome {
            Ok(Ok(())) if watch.asked() == 0 => Err("vacuous: no proxy was asked for anything".to_owned()),
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(format!("it did not come to an end within {whole:?}")),
            Err(panic) => Err(message(panic.as_ref())),
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("id", &self.id).field("clauses", &self.clauses).finish_non_exhaustive()
    }
}
