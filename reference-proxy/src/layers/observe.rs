//! The outermost layer: gives a call its id, and tells metrics and log how it ended.

use super::{Answer, REQUEST_ID};
use crate::{call::Call, drain::Drain, metrics::Metrics};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

/// A longer id of a client is replaced.
const MAX_ID: usize = 128;

#[derive(Debug, Clone)]
pub(crate) struct ObserveLayer {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) drain: Arc<Drain>,
}

#[derive(Debug, Clone)]
pub(crate) struct Observe<S> {
    inner: S,
    metrics: Arc<Metrics>,
    drain: Arc<Drain>,
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, metrics: Arc::clone(&self.metrics), drain: Arc::clone(&self.drain) }
    }
}

impl<S> Service<Request<Body>> for Observe<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        let call = Call::new(request_id(request.headers()), self.drain.cut_off());
        request.extensions_mut().insert(call.clone());
        let path = request.uri().path().to_owned();
        let mut record = Record { call, path, metrics: Arc::clone(&self.metrics), code: None };
        self.metrics.in_flight.inc();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            let headers = response.headers_mut();
            if !headers.contains_key(REQUEST_ID) {
                headers.insert(REQUEST_ID, record.call.id().clone());
            }
            record.read(response.headers());
            if response.status() != StatusCode::OK {
                record.code = Some(Code::Unknown);
            }
            Ok(response.map(|inner| Body::new(Observed { inner, record })))
        })
    }
}

fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sent = headers
        .get(REQUEST_ID)
        .filter(|id| (1..=MAX_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic));
    sent.cloned().unwrap_or_else(|| {
        let id = uuid::Uuid::new_v4().to_string();
        // A UUID has only characters that a header may have.
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"))
    })
}

/// What will be told of a call when it has ended, that is, when this is dropped.
struct Record {
    call: Call,
    path: String,
    metrics: Arc<Metrics>,
    /// `None` until the status is known; a call that ends without one was given up by the client.
    code: Option<Code>,
}

impl Record {
    fn read(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.code = Some(Code::from_bytes(status.as_bytes()));
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.call.release();
        let code = self.code.unwrap_or(Code::Cancelled);
        let elapsed = self.call.elapsed();
        let target = self.call.target();
        self.metrics.in_flight.dec();
        self.metrics.call(target.map(|target| &target.route.label), &self.path, code, elapsed);
        let namespace = target.map(|target| target.namespace.as_str());
        let upstream = target.map(|target| target.route.upstream.config().name.as_str());
        let id = self.call.id().to_str().unwrap_or_default();
        let millis = elapsed.as_secs_f64() * 1e3;
        // Calls that went well are many, so they are logged only where somebody asks for them.
        if code == Code::Ok {
            tracing::debug!(request_id = id, path = self.path, namespace, upstream, ?code, millis, "call");
        } else {
            tracing::info!(request_id = id, path = self.path, namespace, upstream, ?code, millis, "call");
        }
    }
}

/// A body that notes the status as it passes.
struct Observed {
    inner: Body,
    record: Record,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.record.read(trailers);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_id_is_kept_where_it_can_be_logged() {
        let with = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).expect("a header"));
            request_id(&headers)
        };
        assert_eq!(with("abc-1"), "abc-1");
        for bad in ["", "a b", "x".repeat(129).as_str()] {
            assert_eq!(with(bad).len(), 36, "{bad}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
