//! An endpoint of this process on a Unix socket, for a process that can only reach an address.

use prism_interfaces::Endpoint;
use std::{io, path::Path};
use tokio::{net::UnixListener, task::AbortHandle};
use tokio_stream::wrappers::UnixListenerStream;

/// Serves an endpoint until it is dropped.
#[derive(Debug)]
pub struct Bridge(AbortHandle);

impl Bridge {
    /// Serves it on a socket that is not there yet; `who` is what the log calls the endpoint.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be made.
    pub fn open(endpoint: Endpoint, socket: &Path, who: &'static str) -> io::Result<Self> {
        let incoming = UnixListenerStream::new(UnixListener::bind(socket)?);
        let serving = tokio::spawn(async move {
            let served = prism_driver_kit::serve_incoming(endpoint, incoming, std::future::pending()).await;
            if let Err(error) = served {
                tracing::warn!(%error, "{who} is no longer served");
            }
        });
        Ok(Self(serving.abort_handle()))
    }

    /// Lets go of the endpoint; open calls end.
    pub fn close(&self) {
        self.0.abort();
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.close();
    }
}
