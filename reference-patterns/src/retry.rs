//! Trying again, with growing pauses, within the deadline of the caller.

use crate::slots::within;
use prism_interfaces::{Fault, contract::v1::Reason};
use std::{future::Future, time::Duration};
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Pauses that double up to a longest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// The first pause.
    pub(crate) first: Duration,
    /// The longest pause.
    pub(crate) longest: Duration,
}

impl Backoff {
    /// The pause after so many failures. Half of it is fixed, so that there is one at all, and half is random, so that
    /// those who failed together do not come back together ("equal jitter").
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        self.whole(failures).mul_f64(rand::random_range(0.5..=1.0))
    }

    fn whole(&self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(self.longest)
    }
}

/// How often and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    /// Attempts after the first.
    pub(crate) max_retries: u32,
    /// The pauses between attempts.
    pub(crate) backoff: Backoff,
    /// How long an attempt may take.
    pub(crate) attempt_timeout: Duration,
}

/// How it ended, and after how many attempts.
#[derive(Debug)]
pub(crate) struct Tried<T> {
    pub(crate) result: Result<T, Status>,
    pub(crate) attempts: u32,
}

impl Retry {
    /// Calls `attempt` until it succeeds, fails in a way that does not pass, may not be tried again, or `deadline` comes.
    /// An attempt is given the time that it has.
    pub(crate) async fn run<T, F, Fut>(&self, deadline: Option<Instant>, attempt: F) -> Tried<T>
    where
        F: Fn(Duration) -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        let mut attempts = 0;
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let limit = left.map_or(self.attempt_timeout, |left| left.min(self.attempt_timeout));
            if limit.is_zero() {
                return Tried { result: Err(too_late(attempts)), attempts };
            }
            attempts += 1;
            let status = match within(limit, attempt(limit)).await {
                Ok(done) => return Tried { result: Ok(done), attempts },
                Err(status) => status,
            };
            if !passes(status.code()) {
                return Tried { result: Err(status), attempts };
            }
            if attempts > self.max_retries {
                return Tried { result: Err(exhausted(&status, attempts)), attempts };
            }
            let asked = status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap_or_default();
            let next = Instant::now() + self.backoff.pause(attempts).max(asked);
            if deadline.is_some_and(|deadline| deadline <= next) {
                return Tried { result: Err(too_late(attempts)), attempts };
            }
            sleep_until(next).await;
        }
    }
}

/// Whether a failure may be another's success in a moment.
fn passes(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::Aborted | Code::ResourceExhausted | Code::DeadlineExceeded)
}

fn exhausted(last: &Status, attempts: u32) -> Status {
    let message =
        format!("failed {attempts} times, the last time with {:?}: {}", last.code(), last.message());
    Fault::unavailable(Reason::RetriesExhausted, message)
        .unknown_outcome()
        .metadata("attempts", attempts.to_string())
        .into()
}

fn too_late(attempts: u32) -> Status {
    let message = format!("the deadline of the call leaves no time for another attempt after {attempts}");
    Fault::new(Code::DeadlineExceeded, Reason::DeadlineExceeded, message)
        .unknown_outcome()
        .metadata("attempts", attempts.to_string())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    const RETRY: Retry = Retry {
        max_retries: 3,
        backoff: Backoff { first: Duration::from_millis(100), longest: Duration::from_millis(250) },
        attempt_timeout: Duration::from_secs(1),
    };

    #[test]
    fn pauses_double_up_to_the_longest_and_are_drawn_from_their_upper_half() {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        for (failures, whole) in [(1, 100), (2, 200), (4, 800), (5, 1000), (40, 1000), (u32::MAX, 1000)] {
            let whole = Duration::from_millis(whole);
            assert_eq!(backoff.whole(failures), whole);
            let drawn: Vec<Duration> = (0..100).map(|_| backoff.pause(failures)).collect();
            assert!(drawn.iter().all(|pause| (whole / 2..=whole).contains(pause)), "{drawn:?}");
            assert!(drawn.iter().any(|pause| *pause < whole * 3 / 4), "{drawn:?}");
            assert!(drawn.iter().any(|pause| *pause > whole * 3 / 4), "{drawn:?}");
        }
    }

    async fn run(
        deadline: Option<Duration>,
        answer: impl Fn(usize) -> Result<(), Status>,
    ) -> (Tried<()>, Vec<Instant>) {
        let times = RefCell::new(Vec::new());
        let deadline = deadline.map(|limit| Instant::now() + limit);
        let tried = RETRY
            .run(deadline, |_| {
                times.borrow_mut().push(Instant::now());
                std::future::ready(answer(times.borrow().len()))
            })
            .await;
        (tried, times.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_tried_as_often_as_it_may_with_growing_pauses() {
        let (tried, times) = run(None, |_| Err(Status::unavailable("no"))).await;
        assert_eq!((tried.attempts, times.len()), (4, 4));
        assert_eq!(prism_interfaces::fault::reason(&tried.result.unwrap_err()).unwrap(), "RETRIES_EXHAUSTED");
        let pauses: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (pause, whole) in pauses.iter().zip([100, 200, 250]) {
            let whole = Duration::from_millis(whole);
            assert!(*pause >= whole / 2 && *pause <= whole + Duration::from_millis(2), "{pauses:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_is_not_tried_again() {
        let (tried, times) = run(None, |_| Err(Status::invalid_argument("no"))).await;
        assert_eq!((times.len(), tried.result.unwrap_err().code()), (1, Code::InvalidArgument));
        let (tried, times) = run(None, |n| if n < 3 { Err(Status::aborted("no")) } else { Ok(()) }).await;
        assert_eq!((times.len(), tried.attempts, tried.result.is_ok()), (3, 3, true));
    }

    #[tokio::test(start_paused = true)]
    async fn no_attempt_begins_after_the_deadline() {
        let (tried, times) = run(Some(Duration::from_millis(120)), |_| Err(Status::unavailable("no"))).await;
        assert_eq!(tried.result.unwrap_err().code(), Code::DeadlineExceeded);
        assert_eq!(times.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_without_an_answer_ends() {
        let start = Instant::now();
        let tried = RETRY.run(None, |_| std::future::pending::<Result<(), Status>>()).await;
        assert_eq!((tried.attempts, start.elapsed() >= Duration::from_secs(4)), (4, true));
    }
}
