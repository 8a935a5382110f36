//! The load: connections that each make one call after the other.

use bytes::{BufMut, Bytes, BytesMut};
use hdrhistogram::Histogram;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, task::JoinSet};

type Sender = SendRequest<Full<Bytes>>;

/// What one call is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// So many bytes there and back.
    Unary(usize),
    /// A hundred messages of 100 bytes from the server.
    Stream,
}

/// So many connections, each with one call at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    pub(crate) connections: usize,
}

/// What came of one round.
#[derive(Debug)]
pub(crate) struct Round {
    /// Calls that came to their end.
    pub(crate) calls: u64,
    /// How long the round took.
    pub(crate) took: Duration,
    /// Microseconds from the call to the last byte of the answer.
    pub(crate) latency: Histogram<u64>,
    /// Calls that did not end as they should.
    pub(crate) errors: u64,
    /// What the contender's processes used.
    pub(crate) cpu: Option<Duration>,
}

/// A gRPC frame with so many bytes.
pub(crate) fn message(length: usize) -> Bytes {
    let mut frame = BytesMut::with_capacity(length + 5);
    frame.put_u8(0);
    frame.put_u32(length as u32);
    frame.put_bytes(b'x', length);
    frame.freeze()
}

/// Runs a load for about `time`.
pub(crate) async fn run(address: SocketAddr, load: Load, time: Duration) -> io::Result<Round> {
    let mut connections = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        connections.push(connect(address).await?);
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for sender in connections {
        tasks.spawn(calls(sender, address, load.kind, start + time));
    }
    let mut round = Round { calls: 0, took: Duration::ZERO, latency: histogram(), errors: 0, cpu: None };
    while let Some(done) = tasks.join_next().await {
        let (latency, errors) = done.map_err(io::Error::other)?;
        round.latency.add(latency).map_err(io::Error::other)?;
        round.errors += errors;
    }
    round.took = start.elapsed();
    round.calls = round.latency.len();
    Ok(round)
}

fn histogram() -> Histogram<u64> {
    // Up to a minute, to three digits.
    Histogram::new_with_bounds(1, 60_000_000, 3).unwrap_or_else(|_| unreachable!("the bounds are in order"))
}

async fn calls(mut sender: Sender, address: SocketAddr, kind: Kind, end: Instant) -> (Histogram<u64>, u64) {
    let mut latency = histogram();
    let mut errors = 0;
    let (path, body, expected) = match kind {
        Kind::Unary(bytes) => ("/bench.Bench/Echo", message(bytes), bytes + 5),
        Kind::Stream => ("/bench.Bench/Stream", message(0), 105 * super::upstream::MESSAGES),
    };
    while Instant::now() < end {
        let began = Instant::now();
        match call(&mut sender, address, path, body.clone()).await {
            Ok(received) if received == expected => {
                latency.saturating_record(began.elapsed().as_micros() as u64);
            }
            _ => errors += 1,
        }
    }
    (latency, errors)
}

/// The bytes of the answer; an error where the status is not OK.
async fn call(sender: &mut Sender, address: SocketAddr, path: &str, body: Bytes) -> hyper::Result<usize> {
    sender.ready().await?;
    let response = sender.send_request(request(address, path, body)).await?;
    let mut body = response.into_body();
    let (mut received, mut ok) = (0, false);
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        received += frame.data_ref().map_or(0, Bytes::len);
        ok |= frame
            .trailers_ref()
            .is_some_and(|trailers| trailers.get("grpc-status").is_some_and(|s| s == "0"));
    }
    Ok(if ok { received } else { usize::MAX })
}

fn request(address: SocketAddr, path: &str, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = http::Method::POST;
    *request.version_mut() = http::Version::HTTP_2;
    let uri = Uri::builder().scheme("http").authority(address.to_string()).path_and_query(path).build();
    *request.uri_mut() = uri.unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("te", HeaderValue::from_static("trailers"));
    headers.insert("prism-namespace", HeaderValue::from_static("bench"));
    request
}

async fn connect(address: SocketAddr) -> io::Result<Sender> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(16 << 20)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Streams that are open; dropping them ends them.
pub(crate) struct Idle {
    _streams: Vec<hyper::body::Incoming>,
    _connections: Vec<Sender>,
}

/// Opens streams that have got one message each and get no other.
pub(crate) async fn open_idle(address: SocketAddr, connections: usize, each: usize) -> io::Result<Idle> {
    let (mut streams, mut senders) = (Vec::new(), Vec::new());
    for _ in 0..connections {
        let mut sender = connect(address).await?;
        for _ in 0..each {
            let request = request(address, "/bench.Bench/Idle", message(0));
            sender.ready().await.map_err(io::Error::other)?;
            let opening = tokio::time::timeout(Duration::from_secs(20), sender.send_request(request));
            let mut body = opening.await?.map_err(io::Error::other)?.into_body();
            let first = tokio::time::timeout(Duration::from_secs(20), body.frame()).await?;
            first.ok_or_else(|| io::Error::other("a stream ended at once"))?.map_err(io::Error::other)?;
            streams.push(body);
        }
        senders.push(sender);
    }
    Ok(Idle { _streams: streams, _connections: senders })
}
