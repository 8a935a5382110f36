//! Small frames of data that are there at the same time pass as one.
//!
//! A stream of small messages comes as a frame each, and each frame costs a turn through both HTTP/2 stacks, which is far
//! more than copying its bytes. What is not there yet is never waited for.

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Up to so many bytes become one frame: the size of a frame that every HTTP/2 peer takes (RFC 9113, section 4.2).
const MOST: usize = 16 << 10;

/// A body whose small frames are joined.
pub(crate) struct Joined<B: Body> {
    inner: B,
    /// What came after the frames that were joined, and is handed out next.
    next: Option<Polled<B>>,
}

/// What a body yields.
type Polled<B> = Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>;

impl<B: Body> Joined<B> {
    pub(crate) fn new(inner: B) -> Self {
        Self { inner, next: None }
    }
}

impl<B> Joined<B>
where
    B: Body<Data = Bytes, Error: Unpin> + Unpin,
{
    /// Adds to `first` what is there already and fits.
    fn join(&mut self, first: Bytes, context: &mut Context<'_>) -> Bytes {
        let mut joined: Option<BytesMut> = None;
        let mut length = first.len();
        while length < MOST {
            let Poll::Ready(polled) = Pin::new(&mut self.inner).poll_frame(context) else { break };
            let fits = |data: &Bytes| !data.is_empty() && length + data.len() <= MOST;
            match polled {
                Some(Ok(frame)) if frame.data_ref().is_some_and(fits) => {
                    let Ok(data) = frame.into_data() else { break };
                    length += data.len();
                    joined.get_or_insert_with(|| BytesMut::from(first.as_ref())).extend_from_slice(&data);
                }
                other => {
                    self.next = Some(other);
                    break;
                }
            }
        }
        joined.map_or(first, BytesMut::freeze)
    }
}

impl<B> Body for Joined<B>
where
    B: Body<Data = Bytes, Error: Unpin> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let polled = match this.next.take() {
            Some(next) => next,
            None => ready!(Pin::new(&mut this.inner).poll_frame(context)),
        };
        let Some(Ok(frame)) = polled else { return Poll::Ready(polled) };
        Poll::Ready(Some(Ok(match frame.into_data() {
            // Nothing may follow what was put aside, until that is handed out.
            Ok(data) if this.next.is_none() => Frame::data(this.join(data, context)),
            Ok(data) => Frame::data(data),
            Err(other) => other,
        })))
    }

    fn is_end_stream(&self) -> bool {
        match &self.next {
            None => self.inner.is_end_stream(),
            Some(next) => next.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        if self.next.is_none() { self.inner.size_hint() } else { SizeHint::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, stream};
    use http::HeaderMap;
    use http_body_util::{BodyExt, StreamBody};
    use std::convert::Infallible;

    /// The lengths of the frames of data, and `usize::MAX` for trailers.
    async fn lengths(frames: Vec<Frame<Bytes>>) -> Vec<usize> {
        let frames = stream::iter(frames).map(Ok::<_, Infallible>);
        let mut body = Joined::new(StreamBody::new(frames));
        let mut lengths = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            lengths.push(frame.data_ref().map_or(usize::MAX, Bytes::len));
        }
        lengths
    }

    fn data(length: usize) -> Frame<Bytes> {
        Frame::data(vec![7; length].into())
    }

    #[tokio::test]
    async fn what_is_there_is_joined_and_nothing_is_lost_or_overtakes() {
        let trailers = || Frame::trailers(HeaderMap::new());
        let half = MOST / 2;
        for (frames, expected) in [
            (vec![], vec![]),
            (vec![trailers()], vec![usize::MAX]),
            (vec![data(1), data(2), trailers()], vec![3, usize::MAX]),
            (vec![data(half), data(half), data(1)], vec![MOST, 1]),
            (vec![data(half), data(half + 1), data(1)], vec![half, half + 2]),
            (vec![data(MOST + 5), data(1)], vec![MOST + 5, 1]),
            (vec![data(1), data(0), data(2)], vec![1, 2]),
        ] {
            assert_eq!(lengths(frames).await, expected);
        }
    }

    /// An end that is known goes with the last data: servers take many empty last frames for an attack.
    #[tokio::test]
    async fn the_end_is_known_with_the_last_data() {
        let mut body =
            Joined::new(StreamBody::new(stream::iter([Ok::<_, Infallible>(data(1)), Ok(data(2))])));
        assert!(!body.is_end_stream());
        assert!(body.frame().await.is_some() && body.is_end_stream());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn what_is_not_there_is_not_waited_for() {
        let first = stream::iter([Ok::<_, Infallible>(data(1)), Ok(data(2))]);
        let mut body = Joined::new(StreamBody::new(first.chain(stream::pending())));
        let frame = body.frame().await.expect("a frame").expect("no error");
        assert_eq!(frame.data_ref().map(Bytes::len), Some(3));
    }
}
