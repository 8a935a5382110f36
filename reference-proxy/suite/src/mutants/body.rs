//! Bodies that do not pass as they came.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use tokio::sync::mpsc;
use tonic::{Status, body::Body};

pub(super) type Next = Result<Frame<Bytes>, Status>;

/// A body of these frames.
pub(super) fn body(frames: impl Stream<Item = Next> + Send + 'static) -> Body {
    Body::new(StreamBody::new(frames))
}

/// The frames of a body.
pub(super) fn frames(body: Body) -> impl Stream<Item = Next> + Send + 'static {
    BodyStream::new(body)
}

/// Each frame changed; an end in headers alone stays one.
pub(super) fn map(body: Body, change: impl FnMut(Frame<Bytes>) -> Frame<Bytes> + Send + 'static) -> Body {
    Body::new(body.map_frame(change))
}

/// Everything at once, when it is all there.
pub(super) async fn gathered(body: Body) -> Body {
    match body.collect().await {
        Ok(collected) => {
            let trailers = collected.trailers().cloned();
            let data = collected.to_bytes();
            Body::new(
                Full::new(data)
                    .map_err(|never| match never {})
                    .with_trailers(async move { trailers.map(Ok) }),
            )
        }
        Err(status) => body_of_error(status),
    }
}

/// Breaks off.
pub(super) fn body_of_error(status: Status) -> Body {
    body(futures::stream::iter([Err(status)]))
}

/// Read as fast as it comes, whether anybody wants it or not.
pub(super) fn piled_up(inner: Body) -> Body {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut frames = std::pin::pin!(frames(inner));
        while let Some(frame) = frames.next().await {
            // Nobody listens any more; it goes on reading all the same.
            let _ = sender.send(frame);
        }
    });
    body(futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|frame| (frame, receiver))
    }))
}
