//! Accepting connections and serving HTTP/2 on them.

use crate::metrics::Metrics;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use std::{convert::Infallible, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, join},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service;

/// What every HTTP/2 client sends first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A client that has not sent it by then is none.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(10);

/// What one upload to a stalled upstream can make the proxy hold.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 32 << 20;
const FRAME_SIZE: u32 = 64 << 10;
const MAX_STREAMS: u32 = 64 << 10;
/// What is above this is refused by HTTP/2 itself, with 431; below it the proxy can say what is wrong.
const HEADER_LIST: u32 = 2 << 20;
/// Many clients that give up at once are not an attack.
const PENDING_RESETS: usize = 4 << 10;
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// After an error that is no client's, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a listener comes to its end.
#[derive(Debug, Clone, Default)]
struct Stop {
    /// No new connections; open ones end when their streams have.
    gently: CancellationToken,
    /// Everything ends.
    surely: CancellationToken,
}

/// A listener that serves; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    stop: Stop,
    accepting: JoinHandle<()>,
}

impl Listening {
    /// Ends gently, and after `patience` surely.
    pub(crate) async fn stop(mut self, patience: Duration) {
        self.stop.gently.cancel();
        if timeout(patience, &mut self.accepting).await.is_err() {
            self.stop.surely.cancel();
            // It ends now; a panic in it is none of ours.
            drop((&mut self.accepting).await);
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.gently.cancel();
        self.stop.surely.cancel();
    }
}

/// Serves gRPC.
pub(crate) fn serve<S>(listener: TcpListener, service: S, metrics: Arc<Metrics>) -> Listening
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    accept(listener, move |stream, stop| {
        let (service, metrics) = (service.clone(), Arc::clone(&metrics));
        async move {
            let _counted = metrics.connection();
            connection(stream, service, &stop).await;
        }
    })
}

/// Serves a router, HTTP/1 and HTTP/2.
pub(crate) fn serve_admin(listener: TcpListener, router: axum::Router) -> Listening {
    accept(listener, move |stream, stop| {
        let router = router.clone();
        async move {
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(PREFACE_TIMEOUT);
            builder.http2().timer(TokioTimer::new());
            let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
            tokio::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stop.gently.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            drop(connection.await);
        }
    })
}

fn accept<F, R>(listener: TcpListener, handle: F) -> Listening
where
    F: Fn(TcpStream, Stop) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let stop = Stop::default();
    let stopping = stop.clone();
    let accepting = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stopping.gently.cancelled() => break,
                // Connections that have ended are forgotten as they do.
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (surely, handled) = (stopping.surely.clone(), handle(stream, stopping.clone()));
                    connections.spawn(async move {
                        let _ = surely.run_until_cancelled(handled).await;
                    });
                }
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    });
    Listening { stop, accepting }
}

fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

async fn connection<S>(mut stream: TcpStream, service: S, stop: &Stop)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    let mut preface = [0; PREFACE.len()];
    let read = tokio::select! {
        () = stop.gently.cancelled() => return,
        read = timeout(PREFACE_TIMEOUT, stream.read_exact(&mut preface)) => read,
    };
    if !matches!(read, Ok(Ok(_))) || preface != *PREFACE {
        tracing::debug!("a client that does not speak HTTP/2");
        return;
    }
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection without TCP_NODELAY");
    }
    let (reader, writer) = stream.into_split();
    // HTTP/2 wants to see the preface itself.
    let io = TokioIo::new(join(PREFACE.as_slice().chain(reader), writer));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_SIZE)
        .max_send_buf_size(STREAM_WINDOW as usize)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(HEADER_LIST)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        // What the upstream sends comes to the client as it is.
        .auto_date_header(false)
        .serve_connection(
            io,
            service_fn(move |request: Request<Incoming>| service.clone().call(request.map(Body::new))),
        );
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.gently.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of a client ended with an error");
    }
}
