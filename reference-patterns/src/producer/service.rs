//! The service.

use super::{
    batches::Batches,
    metrics::Metrics,
    publishing::{Accepted, Publishing},
};
use prism_driver_kit::{check, namespace, time_left};
use prism_interfaces::{
    Fault, Namespace,
    contract::v1::Reason,
    fault,
    pattern::producer::v1::{
        FlushRequest, FlushResponse, GetMetricsRequest, GetMetricsResponse, PublishBatchRequest,
        PublishBatchResponse, PublishError, PublishRequest, PublishResponse, PublishResult,
        producer_server::Producer, publish_result,
    },
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tonic::{Request, Response, Status};

/// The most messages of one call.
const MAX_BATCH: usize = 1000;

/// The producer, started.
#[derive(Clone)]
pub(super) struct Service {
    publishing: Publishing,
    batches: Batches,
    metrics: Arc<Mutex<HashMap<Namespace, Arc<Metrics>>>>,
}

impl Service {
    pub(super) fn new(publishing: Publishing, batches: Batches) -> Self {
        Self { publishing, batches, metrics: Arc::default() }
    }

    fn metrics(&self, namespace: &Namespace) -> Arc<Metrics> {
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(metrics.entry(namespace.clone()).or_default())
    }

    /// Publishes what is waiting.
    pub(super) async fn drain(&self) {
        self.batches.drain(|namespace| self.metrics(namespace)).await;
    }

    /// Forgets a namespace.
    pub(super) fn forget(&self, namespace: &Namespace) {
        self.batches.forget(namespace);
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace);
    }
}

fn result(answer: Result<PublishResponse, Status>) -> PublishResult {
    let result = match answer {
        Ok(published) => publish_result::Result::Published(published),
        Err(status) => publish_result::Result::Failed(PublishError {
            code: status.code().into(),
            reason: fault::reason(&status).unwrap_or_default(),
            message: status.message().to_owned(),
            outcome: fault::write_outcome(&status).map_or("unknown", fault::WriteOutcome::as_str).to_owned(),
        }),
    };
    PublishResult { result: Some(result) }
}

#[tonic::async_trait]
impl Producer for Service {
    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let (namespace, left) = (namespace(&request)?, time_left(&request));
        let message = request.into_inner().message.ok_or_else(|| {
            Fault::invalid_argument(Reason::ArgumentInvalid, "`message` is missing").field("message")
        })?;
        let accepted = self.publishing.accept(message, left)?;
        self.batches.publish(&namespace, accepted, &self.metrics(&namespace)).await.map(Response::new)
    }

    async fn publish_batch(
        &self,
        request: Request<PublishBatchRequest>,
    ) -> Result<Response<PublishBatchResponse>, Status> {
        let (namespace, left) = (namespace(&request)?, time_left(&request));
        let messages = request.into_inner().messages;
        check::batch("messages", messages.len(), MAX_BATCH)?;
        let accepted: Result<Vec<Accepted>, Status> =
            messages.into_iter().map(|message| self.publishing.accept(message, left)).collect();
        let answers = self.batches.publish_all(&namespace, accepted?, &self.metrics(&namespace)).await;
        Ok(Response::new(PublishBatchResponse { results: answers.into_iter().map(result).collect() }))
    }

    async fn flush(&self, request: Request<FlushRequest>) -> Result<Response<FlushResponse>, Status> {
        let namespace = namespace(&request)?;
        let messages = self.batches.flush(&namespace, &self.metrics(&namespace)).await;
        Ok(Response::new(FlushResponse { messages }))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let namespace = namespace(&request)?;
        let waiting = self.batches.waiting(&namespace);
        Ok(Response::new(self.metrics(&namespace).told(waiting)))
    }
}
