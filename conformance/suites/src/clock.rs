//! Cases of the clock of tests, for drivers that serve it.

use crate::{
    Case, Context, Failure, Verdict, case,
    concurrent::joined,
    expect::{expect_eq, expect_refused},
    lockstep::lockstep,
};
use futures::future::join_all;
use prism_interfaces::{
    testing::v1::{AdvanceRequest, NowRequest, clock_client::ClockClient},
    time,
};
use proptest::{collection::vec, prop_oneof, sample::select, strategy::Strategy};
use prost_types::{Duration as ProtoDuration, Timestamp};
use std::time::{Duration, Instant};
use tonic::{Code, Status};

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![
        case(
            "clock/stands_still",
            &["CLK-01"],
            "The time of a namespace stands still but for Advance",
            stands_still,
        ),
        case(
            "clock/advances_exactly",
            &["CLK-02"],
            "Advance moves the time by exactly what it is told",
            exactly,
        ),
        case(
            "clock/advances_its_own_namespace",
            &["CLK-02", "CLK-01"],
            "Advance moves the time of no other namespace",
            own_namespace,
        ),
        case(
            "clock/concurrent_advances_add_up",
            &["CLK-02"],
            "Of several Advances at once each moves the time",
            concurrent,
        ),
        case(
            "clock/bad_advances_are_refused",
            &["CLK-03"],
            "An Advance that is missing, zero or negative is refused and moves nothing",
            bad_advances,
        ),
        case(
            "clock/model",
            &["CLK-01", "CLK-02", "CLK-03"],
            "After any list of Advances the time of each namespace is the sum of its own",
            model,
        )
        .model(),
    ];
    cases.into_iter().map(Case::with_clock).collect()
}

/// The clock of one namespace.
#[derive(Clone)]
struct Clock(ClockClient<prism_interfaces::Endpoint>);

impl Clock {
    fn of(context: &Context) -> Self {
        Self(ClockClient::new(context.endpoint()))
    }

    /// In nanoseconds since 1970.
    async fn now(&self) -> Result<i128, Failure> {
        nanos(self.0.clone().now(NowRequest {}).await?.into_inner().now)
    }

    /// The time afterwards.
    async fn advance(&self, by: Duration) -> Result<i128, Failure> {
        nanos(self.try_advance(Some(time::from_std(by))).await?)
    }

    async fn try_advance(&self, by: Option<ProtoDuration>) -> Result<Option<Timestamp>, Status> {
        Ok(self.0.clone().advance(AdvanceRequest { by }).await?.into_inner().now)
    }
}

fn nanos(time: Option<Timestamp>) -> Result<i128, Failure> {
    let time = time.ok_or_else(|| Failure::violation("an answer of the clock has no time"))?;
    Ok(i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos))
}

async fn stands_still(context: Context) -> Verdict {
    let clock = Clock::of(&context);
    let first = clock.now().await?;
    // Long enough for a clock that runs to be found out, even if it counts in milliseconds.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(5) {
        expect_eq("the time a moment later", clock.now().await?, first)?;
    }
    Ok(())
}

async fn exactly(context: Context) -> Verdict {
    let clock = Clock::of(&context);
    let mut expected = clock.now().await?;
    let lengths = [
        Duration::from_millis(1),
        Duration::from_millis(999),
        Duration::from_secs(1),
        Duration::from_micros(1_500),
        Duration::from_nanos(1),
        Duration::from_nanos(999_999_999),
        Duration::from_hours(24),
        Duration::from_hours(24 * 400),
    ];
    for by in lengths {
        expected += by.as_nanos() as i128;
        expect_eq(format!("the answer of Advance by {by:?}"), clock.advance(by).await?, expected)?;
        expect_eq(format!("the time after Advance by {by:?}"), clock.now().await?, expected)?;
    }
    Ok(())
}

async fn own_namespace(context: Context) -> Verdict {
    let (here, there) = (Clock::of(&context), Clock::of(&context.elsewhere()));
    let (now_here, now_there) = (here.now().await?, there.now().await?);
    let hour = Duration::from_hours(1);
    let expected = now_here + hour.as_nanos() as i128;
    expect_eq("the answer of Advance", here.advance(hour).await?, expected)?;
    expect_eq("the time of another namespace", there.now().await?, now_there)?;
    there.advance(hour * 2).await?;
    expect_eq("the time of the first namespace", here.now().await?, expected)
}

async fn concurrent(context: Context) -> Verdict {
    const CLIENTS: u32 = 8;
    const EACH: u32 = 20;
    let clock = Clock::of(&context);
    let before = clock.now().await?;
    let second = Duration::from_secs(1);
    let clients = (0..CLIENTS).map(|_| {
        let clock = clock.clone();
        tokio::spawn(async move {
            for _ in 0..EACH {
                clock.advance(second).await?;
            }
            Ok(())
        })
    });
    for client in join_all(clients).await {
        joined(client)?;
    }
    let moved = clock.now().await? - before;
    expect_eq("the sum of all Advances, in nanoseconds", moved, (second * CLIENTS * EACH).as_nanos() as i128)
}

/// What is no length of time to advance by.
const BAD: [Option<ProtoDuration>; 6] = [
    None,
    Some(ProtoDuration { seconds: 0, nanos: 0 }),
    Some(ProtoDuration { seconds: -1, nanos: 0 }),
    Some(ProtoDuration { seconds: 0, nanos: -1 }),
    Some(ProtoDuration { seconds: -3600, nanos: -1 }),
    Some(ProtoDuration { seconds: i64::MIN, nanos: 0 }),
];

async fn bad_advances(context: Context) -> Verdict {
    let clock = Clock::of(&context);
    let before = clock.now().await?;
    for by in BAD {
        let what = format!("Advance by {by:?}");
        expect_refused(&what, clock.try_advance(by).await, Code::InvalidArgument)?;
        expect_eq(format!("the time after {what}"), clock.now().await?, before)?;
    }
    Ok(())
}

/// One step of a generated list, in one of two namespaces.
#[derive(Debug, Clone)]
enum Step {
    Now(usize),
    Advance(usize, Duration),
    BadAdvance(usize, Option<ProtoDuration>),
}

async fn model(context: Context) -> Verdict {
    let millis = prop_oneof![1..2000_u64, select(vec![1_u64, 1000, 60_000, 86_400_000])];
    let step = prop_oneof![
        2 => (0..2_usize).prop_map(Step::Now),
        3 => (0..2_usize, millis).prop_map(|(at, millis)| Step::Advance(at, Duration::from_millis(millis))),
        1 => (0..2_usize, select(BAD.to_vec())).prop_map(|(at, by)| Step::BadAdvance(at, by)),
    ];
    lockstep(&context, vec(step, 1..20), |context, steps| async move {
        let clocks = [Clock::of(&context), Clock::of(&context.elsewhere())];
        let mut times = [clocks[0].now().await?, clocks[1].now().await?];
        for step in steps {
            match step {
                Step::Now(at) => {
                    expect_eq(format!("the time of namespace {at}"), clocks[at].now().await?, times[at])?;
                }
                Step::Advance(at, by) => {
                    times[at] += by.as_nanos() as i128;
                    expect_eq(format!("the answer of {step:?}"), clocks[at].advance(by).await?, times[at])?;
                }
                Step::BadAdvance(at, by) => {
                    expect_refused(
                        format!("{step:?}"),
                        clocks[at].try_advance(by).await,
                        Code::InvalidArgument,
                    )?;
                }
            }
        }
        Ok(())
    })
    .await
}
