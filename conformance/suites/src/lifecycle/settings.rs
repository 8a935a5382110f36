//! Settings that a driver does not know.

use super::fresh::{Call, Fresh, expect_code, on_fresh};
use crate::{Context, Failure, Verdict, expect::expect_refused, verdict::describe};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A setting that no driver knows.
pub(super) const UNKNOWN: &str = "prism_conformance_unknown";

/// Initialize with everything that is needed and a setting more.
async fn with_unknown(fresh: &Fresh, value: &str) -> Result<(), Status> {
    let mut settings = fresh.settings.clone();
    settings.insert(UNKNOWN.to_owned(), value.to_owned());
    fresh.lifecycle.initialize(&settings).await
}

pub(super) async fn unknown_is_refused(context: Context) -> Verdict {
    on_fresh(context, |_, fresh| async move {
        for value in ["", "value"] {
            let what = "Initialize with a setting that no driver knows";
            let status = expect_refused(what, with_unknown(&fresh, value).await, Code::InvalidArgument)?;
            let details = status.get_error_details();
            let fields = details.bad_request().into_iter().flat_map(|bad| &bad.field_violations);
            let named = fields.map(|violation| &violation.field).any(|field| field.contains(UNKNOWN));
            if !named && !status.message().contains(UNKNOWN) {
                return Err(Failure::violation("the refusal does not name the setting")
                    .expected(format!("a status that names `{UNKNOWN}`"))
                    .got(describe(&status)));
            }
        }
        Ok(())
    })
    .await
}

pub(super) async fn refused_change_nothing(context: Context) -> Verdict {
    on_fresh(context, |_, fresh| async move {
        for state in ["created", "stopped"] {
            let refused = with_unknown(&fresh, "value").await;
            expect_refused("Initialize with an unknown setting", refused, Code::InvalidArgument)?;
            let what = format!("Start of a driver that is {state} and whose settings were refused");
            expect_code(&what, fresh.attempt(Call::Start).await, Code::FailedPrecondition)?;
            for call in [Call::Initialize, Call::Start, Call::Stop] {
                fresh.call(call).await.map_err(|failure| failure.during("after settings were refused"))?;
            }
        }
        Ok(())
    })
    .await
}
