//! A backend to measure over: its driver in this process, on a server of its own where it needs one.

use prism_conformance::builtins;
use prism_interfaces::Endpoint;
use prism_runner::{
    provision::{Context, Mode, Server, provision},
    registry::Registry,
};
use prism_suites::client::Lifecycle;

/// A driver that runs.
pub(crate) struct Running {
    /// Where it answers.
    pub(crate) endpoint: Endpoint,
    server: Server,
}

impl Running {
    /// Finds or starts the server as a run does, and starts the driver; the error says why there is none.
    pub(crate) async fn start(name: &str) -> Result<Self, String> {
        let registry = Registry::load(&builtins::sources()).map_err(|problems| problems.to_string())?;
        let backend = registry.find(name).ok_or_else(|| format!("there is no backend `{name}`"))?;
        // The real clock, where there is a choice: what is measured takes real time.
        let setup = backend.setups.iter().find(|setup| setup.default).unwrap_or(&backend.setups[0]);
        let context = Context::new(&format!("{:08x}", rand::random::<u32>()));
        let server =
            provision(backend, setup, Mode::Any, &context).await.map_err(|error| error.to_string())?;
        let launch = builtins::find(name).ok_or_else(|| format!("`{name}` is not built in"))?.launch;
        let endpoint = launch();
        let lifecycle = Lifecycle::new(endpoint.clone());
        let told = |status: tonic::Status| format!("{name} does not start: {}", status.message());
        lifecycle.initialize(&server.settings).await.map_err(told)?;
        lifecycle.start().await.map_err(told)?;
        Ok(Self { endpoint, server })
    }

    /// Stops the driver and takes the server away.
    pub(crate) async fn stop(self) -> Result<(), String> {
        let stopped = Lifecycle::new(self.endpoint).stop().await;
        self.server.stop().await.map_err(|error| error.to_string())?;
        stopped.map_err(|status| status.message().to_owned())
    }
}
