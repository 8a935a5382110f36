//! An upstream that does as little as possible: what it gets it sends back, or a stream of messages.

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{convert::Infallible, io, net::SocketAddr};
use tokio::net::TcpListener;
use tonic::body::Body;

/// How many messages of 100 bytes a stream has.
pub(crate) const MESSAGES: usize = 100;

/// Serves until the program ends.
pub(crate) async fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(
                http2::Builder::new(TokioExecutor::new())
                    .max_concurrent_streams(100_000)
                    .initial_stream_window_size(1 << 20)
                    .initial_connection_window_size(16 << 20)
                    .serve_connection(TokioIo::new(stream), service_fn(answer)),
            );
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    // The request is read before anything is answered, as gRPC servers do: an answer that has ended before its request
    // has come makes HTTP/2 reset the stream. A broken call is answered with nothing, which counts where it was made.
    let sent = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    let body = match path.as_str() {
        "/bench.Bench/Stream" => {
            let message = super::load::message(100);
            let messages = (0..MESSAGES).map(move |_| data(message.clone()));
            Body::new(StreamBody::new(
                futures::stream::iter(messages).chain(futures::stream::iter([trailers()])),
            ))
        }
        "/bench.Bench/Idle" => {
            let first = futures::stream::iter([data(super::load::message(100))]);
            Body::new(StreamBody::new(first.chain(futures::stream::pending())))
        }
        _ => {
            let frames = [data(sent.unwrap_or_default()), trailers()];
            Body::new(StreamBody::new(futures::stream::iter(frames)))
        }
    };
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}

#[expect(clippy::unnecessary_wraps, reason = "a body is a stream of results")]
fn data(bytes: Bytes) -> Result<Frame<Bytes>, Infallible> {
    Ok(Frame::data(bytes))
}

#[expect(clippy::unnecessary_wraps, reason = "a body is a stream of results")]
fn trailers() -> Result<Frame<Bytes>, Infallible> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    Ok(Frame::trailers(trailers))
}
