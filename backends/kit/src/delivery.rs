//! The body of a call that delivers a stream: it ends at the deadline, when the driver drains, and when it stops.

use crate::{
    deadline,
    life::{Ending, Ticket, cut_off, draining},
};
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tonic::{Status, body::Body};

/// A response body that holds the ticket of its call.
pub(crate) struct Delivery {
    body: Body,
    ticket: Option<Arc<Ticket>>,
    /// Resolves with the status to end with when the stream must not go on at all.
    cut: Pin<Box<dyn Future<Output = Status> + Send>>,
    /// Resolves when the stream is to end as soon as it has delivered what it has.
    drain: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Delivery {
    pub(crate) fn new(body: Body, ticket: Ticket, deadline: Option<tokio::time::Instant>) -> Self {
        let ticket = Arc::new(ticket);
        let cut = {
            let ticket = Arc::clone(&ticket);
            async move {
                let expired = async {
                    match deadline {
                        Some(deadline) => tokio::time::sleep_until(deadline).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = ticket.reached(Ending::Cut) => cut_off(),
                    () = expired => deadline::exceeded(),
                }
            }
        };
        let drain = {
            let ticket = Arc::clone(&ticket);
            async move { ticket.reached(Ending::Draining).await }
        };
        Self { body, ticket: Some(ticket), cut: Box::pin(cut), drain: Box::pin(drain) }
    }

    fn end(&mut self) {
        // The futures hold the ticket as well; without them it is given back.
        self.ticket = None;
        self.cut = Box::pin(std::future::pending());
        self.drain = Box::pin(std::future::pending());
        self.body = Body::empty();
    }

    fn end_with(&mut self, status: &Status) -> Frame<Bytes> {
        self.end();
        let mut trailers = HeaderMap::new();
        if status.add_header(&mut trailers).is_err() {
            trailers.insert("grpc-status", (status.code() as i32).into());
        }
        Frame::trailers(trailers)
    }
}

impl http_body::Body for Delivery {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ticket.is_none() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(status) = self.cut.as_mut().poll(context) {
            return Poll::Ready(Some(Ok(self.end_with(&status))));
        }
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                if frame.is_trailers() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(other) => {
                self.end();
                Poll::Ready(other)
            }
            Poll::Pending => match self.drain.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Ok(self.end_with(&draining())))),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

/// What is left of a timeout that was read when the call came in.
pub(crate) fn deadline_of(timeout: Option<Duration>) -> Option<tokio::time::Instant> {
    timeout.and_then(|timeout| tokio::time::Instant::now().checked_add(timeout))
}
