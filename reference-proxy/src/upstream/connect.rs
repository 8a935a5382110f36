//! Opening and probing one HTTP/2 connection.

use crate::config::{UpstreamAddress, UpstreamConfig};
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, uri::Authority};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prism_interfaces::lifecycle::v1::{DescribeRequest, DescribeResponse};
use prost::Message;
use std::{
    error::Error,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::net::{TcpStream, UnixStream};
use tonic::body::Body;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};

/// What one stalled answer can make the proxy hold.
const STREAM_WINDOW: u32 = 256 << 10;
/// So large that a thousand stalled answers do not stop the others on their connection.
const CONNECTION_WINDOW: u32 = 256 << 20;
const FRAME_SIZE: u32 = 64 << 10;
/// Answers carry error details; this is far above what drivers send.
const HEADER_LIST: u32 = 1 << 20;
/// The most bytes of an answer to a call of the proxy's own.
const MOST_OF_AN_ANSWER: usize = 64 << 10;
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Sends calls on a connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Sender {
    inner: http2::SendRequest<Body>,
    authority: Authority,
    /// How many streams the upstream allows at a time, as it last said.
    max_streams: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("authority", &self.authority).finish_non_exhaustive()
    }
}

/// The connection itself, which must be polled for anything to happen.
pub(super) type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// Opens a connection; nothing has been answered on it yet.
pub(super) async fn connect(config: &UpstreamConfig) -> io::Result<(Sender, Driver)> {
    match &config.endpoint {
        UpstreamAddress::Tcp(authority) => {
            let stream = TcpStream::connect(authority.as_str()).await?;
            stream.set_nodelay(true)?;
            let authority = authority.parse().map_err(io::Error::other)?;
            handshake(stream, authority).await
        }
        UpstreamAddress::Unix(path) => {
            handshake(UnixStream::connect(path).await?, Authority::from_static("localhost")).await
        }
        // Keepers are given the address that the process listens at.
        UpstreamAddress::Process(_) | UpstreamAddress::Pattern(_) => {
            Err(io::Error::other("the process has no address"))
        }
    }
}

async fn handshake<T>(stream: T, authority: Authority) -> io::Result<(Sender, Driver)>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (inner, mut connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_SIZE)
        .max_header_list_size(HEADER_LIST)
        .max_send_buf_size(STREAM_WINDOW as usize)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let max_streams = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
    let told = Arc::clone(&max_streams);
    let driver = poll_fn(move |context| {
        let ended = Pin::new(&mut connection).poll(context);
        told.store(connection.current_max_send_streams(), Ordering::Relaxed);
        ended
    });
    Ok((Sender { inner, authority, max_streams }, Box::pin(driver)))
}

/// A call that did not reach the upstream's answer.
pub(crate) struct SendError {
    pub(crate) error: hyper::Error,
    /// The call itself, where nothing of it was sent.
    pub(crate) unsent: Option<Box<Request<Body>>>,
}

impl Sender {
    pub(crate) fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// How many streams the upstream allows at a time.
    pub(super) fn max_streams(&self) -> usize {
        self.max_streams.load(Ordering::Relaxed)
    }

    /// The address of a method at this upstream.
    pub(crate) fn uri(&self, original: &Uri) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(http::uri::Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = original.path_and_query().cloned();
        // The parts come from valid addresses; only an address without a path cannot be put together.
        Uri::from_parts(parts).unwrap_or_else(|_| original.clone())
    }

    /// Sends a call. Dropping the future cancels it.
    pub(crate) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<http::Response<hyper::body::Incoming>, SendError> {
        self.inner.try_send_request(request).await.map_err(|mut error| {
            let unsent = error.take_message().map(Box::new);
            SendError { error: error.into_error(), unsent }
        })
    }

    /// Asks for the upstream's health. Any answer shows that it is there; only `NOT_SERVING` says that it does not
    /// serve, so that a driver without the health service counts as serving.
    pub(super) async fn probe(&mut self) -> Result<bool, hyper::Error> {
        let question = HealthCheckRequest { service: String::new() };
        let answer: Option<HealthCheckResponse> = self.ask("/grpc.health.v1.Health/Check", &question).await?;
        Ok(answer.is_none_or(|answer| answer.status() != ServingStatus::NotServing))
    }

    /// The interfaces that the upstream says that it serves; `None` where it does not say.
    pub(super) async fn describe(&mut self) -> Option<Vec<String>> {
        let path = "/prism.lifecycle.v1.Lifecycle/Describe";
        let described: DescribeResponse = self.ask(path, &DescribeRequest {}).await.ok()??;
        Some(described.interfaces.into_iter().map(|interface| interface.id).collect())
    }

    /// Makes a call of the proxy's own; `None` where the answer is an error, or none of this kind.
    async fn ask<A: Message + Default>(
        &mut self,
        path: &'static str,
        question: &impl Message,
    ) -> Result<Option<A>, hyper::Error> {
        let message = question.encode_to_vec();
        let mut frame = vec![0];
        frame.extend((message.len() as u32).to_be_bytes());
        frame.extend(message);
        let mut request = Request::new(Body::new(Full::new(Bytes::from(frame))));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri(&Uri::from_static(path));
        *request.version_mut() = http::Version::HTTP_2;
        request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        let response = self.inner.send_request(request).await?;
        // What is asked here has short answers; whatever is longer is none.
        let body = http_body_util::Limited::new(response.into_body(), MOST_OF_AN_ANSWER);
        let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
            return Ok(None);
        };
        Ok(body.get(5..).and_then(|message| A::decode(message).ok()))
    }
}

/// An error with everything that caused it, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
