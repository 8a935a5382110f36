//! What happened in a namespace, in numbers.

use prism_interfaces::pattern::producer::v1::GetMetricsResponse;
use std::sync::atomic::{AtomicU64, Ordering};

/// See [`GetMetricsResponse`].
#[derive(Debug, Default)]
pub(super) struct Metrics {
    published: AtomicU64,
    duplicates: AtomicU64,
    failed: AtomicU64,
    retries: AtomicU64,
    bytes: AtomicU64,
    batches: AtomicU64,
}

fn add(to: &AtomicU64, number: u64) {
    to.fetch_add(number, Ordering::Relaxed);
}

impl Metrics {
    pub(super) fn published(&self, bytes: usize) {
        add(&self.published, 1);
        add(&self.bytes, bytes as u64);
    }

    pub(super) fn duplicate(&self) {
        add(&self.duplicates, 1);
    }

    pub(super) fn failed(&self) {
        add(&self.failed, 1);
    }

    pub(super) fn attempts(&self, attempts: u32) {
        add(&self.retries, u64::from(attempts.saturating_sub(1)));
    }

    pub(super) fn batch(&self) {
        add(&self.batches, 1);
    }

    pub(super) fn told(&self, waiting: u64) -> GetMetricsResponse {
        let now = |number: &AtomicU64| number.load(Ordering::Relaxed);
        GetMetricsResponse {
            published: now(&self.published),
            duplicates: now(&self.duplicates),
            failed: now(&self.failed),
            retries: now(&self.retries),
            bytes: now(&self.bytes),
            batches: now(&self.batches),
            waiting,
        }
    }
}
