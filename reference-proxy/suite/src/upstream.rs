//! A small gRPC server that answers whatever a case needs.

use crate::{eventually, faults::Behind, within};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{FutureExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prism_interfaces::lifecycle::v1::{DescribeResponse, InterfaceDescription};
use prost::Message as _;
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tonic::{Status, body::Body, metadata::MetadataValue};

/// What an upstream has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Calls of any method but health.
    pub calls: AtomicUsize,
    /// The headers of the calls, in the order in which they came.
    pub headers: Mutex<Vec<HeaderMap>>,
    /// Bytes that `Flood` could send.
    pub flooded: AtomicU64,
    /// Calls of `Wait` and `Flood` that are open.
    pub open: watch::Sender<usize>,
    /// Lets the calls of `Wait` go on.
    pub released: watch::Sender<bool>,
}

impl Seen {
    /// The headers of the last call.
    pub fn last_headers(&self) -> HeaderMap {
        self.headers.lock().expect("no panic").last().cloned().expect("a call")
    }

    /// Waits until so many calls of `Wait`, `Open` and `Flood` are open.
    pub async fn open_calls(&self, count: usize) {
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
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it has seen.
    pub seen: Arc<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Serves; the address may still be held by an upstream that is just ending.
    pub(crate) async fn serve(
        name: &'static str,
        address: SocketAddr,
        streams: u32,
        behind: Option<Behind>,
    ) -> Self {
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
                let (seen, behind) = (Arc::clone(&served), behind.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (mut parts, body) = request.into_parts();
                    if let Some(change) = &behind {
                        change(&mut parts);
                    }
                    let request = Request::from_parts(parts, body);
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
    pub async fn kill(mut self) -> SocketAddr {
        self.task.abort();
        assert!((&mut self.task).await.is_err(), "it was aborted");
        self.address
    }

    /// As it stands in a configuration.
    pub fn yaml(&self) -> String {
        format!(
            "endpoint: 'http://{}', connect_timeout: 20s, health_interval: 100ms, backoff: {{ first: 10ms, max: 50ms }}",
            self.address
        )
    }
}

pub(crate) fn message(bytes: &[u8]) -> Bytes {
    framed(&bytes.to_vec().encode_to_vec())
}

fn framed(encoded: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(encoded.len() as u32);
    frame.put_slice(encoded);
    frame.freeze()
}

pub(crate) fn trailers(pairs: &[(&'static str, &str)]) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    for (name, value) in pairs {
        trailers.insert(*name, HeaderValue::from_str(value).expect("a header"));
    }
    Frame::trailers(trailers)
}

pub(crate) fn frames<S>(frames: S) -> Body
where
    S: futures::Stream<Item = Result<Frame<Bytes>, Status>> + Send + 'static,
{
    Body::new(StreamBody::new(frames))
}

/// The methods of the upstream.
/// What the proxy asks by itself to know what is served: one interface of the contract.
fn describe() -> Response<Body> {
    let interface =
        InterfaceDescription { id: "keyvalue_basic".to_owned(), ..InterfaceDescription::default() };
    let described = DescribeResponse { interfaces: vec![interface], ..DescribeResponse::default() };
    let data = stream::iter([
        Ok(Frame::data(framed(&described.encode_to_vec()))),
        Ok(trailers(&[("grpc-status", "0")])),
    ]);
    let mut response = Response::new(frames(data));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

async fn answer(name: &'static str, seen: Arc<Seen>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    if path.starts_with("/grpc.health.") {
        return Status::unimplemented("no health here").into_http();
    }
    if path == "/prism.lifecycle.v1.Lifecycle/Describe" {
        return describe();
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
    *response.body_mut() = match path.rsplit('/').next().unwrap_or_default() {
        // Sends back what it gets, byte for byte, as it comes.
        "Echo" => {
            let data = request.into_body().into_data_stream();
            let data =
                data.map(|data| data.map(Frame::data).map_err(|error| Status::unknown(error.to_string())));
            frames(data.chain(stream::once(ok())))
        }
        // Reads the request to its end, says how many bytes it had.
        "Count" => {
            let Ok(body) = request.into_body().collect().await else {
                return Status::cancelled("the request broke off").into_http();
            };
            let count = body.to_bytes().len().to_string();
            let count = stream::iter([Ok(Frame::data(message(count.as_bytes())))]);
            frames(count.chain(stream::once(ok())))
        }
        // Answers after `release`.
        "Wait" => {
            let open = Open::new(&seen);
            let released = seen.released.subscribe().wait_for(|released| *released).await.is_ok();
            drop(open);
            assert!(released, "the sender lives");
            let data = stream::iter([Ok(Frame::data(message(b"done")))]);
            frames(data.chain(stream::once(ok())))
        }
        // One message, and after `release` another one.
        "Open" => {
            let open = Open::new(&seen);
            let mut request = request.into_body();
            let first = stream::iter([Ok(Frame::data(message(b"first")))]);
            let second = stream::once(async move {
                let open = open;
                // HTTP/2 does not put up with thousands of messages that nobody reads.
                let reading = async {
                    while request.frame().await.is_some_and(|frame| frame.is_ok()) {}
                    std::future::pending::<()>().await;
                };
                let mut released = open.0.released.subscribe();
                tokio::select! {
                    () = reading => {}
                    released = released.wait_for(|released| *released) => assert!(released.is_ok()),
                }
                Ok(Frame::data(message(b"second")))
            });
            frames(first.chain(second).chain(stream::once(ok())))
        }
        // Messages of 16 KiB without end.
        "Flood" => {
            let open = Open::new(&seen);
            let data = message(&[7; 16 << 10]);
            frames(stream::repeat_with(move || {
                open.0.flooded.fetch_add(data.len() as u64, Ordering::SeqCst);
                Ok(Frame::data(data.clone()))
            }))
        }
        // Refuses, and would take the call if it came again.
        "Busy" => return Status::unavailable("busy").into_http(),
        // Gives up in the middle of an answer without a status.
        "Break" => {
            let data = stream::iter([
                Ok(Frame::data(message(b"first"))),
                Err(Status::from_error(Box::new(h2::Error::from(h2::Reason::INTERNAL_ERROR)))),
            ]);
            frames(data)
        }
        // An error in headers alone, with everything that can be in it.
        "Fail" => {
            let mut status =
                Status::with_details(tonic::Code::Aborted, "näh", Bytes::from_static(b"\x00\xffdetails"));
            status.metadata_mut().insert_bin("x-more-bin", MetadataValue::from_bytes(b"\xfe\x00"));
            return status.into_http();
        }
        "Html" => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = http::StatusCode::BAD_GATEWAY;
            return response;
        }
        _ => return Status::unimplemented("unknown method").into_http(),
    };
    response
}
