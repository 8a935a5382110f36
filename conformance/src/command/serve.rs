//! `serve`: a built-in driver as a gRPC process.

use crate::{
    builtins::{self, BUILTINS},
    cli::ServeArgs,
    command::{Trouble, print},
};
use prism_suites::{Seam, client::Lifecycle};
use std::{collections::BTreeMap, process::ExitCode, time::Duration};
use tokio::net::TcpListener;

/// How long calls in flight have to end after a signal.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until Ctrl-C or SIGTERM, then drains.
pub fn serve(args: &ServeArgs) -> Result<ExitCode, Trouble> {
    let names = || BUILTINS.iter().map(|builtin| builtin.name);
    let builtin = builtins::find(&args.driver).ok_or_else(|| {
        let hint = prism_yaml::nearest(&args.driver, names())
            .map(|nearest| format!("; did you mean `{nearest}`?"))
            .unwrap_or_default();
        Trouble::usage(format!(
            "there is no built-in driver `{}`{hint} (there are {})",
            args.driver,
            names().collect::<Vec<_>>().join(", ")
        ))
    })?;
    let mut settings = BTreeMap::new();
    for pair in &args.set {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| Trouble::usage(format!("`--set {pair}` has no `=`; write --set name=value")))?;
        settings.insert(name.to_owned(), value.to_owned());
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Trouble::incomplete(error.to_string()))?;
    runtime.block_on(async {
        let endpoint = (builtin.launch)();
        let lifecycle = Lifecycle::new(endpoint.layer(Seam::bare()));
        if !args.no_start {
            let start = async {
                lifecycle.initialize(&settings).await?;
                lifecycle.start().await
            };
            start
                .await
                .map_err(|status| Trouble::usage(format!("{}: {}", builtin.name, status.message())))?;
        }
        let listener = TcpListener::bind(args.listen)
            .await
            .map_err(|error| Trouble::usage(format!("{} cannot be listened on: {error}", args.listen)))?;
        let address = listener.local_addr().map_err(|error| Trouble::incomplete(error.to_string()))?;
        print(&format!("{} serves on http://{address}\n", builtin.name))?;
        let drain = async move {
            stop_signal().await;
            // Whoever is subscribed is told, so that their connections end as well.
            let _ = lifecycle.drain(DRAIN).await;
            let _ = lifecycle.stop().await;
        };
        prism_driver_kit::serve(endpoint, listener, drain)
            .await
            .map_err(|error| Trouble::incomplete(format!("serving ended: {error}")))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Resolves at Ctrl-C, and at SIGTERM where there is such a thing.
pub(crate) async fn stop_signal() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}
