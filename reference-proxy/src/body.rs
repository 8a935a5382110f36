//! The two bodies of a call, passed on frame by frame.
//!
//! A frame is asked for only when the other side has room, so what waits in the proxy is bounded by the HTTP/2 windows
//! of one stream, however slow the reader.

use crate::{
    call::Call,
    forward::broken,
    joined::Joined,
    messages::{Meter, TooLarge},
    refusal::{Refusal, reason},
};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use prism_interfaces::WriteOutcome;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Code, Status, body::Body};

type Over = Pin<Box<WaitForCancellationFutureOwned>>;

fn too_large(found: &TooLarge, limit: u32, outcome: WriteOutcome) -> Refusal {
    // There is no hint when to try again, because the same message will never pass.
    Refusal::new(
        Code::ResourceExhausted,
        reason::MESSAGE_TOO_LARGE,
        format!("a message has {} bytes and may have {limit}", found.length),
    )
    .outcome(outcome)
    .metadata("limit", limit.to_string())
}

/// From the client to the upstream.
pub(crate) struct RequestBody {
    inner: Joined<Body>,
    call: Call,
    over: Over,
    meter: Option<Meter>,
}

impl RequestBody {
    pub(crate) fn new(inner: Body, call: &Call) -> Self {
        let over = Box::pin(call.over().clone().cancelled_owned());
        Self {
            inner: Joined::new(inner),
            call: call.clone(),
            over,
            meter: call.message_limit().map(Meter::new),
        }
    }
}

/// Makes hyper reset the upstream's stream with the code of a cancelled call.
fn cancelled() -> Status {
    Status::from_error(Box::new(h2::Error::from(h2::Reason::CANCEL)))
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(cancelled())));
        }
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        let this = &mut *self;
        if let (Some(Ok(frame)), Some(meter)) = (&frame, &mut this.meter)
            && let Some(data) = frame.data_ref()
            && let Err(found) = meter.pass(data)
        {
            // Before its first message is complete, no driver can have begun with a call.
            let outcome = if found.is_first { WriteOutcome::NotApplied } else { WriteOutcome::Unknown };
            let limit = this.call.message_limit().unwrap_or_default();
            this.call.end(too_large(&found, limit, outcome));
            return Poll::Ready(Some(Err(cancelled())));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// From the upstream to the client. However the call ends, the client gets a status.
pub(crate) struct ResponseBody<T> {
    /// `None` when nothing further is wanted of the upstream.
    inner: Option<Joined<Incoming>>,
    call: Call,
    over: Over,
    deadline: Option<Pin<Box<Sleep>>>,
    meter: Option<Meter>,
    state: State,
    /// Given back when the body is gone.
    _ticket: T,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Untouched,
    Streaming,
    Done,
}

impl<T> ResponseBody<T> {
    pub(crate) fn new(inner: Incoming, call: Call, deadline: Option<Pin<Box<Sleep>>>, ticket: T) -> Self {
        let over = Box::pin(call.over().clone().cancelled_owned());
        let meter = call.message_limit().map(Meter::new);
        let inner = Some(Joined::new(inner));
        Self { inner, call, over, deadline, meter, state: State::Untouched, _ticket: ticket }
    }
}

impl<T: Unpin> ResponseBody<T> {
    /// Why the call ends now, whatever the upstream still has to say.
    fn poll_ending(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        if self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(self.call.ending());
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(self.call.deadline_passed());
        }
        Poll::Pending
    }

    fn finish(&mut self, refusal: Refusal) -> Frame<Bytes> {
        self.state = State::Done;
        // The upstream's stream is reset now and not when hyper lets go of the body.
        self.inner = None;
        self.call.close();
        Frame::trailers(refusal.into_trailers())
    }
}

impl<T: Unpin> HttpBody for ResponseBody<T> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.state == State::Done {
            return Poll::Ready(None);
        }
        this.state = State::Streaming;
        if let Poll::Ready(refusal) = this.poll_ending(context) {
            return Poll::Ready(Some(Ok(this.finish(refusal))));
        }
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        let frame = match std::task::ready!(Pin::new(inner).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                let refusal = broken(&error, &this.call);
                return Poll::Ready(Some(Ok(this.finish(refusal))));
            }
            None => {
                let refusal = Refusal::new(
                    Code::Internal,
                    reason::UPSTREAM_FAILED,
                    "the upstream ended the call without a status",
                )
                .outcome(this.call.outcome());
                return Poll::Ready(Some(Ok(this.finish(refusal))));
            }
        };
        if let (Some(data), Some(meter)) = (frame.data_ref(), &mut this.meter)
            && let Err(found) = meter.pass(data)
        {
            let limit = this.call.message_limit().unwrap_or_default();
            let refusal = too_large(&found, limit, this.call.outcome());
            return Poll::Ready(Some(Ok(this.finish(refusal))));
        }
        if frame.is_trailers() {
            this.state = State::Done;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self.state {
            // An answer with nothing but headers stays one.
            State::Untouched => self.inner.as_ref().is_none_or(HttpBody::is_end_stream),
            State::Streaming => false,
            State::Done => true,
        }
    }
}

impl<T> Drop for ResponseBody<T> {
    fn drop(&mut self) {
        self.call.close();
    }
}
