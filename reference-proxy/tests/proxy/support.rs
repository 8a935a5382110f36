//! An upstream that answers whatever a test needs, a proxy in front of it, and a client.

use bytes::{BufMut, Bytes, BytesMut};
use futures::{FutureExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prism_interfaces::Endpoint;
use prism_proxy::{Config, Proxy, Running};
use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{Instant, timeout},
};
use tonic::{
    Status, body::Body, client::Grpc, codec::Streaming, codegen::http::uri::PathAndQuery,
    metadata::MetadataValue,
};
use tonic_prost::ProstCodec;

/// Nothing in these tests takes longer unless it is broken; the machine may be very busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something that must happen.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Waits until a condition holds that nobody announces.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What an upstream has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Calls of any method but health.
    pub(crate) calls: AtomicUsize,
    /// The headers of the calls, in the order in which they came.
    pub(crate) headers: Mutex<Vec<HeaderMap>>,
    /// Bytes that `Flood` could send.
    pub(crate) flooded: AtomicU64,
    /// Calls of `Wait` and `Flood` that are open.
    pub(crate) open: watch::Sender<usize>,
    /// Lets the calls of `Wait` go on.
    pub(crate) released: watch::Sender<bool>,
}

impl Seen {
    pub(crate) fn last_headers(&self) -> HeaderMap {
        self.headers.lock().expect("no panic").last().cloned().expect("a call")
    }

    pub(crate) async fn open_calls(&self, count: usize) {
        within(&format!("{count} open calls"), self.open.subscribe().wait_for(|open| *open == count))
            .await
            .expect("the sender lives");
    }
}

/// Counts an open call until it is dropped, as happens when the caller goes away.
struct Open(Arc<Seen>);

impl Open {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.open.send_modify(|open| *open += 1);
        Self(Arc::clone(seen))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

/// A small gRPC server; it and its connections end when it is dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::start_at(name, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// An upstream that allows so many streams on a connection.
    pub(crate) async fn with_streams(name: &'static str, streams: u32) -> Self {
        Self::serve(name, SocketAddr::from(([127, 0, 0, 1], 0)), streams).await
    }

    /// The address may still be held by an upstream that is just ending.
    pub(crate) async fn start_at(name: &'static str, address: SocketAddr) -> Self {
        Self::serve(name, address, 20_000).await
    }

    async fn serve(name: &'static str, address: SocketAddr, streams: u32) -> Self {
        let mut bound = None;
        eventually("the address is free", async || {
            bound = TcpListener::bind(address).await.ok();
            bound.is_some()
        })
        .await;
        let listener = bound.expect("bound");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let served = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            // Aborts its tasks when it is dropped.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&served);
                let service = service_fn(move |request| {
                    answer(name, Arc::clone(&seen), request).map(Ok::<_, Infallible>)
                });
                let connection = http2::Builder::new(TokioExecutor::new())
                    .max_header_list_size(1 << 20)
                    .max_concurrent_streams(streams)
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(connection);
            }
        });
        Self { address, seen, task }
    }

    /// Ends it and every connection.
    pub(crate) async fn kill(mut self) -> SocketAddr {
        self.task.abort();
        assert!((&mut self.task).await.is_err(), "it was aborted");
        self.address
    }

    pub(crate) fn yaml(&self) -> String {
        format!(
            "endpoint: 'http://{}', connect_timeout: 20s, health_interval: 100ms, backoff: {{ first: 10ms, max: 50ms }}",
            self.address
        )
    }
}

fn message(bytes: &[u8]) -> Bytes {
    let encoded = prost::Message::encode_to_vec(&bytes.to_vec());
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(encoded.len() as u32);
    frame.put_slice(&encoded);
    frame.freeze()
}

fn trailers(pairs: &[(&'static str, &str)]) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    for (name, value) in pairs {
        trailers.insert(*name, HeaderValue::from_str(value).expect("a header"));
    }
    Frame::trailers(trailers)
}

fn frames<S>(frames: S) -> Body
where
    S: futures::Stream<Item = Result<Frame<Bytes>, Status>> + Send + 'static,
{
    Body::new(StreamBody::new(frames))
}

/// The methods of the upstream.
async fn answer(name: &'static str, seen: Arc<Seen>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    if path.starts_with("/grpc.health.") {
        return Status::unimplemented("no health here").into_http();
    }
    seen.calls.fetch_add(1, Ordering::SeqCst);
    seen.headers.lock().expect("no panic").push(request.headers().clone());
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response.headers_mut().insert("x-upstream", HeaderValue::from_static(name));
    if let Some(echo) = request.headers().get("x-echo-bin") {
        response.headers_mut().insert("x-echo-bin", echo.clone());
    }
    let ok =
        || async { Ok(trailers(&[("grpc-status", "0"), ("x-trailer-bin", "AAEC/w"), ("x-trailer", "t")])) };
    *response.body_mut() = match path.as_str() {
        // Sends back what it gets, byte for byte, as it comes.
        "/test.Echo/Echo" => {
            let data = request.into_body().into_data_stream();
            let data =
                data.map(|data| data.map(Frame::data).map_err(|error| Status::unknown(error.to_string())));
            frames(data.chain(stream::once(ok())))
        }
        // Reads the request to its end, says how many bytes it had.
        "/test.Echo/Count" => {
            let Ok(body) = request.into_body().collect().await else {
                return Status::cancelled("the request broke off").into_http();
            };
            let count = body.to_bytes().len().to_string();
            let count = stream::iter([Ok(Frame::data(message(count.as_bytes())))]);
            frames(count.chain(stream::once(ok())))
        }
        // Answers after `release`.
        "/test.Echo/Wait" => {
            let open = Open::new(&seen);
            let released = seen.released.subscribe().wait_for(|released| *released).await.is_ok();
            drop(open);
            assert!(released, "the sender lives");
            let data = stream::iter([Ok(Frame::data(message(b"done")))]);
            frames(data.chain(stream::once(ok())))
        }
        // One message, and after `release` another one.
        "/test.Echo/Open" => {
            let open = Open::new(&seen);
            let first = stream::iter([Ok(Frame::data(message(b"first")))]);
            let second = stream::once(async move {
                let open = open;
                let released = open.0.released.subscribe().wait_for(|released| *released).await.is_ok();
                assert!(released, "the sender lives");
                Ok(Frame::data(message(b"second")))
            });
            frames(first.chain(second).chain(stream::once(ok())))
        }
        // Messages of 16 KiB without end.
        "/test.Echo/Flood" => {
            let open = Open::new(&seen);
            let data = message(&[7; 16 << 10]);
            frames(stream::repeat_with(move || {
                open.0.flooded.fetch_add(data.len() as u64, Ordering::SeqCst);
                Ok(Frame::data(data.clone()))
            }))
        }
        // Gives up in the middle of an answer without a status.
        "/test.Echo/Break" => {
            let data = stream::iter([
                Ok(Frame::data(message(b"first"))),
                Err(Status::from_error(Box::new(h2::Error::from(h2::Reason::INTERNAL_ERROR)))),
            ]);
            frames(data)
        }
        // An error in headers alone, with everything that can be in it.
        "/test.Echo/Fail" => {
            let mut status =
                Status::with_details(tonic::Code::Aborted, "näh", Bytes::from_static(b"\x00\xffdetails"));
            status.metadata_mut().insert_bin("x-more-bin", MetadataValue::from_bytes(b"\xfe\x00"));
            return status.into_http();
        }
        "/test.Echo/Html" => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = http::StatusCode::BAD_GATEWAY;
            return response;
        }
        _ => return Status::unimplemented("unknown method").into_http(),
    };
    response
}

/// A proxy with these upstreams; `namespaces` are the lines of the list, `more` further lines of the configuration.
pub(crate) fn config(upstreams: &[(&str, String)], namespaces: &[&str], more: &str) -> Config {
    let mut text = String::from("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nupstreams:\n");
    let lines = upstreams.iter().map(|(name, yaml)| format!("  {name}: {{ {yaml} }}\n"));
    text.extend(lines);
    text.push_str("namespaces:\n");
    text.extend(namespaces.iter().map(|namespace| format!("  - {{ {namespace} }}\n")));
    text.push_str(more);
    Config::parse("test.yaml", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// A proxy that takes every namespace to one upstream.
pub(crate) async fn in_front_of(upstream: &Upstream, more: &str) -> Running {
    let config = config(&[("u", upstream.yaml())], &["prefix: '*', upstream: u"], more);
    Proxy::start(config).await.expect("a proxy")
}

/// A client of the test service.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    grpc: Grpc<Endpoint>,
    namespace: &'static str,
    connection: Arc<std::net::TcpStream>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, namespace: &'static str) -> Self {
        let stream = std::net::TcpStream::connect(address).expect("a connection");
        stream.set_nonblocking(true).expect("a socket");
        let socket = Arc::new(stream.try_clone().expect("a socket"));
        let stream = TcpStream::from_std(stream).expect("a socket");
        // Tonic's own channel would end calls at their deadline, and here the proxy is to do that.
        let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(1 << 20)
            .handshake(TokioIo::new(stream))
            .await
            .expect("HTTP/2");
        tokio::spawn(connection);
        let transport = Endpoint::new(tower::service_fn(move |request: Request<Body>| {
            let mut sender = sender.clone();
            async move { sender.send_request(request).await.map(|response| response.map(Body::new)) }
        }));
        let origin = format!("http://{address}").parse().expect("an address");
        Self {
            grpc: Grpc::with_origin(transport, origin).max_decoding_message_size(64 << 20),
            namespace,
            connection: socket,
        }
    }

    pub(crate) fn in_namespace(&self, namespace: &'static str) -> Self {
        Self { grpc: self.grpc.clone(), namespace, connection: Arc::clone(&self.connection) }
    }

    /// Loses the connection, with whatever is open on it.
    pub(crate) fn lose_connection(&self) {
        self.connection.shutdown(std::net::Shutdown::Both).expect("it was open");
    }

    pub(crate) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("prism-namespace", MetadataValue::from_static(self.namespace));
        request
    }

    fn path(method: &'static str) -> PathAndQuery {
        format!("/test.Echo/{method}").parse().expect("a path")
    }

    /// A unary call.
    pub(crate) async fn unary(
        &self,
        method: &'static str,
        request: tonic::Request<Vec<u8>>,
    ) -> Result<tonic::Response<Vec<u8>>, Status> {
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| Status::unavailable(format!("the channel: {error}")))?;
        let codec = ProstCodec::<Vec<u8>, Vec<u8>>::default();
        within(method, grpc.unary(request, Self::path(method), codec)).await
    }

    pub(crate) async fn call(&self, method: &'static str) -> Result<tonic::Response<Vec<u8>>, Status> {
        self.unary(method, self.request(b"hello".to_vec())).await
    }

    /// The name of the upstream that answers.
    pub(crate) async fn who(&self) -> Result<String, Status> {
        let response = self.call("Echo").await?;
        let name = response.metadata().get("x-upstream").expect("a name");
        Ok(name.to_str().expect("text").to_owned())
    }

    /// A call in which both sides stream.
    pub(crate) async fn stream<S>(
        &self,
        method: &'static str,
        request: tonic::Request<S>,
    ) -> Result<tonic::Response<Streaming<Vec<u8>>>, Status>
    where
        S: futures::Stream<Item = Vec<u8>> + Send + 'static,
    {
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| Status::unavailable(format!("the channel: {error}")))?;
        let codec = ProstCodec::<Vec<u8>, Vec<u8>>::default();
        within(method, grpc.streaming(request, Self::path(method), codec)).await
    }

    pub(crate) async fn open(&self, method: &'static str) -> Streaming<Vec<u8>> {
        let request = self.request(stream::iter([b"go".to_vec()]));
        self.stream(method, request).await.expect("a stream").into_inner()
    }
}

/// The next message of a stream.
pub(crate) async fn next(stream: &mut Streaming<Vec<u8>>) -> Result<Option<Vec<u8>>, Status> {
    within("the next message", stream.message()).await
}

/// The reason and the outcome that a status names, and the hint when to try again.
pub(crate) fn told(status: &Status) -> (String, String, Option<Duration>) {
    use tonic_types::StatusExt;
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "prism");
    let outcome = info.metadata.get("outcome").cloned().unwrap_or_default();
    let hint = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
    (info.reason, outcome, hint)
}
