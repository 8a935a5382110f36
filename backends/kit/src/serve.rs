//! Serving an endpoint on an address.

use crate::{MAX_MESSAGE_BYTES, health::with_health};
use prism_interfaces::Endpoint;
use std::{future::Future, io};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::transport::{Error, Server, server::Connected};

/// Serves gRPC (HTTP/2 without TLS), with grpc.health.v1 beside the driver, on a listener until `shutdown` resolves and
/// open calls have ended.
pub async fn serve(
    endpoint: Endpoint,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    serve_incoming(endpoint, TcpListenerStream::new(listener), shutdown).await
}

/// The same on whatever connections come, such as those of a Unix socket.
pub async fn serve_incoming<C>(
    endpoint: Endpoint,
    incoming: impl Stream<Item = io::Result<C>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    Server::builder()
        .tcp_nodelay(true)
        // Many cases share a connection; the defaults of 64 KiB would make them wait for each other.
        .initial_stream_window_size(Some(1 << 20))
        .initial_connection_window_size(Some(16 << 20))
        .max_frame_size(Some(1 << 20))
        .http2_max_header_list_size(Some(64 << 10))
        .serve_with_incoming_shutdown(with_health(endpoint), incoming, shutdown)
        .await
}

const _: () = assert!(MAX_MESSAGE_BYTES >= 16 << 20, "the largest declared value must fit");
