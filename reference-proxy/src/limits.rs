//! What each namespace uses of its limits. The books outlive a reload, so calls in flight stay counted.

use crate::{
    config::Limits,
    refusal::{Refusal, reason},
};
use prism_interfaces::Namespace;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use tonic::Code;

const SHARDS: usize = 16;
/// A shard with so many namespaces is looked through for those that are at rest.
const CROWDED: usize = 256;
/// When a place in flight becomes free nobody knows; soon enough to try again.
const RETRY_CONCURRENT: Duration = Duration::from_millis(100);

/// What limits hold for: a namespace, and of it what one entry of the configuration takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Share {
    pub(crate) namespace: Namespace,
    /// The services of the entry, as [`Route::share`](crate::routes::Route) says it.
    pub(crate) services: Arc<str>,
}

/// The books of all namespaces.
#[derive(Debug)]
pub(crate) struct Books {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Shard {
    books: HashMap<Share, Book>,
    /// How many there can be before the next look.
    crowded: usize,
}

#[derive(Debug)]
struct Book {
    in_flight: u32,
    /// Calls that may come at once, as of `counted`.
    tokens: f64,
    counted: Instant,
    /// When the tokens are all back, so that the book holds nothing any more.
    full_at: Instant,
}

/// A call in flight; counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    books: Arc<Books>,
    share: Share,
}

impl Books {
    pub(crate) fn new() -> Arc<Self> {
        let shard = || Mutex::new(Shard { books: HashMap::new(), crowded: CROWDED });
        Arc::new(Self { shards: (0..SHARDS).map(|_| shard()).collect(), hasher: RandomState::new() })
    }

    fn shard(&self, share: &Share) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[self.hasher.hash_one(share) as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a call or says when to try again.
    pub(crate) fn admit(self: &Arc<Self>, share: Share, limits: &Limits) -> Result<Permit, Refusal> {
        let now = Instant::now();
        let namespace = &share.namespace;
        let mut shard = self.shard(&share);
        if shard.books.len() >= shard.crowded && !shard.books.contains_key(&share) {
            shard.books.retain(|_, book| book.in_flight > 0 || book.full_at > now);
            shard.crowded = CROWDED.max(shard.books.len() * 2);
        }
        let book = shard.books.entry(share.clone()).or_insert_with(|| Book {
            in_flight: 0,
            tokens: f64::INFINITY,
            counted: now,
            full_at: now,
        });
        if let Some(most) = limits.max_concurrent
            && book.in_flight >= most
        {
            return Err(Refusal::new(
                Code::ResourceExhausted,
                reason::CONCURRENCY_LIMIT,
                format!("the namespace `{namespace}` has {most} calls in flight, as many as it may"),
            )
            .metadata("limit", most.to_string())
            .retry_after(RETRY_CONCURRENT));
        }
        if let Some(rate) = limits.rate {
            let burst = f64::from(rate.burst);
            let gained = now.duration_since(book.counted).as_secs_f64() * rate.per_second;
            let tokens = (book.tokens + gained).min(burst);
            book.counted = now;
            if tokens < 1.0 {
                book.tokens = tokens;
                return Err(Refusal::new(
                    Code::ResourceExhausted,
                    reason::RATE_LIMIT,
                    format!("the namespace `{namespace}` calls more than {} times a second", rate.per_second),
                )
                .metadata("limit", rate.per_second.to_string())
                .retry_after(seconds((1.0 - tokens) / rate.per_second)));
            }
            book.tokens = tokens - 1.0;
            book.full_at = now + seconds((burst - book.tokens) / rate.per_second);
        } else {
            book.tokens = f64::INFINITY;
        }
        book.in_flight += 1;
        drop(shard);
        Ok(Permit { books: Arc::clone(self), share })
    }
}

/// Rounded up to a millisecond, so that who waits that long comes late rather than early.
fn seconds(seconds: f64) -> Duration {
    Duration::from_millis((seconds * 1e3).ceil() as u64)
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut shard = self.books.shard(&self.share);
        if let Some(book) = shard.books.get_mut(&self.share) {
            book.in_flight -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Rate;
    use tokio::time::advance;
    use tonic::Status;
    use tonic_types::StatusExt;

    fn share(name: &str) -> Share {
        Share { namespace: Namespace::new(name).expect("a name"), services: Arc::from("") }
    }

    fn hint(refused: Result<Permit, Refusal>) -> (String, Duration) {
        let status = Status::from(refused.expect_err("a refusal"));
        let delay = status.get_details_retry_info().expect("a hint").retry_delay.expect("a delay");
        (status.get_details_error_info().expect("info").reason, delay)
    }

    #[tokio::test(start_paused = true)]
    async fn the_burst_passes_and_then_the_rate_counts() {
        let books = Books::new();
        let rate = Some(Rate { per_second: 10.0, burst: 3 });
        let limits = Limits { rate, ..Limits::default() };
        let a = share("a");
        for _ in 0..3 {
            drop(books.admit(a.clone(), &limits).expect("within the burst"));
        }
        let (reason, delay) = hint(books.admit(a.clone(), &limits));
        assert_eq!((reason.as_str(), delay), ("RATE_LIMIT", Duration::from_millis(100)));
        assert!(books.admit(share("b"), &limits).is_ok(), "namespaces do not share");
        advance(delay).await;
        assert!(books.admit(a.clone(), &limits).is_ok(), "the hint is true");
        assert!(books.admit(a.clone(), &limits).is_err());
        advance(Duration::from_mins(1)).await;
        let admitted = (0..10).filter(|_| books.admit(a.clone(), &limits).is_ok()).count();
        assert_eq!(admitted, 3, "no more than the burst is saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_in_flight_is_free_again_when_its_call_ends() {
        let books = Books::new();
        let limits = Limits { max_concurrent: Some(2), ..Limits::default() };
        let a = share("a");
        let first = books.admit(a.clone(), &limits).expect("the first");
        let _second = books.admit(a.clone(), &limits).expect("the second");
        assert_eq!(hint(books.admit(a.clone(), &limits)).0, "CONCURRENCY_LIMIT");
        drop(first);
        assert!(books.admit(a.clone(), &limits).is_ok());
        let lower = Limits { max_concurrent: Some(1), ..Limits::default() };
        assert!(
            books.admit(a.clone(), &lower).is_err(),
            "calls in flight count against a limit that came later"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn namespaces_at_rest_are_forgotten_and_others_are_not() {
        let books = Books::new();
        let limits = Limits {
            max_concurrent: Some(1),
            rate: Some(Rate { per_second: 1.0, burst: 1 }),
            ..Limits::default()
        };
        let busy = share("busy");
        let _held = books.admit(busy.clone(), &limits).expect("the first");
        for round in 0..4 {
            for number in 0..(SHARDS * CROWDED) {
                drop(books.admit(share(&format!("n{round}-{number}")), &limits).expect("a new one"));
            }
            advance(Duration::from_secs(2)).await;
        }
        let held: usize = books.shards.iter().map(|shard| shard.lock().expect("a lock").books.len()).sum();
        assert!(held <= 2 * SHARDS * CROWDED, "{held}");
        assert!(books.admit(busy.clone(), &limits).is_err());
    }
}
