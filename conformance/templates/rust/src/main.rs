//! The driver as a process: `my-backend-driver --listen 127.0.0.1:50051`. It serves until SIGTERM or Ctrl-C.

use my_backend_driver::{Backend, Store};
use prism_driver_kit::{Host, serve};
use prism_interfaces::lifecycle::v1::{
    DrainRequest, StopRequest, lifecycle_client::LifecycleClient,
};
use std::{env, error::Error};
use tokio::{
    net::TcpListener,
    signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    },
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = address()?;
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("{address} cannot be listened on: {error}"))?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Nothing is connected before whoever uses the driver calls Initialize and Start.
    let endpoint = Host::new(Backend::new(Store::default())).endpoint();
    let mut lifecycle = LifecycleClient::new(endpoint.clone());
    eprintln!("my-backend serves on {}", listener.local_addr()?);
    serve(endpoint, listener, async move {
        tokio::select! {
            _ = ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        // Calls in flight end. Where the driver does not run, there is nothing to end.
        let _ = lifecycle.drain(DrainRequest::default()).await;
        let _ = lifecycle.stop(StopRequest {}).await;
    })
    .await?;
    Ok(())
}

/// Where to listen: `--listen ADDRESS`, or the variable PRISM_ADDRESS.
fn address() -> Result<String, String> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [flag, address] if flag == "--listen" => Ok(address.clone()),
        [] => Ok(env::var("PRISM_ADDRESS").unwrap_or_else(|_| "127.0.0.1:50051".to_owned())),
        _ => Err("usage: my-backend-driver [--listen HOST:PORT]".to_owned()),
    }
}
